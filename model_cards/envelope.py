"""Signed envelopes: DSSE over a statement's bytes, through securesystemslib.

Who may sign is the registry's business; here is only whether a signature holds.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import Error as SignatureError
from securesystemslib.signer import Key, Signer

from . import canonical
from .errors import CheckError, DamagedError
from .keyring import Keyring

PAYLOAD_TYPE = "application/vnd.in-toto+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An envelope that was read: the signed bytes and the ids of the keys whose signatures hold."""

    payload: bytes
    signers: tuple[str, ...]


def seal(payload: bytes, *signers: Signer) -> bytes:
    """The canonical bytes of an envelope around ``payload`` with a signature of each signer."""
    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    for signer in signers:
        envelope.sign(signer)
    return canonical.dump(envelope.to_dict())


def open_envelope(data: bytes, keys: Sequence[Key], what: str = "the certificate") -> Opened:
    """Opens an envelope that one of ``keys`` has signed. ``what`` it is, messages say.

    Raises:
        DamagedError: not an envelope, or not in the one form that ``seal`` writes.
        CheckError: no signature of a trusted key holds; it says why, where a `Keyring` has distrusted the signer.
    """
    envelope = _read(data, what)
    signed_by = sorted(envelope.signatures)
    held = tuple(key.keyid for key in keys if key.keyid in envelope.signatures and _holds(envelope, key))
    if held:
        return Opened(payload=envelope.payload, signers=held)
    if set(signed_by) & {key.keyid for key in keys}:
        raise CheckError(f"{what}'s signature does not match its text: it was edited after it was signed.")
    refused = keys.distrusted if isinstance(keys, Keyring) else {}
    if sent_away := [f"{key[:16]}, {refused[key]}" for key in signed_by if key in refused]:
        raise CheckError(
            f"{what} is signed by {'; '.join(sent_away)}. Its signatures never count again; expected one of a key you "
            "trust. Ask for a version that another key has signed, or measure it: roadworthy verify DIR --data DIR."
        )
    raise CheckError(
        f"{what} is signed by {', '.join(k[:16] for k in signed_by) or 'nobody'}, a key you have not "
        "trusted. Get the publisher's public key over a channel you trust, then: roadworthy keys trust FILE "
        "(or --key FILE, for this once)."
    )


def payload_of(data: bytes, what: str = "the certificate") -> bytes:
    """The payload of an envelope whose signature is not looked at: to show, never to believe."""
    return _read(data, what).payload


def _read(data: bytes, what: str) -> Envelope:
    document: Any = canonical.parse(data, f"{what}'s envelope")
    try:
        envelope = Envelope.from_dict(document)
        # base64 has more than one spelling of the same bytes; only the canonical one is accepted.
        same = canonical.dump(envelope.to_dict()) == data and all(isinstance(k, str) for k in envelope.signatures)
        base64.b64decode(document["payload"], validate=True) if same else None
    except (AttributeError, KeyError, TypeError, ValueError, SignatureError) as error:
        raise DamagedError(f"{what} is not a signed envelope ({error}).") from error
    if not same or envelope.payload_type != PAYLOAD_TYPE:
        raise DamagedError(f"{what} is not in the form it was signed in: it was edited.")
    return envelope


def _holds(envelope: Envelope, key: Key) -> bool:
    try:
        key.verify_signature(envelope.signatures[key.keyid], envelope.pae())
    except SignatureError:
        return False
    return True
