"""A keyring: a tuple of keys that knows why others are not in it."""

import pytest
from securesystemslib.signer import CryptoSigner

from roadworthy.model_cards import CheckError
from roadworthy.model_cards.envelope import open_envelope, seal
from roadworthy.model_cards.keyring import Keyring


def test_a_distrusted_key_is_not_in_it(signer: CryptoSigner) -> None:
    """Whoever puts it there; and a refusal says why."""
    key = signer.public_key
    ring = Keyring((key,), distrusted={key.keyid: "a key you distrusted: lost"})
    assert ring == ()
    with pytest.raises(CheckError, match=rf"is signed by {key.keyid[:16]}, a key you distrusted: lost\. "):
        open_envelope(seal(b"{}", signer), ring)


def test_as_a_plain_tuple_it_trusts_nobody_more(signer: CryptoSigner) -> None:
    """It only loses its words."""
    other = CryptoSigner.generate_ed25519()
    ring = Keyring(
        (signer.public_key, other.public_key),
        names={other.public_key.keyid: "bob"},
        distrusted={signer.public_key.keyid: ""},
    )
    assert tuple(ring) == (other.public_key,)
    with pytest.raises(CheckError, match="a key you have not trusted"):
        open_envelope(seal(b"{}", signer), tuple(ring))


def test_an_envelope_takes_several_signatures(signer: CryptoSigner) -> None:
    """Each of them counts for itself."""
    other = CryptoSigner.generate_ed25519()
    sealed = seal(b"{}", signer, other)
    for one in (signer, other):
        assert open_envelope(sealed, Keyring((one.public_key,))).signers == (one.public_key.keyid,)
