"""Auditing a whole registry: every version of every model, and the log that they were published in.

One damaged version hides no other. A blob that many versions share is hashed once, before anything else.
"""

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from securesystemslib.signer import Key

from roadworthy.model_cards.errors import RoadworthyError
from roadworthy.model_cards.snapshot import FileEntry

from . import layout
from .folder_store import FolderStore
from .log_audit import LogAudit, audit_log
from .manifest import Manifest
from .policy_file import Asked, in_force
from .reference import Reference
from .registry import Registry
from .version_audit import Blobs, VersionAudit, audit_manifest, entry_checks

# Called with a stage, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]
_WORTH_A_PROCESS = 32  # versions; a process loads for a second before it audits its first


def audit_registry(
    registry: Registry,
    *,
    keys: Sequence[Key],
    policy: Asked = "home",
    processes: int = 1,
    progress: Progress | None = None,
) -> tuple[LogAudit, Iterator[VersionAudit]]:
    """Audits the log of a registry at once, and its versions one by one as the iterator is asked for them.

    ``processes``: how many may share the work, where the registry is a folder. Versions come in the order of their
    references, whoever audits them. Drafts are none.

    Raises:
        InputError: the policy is not understood.
        StorageError: the registry cannot be listed.

    Example:
        >>> from roadworthy.registry import audit_registry, open_registry, trusted_keys
        >>> log, versions = audit_registry(open_registry("registry"), keys=trusted_keys())
        >>> log.ok, all(version.ok for version in versions)
        (True, True)
    """
    rules = in_force(policy)
    log = audit_log(registry, keys)
    return log, _versions(registry, log, keys, rules, processes, progress or (lambda stage, done, total: None))


def _versions(
    registry: Registry, log: LogAudit, keys: Sequence[Key], rules: Asked, processes: int, progress: Progress
) -> Iterator[VersionAudit]:
    read = [_resolved(registry, reference) for reference in _references(registry)]
    blobs = Blobs(registry)
    many = processes > 1 and len(read) >= _WORTH_A_PROCESS and isinstance(registry.store, FolderStore)
    _hash_all(blobs, [one for one in read if isinstance(one, Manifest)], processes, progress)
    audited = partial(_audited, registry=registry, keys=keys, rules=rules, blobs=blobs)
    outcomes = _in_processes(audited, read, processes) if many else map(audited, read)
    for number, (found, outcome) in enumerate(zip(read, outcomes, strict=True), start=1):
        progress("versions audited", number, len(read))
        yield _with_entry(log, found, outcome)


def _references(registry: Registry) -> list[Reference]:
    """Everything that lies where versions do, whatever it is, by name and number."""
    found = [layout.parts(key) for key in layout.documents(registry.store, "versions")]
    ordered = sorted(found, key=lambda parts: (parts[0], parts[1], [int(number) for number in parts[2].split(".")]))
    return [Reference(*parts) for parts in ordered]


def _resolved(registry: Registry, reference: Reference) -> Manifest | VersionAudit:
    try:
        return registry.resolve(reference)
    except RoadworthyError as error:
        return VersionAudit(reference=str(reference), audit=None, checks=(), reasons=(str(error),))


def _hash_all(blobs: Blobs, manifests: Sequence[Manifest], processes: int, progress: Progress) -> None:
    todo: dict[str, tuple[FileEntry, Reference]] = {}
    for found in manifests:
        for file in found.files:
            todo.setdefault(f"{file.sha256} {file.size}", (file, found.reference))
    # Hashing lets go of Python's lock, so threads share it.
    with ThreadPoolExecutor(max(1, processes)) as pool:
        for number, _ in enumerate(pool.map(lambda one: blobs.problem(*one), todo.values()), start=1):
            progress("blobs hashed", number, len(todo))


def _audited(
    found: Manifest | VersionAudit, *, registry: Registry, keys: Sequence[Key], rules: Asked, blobs: Blobs
) -> VersionAudit:
    if isinstance(found, VersionAudit):
        return found
    try:
        return audit_manifest(registry, found, keys=keys, policy=rules, blobs=blobs)
    except (RoadworthyError, OSError) as error:
        return VersionAudit(reference=str(found.reference), audit=None, checks=(), reasons=(str(error),))


def _in_processes(
    audited: Callable[[Manifest | VersionAudit], VersionAudit], read: Sequence[Manifest | VersionAudit], processes: int
) -> Iterator[VersionAudit]:
    # Forked from a process that draws a progress bar in a thread, a child might inherit a lock that nobody opens.
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=fresh, initializer=_begin, initargs=(audited,)) as pool:
        with _interrupts_held():
            waiting: list[Future[VersionAudit]] = [pool.submit(_audit_here, found) for found in read]
        try:
            for future in waiting:
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """What is started in here stays deaf to interruptions: they mean the process that waits for it, which ends it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_here: Callable[[Manifest | VersionAudit], VersionAudit]


def _begin(audited: Callable[[Manifest | VersionAudit], VersionAudit]) -> None:
    """In a process of the pool: what it audits with, sent once."""
    global _here
    _here = audited


def _audit_here(found: Manifest | VersionAudit) -> VersionAudit:
    return _here(found)


def _with_entry(log: LogAudit, found: Manifest | VersionAudit, outcome: VersionAudit) -> VersionAudit:
    if isinstance(found, VersionAudit):
        return outcome
    checks, reasons = entry_checks(log, found)
    return replace(outcome, checks=(*outcome.checks, *checks), reasons=(*outcome.reasons, *reasons))
