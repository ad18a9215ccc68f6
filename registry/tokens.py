"""The tokens that a server accepts: a file beside its configuration that holds their digests and never a token.

A token is 32 random bytes, so its plain SHA-256 is a right way to keep it: nobody can guess 256 bits, and a slow,
salted hash, as passwords need, would only make every request slow.
"""

import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from roadworthy.model_cards.errors import CheckError, DamagedError, InputError, StorageError

from . import lock
from .folder_store import explain
from .keys import home

Role = Literal["read", "write", "promote", "admin"]  # each may do what those before it may

ROLES: tuple[Role, ...] = get_args(Role)
PREFIX = "rw_"
FOREIGN = "hf_"  # how the Hub's own tokens begin: never accepted, stored or logged
EVERY = "*"  # in place of a namespace: all of them
SCHEMA = "roadworthy/tokens/1"
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRecord:
    """What is kept of a token: whose it is, what it may do and where, and its SHA-256 in hex.

    ``created`` and ``revoked`` are UTC in ISO 8601; ``namespaces`` may be ``("*",)``.
    """

    name: str
    role: Role
    namespaces: tuple[str, ...]
    sha256: str
    created: str
    revoked: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFile:
    """The records, and the server's own ``secret``, in hex, with which it seals short-lived grants."""

    secret: str
    records: tuple[TokenRecord, ...]

    def find(self, token: str) -> TokenRecord | None:
        """The record of ``token``, unless it was revoked."""
        sha256 = hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
        found = (record for record in self.records if hmac.compare_digest(record.sha256, sha256))
        return next((record for record in found if record.revoked is None), None)


def default_tokens() -> Path:
    """``tokens.json`` of this home."""
    return home() / "tokens.json"


def create_token(file: Path, name: str, *, role: Role, namespaces: Sequence[str] = ()) -> str:
    """Makes a token and returns it; this is the only time that anybody sees it.

    Raises:
        CheckError: a token of that name is in force.
        InputError: a name, role or namespace that cannot be; a role that writes needs at least one namespace.
        StorageError: the file cannot be read or written.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from roadworthy.registry import create_token
        >>> create_token(Path(tempfile.mkdtemp()) / "tokens.json", "ci", role="write", namespaces=["team"])[:3]
        'rw_'
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"cannot call a token {name!r}. Expected up to 64 letters, digits, '.', '_' or '-'.")
    if role not in ROLES:
        raise InputError(f"no role is called {role!r}. Expected one of: {', '.join(ROLES)}.")
    if not namespaces and role not in ("read", "admin"):
        raise InputError(f"a token that may {role} needs a namespace. Expected --namespace TEAM, or --namespace '*'.")
    for namespace in namespaces:
        if namespace != EVERY and not _NAME.fullmatch(namespace):
            raise InputError(f"cannot read the namespace {namespace!r}. Expected a name such as team, or '*'.")
    token = PREFIX + secrets.token_urlsafe(32)
    made = TokenRecord(
        name=name,
        role=role,
        namespaces=tuple(dict.fromkeys(namespaces)) or (EVERY,),
        sha256=hashlib.sha256(token.encode()).hexdigest(),
        created=_now(),
    )

    def add(records: tuple[TokenRecord, ...]) -> tuple[TokenRecord, ...]:
        if any(record.name == name and record.revoked is None for record in records):
            raise CheckError(f"there is a token called {name}. Revoke it first: roadworthy tokens revoke {name}")
        return (*records, made)

    _change(file, add)
    return token


def list_tokens(file: Path) -> tuple[TokenRecord, ...]:
    """Every token that was ever made, those that were revoked among them.

    Raises:
        DamagedError: it is no such file.
        StorageError: it cannot be read.
    """
    return read_tokens(file).records


def revoke_token(file: Path, name: str) -> TokenRecord:
    """Ends a token: a running server refuses it from its next request on.

    Raises:
        InputError: no token of that name is in force.
        StorageError: the file cannot be read or written.
    """
    ended: list[TokenRecord] = []

    def end(records: tuple[TokenRecord, ...]) -> tuple[TokenRecord, ...]:
        there = next((record for record in records if record.name == name and record.revoked is None), None)
        if there is None:
            known = ", ".join(record.name for record in records if record.revoked is None) or "none"
            raise InputError(f"no token in force is called {name}. Expected one of: {known}.")
        ended.append(replace(there, revoked=_now()))
        return tuple(ended[0] if record is there else record for record in records)

    _change(file, end)
    return ended[0]


def read_tokens(file: Path) -> TokenFile:
    """What the file holds; no tokens, and a secret of this moment, where there is none.

    Raises:
        DamagedError: it is no such file.
        StorageError: it cannot be read.
    """
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return TokenFile(secret=secrets.token_hex(32), records=())
    except OSError as error:
        raise StorageError(f"cannot read {file}: {error.strerror}. No token is accepted until it can be.") from error
    try:
        body = json.loads(data)
        if body["schema"] != SCHEMA or len(bytes.fromhex(body["secret"])) != 32:
            raise ValueError(f"expected schema {SCHEMA} and a secret of 32 bytes")
        return TokenFile(secret=body["secret"], records=tuple(map(_read, body["tokens"])))
    except (KeyError, TypeError, ValueError) as error:
        # Not the text itself: it may be a token that somebody put there by hand.
        raise DamagedError(
            f"{file} is not a file of tokens ({type(error).__name__}). Restore it from a copy."
        ) from None


def _read(fields: dict[str, Any]) -> TokenRecord:
    record = TokenRecord(**{**fields, "namespaces": tuple(fields["namespaces"])})
    if record.role not in ROLES or not all(isinstance(text, str) for text in (record.name, *record.namespaces)):
        raise ValueError("a record that cannot be")
    bytes.fromhex(record.sha256)
    return record


def _change(file: Path, change: Callable[[tuple[TokenRecord, ...]], tuple[TokenRecord, ...]]) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with lock.held(file.with_name(f".{file.name}.lock")):
            before = read_tokens(file)
            records = change(before.records)
            body = {"schema": SCHEMA, "secret": before.secret, "tokens": [asdict(record) for record in records]}
            temporary = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as out:
                json.dump(body, out, indent=1)
                out.flush()
                os.fsync(out.fileno())
            temporary.replace(file)
    except OSError as error:
        raise StorageError(explain(error, f"write {file}", 0, file.parent)) from error


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
