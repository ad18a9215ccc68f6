"""What a finished run leaves to look at: its road, its answers on validation, the labels it contradicts. Facts only."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from roadworthy.model_cards import Row, clocks, evidence
from roadworthy.model_cards.clocks import Road

from .held_out import load
from .label_check import MISSING, LabelCheck, can_check, check_labels
from .run_folder import RunData, RunFolder, RunSpec

_NOT_FITTED = "no head was fitted on held-out examples in this run"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """``rows``: the last answers on validation. ``names``: where the user finds each of them, by id.

    ``not_checked``: why there is no ``label_check``.
    """

    spec: RunSpec
    data: RunData
    road: Road
    rows: tuple[Row, ...]
    names: Mapping[str, str]
    label_check: LabelCheck | None
    not_checked: str | None


def read_report(run: Path) -> RunReport:
    """Reads a finished run's own files.

    Raises:
        InputError: the run is not finished.
        DamagedError: its log or its evidence was edited.
    """
    folder = RunFolder(run)
    spec, data = folder.read_spec(), folder.read_data()
    answers = load(folder.held_out)
    check, why = None, None
    if answers is None:
        why = _NOT_FITTED
    elif not can_check():
        why = MISSING
    else:
        check = check_labels(answers, data.data.labels)
    return RunReport(
        spec=spec,
        data=data,
        road=clocks.read(clocks.parse(folder.events.read_text(encoding="utf-8"))),
        rows=evidence.load(folder.validation.read_bytes()) if folder.validation.is_file() else (),
        names=json.loads(folder.names_file.read_bytes()) if folder.names_file.is_file() else {},
        label_check=check,
        not_checked=why,
    )
