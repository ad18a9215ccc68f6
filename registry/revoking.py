"""Revoking: signed statements that lie beside a version, which itself never changes, and who asks for them.

A statement is announced in the log and created exclusively under the lowest free number: so nothing that a stranger
puts there can keep another from speaking.
"""

import warnings
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from securesystemslib.signer import Key, Signer

from roadworthy.model_cards.errors import CheckError, InputError
from roadworthy.model_cards.snapshot import FileEntry

from . import layout, log, remote
from .errors import ExistsError
from .key_records import FINGERPRINT
from .keys import user
from .manifest import Manifest
from .policy_file import Asked
from .policy_file import in_force as policy_in_force
from .reference import Reference
from .registry import Registry
from .revocation import LARGEST, Revocation, Word, in_force, last_words, party, read, write


class RevokedWarning(UserWarning):
    """A revoked version is used all the same."""


def revoke(
    registry: Registry,
    reference: Reference | str,
    *,
    reason: str,
    signer: Signer,
    keys: Sequence[Key],
    superseded_by: Reference | str | None = None,
    reinstate: bool = False,
) -> Revocation:
    """States that a version is not to be used; with ``reinstate``, that what this party said so before is taken back.

    ``superseded_by`` is what to take instead. The version's bytes do not change, and no alias moves.

    Raises:
        CheckError: ``signer``'s key is not among ``keys``; nothing was stored.
        InputError: not a version but an alias or a draft, a reason that cannot be read, or nothing to take back.
        NotFoundError: there is no such version, or none to take instead.
        StorageError: the registry cannot be written.

    Example:
        >>> from roadworthy.registry import open_registry, revoke, signing_key, trusted_keys
        >>> registry, mine = open_registry("registry"), {"signer": signing_key(), "keys": trusted_keys()}
        >>> print(revoke(registry, "team/xrays@1.0.0", reason="a patient withdrew", **mine).word)
        revoked
        >>> print(revoke(registry, "team/xrays@1.0.0", reason="it was another's", reinstate=True, **mine).word)
        reinstated
    """
    found = registry.resolve(_version(reference))
    instead = _instead(registry, found.reference, superseded_by)
    words = tuple(_words(registry, found, keys, ()))
    keyid = str(signer.public_key.keyid)
    before = last_words(words, keys).get(party(keyid, keys))
    if reinstate and (before is None or before.word != "revoked"):
        raise InputError(
            f"{found.reference} is not revoked by the key {keyid[:FINGERPRINT]}, or one of its owner; there is nothing "
            "that it could take back. Whoever revoked it can: roadworthy show " + str(found.reference)
        )
    said = Revocation(
        reference=str(found.reference),
        word="reinstated" if reinstate else "revoked",
        reason=reason.strip(),
        superseded_by=str(instead) if instead else None,
        number=1 + max((word.said.number for word in words if word.said is not None), default=0),
        when=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        who=user(),
        keyid=keyid,
    )
    add_revocation(registry, found, write(_subject(found), said, signer), keys)
    return said


def add_revocation(registry: Registry, version: Manifest, envelope: bytes, keys: Sequence[Key]) -> bool:
    """Stores a signed statement beside ``version``, which need not be visible yet; says whether it was not there.

    Raises:
        CheckError: it does not count for a reader who trusts ``keys``, or is of another version; nothing was stored.
        StorageError: the registry cannot be written.
    """
    judged = read(envelope, 1, version.reference, _subject(version), keys)
    if judged.problem is not None:
        raise CheckError(f"the revocation was not stored: {judged.problem}.", (judged.problem,))
    if remote.is_remote(registry.store):
        return remote.add_revocation(registry.store, version.reference, envelope)
    there = dict(revocation_documents(registry, version.reference))
    if envelope in there.values():
        return False
    slot = 0
    while True:
        slot += 1
        if slot in there:
            continue
        key = _key(version.reference, slot)
        log.announce(registry.store, "yank", version.reference, key, envelope)
        try:
            registry.store.create(key, envelope)
        except ExistsError:
            continue  # somebody else spoke at the same moment
        return True


