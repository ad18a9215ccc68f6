"""Envelopes: DSSE as others write and read it, and nothing flipped, added or spelled otherwise."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner, Key

from roadworthy.model_cards import CheckError, DamagedError, RoadworthyError, canonical
from roadworthy.model_cards.envelope import PAYLOAD_TYPE, open_envelope, payload_of, seal

PAYLOAD = b'{"hello":"world"}'


@pytest.fixture
def sealed(signer: CryptoSigner) -> bytes:
    """A short statement, signed."""
    return seal(PAYLOAD, signer)


def test_what_was_sealed_is_opened(sealed: bytes, signer: CryptoSigner, keys: tuple[Key, ...]) -> None:
    """The same bytes, and who signed them."""
    opened = open_envelope(sealed, keys)
    assert opened.payload == PAYLOAD
    assert opened.signers == (signer.public_key.keyid,)


def test_every_flipped_bit_is_refused(sealed: bytes, keys: tuple[Key, ...]) -> None:
    """Anywhere: payload, type, key id, signature, punctuation."""
    for at in range(len(sealed)):
        for bit in range(8):
            bad = bytearray(sealed)
            bad[at] ^= 1 << bit
            try:
                open_envelope(bytes(bad), keys)
            except RoadworthyError:
                continue
            pytest.fail(f"bit {bit} of byte {at} ({sealed[at : at + 1]!r}) can be flipped unseen")


def test_every_cut_is_refused(sealed: bytes, keys: tuple[Key, ...]) -> None:
    """A download that stopped early."""
    for length in range(len(sealed)):
        with pytest.raises(RoadworthyError):
            open_envelope(sealed[:length], keys)


def test_an_unknown_key_tells_how_to_trust(sealed: bytes, signer: CryptoSigner) -> None:
    """The key's id, and the option that adds a key."""
    stranger = CryptoSigner.generate_ed25519().public_key
    with pytest.raises(CheckError, match=f"signed by {signer.public_key.keyid[:16]}, a key you have not.*--key FILE"):
        open_envelope(sealed, (stranger,))


def test_no_trusted_keys_is_an_unknown_key(sealed: bytes) -> None:
    """Trust is given, never assumed."""
    with pytest.raises(CheckError, match="--key FILE"):
        open_envelope(sealed, ())


def test_an_unsigned_envelope_is_signed_by_nobody(keys: tuple[Key, ...]) -> None:
    """An empty list of signatures holds vacuously for no one."""
    bare = canonical.dump(Envelope(PAYLOAD, PAYLOAD_TYPE, {}).to_dict())
    with pytest.raises(CheckError, match="signed by nobody"):
        open_envelope(bare, keys)


def test_a_signature_over_other_text_is_told_apart(sealed: bytes, keys: tuple[Key, ...]) -> None:
    """The key is trusted and its signature does not hold: somebody edited the text."""
    document = json.loads(sealed)
    document["payload"] = base64.b64encode(b'{"hello":"moon!"}').decode()
    with pytest.raises(CheckError, match="edited after it was signed"):
        open_envelope(canonical.dump(document), keys)


def test_one_trusted_key_of_two_is_enough(signer: CryptoSigner, keys: tuple[Key, ...]) -> None:
    """A second party's signature neither helps nor harms."""
    other = CryptoSigner.generate_ed25519()
    envelope = Envelope(PAYLOAD, PAYLOAD_TYPE, {})
    envelope.sign(other)
    envelope.sign(signer)
    twice = canonical.dump(envelope.to_dict())
    assert open_envelope(twice, keys).signers == (signer.public_key.keyid,)
    both = (other.public_key, signer.public_key)
    assert set(open_envelope(twice, both).signers) == {key.keyid for key in both}


def test_a_borrowed_key_id_does_not_help(signer: CryptoSigner, keys: tuple[Key, ...]) -> None:
    """A stranger signs under the id of a trusted key."""
    document = json.loads(seal(PAYLOAD, CryptoSigner.generate_ed25519()))
    document["signatures"][0]["keyid"] = signer.public_key.keyid
    with pytest.raises(CheckError, match="edited after it was signed"):
        open_envelope(canonical.dump(document), keys)


