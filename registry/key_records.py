"""What is known of keys here: own, retired, trusted, distrusted; and which one a word means."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from securesystemslib.signer import SSlibKey

from roadworthy.model_cards import canonical
from roadworthy.model_cards.errors import DamagedError, InputError, NotFoundError

from . import key_files

OWN = "own"  # what this home's own keys are called in a policy; nobody else's can be
FINGERPRINT = 16  # hex digits of a key id that messages show
_LEAST = 4  # hex digits of a key id that may stand for it
_KEY_ID = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_TRUSTED = re.compile(rf"({_NAME.pattern})(?:\.[0-9]+)?\.pub")
_TOMBSTONE = "roadworthy/distrusted-key/1"

Status = Literal["own", "retired", "trusted", "distrusted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """One key as it is known here. ``since`` when its file, or its tombstone, lies here, in UTC.

    ``name`` is what policies may call it, ``pem`` its public half, ``reason`` why it was distrusted; ``None``
    where there is none.
    """

    keyid: str
    status: Status
    since: str
    name: str | None = None
    reason: str | None = None
    pem: str | None = None

    @property
    def fingerprint(self) -> str:
        """The first hex digits of the key id: what messages call the key by."""
        return self.keyid[:FINGERPRINT]

    def __str__(self) -> str:
        return f"{self.fingerprint} ({self.name})" if self.name else self.fingerprint


def is_key_id(text: str) -> bool:
    """Whether ``text`` is a whole key id: 64 hex digits."""
    return _KEY_ID.fullmatch(text) is not None


def check_name(name: str) -> str:
    """``name`` itself, if a key can be called so.

    Raises:
        InputError: it is reserved, or is made of other letters than names are.
    """
    if name == OWN:
        raise InputError(f"'{OWN}' always means this home's own keys. Choose another name.")
    if not _NAME.fullmatch(name):
        raise InputError(
            f"cannot call a key {name!r}. Expected up to 32 lower-case letters, digits, '-' or '_', beginning with a "
            "letter, such as alice."
        )
    return name


def records(folder: Path) -> tuple[KeyRecord, ...]:
    """Every key below the folder of keys, each once: own, retired, trusted, distrusted.

    Raises:
        InputError: a file that should be a key is none.
        OSError: a file cannot be read.
    """
    # A tombstone outweighs whatever else lies there under that key's id.
    found = {record.keyid: record for record in _distrusted(folder)}
    for record in (*_own(folder), *_retired(folder), *_trusted(folder)):
        found.setdefault(record.keyid, record)
    order: tuple[Status, ...] = ("own", "retired", "trusted", "distrusted")
    return tuple(sorted(found.values(), key=lambda record: order.index(record.status)))


def find(known: Sequence[KeyRecord], word: str) -> KeyRecord:
    """The one key that ``word`` means: its name, its key id, or the first four hex digits of that or more.

    Raises:
        InputError: it means more than one; the message lists them.
        NotFoundError: it means none.
    """
    exact = [record for record in known if record.keyid == word]
    begun = [record for record in known if len(word) >= _LEAST and record.keyid.startswith(word)]
    called = [record for record in known if record.name == word]
    # A name that is free again means who bears it now.
    called = [record for record in called if record.status != "distrusted"] or called
    meant = exact or [record for record in known if record in begun or record in called]
    if len(meant) > 1:
        raise InputError(
            f"{word!r} means more than one key: {', '.join(f'{record.keyid} ({_told(record)})' for record in meant)}. "
            "Give more of its key id."
        )
    if not meant:
        raise NotFoundError(
            f"no key here is called {word!r}: expected a name, or the first {_LEAST} hex digits of a key id or more. "
            "Look at them: roadworthy keys list"
        )
    return meant[0]


def trusted_files(folder: Path) -> tuple[Path, ...]:
    """The files of ``trusted/``, sorted."""
    return tuple(sorted((folder / key_files.TRUSTED).glob("*.pub")))


def tombstone(folder: Path, keyid: str) -> Path:
    """Where the tombstone of a key lies, or would lie."""
    return folder / key_files.DISTRUSTED / f"{keyid}.json"


def dump_tombstone(record: KeyRecord) -> bytes:
    """The bytes of the tombstone of a distrusted key."""
    return canonical.dump({"schema": _TOMBSTONE, **asdict(record)})


def _distrusted(folder: Path) -> Iterator[KeyRecord]:
    for path in sorted((folder / key_files.DISTRUSTED).glob("*.json")):
        if not is_key_id(path.stem):
            raise InputError(f"{path} is not called by a key id, so it cannot be told which key it is of. Rename it.")
        yield _read_tombstone(path)


def _read_tombstone(path: Path) -> KeyRecord:
    # Its name says which key; whatever became of its text, the key stays distrusted.
    try:
        body = canonical.parse(path.read_bytes(), str(path))
        if body.pop("schema") != _TOMBSTONE or body["keyid"] != path.stem:
            raise ValueError(path)
        if not all(value is None or isinstance(value, str) for value in body.values()) or body["since"] is None:
            raise ValueError(path)
        # It may have been edited by hand, and a terminal must not obey it. (``pem`` has lines, and is never told.)
        told = {field: _printable(text) for field, text in body.items() if text is not None and field != "pem"}
        return KeyRecord(**{**body, **told, "status": "distrusted"})
    except (OSError, DamagedError, AttributeError, KeyError, TypeError, ValueError):
        return KeyRecord(
            keyid=path.stem, status="distrusted", since="an unknown day", reason=f"{path.name} cannot be read"
        )


def _own(folder: Path) -> Iterator[KeyRecord]:
    path = folder / key_files.PRIVATE
    if path.exists():
        yield _record(key_files.public_half(key_files.read_private(path)), "own", path, OWN)


def _retired(folder: Path) -> Iterator[KeyRecord]:
    for path in sorted((folder / key_files.RETIRED).glob("*.pub")):
        yield _record(key_files.read_public(path), "retired", path, OWN)


def _trusted(folder: Path) -> Iterator[KeyRecord]:
    for path in trusted_files(folder):
        try:
            key = key_files.read_public(path)
        except FileNotFoundError:
            continue  # distrusted at this moment
        named = _TRUSTED.fullmatch(path.name)
        # What was put here by hand under another name counts, but no policy can mean it by name.
        name = named.group(1) if named and named.group(1) != OWN else None
        yield _record(key, "trusted", path, name)


def _record(key: SSlibKey, status: Status, path: Path, name: str | None) -> KeyRecord:
    made = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return KeyRecord(
        keyid=key.keyid,
        status=status,
        since=f"{made:%Y-%m-%dT%H:%M:%SZ}",
        name=name,
        pem=key_files.public_pem(key).decode(),
    )


def _told(record: KeyRecord) -> str:
    return f"{record.status}, {record.name}" if record.name else record.status


def why(record: KeyRecord) -> str:
    """Why a distrusted key no longer counts, in words: to stand behind its fingerprint."""
    called = f"called {record.name} here, " if record.name else ""
    reason = f": {record.reason}" if record.reason else ""
    return f"{called}a key you distrusted on {record.since}{reason}"


def _printable(text: str) -> str:
    return text if text.isprintable() else json.dumps(text)