def revocations(
    registry: Registry, reference: Reference | str, keys: Sequence[Key], policy: Asked = "home"
) -> tuple[Word, ...]:
    """Every statement beside a version, believed or not, by its number in the store; a draft has none.

    Believed is what a key of ``keys`` has signed; where the policy's rule names ``revokers``, one of those.

    Raises:
        InputError: the home's policy is not understood.
        NotFoundError: no such reference.

    Example:
        >>> from roadworthy.registry import open_registry, revocations, trusted_keys
        >>> [word.said.word for word in revocations(open_registry("registry"), "team/xrays@1.0.0", trusted_keys())]
        ['revoked', 'reinstated']
    """
    return of_manifest(registry, registry.resolve(reference), keys, policy)


def revocation(
    registry: Registry, reference: Reference | str, keys: Sequence[Key], policy: Asked = "home"
) -> Revocation | None:
    """The revocation that stands for a reader who trusts ``keys``; ``None`` where the version may be used.

    Raises:
        InputError: the home's policy is not understood.
        NotFoundError: no such reference.

    Example:
        >>> from roadworthy.registry import open_registry, revocation, trusted_keys
        >>> revocation(open_registry("registry"), "team/xrays@1.0.0", trusted_keys()) is None
        True
    """
    return in_force(revocations(registry, reference, keys, policy), keys)


def of_manifest(registry: Registry, found: Manifest, keys: Sequence[Key], policy: Asked) -> tuple[Word, ...]:
    """The same of a manifest that was read."""
    if found.certificate is None:
        return ()
    return tuple(_words(registry, found, keys, revokers_of(policy, found.namespace)))


def standing(registry: Registry, found: Manifest, keys: Sequence[Key], policy: Asked) -> Revocation | None:
    """The revocation that stands of a manifest that was read."""
    return in_force(of_manifest(registry, found, keys, policy), keys)


def refuse_revoked(
    registry: Registry, found: Manifest, keys: Sequence[Key], policy: Asked, *, done: str, allow: bool | None
) -> None:
    """Refuses what is to be ``done`` (``pulled``) with a revoked version; with ``allow`` it only warns, and
    with ``None`` it says that nothing helps.

    Raises:
        CheckError: it is revoked; the message says by whom, when, why, and what to take instead.
    """
    said = standing(registry, found, keys, policy)
    if said is None:
        return
    if not allow:
        raise said.refusal(done, final=allow is None)
    warnings.warn(str(said), RevokedWarning, stacklevel=3)


def revokers_of(policy: Asked, namespace: str) -> tuple[str, ...]:
    """Whose word alone counts in a namespace, by name or key id; empty: of everybody whose key counts."""
    rules = policy_in_force(policy)
    rule = rules.rule_for(namespace) if rules is not None else None
    return rule.revokers if rule is not None else ()


def revocation_documents(registry: Registry, reference: Reference) -> Iterator[tuple[int, bytes]]:
    """(number in the store, bytes) of every statement beside a version; of one that is too long, too few."""
    place = (reference.namespace, reference.name, reference.selector)
    for key in layout.documents(registry.store, "revocations", *place):
        with registry.store.open(key) as file:
            yield int(layout.parts(key)[-1]), file.read(LARGEST + 1)


def _words(registry: Registry, found: Manifest, keys: Sequence[Key], revokers: Sequence[str]) -> Iterator[Word]:
    for slot, data in revocation_documents(registry, found.reference):
        yield read(data, slot, found.reference, _subject(found), keys, revokers)


def _subject(found: Manifest) -> FileEntry:
    if found.certificate is None:
        raise InputError(f"{found.reference} is an uncertified draft: expected a version; nobody relies on a draft.")
    return found.certificate


def _version(reference: Reference | str) -> Reference:
    asked = Reference.parse(reference)
    if asked.version is None:
        raise InputError(
            f"cannot revoke {asked}: an alias moves, and a revocation stays. Expected a version, such as "
            f"{asked.at('1.0.0')}."
        )
    return asked


def _instead(registry: Registry, revoked: Reference, superseded_by: Reference | str | None) -> Reference | None:
    if superseded_by is None:
        return None
    other = superseded_by if isinstance(superseded_by, Reference) or "/" in superseded_by else revoked.at(superseded_by)
    instead = Reference.parse(other)
    if instead == revoked:
        raise InputError(f"{revoked} cannot be taken in its own place: expected another version.")
    registry.resolve(instead)
    return instead


def _key(reference: Reference, slot: int) -> str:
    return layout.key("revocations", reference.namespace, reference.name, reference.selector, slot)
