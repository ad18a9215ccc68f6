"""Groups of examples that belong together (one patient, one author): by a column of a table, or by file names.

A group is trained on or measured on, never both: whoever knows the patient answers for the patient.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from roadworthy.model_cards import InputError

COLUMN, PATTERN = "group_column", "group_pattern"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """By what: a column, or a pattern of file names."""

    by: Literal["column", "pattern"]
    name: str

    def __str__(self) -> str:
        return f"{self.by} {self.name!r}"


def grouping_of(options: Mapping[str, str | int]) -> Grouping | None:
    """What the options say of groups."""
    if COLUMN in options:
        return Grouping(by="column", name=str(options[COLUMN]))
    return Grouping(by="pattern", name=str(options[PATTERN])) if PATTERN in options else None


def without_groups(options: Mapping[str, str | int]) -> dict[str, str | int]:
    """The options for other data, which need not have these groups."""
    return {name: value for name, value in options.items() if name not in (COLUMN, PATTERN)}


def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern of ``--group-pattern``.

    Raises:
        InputError: it is none, or captures nothing.
    """
    try:
        found = re.compile(pattern)
    except re.error as error:
        raise InputError(
            f"--group-pattern {pattern!r} is no regular expression: {error}. Expected one such as 'patient(\\d+)_'."
        ) from error
    if not found.groups:
        raise InputError(
            f"--group-pattern {pattern!r} captures nothing. Put what names the group in parentheses, as in "
            "'patient(\\d+)_'."
        )
    return found


def group_in(pattern: re.Pattern[str], name: str) -> str | None:
    """What the first group of the pattern that took part captured in a file name; ``None``: it does not occur."""
    found = pattern.search(name)
    return next((text for text in found.groups() if text), None) if found else None


def digest(group: str) -> str:
    """What a group is known by where its name, which may be a person's, has no business."""
    return hashlib.sha256(f"group:{group}".encode()).hexdigest()
