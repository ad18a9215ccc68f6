"""Signing a snapshot for the stock tools of OpenSSF, besides its certificate: ``model.sig``.

The certificate is for whoever asks what was measured; ``model.sig`` for whoever only has `model_signing`. It is made
when everything else is there, because any file that it does not list makes the stock tool refuse.
"""

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from roadworthy.model_cards.errors import InputError, StorageError
from roadworthy.model_cards.snapshot import CERTIFICATE, MODEL_SIGNATURE

_CURVES = ("secp256r1", "secp384r1", "secp521r1")


def sign_model(folder: Path, key: Path) -> Path:
    """Writes ``model.sig`` into a certified snapshot folder, with the private key in the file ``key``.

    Raises:
        InputError: no certificate yet, the package is not installed, or not a key that the stock tool can use.
        StorageError: the key cannot be read, or the folder not written.
    """
    if not (folder / CERTIFICATE).is_file():
        raise InputError(
            f"{folder} has no {CERTIFICATE}, and {MODEL_SIGNATURE} is of it too. Measure it first: roadworthy verify "
            "DIR --data DIR"
        )
    _check_key(key)
    try:
        from model_signing import hashing, signing
    except ImportError as error:
        raise InputError(
            f"signing for OpenSSF's tools needs a package that is not installed ({error}). Run: pip install "
            "'roadworthy[signing]'"
        ) from error
    path = folder / MODEL_SIGNATURE
    try:
        path.unlink(missing_ok=True)
        config = signing.Config().use_elliptic_key_signer(private_key=key)
        # The stock tool passes over git's own files by default: listed here, they would be missing there.
        config.set_hashing_config(hashing.Config().set_ignored_paths(paths=[path], ignore_git_paths=True))
        config.sign(folder, path)
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}. Nothing was published; use a folder you may write."
        ) from error
    return path


def _check_key(key: Path) -> None:
    try:
        found = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except OSError as error:
        raise StorageError(f"cannot read the key {key}: {error.strerror or error}.") from error
    except (TypeError, ValueError, UnsupportedAlgorithm):
        found = None
    if not isinstance(found, ec.EllipticCurvePrivateKey) or found.curve.name not in _CURVES:
        raise InputError(
            f"{key} is not what OpenSSF's tools sign with: expected an elliptic-curve private key (P-256, P-384 or "
            "P-521) in PEM form without a password. Make one: openssl ecparam -name prime256v1 -genkey -noout -out KEY"
        )
