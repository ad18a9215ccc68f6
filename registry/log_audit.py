"""Whether a registry's log is whole, tells of all that is stored, and goes on from what this machine has seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from securesystemslib.signer import Key

from roadworthy.model_cards.errors import CheckError

from . import chain, layout, log, log_memory
from .chain import Chain, Link, Seen
from .manifest import Manifest
from .registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class LogAudit:
    """The outcome: ``checks`` in words and ``reasons`` for a no; the chain, and by the key of a stored document the
    link that announced it as it is."""

    checks: tuple[str, ...]
    reasons: tuple[str, ...]
    chain: Chain
    announced: Mapping[str, Link]

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against it. A registry without a log is older than logs are, and no worse for it."""
        return not self.reasons

    def entry_of(self, version: Manifest) -> Link | None:
        """The entry that announced a version as it is stored."""
        return self.announced.get(layout.key("versions", version.namespace, version.name, version.reference.selector))


def audit_log(registry: Registry, keys: Sequence[Key]) -> LogAudit:
    """Checks the log of ``registry`` and, where nothing is wrong, remembers it for the next time.

    Raises:
        StorageError: the registry, or this machine's memory of it, cannot be read.

    Example:
        >>> from roadworthy.registry import audit_log, open_registry, trusted_keys
        >>> audit_log(open_registry("registry"), trusted_keys()).ok
        True
    """
    seen = log_memory.recall(registry.location)
    # The documents first: what is published meanwhile is announced before it is there.
    stored = log.digests(registry.store)
    read = log.read_log(registry.store, keys)
    if read.head is None and not read.problems and seen is None:
        return LogAudit(checks=("the registry keeps no log yet",), reasons=(), chain=read, announced={})
    waiting = chain.pending(read, stored)
    noticed = tuple(f"{reason}. {_anew(registry)}" for reason in chain.rolled_back(read, seen, waiting))
    reasons = (*read.problems, *chain.unannounced(read, stored), *noticed)
    links = chain.announcing(read)
    announced = {key: links[key, sha256] for key, sha256 in stored.items() if (key, sha256) in links}
    if reasons or read.head is None:
        return LogAudit(checks=(), reasons=reasons, chain=read, announced=announced)
    log_memory.remember(
        registry.location, Seen(number=read.head.entry.number, sha256=read.head.sha256, pending=waiting)
    )
    return LogAudit(checks=tuple(_told(read, waiting)), reasons=(), chain=read, announced=announced)


def refuse_rolled_back(registry: Registry, what: str) -> None:
    """Looks, in two entries of its log, whether the registry goes on from what this machine has seen.

    Raises:
        CheckError: it does not; ``what`` is not done then.
        StorageError: the registry, or this machine's memory of it, cannot be read.
    """
    seen = log_memory.recall(registry.location)
    if seen is None:
        return
    reasons = tuple(chain.rolled_back(log.read_entries(registry.store, [seen.number]), seen))
    if reasons:
        raise CheckError(f"{what}: {reasons[0]}. {_anew(registry)}", reasons)


def _anew(registry: Registry) -> str:
    return f"If you have made that registry anew yourself, remove {log_memory.memory_of(registry.location)}"


def _told(read: Chain, waiting: Sequence[int]) -> list[str]:
    signed = sum(bool(link.signers) for link in read.links)
    said = [f"log of {len(read.links):,} entries is one chain, {signed:,} of them signed by keys you trust"]
    if waiting:
        numbers = ", ".join(map(str, waiting[:5])) + ("…" if len(waiting) > 5 else "")
        said.append(f"announced and not there, as after a killed or refused publish: log entries {numbers}")
    return said
