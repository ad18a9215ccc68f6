"""Attestations: what second parties measured of a version, each beside it with its evidence; the version never changes.

Entry N + 1 of a key is created exclusively; of two who attest at once, both land. The evidence is stored first and
the signed statement last, so what has a statement is whole.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from securesystemslib.signer import Key

from roadworthy.model_cards.attestation import Attestable, Attestation, AttestationRecord, from_statement, problems
from roadworthy.model_cards.envelope import open_envelope, payload_of
from roadworthy.model_cards.errors import CheckError, DamagedError, InputError, NotFoundError, RoadworthyError
from roadworthy.model_cards.evidence import load
from roadworthy.model_cards.snapshot import EVIDENCE
from roadworthy.model_cards.tolerance import beyond, tolerance_for

from . import certified, layout, log, remote
from .errors import ExistsError
from .key_records import FINGERPRINT, is_key_id
from .manifest import Manifest
from .reference import Reference
from .registry import Registry

_UNREPLAYABLE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attested:
    """One attestation of a version: its name in the store and what it says, or the ``problem`` why it does not count.

    ``signers`` are the ids of the keys whose signatures hold and count, ``stated`` of all that it says have signed it.
    ``apart`` is why its answers lie beyond the tolerance that this release knows, ``None`` where it knows none.
    """

    name: str
    stated: tuple[str, ...]
    signers: tuple[str, ...] = ()
    attestation: Attestation | None = None
    apart: tuple[str, ...] | None = None
    problem: str | None = None

    @property
    def agrees(self) -> bool:
        """Whether it counts and keeps the tolerance."""
        return self.attestation is not None and self.apart == ()

    @property
    def contradicts(self) -> bool:
        """Whether somebody whose key counts has measured something else, or what was stored was changed."""
        return bool(self.apart) or (self.problem is not None and bool(self.signers))


def attest(
    registry: Registry, reference: Reference | str, envelope: bytes, evidence: bytes, keys: Sequence[Key]
) -> str:
    """Adds a second party's signed statement and its evidence beside a version, and returns its name in the store.

    It may disagree with the certificate; it must follow from its evidence, and be of this version.

    Raises:
        CheckError: not signed by one of ``keys``, or of another certificate or other data, or its figures do not
            follow from ``evidence``; nothing was stored.
        DamagedError: not an envelope, not an attestation, or no evidence.
        InputError: a draft was named; only what is certified can be attested.
        NotFoundError: no such version.
        StorageError: the registry cannot be written.

    Example:
        >>> from roadworthy.finetune import verify
        >>> from roadworthy.registry import attest, open_registry, pull, signing_key, trusted_keys
        >>> registry, keys = open_registry("registry"), trusted_keys()
        >>> snapshot = pull(registry, "team/xrays@1.0.0", keys=keys)
        >>> again = verify(snapshot, data="photos", signer=signing_key(), attest_as="ana")
        >>> name = attest(registry, "team/xrays@1.0.0", again.attestation, again.evidence, keys)
        >>> name.endswith("-00000001")
        True
    """
    manifest = registry.resolve(reference)
    if manifest.version is None:
        raise InputError(
            f"{manifest.reference} is an uncertified draft; there is no certificate that could be attested. Verify and "
            "publish it first."
        )
    what = "the attestation"
    opened = open_envelope(envelope, keys, what)
    record = from_statement(opened.payload)
    _refuse(record, _found(registry, manifest), evidence, opened.signers, f"{what} of {manifest.reference}")
    if remote.is_remote(registry.store):
        return remote.attest(registry.store, manifest.reference, envelope, evidence)
    keyid = record.attestation.verifier.keyid[:FINGERPRINT]
    number = max((_number(name) for name in _taken(registry, manifest) if name.startswith(keyid)), default=0)
    while True:
        number += 1
        name = f"{keyid}-{number:08d}"
        try:
            registry.store.create(_evidence_key(manifest, name), evidence)
        except ExistsError:
            continue  # the same key attests twice at once, or was killed after its evidence
        log.announce(registry.store, "attest", manifest.reference, _key(manifest, name), envelope)
        registry.store.create(_key(manifest, name), envelope)
        return name


def statements(registry: Registry, manifest: Manifest) -> Iterator[tuple[bytes, bytes]]:
    """The bytes of every statement beside a version and of its evidence, believed or not; without one, ``b""``."""
    for key in _documents(registry, manifest):
        with registry.store.open(key) as file:
            envelope = file.read()
        try:
            with registry.store.open(_evidence_key(manifest, layout.parts(key)[-1])) as file:
                yield envelope, file.read()
        except NotFoundError:
            yield envelope, b""


def attestations(registry: Registry, reference: Reference | str, keys: Sequence[Key]) -> tuple[Attested, ...]:
    """Every attestation of a version, by name in the store; a draft has none.

    One that was damaged, that nobody in ``keys`` has signed, that is of other bytes, or whose figures do not follow
    from its evidence has its ``problem`` instead of figures, and hides no other.

    Raises:
        NotFoundError: no such version.

    Example:
        >>> from roadworthy.registry import attestations, open_registry, trusted_keys
        >>> (attested,) = attestations(open_registry("registry"), "team/xrays@1.0.0", trusted_keys())
        >>> attested.agrees, attested.problem
        (True, None)
    """
    manifest = registry.resolve(reference)
    stored = _documents(registry, manifest) if manifest.version is not None else []
    if not stored:
        return ()
    names = [layout.parts(key)[-1] for key in stored]
    try:
        found = _found(registry, manifest)
    except DamagedError as error:
        return tuple(Attested(name=name, stated=(), problem=f"nothing to hold it against: {error}") for name in names)
    return tuple(_attested(registry, manifest, found, name, keys) for name in names)


def _attested(registry: Registry, manifest: Manifest, found: Attestable, name: str, keys: Sequence[Key]) -> Attested:
    what = f"attestation {name} of {manifest.reference}"
    stated: tuple[str, ...] = ()
    signers: tuple[str, ...] = ()
    try:
        with registry.store.open(_key(manifest, name)) as file:
            envelope = file.read()
        payload_of(envelope, what)
        named = (str(signature["keyid"]) for signature in json.loads(envelope)["signatures"])
        stated = tuple(sorted(keyid for keyid in named if is_key_id(keyid)))
        opened = open_envelope(envelope, keys, what)
        signers = opened.signers
        record = from_statement(opened.payload)
        with registry.store.open(_evidence_key(manifest, name)) as file:
            evidence = file.read()
        _refuse(record, found, evidence, signers, what)
    except NotFoundError:
        return Attested(name=name, stated=stated, signers=signers, problem=f"the evidence of {what} is missing")
    except RoadworthyError as error:
        # A stranger's words may be in it, and a terminal must not obey them.
        problem = str(error) if str(error).isprintable() else json.dumps(str(error))
        return Attested(name=name, stated=stated, signers=signers, problem=problem)
    said = record.attestation
    tolerance = tolerance_for(said.protocol, found.certificate.claim.environment, said.environment)
    apart = None if tolerance is None else beyond(said.answers, tolerance)
    return Attested(name=name, stated=stated, signers=signers, attestation=said, apart=apart)


def _refuse(record: AttestationRecord, found: Attestable, evidence: bytes, signers: Sequence[str], what: str) -> None:
    try:
        reasons = tuple(problems(record, found, evidence, signers))
    except (RoadworthyError, *_UNREPLAYABLE) as error:
        # Signed bytes that cannot be replayed are a no, whatever exactly is wrong with them.
        reasons = (f"its evidence cannot be replayed: {error}",)
    if reasons:
        raise CheckError(f"{what} does not hold: {reasons[0]}.", reasons)


def _found(registry: Registry, manifest: Manifest) -> Attestable:
    stated = certified.stated(registry, manifest)
    first = next((file for file in manifest.files if file.path == EVIDENCE), None)
    if stated is None or manifest.certificate is None or first is None:
        raise DamagedError(f"{manifest.reference} lacks its certificate or its {EVIDENCE}. Restore it from a copy.")
    return Attestable(
        subject=manifest.certificate,
        certificate=stated.certificate,
        first=load(registry.read(first, manifest.reference)),
    )


def _documents(registry: Registry, manifest: Manifest) -> list[str]:
    return layout.documents(
        registry.store, "attestations", manifest.namespace, manifest.name, manifest.reference.selector
    )


def _taken(registry: Registry, manifest: Manifest) -> set[str]:
    return {layout.parts(key)[-1] for key in _documents(registry, manifest)}


def _key(manifest: Manifest, name: str) -> str:
    return layout.key("attestations", manifest.namespace, manifest.name, manifest.reference.selector, name)


def _evidence_key(manifest: Manifest, name: str) -> str:
    return _key(manifest, name).removesuffix(".json") + ".jsonl"


def _number(name: str) -> int:
    return int(name.rpartition("-")[2])
