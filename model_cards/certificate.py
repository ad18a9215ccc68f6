"""The certificate: what was measured, on what, from which bytes.

An in-toto Statement v1 whose subjects are the digests of every file of the snapshot (all but the
certificate itself) and whose predicate is ``Claim``. It is signed as a DSSE envelope (``envelope``).
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

from . import statement
from .clocks import Clocks as Clocks  # a part of the claim, so it is found here too
from .convergence import Convergence
from .flops import Flops
from .gate import POINT, Gate
from .groups import Groups
from .metric import Metric
from .multiple import ClassChange
from .near import Near
from .noninferiority import NonInferiority
from .protocol import Protocol
from .protocol_family import Comparison
from .score_comparison import ScoreNonInferiority
from .series import Series
from .sketch import ParentOverlap, SketchRecord
from .snapshot import FileEntry
from .target import Target
from .waiver import Waiver

PREDICATE_TYPE = "urn:roadworthy:certificate:v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """What others say of the start weights: quoted, with its source, and never verified here."""

    source: str
    claim: str | None
    licence: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Where training started: from scratch, from a parent of the registry, or from a checkpoint."""

    kind: Literal["scratch", "parent", "checkpoint", "not measured"]
    reference: str | None = None
    weights_sha256: str | None = None
    upstream: Upstream | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRecord:
    """One part of the data: how many examples, and the fingerprint of the multiset of them."""

    n: int
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """The data that was trained, stopped and measured on. ``None`` is "not measured".

    ``near`` is what ``near_duplicates`` are, ``near_not_measured`` why there is none. ``groups``: whether any crosses
    into the test part. ``sketch``: of what was trained or stopped on; ``parent_overlap``: whether the parent was
    trained on test examples, by its sketch.
    """

    name: str
    labels: tuple[str, ...]
    split_rule: str
    test: SplitRecord
    train: SplitRecord | None = None
    validation: SplitRecord | None = None
    exact_duplicates: int | None = None
    near_duplicates: int | None = None
    near: Near | None = None
    near_not_measured: str | None = None
    groups: Groups | None = None
    sketch: SketchRecord | None = None
    parent_overlap: ParentOverlap | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The machine and the libraries of one process."""

    os: str
    python: str
    cpu: str
    cores: int
    memory_gib: float
    accelerators: tuple[str, ...]
    libraries: dict[str, str]
    precision: str
    threads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How the weights came to be: the recipe as it was run, its seed, its clocks, its machine.

    ``choices`` are what the run measured and chose by itself, such as precision or micro batch; ``energy_joules``
    is what it drew over the run clock, ``None`` if not measured, and ``energy_counter`` what that was read off;
    ``series`` the attempts it is one of; ``convergence`` how its samples to target compare with a reference's.
    """

    recipe: dict[str, Any]
    seed: int
    target: Target | None
    clocks: Clocks
    environment: Environment
    validation: Metric | None
    series: Series | None = None
    convergence: Convergence | None = None
    energy_joules: float | None = None
    energy_counter: str | None = None
    choices: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentTest:
    """The parent's own test data, under the parent's own protocol: what was forgotten, or not.

    ``parent_metric`` is what the parent's certificate says, ``metric`` what this version scores there.
    """

    protocol: Protocol
    fingerprint: str
    parent_metric: Metric
    metric: Metric
    comparison: Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The version this one was fine-tuned from, and both on the same examples.

    ``non_inferior`` tests that it is not worse by a margin, the gate's where that has one;
    ``worse_classes`` are those shown to have got worse, by label; ``own_test`` is the parent's test data, where it
    was at hand.
    """

    reference: str
    certificate_sha256: str | None
    metric: Metric | None
    comparison: Comparison | None
    not_compared: str | None = None
    non_inferior: NonInferiority | ScoreNonInferiority | None = None
    worse_classes: dict[str, ClassChange] = dataclasses.field(default_factory=dict)
    own_test: ParentTest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """``reproduced``: a clean process met the target. ``generalises``: so does the interval's worse end."""

    reproduced: bool
    generalises: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The predicate: everything that the card says, and nothing that was typed in by hand but the waivers' reasons.

    ``gate`` is the rule it was measured for; ``waivers`` are what its signer publishes it in spite of; ``flops`` what
    a forward pass of the architecture costs, ``None`` if that was not counted.
    """

    card_format: int
    task: str
    system: str
    architecture: str
    parameters: int
    architecture_sha256: str
    protocol: Protocol
    metric: Metric
    target: Target
    verdicts: Verdicts
    data: Data
    start: Start
    environment: Environment
    evidence_sha256: str
    measured_at: str
    training: Training | None = None
    parent: Parent | None = None
    gate: Gate = POINT
    waivers: tuple[Waiver, ...] = ()
    flops: Flops | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A claim bound to the digests of the files it was measured from."""

    files: tuple[FileEntry, ...]
    claim: Claim


def to_statement(certificate: Certificate) -> bytes:
    """The canonical bytes that are signed."""
    return statement.dump(certificate.files, PREDICATE_TYPE, _signed(certificate.claim))


# Fields that came after the first certificates were signed, by the part of the claim that has them: left out of the
# signed form where they hold their default, so that what was signed before reads, and is written, as it was.
_LATER_OF_CLAIM: Mapping[str, Any] = {"gate": dataclasses.asdict(POINT), "waivers": (), "flops": None}
_LATER: Mapping[str, Mapping[str, Any]] = {
    "data": {"near": None, "near_not_measured": None, "groups": None, "sketch": None, "parent_overlap": None},
    "parent": {"non_inferior": None, "worse_classes": {}, "own_test": None},
    "training": {"series": None, "convergence": None, "energy_joules": None, "energy_counter": None, "choices": {}},
}


def _signed(claim: Claim) -> dict[str, Any]:
    document = _without(claim_to_dict(claim), _LATER_OF_CLAIM)
    return {k: _without(v, _LATER[k]) if k in _LATER and v is not None else v for k, v in document.items()}


def _without(fields: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in defaults or value != defaults[name]}


def from_statement(data: bytes) -> Certificate:
    """The certificate that signed bytes hold. ``from_statement(to_statement(c)) == c``.

    Raises:
        DamagedError: not canonical, another type, or a field missing, unknown or of the wrong type.
    """
    files, claim = statement.parse(
        data, PREDICATE_TYPE, _CLAIM, "the certificate", "publish the version again", _signed
    )
    return Certificate(files=files, claim=claim)


def claim_to_dict(claim: Claim) -> dict[str, Any]:
    """The claim as plain JSON values."""
    return dataclasses.asdict(claim)


_CLAIM = TypeAdapter(Claim)
