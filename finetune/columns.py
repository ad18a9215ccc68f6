"""Which column holds the text and which the label, from their names; and the group, where the user says so."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from roadworthy.model_cards import InputError

TEXT_NAMES = ("text", "sentence", "review", "comment", "content", "body", "message", "document", "tweet", "title")
_LABEL = ("label", "labels", "class", "category", "target", "sentiment", "intent", "topic")


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Names as they stand in the file."""

    text: str
    label: str
    group: str | None = None


def choose_columns(
    path: Path, names: Sequence[str], *, text: str | None, label: str | None, group: str | None = None
) -> Columns:
    """The columns that were asked for, or those whose names say what they are.

    Raises:
        InputError: a column that is not there, or names that do not tell.
    """
    for option, asked in (("--text-column", text), ("--label-column", label), ("--group-column", group)):
        if asked is not None and asked not in names:
            raise InputError(f"{path} has no column {asked!r}. Found: {_list(names)}. Give {option} one of them.")
    return Columns(
        text=text or _known(path, names, TEXT_NAMES, "text", "--text-column"),
        label=label or _known(path, names, _LABEL, "label", "--label-column"),
        group=group,
    )


def _known(path: Path, names: Sequence[str], known: Sequence[str], what: str, option: str) -> str:
    folded = {name.strip().casefold(): name for name in names}
    for name in known:
        if name in folded:
            return folded[name]
    raise InputError(
        f"no column of {path} is called {what!r} or a word for it. Found: {_list(names)}. "
        f"Say which one it is: {option} NAME."
    )


def _list(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names) or "none"
