"""Who signs: the one seam between what is signed and how. A backend is asked for by name.

``ed25519`` is the key of this home. ``sigstore`` is keyless: an identity provider vouches for whoever signs, and the
signature is logged in public; it needs the package and a network, and was not measured.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from securesystemslib.signer import Signer

from roadworthy.model_cards.errors import InputError, StorageError

from .keys import signing_key

DEFAULT = "ed25519"


def signer(backend: str = DEFAULT, home_folder: Path | None = None) -> Signer:
    """What signs certificates and attestations, by the name of its backend.

    Raises:
        InputError: no such backend, or it cannot be used here: the message says what it lacks.
        StorageError: a key cannot be read or written, or the network of a backend that needs one not reached.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from roadworthy.registry.signers import signer
        >>> signer("ed25519", Path(tempfile.mkdtemp())).public_key.keytype
        'ed25519'
    """
    if backend not in BACKENDS:
        raise InputError(f"cannot sign by {backend!r}. Expected one of: {', '.join(BACKENDS)}.")
    return BACKENDS[backend](home_folder)


def _sigstore(home_folder: Path | None) -> Signer:
    try:
        import sigstore  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"signing by sigstore needs the package sigstore, which is not installed ({error}). Run: pip install "
            f"'roadworthy[signing]'; or sign with the key of this home ({DEFAULT})."
        ) from error
    from securesystemslib.signer import SigstoreSigner

    try:
        uri, identity = SigstoreSigner.import_via_auth()
        return SigstoreSigner.from_priv_key_uri(uri, identity)
    except Exception as error:  # its providers raise whatever they like: no browser, no network, no token
        raise StorageError(
            f"sigstore could not find out who signs: {type(error).__name__}: {error}. Expected a network and an "
            f"identity provider. Nothing was signed; sign with the key of this home ({DEFAULT})."
        ) from error


BACKENDS: Mapping[str, Callable[[Path | None], Signer]] = {DEFAULT: signing_key, "sigstore": _sigstore}
