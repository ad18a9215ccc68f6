"""Publishing: audit, intake, gate, policy; then the blobs, the manifest last, and the alias.

A kill leaves the previous state or the new one: without its manifest nothing of a version is visible, and
blobs that were already stored are taken up by the next attempt.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from securesystemslib.signer import Key

from roadworthy.model_cards.audit import Audit, audit
from roadworthy.model_cards.certificate import Certificate, from_statement
from roadworthy.model_cards.envelope import open_envelope
from roadworthy.model_cards.errors import CheckError, DamagedError, InputError, NotFoundError, StorageError
from roadworthy.model_cards.gate import Gate
from roadworthy.model_cards.snapshot import CERTIFICATE, MODEL_SIGNATURE, FileEntry, entry_of, list_files

from . import aliases, intake, layout, manifest
from .checked import CheckedReader
from .errors import ExistsError
from .gate import decide
from .manifest import Manifest
from .model_signing import sign_model
from .policy import Verifiers
from .policy_file import Asked, unmet
from .reference import DRAFT, LATEST, Reference, Version, check_alias
from .registry import Registry

# Called with the bytes that are done and the bytes there are.
Progress = Callable[[int, int], None]


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
    progress: Progress | None = None,
) -> Published:
    """Publishes the certified snapshot in ``folder`` as the version ``reference``.

    ``latest`` moves to it if it is the highest version, any other ``alias`` always. The certificate must be
    signed by one of ``keys``, and meet ``policy``, by default that of this home, if it has one; the figures must pass
    the gate that the certificate states, and ``gate`` besides. Where a policy demands second parties, none is asked
    for yet, but for an ``alias`` other than ``latest`` (`promote`). ``model_key``: an elliptic-curve private key (PEM),
    with which a ``model.sig`` for OpenSSF's tools is put into the folder, and into the version, first.

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
    objections = intake.inspect(folder)
    outcome = audit(folder, keys)
    reasons = (*decide(outcome, objections, gate), *_of_parent(registry, outcome))
    if outcome.certificate is not None:
        # Nobody else can have measured it yet. `latest` may point at it all the same: it says what is newest; any
        # other alias says what to rely on.
        nobody = None if alias == LATEST else partial(_nobody_yet, wanted, alias)
        reasons += unmet(policy, wanted, outcome.certificate, outcome.signers, keys, nobody)
    if reasons or outcome.certificate is None:
        more = f" ({len(reasons) - 1} more below)" if len(reasons) > 1 else ""
        raise CheckError(f"{wanted} was not published: {reasons[0]}{more}.", reasons)
    made = _plan(folder, wanted, outcome.certificate, keys)
    data = manifest.dump(made)
    _store_files(registry, folder, made, progress)
    try:
        registry.store.create(layout.key("versions", wanted.namespace, wanted.name, wanted.selector), data)
    except ExistsError:
        _refuse_existing(registry, wanted, version)
        raise
    moved = _move_aliases(registry, wanted, version, alias)
    return Published(reference=wanted, manifest=made, moved=moved, checks=outcome.checks)


def import_draft(
    registry: Registry,
    folder: Path,
    reference: Reference | str,
    *,
    note: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Reference:
    """Stores the snapshot in ``folder`` as the newest uncertified draft of a model, ``namespace/name@main``.

    ``note`` is what its upstream says of it (source, claim, licence): kept, shown as not verified, and part of
    the draft's digest.

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
        files=list_files(folder),
        created=_now(),
        note=dict(note) if note else None,
    )
    data = manifest.dump(made)
    _store_files(registry, folder, made, progress)
    while True:
        number = len(layout.documents(registry.store, "drafts", asked.namespace, asked.name)) + 1
        try:
            registry.store.create(layout.key("drafts", asked.namespace, asked.name, number), data)
        except ExistsError:
            continue  # another import took the number
        return made.reference


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


def _of_parent(registry: Registry, outcome: Audit) -> Iterator[str]:
    # A parent of this registry must be the one that the certificate means; another registry's is not known here.
    parent = outcome.certificate.claim.parent if outcome.certificate else None
    if parent is None:
        return
    try:
        stored = registry.resolve(parent.reference)
    except (InputError, NotFoundError):
        return
    if stored.certificate_sha256 != parent.certificate_sha256:
        yield (
            f"the parent {parent.reference} is another here: expected certificate {parent.certificate_sha256}, "
            f"found {stored.certificate_sha256}"
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


def _store_files(registry: Registry, folder: Path, made: Manifest, progress: Progress | None) -> None:
    done = 0

    def passed(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done, made.total)

    for file in made.files:
        _store_file(registry, folder / file.path, file, passed)


def _store_file(registry: Registry, path: Path, file: FileEntry, passed: Callable[[int], None]) -> None:
    key = layout.blob_key(file.sha256)
    try:
        # What is there already is hashed too: a version must not come to rest on a damaged blob.
        with registry.store.open(key) as stream:
            for chunk in iter(CheckedReader(stream, file, f"the stored {key}").read, b""):
                passed(len(chunk))
        return
    except NotFoundError:
        pass
    except DamagedError as error:
        raise DamagedError(f"{error} Nothing was published; delete that blob, then publish again.") from error
    try:
        with path.open("rb") as stream:
            registry.store.create(key, CheckedReader(stream, file, str(path), passed))
    except ExistsError:
        pass  # another publisher of the same bytes was faster
    except DamagedError as error:
        raise CheckError(f"{path} changed while it was being published: {error}", (str(error),)) from error
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}. Nothing was published.") from error


def _move_aliases(registry: Registry, wanted: Reference, version: Version, alias: str) -> tuple[str, ...]:
    moved = []
    if version == registry.versions(wanted.namespace, wanted.name)[-1] and aliases.advance(
        registry.store, wanted, version
    ):
        moved.append(LATEST)
    if alias != LATEST:
        aliases.point(registry.store, wanted.at(alias), version)
        moved.append(alias)
    return tuple(moved)


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
