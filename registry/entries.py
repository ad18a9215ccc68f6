"""What lists tell of a version or a draft: the figures of its certificate, and whose times it may be held against."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from roadworthy.model_cards.certificate import Claim, Environment, Verdicts
from roadworthy.model_cards.errors import DamagedError

from . import certified
from .manifest import Manifest
from .reference import Reference
from .registry import Registry

_SHORT = 12  # hex digits of a fingerprint that tell data apart in words


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A measured metric with its protocol, its interval, and the number of examples."""

    name: str
    protocol: str
    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeToSolution:
    """Seconds until the target was met and held, by the three clocks."""

    run: float
    total: float
    train_only: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One version or draft. A draft has no figures; ``problem`` says why a version's cannot be read.

    ``hardware`` is the machine that it was trained on, or measured on where that is not known. Times rank only within
    one ``times`` and metrics only within one ``figures``: each says in words what has to be the same; ``None``: ranked
    nowhere. ``revoked`` is the revocation that stands for whoever asked.
    """

    reference: str
    task: str | None
    system: str | None
    metric: Figure | None
    tts: TimeToSolution | None
    verdicts: Verdicts | None
    created: str
    problem: str | None = None
    data: str | None = None
    hardware: str | None = None
    parent: str | None = None
    note: Mapping[str, str] | None = None
    times: str | None = None
    figures: str | None = None
    revoked: str | None = None


def entry_at(registry: Registry, reference: Reference) -> tuple[Entry, Manifest | None] | None:
    """What lies under a version's or a draft's reference, with its manifest if that can be read; ``None``: nothing."""
    try:
        manifest = registry.find(reference)
    except DamagedError as error:
        return damaged(reference, error), None
    if manifest is None:
        return None
    try:
        stated = certified.stated(registry, manifest)
    except DamagedError as error:
        return damaged(reference, error), manifest
    return Entry(**facts(manifest, stated.certificate.claim if stated else None)), manifest


def damaged(reference: Reference, error: DamagedError) -> Entry:
    """One damaged version must not hide the others, nor vanish."""
    nothing = dict.fromkeys(("task", "system", "metric", "tts", "verdicts"))
    return Entry(reference=str(reference), **nothing, created="", problem=str(error))


def facts(manifest: Manifest, claim: Claim | None) -> dict[str, Any]:
    """The fields of an entry."""
    known = {
        "reference": str(manifest.reference),
        "created": manifest.created,
        "parent": manifest.parent,
        "note": manifest.note,
    }
    if claim is None:
        return {**known, **dict.fromkeys(("task", "system", "metric", "tts", "verdicts"))}
    metric, training = claim.metric, claim.training
    clocks = training.clocks if training else None
    hardware = machine(training.environment if training else claim.environment)
    # A run that never met its target took time, and to no solution.
    tts = (
        TimeToSolution(run=clocks.run, total=clocks.total, train_only=clocks.train_only)
        if clocks and clocks.target_met
        else None
    )
    measured_on = f"test data {claim.data.test.fingerprint[:_SHORT]}"
    goal = training.target if training else None
    trained_on = claim.data.train.fingerprint[:_SHORT] if claim.data.train else "not recorded"
    return {
        **known,
        "task": claim.task,
        "system": claim.system,
        "metric": Figure(
            name=metric.name,
            protocol=metric.protocol,
            value=metric.value,
            low=metric.low,
            high=metric.high,
            n=metric.n,
        ),
        "tts": tts,
        "verdicts": claim.verdicts,
        "data": claim.data.name,
        "hardware": hardware,
        "figures": f"{metric.name} under {metric.protocol} · {measured_on}",
        # A run that was killed and went on is never ranked.
        "times": f"{metric.protocol} · {goal} · {measured_on}, training data {trained_on} · {hardware} · "
        f"start: {claim.start.kind}"
        if tts is not None and clocks is not None and not clocks.resumed
        else None,
    }


def machine(on: Environment) -> str:
    """A class of hardware in words: its accelerators, or its processor with so many cores."""
    counted = Counter(on.accelerators)
    return ", ".join(f"{n} × {name}" for name, n in sorted(counted.items())) or f"{on.cpu}, {on.cores} cores"
