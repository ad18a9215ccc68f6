"""Replication: a version of one registry comes into another as it is, with the same manifest, commit and signatures."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from securesystemslib.signer import Key

from roadworthy.model_cards.certificate import Certificate
from roadworthy.model_cards.errors import CheckError, DamagedError, InputError

from . import aliases, layout, log, manifest, plain_folder
from .attestations import attest, statements
from .errors import ExistsError
from .fetch import Meter
from .holding import holding
from .inspection import inspected
from .manifest import Manifest
from .performance import add_performance, performance
from .policy_file import Asked
from .reference import Reference
from .registry import Registry
from .revoking import add_revocation, revocation_documents
from .squeeze import squeeze_weights
from .storing import Progress, store_files


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicated:
    """What is in the registry now; ``was_there``: the same version had come before. So many performance ``records``,
    ``attestations`` and ``revocations`` were added to it, and ``left_out`` says why others were not."""

    manifest: Manifest
    was_there: bool
    records: int
    attestations: int
    revocations: int
    left_out: tuple[str, ...]


def replicate(
    source: Registry,
    reference: Reference | str,
    to: Registry,
    *,
    keys: Sequence[Key],
    policy: Asked = "home",
    progress: Progress | None = None,
) -> Replicated:
    """Brings a version of ``source`` into ``to``, asking everything of it that a publication is asked.

    ``latest`` moves to it if it is the highest version there; other aliases are each registry's own.

    Raises:
        CheckError: it is refused (``reasons``), or another version of that name is there already.
        DamagedError: bytes of ``source`` do not match their digest; nothing of the version is visible.
        InputError: a draft.
        NotFoundError: no such version in ``source``.
        StorageError: ``to`` cannot be written; nothing of the version is visible.
    """
    found = source.resolve(reference)
    wanted, version = found.reference, found.reference.version
    if version is None:
        raise InputError(f"{wanted} is an uncertified draft: expected a version. Verify and publish it first.")
    was_there = _is_there(to, found)
    if not was_there:
        with tempfile.TemporaryDirectory(prefix="roadworthy-replicate-") as aside:
            folder = plain_folder.land(source, found, Path(aside) / "snapshot", Meter(found.total, progress))
            _, certificate = inspected(to, folder, wanted, keys=keys, policy=policy, gate=None)
            _check_signed(found, certificate)
            with holding(to.store, {file.sha256 for file in found.files}):
                store_files(to, folder, found, None)
                # Before the version is seen: a revoked one is never there without its revocation.
                revoked, unheard = _revocations(source, found, to, keys)
                key, data = layout.key("versions", wanted.namespace, wanted.name, wanted.selector), manifest.dump(found)
                log.announce(to.store, "publish", wanted, key, data, certificate_sha256=found.certificate_sha256)
                try:
                    to.store.create(key, data)
                except ExistsError:
                    was_there = _is_there(to, found)
            squeeze_weights(to.store, found.files, certificate)
    if was_there:
        revoked, unheard = _revocations(source, found, to, keys)
    if version == to.versions(wanted.namespace, wanted.name)[-1]:
        aliases.advance(to.store, wanted, version)
    records, doubted = _records(source, found, to, keys)
    attested, denied = _attestations(source, found, to, keys)
    return Replicated(
        manifest=found,
        was_there=was_there,
        records=records,
        attestations=attested,
        revocations=revoked,
        left_out=(*doubted, *denied, *unheard),
    )


def _check_signed(found: Manifest, certificate: Certificate) -> None:
    # A publisher here would have taken both from the certificate; a manifest carries its own digest and no signature.
    parent = certificate.claim.parent.reference if certificate.claim.parent else None
    if (found.parent, found.note) != (parent, None):
        raise CheckError(
            f"the manifest of {found.reference} is not its publisher's: expected the parent {parent} and no note, "
            f"found {found.parent} and {found.note}. Nothing was imported; ask for the bundle again.",
            ("the manifest does not say what the certificate says",),
        )


def _is_there(to: Registry, wanted: Manifest) -> bool:
    reference = wanted.reference
    if reference.version not in to.versions(reference.namespace, reference.name):
        return False
    here = to.resolve(reference)
    if here != wanted:
        raise CheckError(
            f"{reference} is in {to.location} already, and it is another: expected commit {wanted.commit}, found "
            f"{here.commit}. Versions never change; nothing was imported.",
            (f"{reference} exists",),
        )
    return True


def _records(source: Registry, made: Manifest, to: Registry, keys: Sequence[Key]) -> tuple[int, tuple[str, ...]]:
    """Adds the performance records that are not there yet; one that cannot be believed is told and left out."""
    place = (made.namespace, made.name, made.reference.selector)
    there = {_read(to, key) for key in layout.documents(to.store, "performance", *place)}
    added, left_out = 0, []
    for recorded, key in zip(
        performance(source, made.reference, keys), layout.documents(source.store, "performance", *place), strict=True
    ):
        data = _read(source, key)
        if data in there:
            continue
        if recorded.problem is not None:
            left_out.append(recorded.problem)
            continue
        try:
            add_performance(to, made.reference, data, keys)
        except (CheckError, DamagedError) as error:
            left_out.append(str(error))
        else:
            added += 1
    return added, tuple(left_out)


def _attestations(source: Registry, made: Manifest, to: Registry, keys: Sequence[Key]) -> tuple[int, tuple[str, ...]]:
    """Adds the statements of second parties that are not there yet, each held against its evidence again."""
    there = {envelope for envelope, _ in statements(to, made)}
    added, left_out = 0, []
    for envelope, evidence in statements(source, made):
        if envelope in there:
            continue
        try:
            attest(to, made.reference, envelope, evidence, keys)
        except (CheckError, DamagedError) as error:
            left_out.append(str(error))
        else:
            added += 1
    return added, tuple(left_out)


def _revocations(source: Registry, made: Manifest, to: Registry, keys: Sequence[Key]) -> tuple[int, tuple[str, ...]]:
    """Adds the statements that it is revoked, or no longer; one that does not count here is told and left out."""
    added, left_out = 0, []
    for _, envelope in revocation_documents(source, made.reference):
        try:
            added += add_revocation(to, made, envelope, keys)
        except CheckError as error:
            left_out.append(str(error))
    return added, tuple(left_out)


def _read(registry: Registry, key: str) -> bytes:
    with registry.store.open(key) as file:
        return file.read()
