"""Performance records: a numbered log beside each version, which itself never changes.

Entry N + 1 is created exclusively; of two who add at once, both land, on different numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from securesystemslib.signer import Key

from roadworthy.model_cards.envelope import open_envelope
from roadworthy.model_cards.errors import CheckError, DamagedError, InputError
from roadworthy.model_cards.performance import PerformanceRecord, from_statement, subjects_of

from . import layout, remote
from .errors import ExistsError
from .manifest import Manifest
from .reference import Reference
from .registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One entry of a version's log: its number, from 1, and what it says, or the ``problem`` why it does not count."""

    number: int
    record: PerformanceRecord | None
    signers: tuple[str, ...]
    problem: str | None = None


def add_performance(registry: Registry, reference: Reference | str, envelope: bytes, keys: Sequence[Key]) -> int:
    """Appends a signed record to a version's log and returns its number.

    Raises:
        CheckError: not signed by one of ``keys``, or measured from other files than this version's.
        DamagedError: not an envelope, or not a performance record.
        InputError: a draft was named; only versions keep records.
        NotFoundError: no such version.
        StorageError: the registry cannot be written.

    Example:
        >>> from roadworthy.finetune import bench
        >>> from roadworthy.model_cards.envelope import seal
        >>> from roadworthy.model_cards.performance import to_statement
        >>> from roadworthy.registry import add_performance, open_registry, signing_key, trusted_keys
        >>> record = bench("run/candidate", batch_sizes=(1,), precisions=("float32",), seconds=0.1)
        >>> envelope = seal(to_statement(record), signing_key())
        >>> add_performance(open_registry("registry"), "team/xrays@1.0.0", envelope, trusted_keys())
        1
    """
    manifest = registry.resolve(reference)
    if manifest.version is None:
        raise InputError(
            f"{manifest.reference} is an uncertified draft; performance records lie beside a version that never "
            "changes. Verify and publish it first."
        )
    _read(envelope, manifest, keys, "the performance record")
    if remote.is_remote(registry.store):
        return remote.add_performance(registry.store, manifest.reference, envelope)
    while True:
        number = max((_number(key) for key in _keys(registry, manifest)), default=0) + 1
        try:
            registry.store.create(_key(manifest, number), envelope)
        except ExistsError:
            continue  # another record took the number
        return number


def performance(registry: Registry, reference: Reference | str, keys: Sequence[Key]) -> tuple[Recorded, ...]:
    """Every performance record of a version, the first one first.

    One that was damaged, that is signed by nobody in ``keys``, or that is of other files has its ``problem``
    instead of a record, and hides no other. A draft has none.

    Raises:
        NotFoundError: no such version.

    Example:
        >>> from roadworthy.registry import open_registry, performance, trusted_keys
        >>> (recorded,) = performance(open_registry("registry"), "team/xrays@1.0.0", trusted_keys())
        >>> recorded.number, recorded.problem
        (1, None)
    """
    manifest = registry.resolve(reference)
    if manifest.version is None:
        return ()
    return tuple(_recorded(registry, key, manifest, keys) for key in _keys(registry, manifest))


def _recorded(registry: Registry, key: str, manifest: Manifest, keys: Sequence[Key]) -> Recorded:
    what = f"performance record {_number(key)} of {manifest.reference}"
    with registry.store.open(key) as file:
        data = file.read()
    try:
        record, signers = _read(data, manifest, keys, what)
    except (CheckError, DamagedError) as error:
        return Recorded(number=_number(key), record=None, signers=(), problem=str(error))
    return Recorded(number=_number(key), record=record, signers=signers)


def _read(data: bytes, manifest: Manifest, keys: Sequence[Key], what: str) -> tuple[PerformanceRecord, tuple[str, ...]]:
    opened = open_envelope(data, keys, what)
    record = from_statement(opened.payload)
    expected = subjects_of(manifest.files)
    if record.files != expected:
        raise CheckError(
            f"{what} is of other files than {manifest.reference}'s: expected the digests of "
            f"{', '.join(file.path for file in expected)}. Measure this version: roadworthy bench {manifest.reference}"
        )
    return record, opened.signers


def _keys(registry: Registry, manifest: Manifest) -> list[str]:
    return layout.documents(
        registry.store, "performance", manifest.namespace, manifest.name, manifest.reference.selector
    )


def _key(manifest: Manifest, number: int) -> str:
    return layout.key("performance", manifest.namespace, manifest.name, manifest.reference.selector, number)


def _number(key: str) -> int:
    return int(layout.parts(key)[-1])
