"""Publishing: audit, intake, gate, policy; then the blobs, the log, the manifest last, and the alias.

A kill leaves the previous state or the new one: without its manifest nothing of a version is visible, and
blobs that were already stored are taken up by the next attempt.
"""

import hashlib
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from securesystemslib.signer import Key

from roadworthy.model_cards.certificate import Certificate, from_statement
from roadworthy.model_cards.envelope import open_envelope
from roadworthy.model_cards.errors import CheckError, InputError, StorageError
from roadworthy.model_cards.gate import Gate
from roadworthy.model_cards.snapshot import CERTIFICATE, MODEL_SIGNATURE, FileEntry, entry_of, list_files

from . import aliases, intake, layout, log, manifest, remote
from .errors import ExistsError
from .holding import holding
from .inspection import inspected
from .manifest import Manifest
from .model_signing import sign_model
from .policy import Verifiers
from .policy_file import Asked
from .reference import DRAFT, LATEST, Reference, Version, check_alias
from .registry import Registry
from .squeeze import squeeze_weights
from .storing import Progress, store_files


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What came to be: the version, its manifest, the aliases that moved to it, and the checks it passed."""

    reference: Reference
    manifest: Manifest
    moved: tuple[str, ...]
    checks: tuple[str, ...]


def publish(
    registry: Registry,
    folder: Path,
    reference: Reference | str,
    *,
    keys: Sequence[Key],
    alias: str = LATEST,
    policy: Asked = "home",
    gate: Gate | None = None,
    model_key: Path | None = None,
    allow_revoked: bool = False,
    files: Sequence[FileEntry] | None = None,
    arrived: Container[str] = frozenset(),
    progress: Progress | None = None,
    squeezing: Progress | None = None,
) -> Published:
    """Publishes the certified snapshot in ``folder`` as the version ``reference``.

    ``latest`` moves to it if it is the highest version, any other ``alias`` always. The certificate must be
    signed by one of ``keys``, and meet ``policy``, by default that of this home, if it has one; the figures must pass
    the gate that the certificate states, and ``gate`` besides. Where a policy demands second parties, none is asked
    for yet, but for an ``alias`` other than ``latest`` (`promote`). ``model_key``: an elliptic-curve private key (PEM),
    with which a ``model.sig`` for OpenSSF's tools is put into the folder, and into the version, first. What comes from
    a revoked parent is refused but with ``allow_revoked``. ``files``: what is said to lie in the folder; it is hashed
    when it is stored, and another file is refused then. ``arrived``: digests of what the caller has just hashed into
    the registry. ``progress`` counts the bytes that are stored; ``squeezing``, after them, those of weights that are
    kept as a delta of their parent's, in a registry on this machine.

    Raises:
        CheckError: the gate refused, or the policy is not met (its ``reasons`` say why), the version exists, or a
            file changed meanwhile.
        InputError: not a version, or not a snapshot, or the home's policy is not understood.
        StorageError: the registry cannot be written, or the home's policy not read; nothing of the version is visible.

    Example:
        >>> from pathlib import Path
        >>> from roadworthy.registry import open_registry, publish, trusted_keys
        >>> done = publish(open_registry("registry"), Path("run/candidate"), "team/xrays@1.0.0", keys=trusted_keys())
        >>> print(done.reference, done.moved)
        team/xrays@1.0.0 ('latest',)
    """
    wanted = Reference.parse(reference)
    version = wanted.version
    if version is None:
        raise InputError(f"cannot publish {wanted}: expected a version, such as {wanted.at('1.0.0')}.")
    check_alias(alias)
    _refuse_existing(registry, wanted, version)
    if model_key is not None:
        sign_model(folder, model_key)
    # Nobody else can have measured it yet. `latest` may point at it all the same: it says what is newest; any other
    # alias says what to rely on.
    nobody = None if alias == LATEST else partial(_nobody_yet, wanted, alias)
    if remote.is_remote(registry.store):
        files = remote.listed(folder)
    outcome, certificate = inspected(
        registry,
        folder,
        wanted,
        keys=keys,
        policy=policy,
        gate=gate,
        verifiers=nobody,
        allow_revoked=allow_revoked,
        files=files,
    )
    made = _plan(folder, wanted, certificate, keys)
    if remote.is_remote(registry.store):
        moved, checks = remote.publish(registry.store, folder, made, alias, progress, allow_revoked=allow_revoked)
        return Published(reference=wanted, manifest=registry.resolve(wanted), moved=moved, checks=checks)
    data = manifest.dump(made)
    with holding(registry.store, {file.sha256 for file in made.files}):
        store_files(registry, folder, made, progress, arrived=arrived)
        key = layout.key("versions", wanted.namespace, wanted.name, wanted.selector)
        log.announce(registry.store, "publish", wanted, key, data, certificate_sha256=made.certificate_sha256)
        try:
            registry.store.create(key, data)
        except ExistsError:
            _refuse_existing(registry, wanted, version)
            raise
    moved = _move_aliases(registry, wanted, version, alias)
    squeeze_weights(registry.store, made.files, certificate, squeezing)
    return Published(reference=wanted, manifest=made, moved=moved, checks=outcome.checks)


def import_draft(
    registry: Registry,
    folder: Path,
    reference: Reference | str,
    *,
    note: Mapping[str, str] | None = None,
    files: Sequence[FileEntry] | None = None,
    arrived: Container[str] = frozenset(),
    progress: Progress | None = None,
) -> Reference:
    """Stores the snapshot in ``folder`` as the newest uncertified draft of a model, ``namespace/name@main``.

    ``note`` is what its upstream says of it (source, claim, licence): kept, shown as not verified, and part of
    the draft's digest. ``files`` and ``arrived`` as in `publish`.

    Raises:
        CheckError: a file that may not be stored (``reasons``), or that changed meanwhile.
        InputError: a version was asked for, or there is no snapshot in ``folder``.
        StorageError: the registry cannot be written.

    Example:
        >>> from pathlib import Path
        >>> from roadworthy.registry import import_draft, open_registry
        >>> print(import_draft(open_registry("registry"), Path("base"), "team/base"))
        team/base@main
    """
    asked = Reference.parse(reference)
    if asked.selector not in (LATEST, DRAFT):
        raise InputError(f"cannot import {asked}: a draft has no version. Expected {asked.model}.")
    reasons = tuple(str(objection) for objection in intake.inspect(folder))
    if reasons:
        raise CheckError(f"{asked.model} was not imported: {reasons[0]}.", reasons)
    made = Manifest(
        namespace=asked.namespace,
        name=asked.name,
        version=None,
        files=list_files(folder) if files is None else tuple(files),
        created=_now(),
        note=dict(note) if note else None,
    )
    if remote.is_remote(registry.store):
        remote.import_draft(registry.store, folder, made, progress)
        return made.reference
    data = manifest.dump(made)
    with holding(registry.store, {file.sha256 for file in made.files}):
        store_files(registry, folder, made, progress, arrived=arrived)
        _append_draft(registry, asked, data)
    return made.reference


def _append_draft(registry: Registry, asked: Reference, data: bytes) -> None:
    while True:
        keys = layout.documents(registry.store, "drafts", asked.namespace, asked.name)
        # After the last one, and not after as many as there are: one that was removed would be waited for for ever.
        number = int(layout.parts(keys[-1])[-1]) + 1 if keys else 1
        log.announce_draft(registry.store, asked, number)
        try:
            registry.store.create(layout.key("drafts", asked.namespace, asked.name, number), data)
        except ExistsError:
            continue  # another import took the number
        return


def _nobody_yet(wanted: Reference, alias: str) -> Verifiers:
    return Verifiers(
        agreeing=(),
        helps=f"Publish it without --alias {alias}, have it measured (roadworthy verify {wanted} --data DIR --attest), "
        f"then: roadworthy alias {wanted.at(alias)} {wanted.selector}",
    )


def _refuse_existing(registry: Registry, wanted: Reference, version: Version) -> None:
    versions = registry.versions(wanted.namespace, wanted.name)
    if version not in versions:
        return
    # Its publisher may have been killed before the alias moved.
    with suppress(StorageError):
        aliases.advance(registry.store, wanted, versions[-1])
    raise CheckError(
        f"{wanted} exists; versions never change; publish {wanted.at(versions[-1].next_patch())}.",
        (f"{wanted} exists",),
    )


def _plan(folder: Path, wanted: Reference, certificate: Certificate, keys: Sequence[Key]) -> Manifest:
    path = folder / CERTIFICATE
    data = path.read_bytes()
    signed = FileEntry(path=CERTIFICATE, size=len(data), sha256=hashlib.sha256(data).hexdigest())
    # The certificate covers every file but itself, so it is read again: is it still the one that was audited?
    if from_statement(open_envelope(data, keys).payload) != certificate:
        raise CheckError(f"{path} changed while it was being published. Nothing was published; try again.")
    parent = certificate.claim.parent
    return Manifest(
        namespace=wanted.namespace,
        name=wanted.name,
        version=wanted.selector,
        files=tuple(sorted({*certificate.files, signed, *_model_signature(folder)}, key=lambda file: file.path)),
        created=_now(),
        certificate_sha256=signed.sha256,
        parent=parent.reference if parent else None,
    )


def _model_signature(folder: Path) -> Iterator[FileEntry]:
    if (folder / MODEL_SIGNATURE).is_file():  # the audit found it to be of these files
        yield entry_of(folder / MODEL_SIGNATURE, MODEL_SIGNATURE)


def _move_aliases(registry: Registry, wanted: Reference, version: Version, alias: str) -> tuple[str, ...]:
    moved = []
    if version == registry.versions(wanted.namespace, wanted.name)[-1] and aliases.advance(
        registry.store, wanted, version, new=True
    ):
        moved.append(LATEST)
    if alias != LATEST:
        aliases.point(registry.store, wanted.at(alias), version)
        moved.append(alias)
    return tuple(moved)


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
