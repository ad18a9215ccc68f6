"""What is in a registry: every version with the figures of its certificate."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roadworthy.model_cards.certificate import Claim, Verdicts, claim_to_dict
from roadworthy.model_cards.errors import DamagedError
from roadworthy.model_cards.snapshot import FileEntry
from roadworthy.model_cards.target import Target

from . import certified
from .manifest import Manifest
from .reference import DRAFT, Reference
from .registry import Registry


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
    """One version or draft. A draft has no figures; ``problem`` says why a version's cannot be read."""

    reference: str
    task: str | None
    system: str | None
    metric: Figure | None
    tts: TimeToSolution | None
    verdicts: Verdicts | None
    created: str
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Details(Entry):
    """The same, plus the files, the parent, the claim with the ids of its signers, and a draft's note.

    Digests were checked; signatures were not: that is what `pull` and `audit` do.
    """

    files: tuple[FileEntry, ...]
    parent: str | None
    certificate: Mapping[str, Any] | None
    note: Mapping[str, str] | None


def models(
    registry: Registry, text: str | None = None, *, task: str | None = None, where: str | Sequence[str] | None = None
) -> list[Entry]:
    """Every version, the newest of a model first, and the newest draft of each model.

    ``text`` is looked for in the reference, the task, the system and the name of the data; ``where`` are
    conditions on the metric (``"top1>=0.9"``), all of which must hold. What cannot be read is listed with its
    ``problem``.

    Raises:
        InputError: a condition that cannot be read.

    Example:
        >>> from roadworthy.registry import models, open_registry
        >>> [entry.reference for entry in models(open_registry("registry"), where="top1>=0.3")]
        ['team/xrays@1.0.0']
    """
    targets = [Target.parse(one) for one in ([where] if isinstance(where, str) else where or ())]
    found = (_entry(registry, reference) for reference in _references(registry))
    return [entry for entry, data in found if _matches(entry, data, text, task, targets)]


def show(registry: Registry, reference: Reference | str) -> Details:
    """Everything about one version or draft.

    Raises:
        NotFoundError: no such reference; the message lists what there is.
        DamagedError: its manifest or its certificate was changed.

    Example:
        >>> from roadworthy.registry import open_registry, show
        >>> show(open_registry("registry"), "team/xrays@latest").metric.protocol
        'image-top1-bicubic-50-48@1'
    """
    manifest = registry.resolve(reference)
    stated = certified.stated(registry, manifest)
    claim = stated.certificate.claim if stated else None
    return Details(
        **_figures(manifest, claim),
        files=manifest.files,
        parent=manifest.parent,
        certificate={**claim_to_dict(claim), "signers": list(stated.signers)} if claim and stated else None,
        note=manifest.note,
    )


def _references(registry: Registry) -> Iterator[Reference]:
    for namespace, name in registry.models():
        model = Reference(namespace, name, DRAFT)
        for version in reversed(registry.versions(namespace, name)):
            yield model.at(version)
        if registry.has_draft(namespace, name):
            yield model


def _entry(registry: Registry, reference: Reference) -> tuple[Entry, str]:
    try:
        manifest = registry.resolve(reference)
        stated = certified.stated(registry, manifest)
    except DamagedError as error:
        # One damaged version must not hide the others, nor vanish.
        nothing = dict.fromkeys(("task", "system", "metric", "tts", "verdicts"))
        return Entry(reference=str(reference), **nothing, created="", problem=str(error)), ""
    claim = stated.certificate.claim if stated else None
    return Entry(**_figures(manifest, claim)), claim.data.name if claim else ""


def _figures(manifest: Manifest, claim: Claim | None) -> dict[str, Any]:
    if claim is None:
        empty = dict.fromkeys(("task", "system", "metric", "tts", "verdicts"))
        return {"reference": str(manifest.reference), **empty, "created": manifest.created}
    metric = claim.metric
    clocks = claim.training.clocks if claim.training else None
    return {
        "reference": str(manifest.reference),
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
        # A run that never met its target took time, and to no solution.
        "tts": TimeToSolution(run=clocks.run, total=clocks.total, train_only=clocks.train_only)
        if clocks and clocks.target_met
        else None,
        "verdicts": claim.verdicts,
        "created": manifest.created,
    }


def _matches(entry: Entry, data: str, text: str | None, task: str | None, targets: Sequence[Target]) -> bool:
    haystack = " ".join((entry.reference, entry.task or "", entry.system or "", data)).casefold()
    metric = entry.metric
    return (
        (not text or text.casefold() in haystack)
        and (task is None or entry.task == task)
        and all(metric is not None and metric.name == t.metric and t.met_by(metric.value) for t in targets)
    )
