"""Promotion: an alias moves to a version that meets the policy, the second parties included."""

from collections.abc import Sequence
from functools import partial
from typing import Literal

from securesystemslib.signer import Key

from roadworthy.model_cards.errors import CheckError, InputError

from . import aliases, certified
from .aliases import Move
from .parties import verifiers
from .policy_file import Asked, unmet
from .reference import Reference, Version, check_alias
from .registry import Registry


def promote(
    registry: Registry,
    alias: Reference | str,
    version: Version | str,
    *,
    keys: Sequence[Key],
    policy: Asked = "home",
    expected: Version | Literal["seen"] | None = "seen",
) -> Move | None:
    """Points ``alias`` at a version of its model, by compare-and-swap; ``None`` where it points there already.

    ``expected`` is where the caller has seen it point, by default where it points now.

    Raises:
        CheckError: the certificate is not signed by one of ``keys``, the policy is not met (its ``reasons`` say why),
            or somebody moved the alias meanwhile.
        InputError: not an alias that can be moved, or not a version, or the home's policy is not understood.
        NotFoundError: there is no such version.
        StorageError: the registry cannot be written, or the home's policy not read; then nothing moved.

    Example:
        >>> from roadworthy.registry import open_registry, promote, trusted_keys
        >>> move = promote(open_registry("registry"), "team/xrays@production", "1.0.0", keys=trusted_keys())
        >>> print(move.old, move.new)
        None 1.0.0
    """
    asked = Reference.parse(alias)
    check_alias(asked.selector)
    to = Version.parse(version) if isinstance(version, str) else version
    found = registry.resolve(asked.at(to))
    before = aliases.current(registry.store, asked) if expected == "seen" else expected
    proven = certified.check(registry, found, keys)
    if proven is None:
        raise InputError(f"cannot point {asked} at {found.reference}: expected a certified version.")
    measured_again = partial(verifiers, registry, found.reference, keys)
    if reasons := unmet(policy, found.reference, proven.certificate, proven.signers, keys, measured_again):
        raise CheckError(f"{asked} was not moved to {to}: {reasons[0]}.", reasons)
    return registry.move(asked, to, expected=before) if before != to else None
