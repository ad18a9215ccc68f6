"""A table of features before a run: what each column is taken for, how it would be split, and what is odd about it."""

import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from roadworthy.finetune.columns import TEXT_NAMES
from roadworthy.finetune.progress import Report
from roadworthy.finetune.split import PARTS
from roadworthy.finetune.text_table import SUFFIXES, table_files
from roadworthy.model_cards import InputError

from .click_data import stated
from .findings import Finding, findings
from .infer import called_user, infer
from .profile import profiles_of
from .schema_table import schema_table
from .store_build import read_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """``columns``: a line for each; ``parts``: how many rows each part has; ``findings``, the worst first."""

    shape: str
    columns: tuple[str, ...]
    parts: Mapping[str, int]
    rule: str
    findings: tuple[Finding, ...]

    @property
    def blocking(self) -> bool:
        """Whether a run would learn what it must not know, or be measured on what it has seen."""
        return any(one.kind in ("leak", "copies") for one in self.findings)


def is_of_features(data: Path) -> bool:
    """Whether it is a table, and no column is called a text: such a table is one of features."""
    try:
        _, files = table_files(data)
        names = {one.name.strip().casefold() for one in profiles_of(data)} if files else set()
    except InputError:
        return False
    return all(path.suffix.lower() in SUFFIXES for path, _ in files) and not names & set(TEXT_NAMES)


def preview(data: Path, options: Mapping[str, str | int], report: Report) -> Preview:
    """Reads all of ``data``, changes nothing.

    A group that an option names is what rows are ranked within, as in ``schema.toml``; a column that is called a user
    is whom rows belong to, as it is for clicks.

    Raises:
        InputError: a table that no run would take; its rows are named.
    """
    ranked = not called_user(str(options.get("group_column", "")))
    profiles, said = profiles_of(data), stated(data, options, ranked=ranked)
    schema = infer(profiles, said)
    with tempfile.TemporaryDirectory(prefix="roadworthy-data-") as aside:
        store, _ = read_table(data, Path(aside), stated=said, report=report)
        counts = Counter(np.asarray(store.part).tolist())
        return Preview(
            shape=schema.shape,
            columns=tuple(schema_table(profiles, schema)),
            parts={part: counts[number] for number, part in enumerate(PARTS)},
            rule=store.split.rule,
            findings=findings(store),
        )
