"""What is in a registry: every version with the figures of its certificate, found in the index."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from securesystemslib.signer import Key

from roadworthy.model_cards.certificate import claim_to_dict
from roadworthy.model_cards.snapshot import CERTIFICATE, FileEntry

from . import certified, index_file, index_query, index_rows
from .entries import Entry as Entry  # part of what is found, so they are found here too
from .entries import Figure as Figure
from .entries import TimeToSolution as TimeToSolution
from .entries import facts
from .index_feed import Progress
from .index_query import Asked, Sort
from .keys import trusted_keys
from .policy_file import Asked as AskedPolicy
from .reference import Reference
from .registry import Registry
from .revocation import Word, in_force
from .revocation import read as read_revocation
from .revoking import revokers_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some of what matches, from ``offset`` on; ``total`` matches there are, or more than that where ``more``.

    ``ranked``: how many groups the order has ranked each by itself, as far as this page shows them; more than one
    means that the first of the page need not be better than the last.
    """

    entries: tuple[Entry, ...]
    offset: int
    total: int
    more: bool
    ranked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Details(Entry):
    """The same, plus the files, and the claim with the ids of its signers.

    Digests were checked; signatures were not: that is what `pull` and `audit` do.
    """

    files: tuple[FileEntry, ...]
    certificate: Mapping[str, Any] | None


def models(
    registry: Registry,
    text: str | None = None,
    *,
    task: str | None = None,
    where: str | Sequence[str] | None = None,
    **more: Any,
) -> list[Entry]:
    """Every version, the newest of a model first, and the newest draft of each model.

    ``text`` is looked for in the reference, the task, the system and the name of the data; ``where`` are
    conditions on the metric (``"top1>=0.9"``) or the time (``"tts<=60"``), all of which must hold. What cannot be read
    is listed with its ``problem``. ``more``: whatever `find` can be asked.

    Raises:
        InputError: a condition that cannot be read.

    Example:
        >>> from roadworthy.registry import models, open_registry
        >>> [entry.reference for entry in models(open_registry("registry"), where="top1>=0.3")]
        ['team/xrays@1.0.0']
    """
    return list(find(registry, text, task=task, where=where, **more).entries)


def find(
    registry: Registry,
    text: str | None = None,
    *,
    task: str | None = None,
    system: str | None = None,
    where: str | Sequence[str] | None = None,
    protocol: str | None = None,
    hardware: str | None = None,
    parent: str | None = None,
    namespace: str | Sequence[str] | None = None,
    since: str | None = None,
    until: str | None = None,
    newest: bool = False,
    sort: Sort = "name",
    reverse: bool = False,
    limit: int | None = None,
    offset: int = 0,
    keys: Sequence[Key] | None = None,
    policy: AskedPolicy = "home",
    progress: Progress | None = None,
) -> Page:
    """A page of what `models` lists, by more conditions, in one of four orders.

    ``protocol`` is a name (``id@version``), an id, or a pattern with ``*``; ``hardware`` a part of the machine's words;
    ``parent`` a version, or a model and then any of its versions; ``namespace`` one or several; ``since`` and ``until``
    a day or a moment of ``created``, both included. ``newest``: of each model its highest version alone, or its draft
    where it has none.

    ``sort``: ``name``; ``created``, the newest first; ``metric``, the best first; ``tts``, the fastest first by the run
    clock. The last two rank only what can be compared, so within one `Entry.figures` or `Entry.times`, one such group
    after the other; what has no figure comes last. ``reverse`` turns an order round.

    Revocations are those that count for ``keys``, by default for whom this home trusts, and ``policy``.

    Raises:
        InputError: a condition, an order or a page that cannot be, or the home's policy is not understood.
        StorageError: the registry cannot be read.

    Example:
        >>> from roadworthy.registry import find, open_registry
        >>> page = find(open_registry("registry"), task="image-classification", sort="tts", limit=10)
        >>> [entry.reference for entry in page.entries], page.total
        (['team/xrays@1.0.0'], 1)
    """
    asked = Asked(
        text=text,
        task=task,
        system=system,
        where=(where,) if isinstance(where, str) else tuple(where or ()),
        protocol=protocol,
        hardware=hardware,
        parent=parent,
        namespaces=(namespace,) if isinstance(namespace, str) else None if namespace is None else tuple(namespace),
        since=since,
        until=until,
        newest=newest,
        sort=sort,
        reverse=reverse,
        limit=limit,
        offset=offset,
    )
    counted = trusted_keys() if keys is None else keys

    def question(connection: sqlite3.Connection) -> Page:
        found = index_query.answer(connection, asked)
        entries = _with_revocations(connection, index_rows.read(found.rows), counted, policy)
        groups = {entry.times if sort == "tts" else entry.figures for entry in entries} - {None}
        return Page(
            entries=tuple(entries),
            offset=offset,
            total=found.total,
            more=found.more,
            ranked=len(groups) if sort in ("tts", "metric") else 0,
        )

    return index_file.ask(registry, question, progress=progress)


def namespaces(registry: Registry) -> tuple[str, ...]:
    """Every namespace that has a version or a draft, sorted: for whoever may see only some.

    Raises:
        StorageError: the registry cannot be read.

    Example:
        >>> from roadworthy.registry import namespaces, open_registry
        >>> namespaces(open_registry("registry"))
        ('team',)
    """

    def question(connection: sqlite3.Connection) -> tuple[str, ...]:
        found: list[str] = []
        while row := connection.execute(_NEXT, (found[-1] if found else "",)).fetchone():
            found.append(row[0])
        return tuple(found)

    return index_file.ask(registry, question)


_NEXT = "SELECT namespace FROM entries INDEXED BY by_name WHERE namespace > ? ORDER BY namespace LIMIT 1"


def show(registry: Registry, reference: Reference | str) -> Details:
    """Everything about one version or draft.

    Raises:
        NotFoundError: no such reference; the message lists what there is.
        DamagedError: its manifest or its certificate was changed.

    Example:
        >>> from roadworthy.registry import open_registry, show
        >>> show(open_registry("registry"), "team/xrays@latest").metric.protocol
        'image-top1-bicubic-50-48@1'
    """
    manifest = registry.resolve(reference)
    stated = certified.stated(registry, manifest)
    claim = stated.certificate.claim if stated else None
    return Details(
        **facts(manifest, claim),
        files=manifest.files,
        certificate={**claim_to_dict(claim), "signers": list(stated.signers)} if claim and stated else None,
    )


def _with_revocations(
    connection: sqlite3.Connection, entries: list[Entry], keys: Sequence[Key], policy: AskedPolicy
) -> list[Entry]:
    if connection.execute("SELECT 1 FROM revocations LIMIT 1").fetchone() is None:
        return entries
    return [_with_revocation(connection, entry, keys, policy) for entry in entries]


def _with_revocation(connection: sqlite3.Connection, entry: Entry, keys: Sequence[Key], policy: AskedPolicy) -> Entry:
    stored = connection.execute(
        "SELECT slot, envelope, certificate, certificate_size FROM revocations JOIN entries USING (reference) WHERE "
        "reference = ? AND certificate IS NOT NULL",
        (entry.reference,),
    ).fetchall()
    about = Reference.parse(entry.reference)
    words: list[Word] = [
        read_revocation(
            row["envelope"],
            row["slot"],
            about,
            FileEntry(path=CERTIFICATE, size=row["certificate_size"], sha256=row["certificate"]),
            keys,
            revokers_of(policy, about.namespace),
        )
        for row in stored
    ]
    said = in_force(words, keys)
    return replace(entry, revoked=str(said)) if said is not None else entry
