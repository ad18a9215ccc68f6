"""What a certificate says of leaks: the near duplicates and groups of the clean process, and the sketch."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from roadworthy.model_cards import DamagedError, InputError, Row, near, sketch
from roadworthy.model_cards.certificate import Data, from_statement
from roadworthy.model_cards.envelope import payload_of
from roadworthy.model_cards.groups import Groups
from roadworthy.model_cards.near import Near, near_of
from roadworthy.model_cards.sketch import ParentOverlap, Sketch, overlap_with, sketch_of
from roadworthy.model_cards.snapshot import CERTIFICATE, NEAR, SKETCH, sha256_of

from .clean_request import Measured
from .groups import grouping_of
from .run_folder import RunData, RunSpec
from .seen import Seen

_MOST = 2_000_000  # examples in a sketch: its 8 MB are downloaded with every version, and take ten seconds to make


@dataclass(frozen=True, slots=True, kw_only=True)
class Leakage:
    """``files`` prove it, by their paths in the snapshot."""

    near: Near | None
    near_not_measured: str | None
    groups: Groups | None
    sketch: Sketch | None
    overlap: ParentOverlap | None
    files: Mapping[str, bytes]

    def told_in(self, data: Data) -> Data:
        """The data with what was found."""
        return replace(
            data,
            near_duplicates=self.near.n if self.near else None,
            near=self.near,
            near_not_measured=self.near_not_measured,
            groups=self.groups,
            sketch=self.sketch.record() if self.sketch else None,
            parent_overlap=self.overlap,
        )


def leakage_of(
    aside: Path,
    measured: Measured,
    rows: Sequence[Row],
    spec: RunSpec | None,
    seen: RunData | None,
    trained_on: Seen | None,
    *,
    publish_sketch: bool,
) -> Leakage:
    """What was found on the way, for the certificate of a run, or of a snapshot that nothing is known of.

    Raises:
        DamagedError: the parent's sketch is not the one that its certificate covers.
    """
    start = Path(spec.start_folder) if spec and spec.start_folder and spec.start.kind == "parent" else None
    parent = read_sketch(start) if start is not None else None
    own = sketch_of(trained_on, parent) if trained_on is not None and 0 < len(trained_on) <= _MOST else None
    kept = own if publish_sketch else None
    files: dict[str, bytes] = {} if kept is None else {SKETCH: sketch.dump(kept)}
    found = None
    if measured.near is not None:
        files[NEAR] = (aside / "near.jsonl").read_bytes()
        neighbours = near.load(files[NEAR])
        found = near_of(measured.near.method, measured.near.thresholds, rows, neighbours, measured.protocol)
    return Leakage(
        near=found,
        near_not_measured=measured.near_not_measured,
        groups=_groups(aside, spec, seen) if spec and seen else None,
        sketch=kept,
        overlap=overlap_with(own.inherited, [row.id for row in rows]) if own is not None and own.inherited else None,
        files=files,
    )


def read_sketch(snapshot: Path) -> Sketch | None:
    """The sketch in a certified snapshot; ``None`` where it has none.

    Raises:
        InputError: it is not certified.
        DamagedError: the certificate does not cover it as it is, or it cannot be read.
    """
    path = snapshot / SKETCH
    if not (snapshot / CERTIFICATE).is_file():
        raise InputError(f"{snapshot} has no certificate. Expected a certified version with {SKETCH} in it.")
    certificate = from_statement(payload_of((snapshot / CERTIFICATE).read_bytes()))
    covered = {file.path: file.sha256 for file in certificate.files}
    found = sha256_of(path) if path.is_file() else None
    if found != covered.get(SKETCH):
        raise DamagedError(
            f"{path} is not the sketch that the certificate of {snapshot} covers: expected sha256 "
            f"{covered.get(SKETCH)}, found {found}. Pull that version again."
        )
    return None if found is None else sketch.load(path.read_bytes())


def check_groups(options: Mapping[str, str | int], spec: RunSpec | None) -> None:
    """Raises InputError where groups are asked for that the run did not keep apart."""
    asked, known = grouping_of(options), grouping_of(spec.options) if spec else None
    if spec is not None and asked != known:
        raise InputError(
            f"this run was begun with {'no groups' if known is None else f'groups by {known}'}; now they are by "
            f"{asked}. Give the same, or fine-tune again with it."
        )


def _groups(aside: Path, spec: RunSpec, seen: RunData) -> Groups | None:
    grouping = grouping_of(spec.options)
    if grouping is None:
        return None
    tested: list[str] = json.loads((aside / "groups.json").read_text(encoding="utf-8"))
    known = set(seen.seen_groups)
    return Groups(
        by=grouping.by,
        name=grouping.name,
        n=len(known | set(tested)),
        crossing=sum(group in known for group in tested),
    )
