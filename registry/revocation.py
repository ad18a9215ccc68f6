"""A revocation: somebody's signed word that a version is not to be used, or that it is again. Pure.

An in-toto Statement v1 about the version's certificate, and through it about every file, in a DSSE envelope. It counts
if a key that counts here has signed it, whoever published the version. Each party speaks for itself: its last word by
`Revocation.number`, which is signed, so that no copy of an earlier word outweighs a later one. A version is revoked
while the last word of any party that counts says so.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from pydantic import TypeAdapter
from securesystemslib.signer import Key, Signer

from roadworthy.model_cards import statement
from roadworthy.model_cards.envelope import open_envelope, payload_of, seal
from roadworthy.model_cards.errors import CheckError, InputError, RoadworthyError
from roadworthy.model_cards.keyring import Keyring
from roadworthy.model_cards.snapshot import FileEntry

from .key_records import FINGERPRINT, is_key_id
from .policy import signers_of
from .reference import Reference

PREDICATE_TYPE = "urn:roadworthy:revocation:v1"
LARGEST = 1 << 16  # bytes of a statement: a reason has a line, and nobody's reading takes memory beyond that

_LONGEST = 500  # characters of a reason
_SECONDS = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_INSIST = ", or insist: pull and finetune take --allow-revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """What is said. ``superseded_by``: the reference to take instead; ``number`` is greater than that of every word of
    this version that counted for whoever speaks; ``when`` is UTC in ISO 8601; ``who`` is a name that nobody proved."""

    reference: str
    word: Literal["revoked", "reinstated"]
    reason: str
    superseded_by: str | None
    number: int
    when: str
    who: str
    keyid: str

    def __str__(self) -> str:
        instead = f"; take {self.superseded_by} instead" if self.superseded_by else ""
        return (
            f"{self.reference} was {self.word} at {self.when} by {self.who} (key {self.keyid[:FINGERPRINT]}): "
            f"{self.reason}{instead}"
        )

    def refusal(self, done: str, *, final: bool = False) -> CheckError:
        """The error that says why something (``pulled``) was not ``done`` with the version; ``final``: nor will be."""
        instead = f"Take {self.superseded_by}" if self.superseded_by else "Take another version"
        reason = f"revoked at {self.when} by {self.who} (key {self.keyid[:FINGERPRINT]}): {self.reason}"
        return CheckError(
            f"{self.reference} was not {done}: it was {reason}. {instead}{'' if final else _INSIST}.", (reason,)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A stored statement, by its number in the store: what it says, or the ``problem`` why it does not count.

    ``signers`` are the ids of the keys whose signatures hold and count, ``stated`` of all that it says have signed it.
    """

    slot: int
    stated: tuple[str, ...]
    signers: tuple[str, ...] = ()
    said: Revocation | None = None
    problem: str | None = None


def write(subject: FileEntry, said: Revocation, signer: Signer) -> bytes:
    """The signed bytes of a statement about the certificate ``subject``.

    Raises:
        InputError: no reason that can be read.
    """
    if problem := _wrong(said):
        raise InputError(f"{problem}. Expected a reason of one line: --reason 'trained on patients who withdrew'.")
    return seal(statement.dump((subject,), PREDICATE_TYPE, asdict(said)), signer)


def read(
    data: bytes, slot: int, about: Reference, subject: FileEntry, keys: Sequence[Key], revokers: Sequence[str] = ()
) -> Word:
    """What a stored statement is worth to a reader who trusts ``keys``, or of these only ``revokers``."""
    what = f"revocation {slot} of {about}"
    stated: tuple[str, ...] = ()
    signers: tuple[str, ...] = ()
    try:
        if len(data) > LARGEST:
            raise CheckError(f"{what} has more than {LARGEST:,} bytes: it is none of ours")
        payload_of(data, what)
        named = (str(signature["keyid"]) for signature in json.loads(data)["signatures"])
        stated = tuple(sorted(keyid for keyid in named if is_key_id(keyid)))
        opened = open_envelope(data, keys, what)
        signers = opened.signers
        files, said = statement.parse(opened.payload, PREDICATE_TYPE, _REVOCATION, what, "ask for it again", asdict)
        if problem := _foreign(said, files, about, subject) or _wrong(said) or _unheard(said, signers, keys, revokers):
            raise CheckError(f"{what} does not count: {problem}")
    except RoadworthyError as error:
        # A stranger's words may be in it, and a terminal must not obey them.
        problem = str(error) if str(error).isprintable() else json.dumps(str(error))
        return Word(slot=slot, stated=stated, signers=signers, problem=problem)
    return Word(slot=slot, stated=stated, signers=signers, said=said)


def in_force(words: Iterable[Word], keys: Sequence[Key]) -> Revocation | None:
    """The revocation that stands, the newest where several do; ``None`` where the version may be used."""
    standing = [said for said in last_words(words, keys).values() if said.word == "revoked"]
    return max(standing, key=lambda said: (said.number, said.when), default=None)


def last_words(words: Iterable[Word], keys: Sequence[Key]) -> dict[str, Revocation]:
    """The last word that counts of each `party`."""
    # Of two words with one number, as two machines of one party may give, the one that warns is the last.
    believed = (word.said for word in words if word.said is not None)
    ordered = sorted(believed, key=lambda said: (said.number, said.word == "revoked"))
    return {party(said.keyid, keys): said for said in ordered}


def party(keyid: str, keys: Sequence[Key]) -> str:
    """Whose key it is here: a key and those that it was rotated to are one's; one without a name is a party itself."""
    names: Mapping[str, str] = keys.names if isinstance(keys, Keyring) else {}
    return names.get(keyid, keyid)


def _foreign(said: Revocation, files: Sequence[FileEntry], about: Reference, subject: FileEntry) -> str | None:
    if said.reference != str(about):
        return f"it speaks of {said.reference!r:.120}"
    return None if tuple(files) == (subject,) else "it speaks of another certificate than this version's"


def _unheard(said: Revocation, signers: Sequence[str], keys: Sequence[Key], revokers: Sequence[str]) -> str | None:
    if said.keyid not in signers:
        return f"it names the key {said.keyid[:FINGERPRINT]}, which did not sign it"
    (who,) = signers_of((said.keyid,), keys)
    if revokers and not {who.keyid, who.name} & set(revokers):
        return f"the policy hears {', '.join(word[:FINGERPRINT] for word in revokers)} alone, and it is signed by {who}"
    return None


def _wrong(said: Revocation) -> str | None:
    if not said.reason.strip() or len(said.reason) > _LONGEST or not said.reason.isprintable():
        return f"its reason cannot be read: expected 1 to {_LONGEST} characters on one line"
    if not said.who.isprintable() or len(said.who) > _LONGEST or not _SECONDS.fullmatch(said.when) or said.number < 1:
        return f"by {said.who!r:.60} at {said.when!r:.60}, number {said.number}: expected a name, a moment and a count"
    if said.superseded_by is not None:
        try:
            Reference.parse(said.superseded_by)
        except InputError as error:
            return f"it names no reference to take instead: {error}"
    return None


_REVOCATION = TypeAdapter(Revocation)
