"""What is asked of a snapshot before it becomes a version: audit, intake, gate, its parent, and the policy."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from securesystemslib.signer import Key

from roadworthy.model_cards.audit import Audit, audit
from roadworthy.model_cards.certificate import Certificate
from roadworthy.model_cards.errors import CheckError, InputError
from roadworthy.model_cards.gate import Gate
from roadworthy.model_cards.snapshot import EVIDENCE, PARENT_TEST_EVIDENCE, FileEntry

from . import intake
from .gate import decide
from .manifest import Manifest
from .parent_sketch import overlap_differs
from .policy import Verifiers
from .policy_file import Asked, unmet
from .reference import Reference
from .registry import Registry
from .revoking import standing


def inspected(
    registry: Registry,
    folder: Path,
    wanted: Reference,
    *,
    keys: Sequence[Key],
    policy: Asked,
    gate: Gate | None,
    verifiers: Callable[[], Verifiers] | None = None,
    allow_revoked: bool = False,
    files: Sequence[FileEntry] | None = None,
) -> tuple[Audit, Certificate]:
    """The audit of ``folder``, and its certificate, if it may become the version ``wanted`` of ``registry``.

    ``verifiers`` as in `policy.violations`: by default no second party is asked for. ``allow_revoked``: it may come
    from a parent that was revoked. ``files`` as in `audit`: who stores them hashes them.

    Raises:
        CheckError: it may not; the ``reasons`` are all there are.
        InputError: no snapshot, or the home's policy is not understood.
        StorageError: a file, or the home's policy, cannot be read.
    """
    objections = intake.inspect(folder)
    outcome = audit(folder, keys, files=files)
    reasons = (*decide(outcome, objections, gate), *_of_parent(registry, folder, outcome))
    if not allow_revoked and outcome.certificate is not None:
        reasons += tuple(_of_revoked(registry, outcome.certificate, keys, policy))
    if outcome.certificate is not None:
        reasons += unmet(policy, wanted, outcome.certificate, outcome.signers, keys, verifiers)
    if reasons or outcome.certificate is None:
        more = f" ({len(reasons) - 1} more below)" if len(reasons) > 1 else ""
        raise CheckError(f"{wanted} was not published: {reasons[0]}{more}.", reasons)
    return outcome, outcome.certificate


def _of_revoked(registry: Registry, certificate: Certificate, keys: Sequence[Key], policy: Asked) -> Iterator[str]:
    parent = certificate.claim.parent
    stored = _stored(registry, parent.reference) if parent is not None else None
    said = standing(registry, stored, keys, policy) if stored is not None else None
    if said is not None:
        yield f"its parent is revoked: {said}. Train from another version, or insist: --allow-revoked"


def _stored(registry: Registry, reference: str) -> Manifest | None:
    try:
        return registry.find(reference)
    except InputError:
        return None  # another registry may call its models as this one does not


def _of_parent(registry: Registry, folder: Path, outcome: Audit) -> Iterator[str]:
    # A parent of this registry must be the one that the certificate means; another registry's is not known here.
    claim = outcome.certificate.claim if outcome.certificate else None
    if claim is None or claim.parent is None:
        return
    parent = claim.parent
    stored = _stored(registry, parent.reference)
    if stored is None:
        return
    if stored.certificate_sha256 != parent.certificate_sha256:
        yield (
            f"the parent {parent.reference} is another here: expected certificate {parent.certificate_sha256}, "
            f"found {stored.certificate_sha256}"
        )
        return
    if outcome.ok:
        yield from overlap_differs(registry, stored, folder, claim)
    if parent.own_test is not None and outcome.certificate is not None:
        # What the parent answered on its own test data is its version's evidence, byte for byte.
        copied = next((f.sha256 for f in outcome.certificate.files if f.path == PARENT_TEST_EVIDENCE), None)
        theirs = next((f.sha256 for f in stored.files if f.path == EVIDENCE), None)
        if copied != theirs:
            yield (
                f"the evidence of its parent on the parent's own test data is not that of {parent.reference}: expected "
                f"sha256 {theirs}, found {copied}"
            )
