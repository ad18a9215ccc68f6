"""Small documents that hold their own digest, so that any flipped byte is seen when they are read."""

import hashlib
from typing import Any

from roadworthy.model_cards import canonical
from roadworthy.model_cards.errors import DamagedError


def digest(body: dict[str, Any]) -> str:
    """The first 40 hex digits of the SHA-256 of the canonical body: the length of the Hub's commits."""
    return hashlib.sha256(canonical.dump(body)).hexdigest()[:40]


def dump(body: dict[str, Any]) -> bytes:
    """The canonical bytes of ``body`` with its digest as ``commit``. ``parse(dump(b), ..) == b``."""
    return canonical.dump({**body, "commit": digest(body)})


def parse(data: bytes, schema: str, what: str) -> dict[str, Any]:
    """The body that ``data`` holds, if its digest is right and its ``schema`` is the expected one.

    Raises:
        DamagedError: anything else.
    """
    document = canonical.parse(data, what)
    if not isinstance(document, dict):
        raise DamagedError(f"{what} is damaged: expected a JSON object.")
    commit = document.pop("commit", None)
    if commit != (found := digest(document)):
        raise DamagedError(f"{what} is damaged: expected digest {commit}, found {found}. Restore it from a copy.")
    if document.get("schema") != schema:
        raise DamagedError(f"{what} has schema {document.get('schema')!r}; expected {schema!r}. Upgrade roadworthy.")
    return document