@pytest.mark.parametrize("field", ["payload", "sig"])
@pytest.mark.parametrize("spelling", ["unpadded", "newline", "url", "loose bits"])
def test_base64_has_one_spelling(sealed: bytes, keys: tuple[Key, ...], field: str, spelling: str) -> None:
    """Decoders accept more than one text for the same bytes; here only the canonical one counts."""
    document = json.loads(sealed)
    holder = document if field == "payload" else document["signatures"][0]
    text = holder[field]
    assert text.endswith("=")
    holder[field] = {
        "unpadded": text.rstrip("="),
        "newline": text[:4] + "\n" + text[4:],
        "url": text.replace("+", "-").replace("/", "_") + "=",
        # The last letter before the padding holds bits that no byte uses.
        "loose bits": text.rstrip("=")[:-1] + _next(text.rstrip("=")[-1]) + text[len(text.rstrip("=")) :],
    }[spelling]
    with pytest.raises(DamagedError):
        open_envelope(canonical.dump(document), keys)


def _next(letter: str) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return alphabet[alphabet.index(letter) + 1]


def test_another_payload_type_is_refused(signer: CryptoSigner, keys: tuple[Key, ...]) -> None:
    """Signed, but as something else: a signature for one purpose is not one for another."""
    envelope = Envelope(PAYLOAD, "application/json", {})
    envelope.sign(signer)
    with pytest.raises(DamagedError, match="not in the form it was signed in"):
        open_envelope(canonical.dump(envelope.to_dict()), keys)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        7,
        "text",
        {},
        {"payload": 5, "payloadType": PAYLOAD_TYPE, "signatures": []},
        {"payload": "AA==", "payloadType": 5, "signatures": []},
        {"payload": "AA==", "payloadType": PAYLOAD_TYPE},
        {"payload": "AA==", "payloadType": PAYLOAD_TYPE, "signatures": {"a": 1}},
        {"payload": "AA==", "payloadType": PAYLOAD_TYPE, "signatures": 5},
        {"payload": "AA==", "payloadType": PAYLOAD_TYPE, "signatures": [3]},
        {"payload": "AA==", "payloadType": PAYLOAD_TYPE, "signatures": [{}]},
        {"payload": "AA==", "payloadType": PAYLOAD_TYPE, "signatures": [{"keyid": 5, "sig": "AA=="}]},
        {"payload": "AA==", "payloadType": PAYLOAD_TYPE, "signatures": [{"keyid": [], "sig": "AA=="}]},
        {"payload": "AA==", "payloadType": PAYLOAD_TYPE, "signatures": [{"keyid": "k", "sig": 5}]},
        {"payload": "AA==", "payloadType": PAYLOAD_TYPE, "signatures": [{"keyid": "k", "sig": "AA=="}] * 2},
        {"payload": "AA==", "payloadType": PAYLOAD_TYPE, "signatures": [], "more": 1},
    ],
)
def test_what_is_no_envelope_is_refused(document: Any, keys: tuple[Key, ...]) -> None:
    """Whatever its shape, as damage and not as a surprise."""
    with pytest.raises(DamagedError):
        open_envelope(canonical.dump(document), keys)


def test_the_payload_can_be_shown_without_a_key(sealed: bytes) -> None:
    """To show, never to believe."""
    assert payload_of(sealed) == PAYLOAD


def test_the_stock_library_accepts_what_is_written(sealed: bytes, signer: CryptoSigner) -> None:
    """securesystemslib's own verification, with one key."""
    accepted = Envelope.from_dict(json.loads(sealed)).verify([signer.public_key], 1)
    assert list(accepted) == [signer.public_key.keyid]


def test_the_signed_bytes_are_those_of_the_dsse_specification(sealed: bytes, signer: CryptoSigner) -> None:
    """The word DSSEv1, type and payload, each after its length: verified without the envelope's code."""
    pae = b"DSSEv1 28 application/vnd.in-toto+json 17 " + PAYLOAD
    assert Envelope.from_dict(json.loads(sealed)).pae() == pae
    signature = base64.b64decode(json.loads(sealed)["signatures"][0]["sig"])
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signer.public_key.to_dict()["keyval"]["public"]))
    public.verify(signature, pae)  # raises where it does not hold
