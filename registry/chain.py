"""The chain of a registry's log: each entry names the digest of the one before it, so none can be changed alone.

An entry is an in-toto statement in a DSSE envelope, signed where a key was at hand. Its subjects are the stored
documents that it announces, by digest: the manifest of a version, the move of an alias. It is written before them, so
that what exists was announced; what was announced and does not exist is harmless, because its writer was killed or lost
a race, unless somebody has seen it there. Pure: nothing is read or written here.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from pydantic import TypeAdapter
from securesystemslib.signer import CryptoSigner, Key

from roadworthy.model_cards import statement
from roadworthy.model_cards.envelope import open_envelope, payload_of, seal
from roadworthy.model_cards.errors import CheckError, DamagedError
from roadworthy.model_cards.snapshot import FileEntry

PREDICATE_TYPE = "urn:roadworthy:log-entry:v1"

# begin: a registry that is older than its log lists what it had. The rest says what is done to the reference.
What = Literal["begin", "publish", "draft", "alias", "attest", "yank"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What an entry says. ``number`` counts from 1; ``previous`` is the SHA-256 of the entry before, in hex; ``when``
    is UTC in ISO 8601; ``who`` is a name that nobody proved, ``keyid`` that of the key that signs, if one does; ``to``
    is the version that an alias is moved to, or the number of a draft, of which no document is announced: drafts come
    and go.
    """

    number: int
    previous: str | None
    what: What
    reference: str | None
    when: str
    who: str
    keyid: str | None
    certificate_sha256: str | None = None
    to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An entry as it lies in the log: its digest, the documents that it announces, and whose signatures hold."""

    entry: Entry
    sha256: str
    documents: tuple[FileEntry, ...]
    signers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A log as it was read: its links in order, and what is wrong with it."""

    links: tuple[Link, ...]
    problems: tuple[str, ...]

    @property
    def head(self) -> Link | None:
        """The last entry."""
        return self.links[-1] if self.links else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a machine remembers of a log: its last entry, and which entries' documents were not there yet."""

    number: int
    sha256: str
    pending: tuple[int, ...] = ()


def dump(entry: Entry, documents: Sequence[FileEntry], signer: CryptoSigner | None) -> bytes:
    """The bytes of an entry, signed by ``signer`` if there is one."""
    said = statement.dump(documents, PREDICATE_TYPE, asdict(entry))
    return seal(said, *([signer] if signer else []))


def document(key: str, data: bytes) -> FileEntry:
    """A stored document as an entry announces it."""
    return FileEntry(path=key, size=len(data), sha256=hashlib.sha256(data).hexdigest())


def read(entries: Mapping[int, bytes], keys: Sequence[Key]) -> Chain:
    """The chain that ``entries`` make, by number; whatever breaks it is a problem, and the rest is read all the same.

    A signature counts if one of ``keys`` made it. An entry that is signed by nobody in ``keys`` is as good as unsigned.
    """
    links: list[Link] = []
    problems: list[str] = []
    last, digest = 0, None
    for number, data in sorted(entries.items()):
        if number != last + 1:
            gone = f"entry {last + 1} is" if number == last + 2 else f"entries {last + 1} to {number - 1} are"
            problems.append(f"log {gone} missing: expected every number up to {max(entries)}")
            digest = None
        before, last, sha256 = digest, number, hashlib.sha256(data).hexdigest()
        try:
            link = _link(data, sha256, number, keys)
        except (CheckError, DamagedError) as error:
            problems.append(str(error))
        else:
            if (before is not None and link.entry.previous != before) or (
                number == 1 and link.entry.previous is not None
            ):
                problems.append(
                    f"log entry {number} does not follow the one before it: expected previous {_short(before)}, found "
                    f"{_short(link.entry.previous)}; one of the two was edited"
                )
            links.append(link)
        digest = sha256
    return Chain(links=tuple(links), problems=tuple(problems))


def announcing(chain: Chain) -> dict[tuple[str, str], Link]:
    """The last link that announces a document, by its key and SHA-256."""
    return {(one.path, one.sha256): link for link in chain.links for one in link.documents}


def pending(chain: Chain, stored: Mapping[str, str]) -> tuple[int, ...]:
    """The entries that announce a document which is not ``stored`` (SHA-256 by key) as they say."""
    return tuple(
        link.entry.number
        for link in chain.links
        if any(stored.get(announced.path) != announced.sha256 for announced in link.documents)
    )


def unannounced(chain: Chain, stored: Mapping[str, str]) -> Iterator[str]:
    """What is stored, and no entry says so: written past the log, or changed since."""
    announced: dict[str, set[str]] = {}
    for link in chain.links:
        for one in link.documents:
            announced.setdefault(one.path, set()).add(one.sha256)
    for key, sha256 in sorted(stored.items()):
        if key not in announced:
            yield f"{key} is in no entry of the log: it was written past it"
        elif sha256 not in announced[key]:
            expected = " or ".join(sorted(map(_short, announced[key])))
            yield f"{key} is not what the log announced: expected sha256 {expected}, found {_short(sha256)}"


def rolled_back(chain: Chain, seen: Seen | None, open_now: Collection[int] = ()) -> Iterator[str]:
    """What a machine that has ``seen`` the log before finds gone or exchanged; ``open_now`` are the `pending` ones."""
    if seen is None:
        return
    head = chain.head.entry.number if chain.head else 0
    if head < seen.number:
        yield (
            f"the log has {head} entries, and this machine has seen {seen.number}: it was cut off, or the registry was "
            "put back to an earlier state"
        )
        return
    there = next((link for link in chain.links if link.entry.number == seen.number), None)
    if there is None or there.sha256 != seen.sha256:
        yield (
            f"log entry {seen.number} is another than this machine has seen: expected sha256 {_short(seen.sha256)}, "
            f"found {_short(there.sha256 if there else None)}; the log was written anew from there or before"
        )
    gone = [number for number in open_now if number <= seen.number and number not in seen.pending]
    for link in chain.links:
        if link.entry.number in gone:
            yield (
                f"what log entry {link.entry.number} announced ({link.entry.what} of {link.entry.reference}) was there "
                "when this machine looked last, and is gone"
            )


def _link(data: bytes, sha256: str, number: int, keys: Sequence[Key]) -> Link:
    what = f"log entry {number}"
    documents, entry = statement.parse(payload_of(data, what), PREDICATE_TYPE, _ENTRY, what, "restore it", asdict)
    if entry.number != number:
        raise DamagedError(f"{what} is entry {entry.number}: it was moved.")
    signed_by = {str(signature["keyid"]) for signature in json.loads(data)["signatures"]}
    if entry.keyid is not None and entry.keyid not in signed_by:
        raise DamagedError(
            f"{what} says that the key {_short(entry.keyid)} signs it, and has no signature of that key."
        )
    signers: tuple[str, ...] = ()
    if signed_by & {key.keyid for key in keys}:
        signers = open_envelope(data, keys, what).signers
    return Link(entry=entry, sha256=sha256, documents=documents, signers=signers)


def _short(sha256: str | None) -> str:
    return "none" if sha256 is None else f"{sha256[:16]}…"


_ENTRY = TypeAdapter(Entry)
