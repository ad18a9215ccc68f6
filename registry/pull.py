"""Pulling: the manifest, the signature, the policy, and then every byte, hashed on its way out."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from securesystemslib.signer import Key

from roadworthy.model_cards.errors import CheckError

from . import certified, hub_cache, plain_folder
from .fetch import Meter
from .log_audit import refuse_rolled_back
from .manifest import Manifest
from .parties import verifiers
from .policy_file import Asked, unmet
from .reference import DRAFT, LATEST, Reference
from .registry import Registry
from .revoking import refuse_revoked
from .storing import Progress


def pull(
    registry: Registry,
    reference: Reference | str,
    *,
    keys: Sequence[Key],
    to: Path | None = None,
    cache: Path | None = None,
    policy: Asked = "home",
    allow_revoked: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Brings a version, or a draft, to this machine and returns the folder of its snapshot.

    It lands in the Hub cache (``cache``, or the one that Hub clients use), where timm and transformers open it
    by name, or as plain files in ``to``. A killed pull resumes; whatever is there already is hashed again.
    Nothing is fetched unless it meets ``policy``, by default that of this home, if it has one, nor what was revoked;
    ``allow_revoked`` makes a `RevokedWarning` of that.

    Raises:
        NotFoundError: no such reference; the message lists what there is.
        CheckError: the certificate is not signed by one of ``keys``, or not for these files, or the policy is not
            met (its ``reasons`` say why), or it was revoked, or the registry was put back to a state before one that
            this machine has audited.
        DamagedError: stored bytes do not match their digest; nothing is visible.
        InputError: ``to`` holds something else, or the home's policy is not understood.
        StorageError: the folder cannot be written, or the home's policy not read; nothing is visible.

    Example:
        >>> from pathlib import Path
        >>> from roadworthy.registry import open_registry, pull, trusted_keys
        >>> snapshot = pull(open_registry("registry"), "team/xrays", keys=trusted_keys(), cache=Path("hub"))
        >>> (snapshot / "model.safetensors").is_file()
        True
    """
    asked = Reference.parse(reference)
    found = registry.resolve(asked)
    refuse_rolled_back(registry, f"{found.reference} was not pulled")
    proven = certified.check(registry, found, keys)
    certificate, signers = (proven.certificate, proven.signers) if proven else (None, ())
    refuse_revoked(registry, found, keys, policy, done="pulled", allow=allow_revoked)
    measured_again = partial(verifiers, registry, found.reference, keys)
    if reasons := unmet(policy, found.reference, certificate, signers, keys, measured_again):
        raise CheckError(f"{found.reference} was not pulled: {reasons[0]}.", reasons)
    meter = Meter(found.total, progress)
    if to is not None:
        return plain_folder.land(registry, found, to, meter)
    return hub_cache.land(registry, found, _refs(asked, found), cache or hub_cache.default_cache(), meter)


def _refs(asked: Reference, found: Manifest) -> list[str]:
    # What a Hub client may call it: the version's tag, the alias that was asked for, and its default, main.
    refs = [] if found.version is None else [f"v{found.version}"]
    if asked.version is None:
        refs.append(asked.selector)
    if asked.selector == LATEST:
        refs.append(DRAFT)
    return refs
