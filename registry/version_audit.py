"""Auditing a version where it lies: its blobs, all that its snapshot proves, the policy, its entry in the log."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from securesystemslib.signer import Key

from roadworthy.model_cards.audit import Audit, audit
from roadworthy.model_cards.errors import StorageError
from roadworthy.model_cards.metric import told
from roadworthy.model_cards.snapshot import FileEntry

from . import layout
from .attestations import Attested, attestations
from .checked import CheckedReader
from .folder_store import FolderStore
from .log_audit import LogAudit, audit_log
from .manifest import Manifest
from .parties import verifiers
from .policy_file import Asked, unmet
from .policy_file import in_force as policy_in_force
from .reference import Reference
from .registry import Registry
from .revocation import Revocation, in_force
from .revoking import of_manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionAudit:
    """The outcome for one version, by its reference: the audit, what it passed and what speaks against it.

    ``not_counted``: what was said of it by those who do not count here. ``revoked``: the revocation that stands; what
    was measured is as true as before, so it is no reason against ``ok``.
    """

    reference: str
    audit: Audit | None
    checks: tuple[str, ...]
    reasons: tuple[str, ...]
    not_counted: tuple[str, ...] = ()
    revoked: Revocation | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons


class Blobs:
    """Whether blobs are what their names say; each is read once, however many versions share it."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: dict[FileEntry, str | None] = {}

    def problem(self, file: FileEntry, reference: Reference) -> str | None:
        """What is wrong with the stored bytes of ``file``; ``None``: nothing."""
        blob = FileEntry(path=file.sha256, size=file.size, sha256=file.sha256)
        if blob not in self._known:
            try:
                with self._registry.open(file, reference) as stream:
                    reader = CheckedReader(stream, file, f"{file.path} of {reference}")
                    while reader.read():
                        pass
                self._known[blob] = None
            except StorageError as error:
                self._known[blob] = str(error)
        return self._known[blob]


def audit_version(
    registry: Registry, reference: Reference | str, *, keys: Sequence[Key], policy: Asked = "home"
) -> VersionAudit:
    """Audits one version, or draft, of a registry, without fetching it: every digest, the signature, the metric from
    its evidence, its times from its logs, its card, the policy in force, and the registry's log.

    Raises:
        InputError: the policy is not understood.
        NotFoundError: no such reference.
        StorageError: the registry cannot be read.

    Example:
        >>> from roadworthy.registry import audit_version, open_registry, trusted_keys
        >>> audit_version(open_registry("registry"), "team/xrays@1.0.0", keys=trusted_keys()).ok
        True
    """
    found = registry.resolve(reference)
    done = audit_manifest(registry, found, keys=keys, policy=policy, blobs=Blobs(registry))
    if found.version is None:
        return done
    log = audit_log(registry, keys)
    checks, reasons = entry_checks(log, found)
    return replace(
        done,
        checks=(*done.checks, *checks),
        reasons=(*done.reasons, *log.reasons, *(reason for reason in reasons if reason not in log.reasons)),
    )


def audit_manifest(
    registry: Registry, found: Manifest, *, keys: Sequence[Key], policy: Asked, blobs: Blobs
) -> VersionAudit:
    """The same of a manifest that was read, and without the log."""
    words = of_manifest(registry, found, keys, policy)
    revoked, doubted = in_force(words, keys), tuple(word.problem for word in words if word.problem is not None)
    damage = [problem for file in found.files if (problem := blobs.problem(file, found.reference))]
    if damage:
        return VersionAudit(
            reference=str(found.reference),
            audit=None,
            checks=(),
            reasons=tuple(damage),
            not_counted=doubted,
            revoked=revoked,
        )
    with tempfile.TemporaryDirectory(prefix="roadworthy-audit-") as aside:
        folder = Path(aside) / "snapshot"
        _lay_out(registry, found, folder)
        done = audit(folder, keys, files=found.files)
    rules = policy_in_force(policy)
    measured_again = partial(verifiers, registry, found.reference, keys)
    missing = unmet(rules, found.reference, done.certificate, done.signers, keys, measured_again)
    met = () if rules is None or missing else (f"the policy {rules.source} is met by {found.reference}",)
    said = [_attested(one) for one in attestations(registry, found.reference, keys)]
    return VersionAudit(
        reference=str(found.reference),
        audit=done,
        checks=(*done.checks, *met, *(line for sign, line in said if sign == "✓")),
        reasons=(*done.reasons, *missing, *(line for sign, line in said if sign == "✗")),
        not_counted=(*(line for sign, line in said if sign == "·"), *doubted),
        revoked=revoked,
    )


def _attested(one: Attested) -> tuple[str, str]:
    """What an audit says of an attestation, behind ✓; behind ✗ where somebody whose key counts has measured otherwise,
    or what they said was changed; behind · where nobody who counts here has said it."""
    what = f"attestation {one.name}"
    if one.attestation is None:
        return ("✗" if one.contradicts else "·"), f"{what} does not count: {one.problem}"
    metric = one.attestation.metric
    measured = f"{metric.name} {told(metric.name, metric.value)}"
    if one.apart:
        return "✗", f"{what} disagrees, with {measured}: {one.apart[0]}"
    kept = "no tolerance is known for its protocol" if one.apart is None else "within tolerance"
    return "✓", f"{what}: {measured} and its agreement recomputed from its own evidence; {kept}"


def entry_checks(log: LogAudit, found: Manifest) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the log says of a version: (checks that it passed, reasons against it)."""
    if log.chain.head is None and not log.reasons:
        return log.checks, ()
    link = log.entry_of(found)
    if link is None:
        return (), (f"no entry of the log announces {found.reference} as it is stored",)
    by = f"signed by {link.signers[0][:16]}" if link.signers else "signed by nobody you trust"
    return (f"announced in log entry {link.entry.number} of {len(log.chain.links)}, {by}",), ()


def _lay_out(registry: Registry, found: Manifest, folder: Path) -> None:
    """The files of a version under their own paths: as links where the store is a folder, else as copies of all but
    the weights, which an audit does not look into."""
    for file in found.files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = isinstance(registry.store, FolderStore) and registry.store.root / layout.blob_key(file.sha256)
        if plain and plain.exists():
            path.symlink_to(plain.resolve())
        elif not file.path.endswith(".safetensors"):
            with registry.open(file, found.reference) as stream, path.open("wb") as copy:
                shutil.copyfileobj(stream, copy)
