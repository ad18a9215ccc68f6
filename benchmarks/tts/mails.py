"""Mails as text: subject and body, decoded. Headers are left out, because they give spam away."""

import email
import re
from email.header import decode_header, make_header
from email.message import Message
from html import unescape

LONGEST = 1_000  # characters kept: more than 64 tokens are read of none
_HIDDEN = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")


def text_of(raw: bytes) -> str:
    """The subject and the body of a mail, on one line of single spaces; empty where it has neither."""
    message = email.message_from_bytes(raw)
    return " ".join(f"{_subject(message)} {_body(message)}".split())[:LONGEST]


def _subject(message: Message) -> str:
    said = message.get("Subject", "")
    try:
        return str(make_header(decode_header(said)))
    except (LookupError, ValueError):  # an encoding that does not exist, or bytes that are not of it
        return str(said)


def _body(message: Message) -> str:
    """The first plain part; where there is none, the first HTML part without its tags."""
    parts = [part for part in message.walk() if not part.is_multipart()]
    for kind in ("text/plain", "text/html"):
        for part in parts:
            if part.get_content_type() == kind and (text := _decoded(part)).strip():
                return _without_tags(text) if kind == "text/html" or "<html" in text[:1000].lower() else text
    return ""


def _decoded(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        return payload.decode(part.get_content_charset() or "latin-1", errors="replace")
    except LookupError:  # spam names encodings that do not exist
        return payload.decode("latin-1")


def _without_tags(html: str) -> str:
    return unescape(_TAG.sub(" ", _HIDDEN.sub(" ", html)))
