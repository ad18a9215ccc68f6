"""``model.sig``: an OpenSSF signature of every other file of a snapshot, for tools that know nothing of certificates.

Here is only which files it is of, so that nothing else hides in it; whose it is, the stock tool says
(``model_signing verify key DIR --signature DIR/model.sig --public_key FILE``). Its form: a Sigstore bundle around a
DSSE envelope around an in-toto statement that lists each file with its digest.
"""

import base64
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from .errors import CheckError, DamagedError
from .snapshot import MODEL_SIGNATURE, FileEntry

# Git's own file, which the stock tool passes over; the certificate covers it.
_PASSED_OVER = (MODEL_SIGNATURE, ".gitattributes")

PREDICATE_TYPE = "https://model_signing/signature/v1.0"
_REMEDY = "Remove it, or sign again: roadworthy publish RUN REF --model-sig KEY"


def signed_files(data: bytes) -> dict[str, str]:
    """The files that a ``model.sig`` says it is of: SHA-256 in hex by path.

    Raises:
        DamagedError: not a bundle of that form, or a file listed twice, or by another digest than SHA-256.
    """
    try:
        statement = json.loads(base64.b64decode(json.loads(data)["dsseEnvelope"]["payload"], validate=True))
        listed = statement["predicate"]["resources"]
        found = {str(one["name"]): str(one["digest"]) for one in listed if one["algorithm"] == "sha256"}
        if statement["predicateType"] != PREDICATE_TYPE or len(found) != len(listed):
            raise ValueError("another kind of statement")
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise DamagedError(f"{MODEL_SIGNATURE} is not an OpenSSF model signature ({error}). {_REMEDY}") from error
    return found


def refuse_other_files(data: bytes, files: Sequence[FileEntry]) -> None:
    """Checks that a ``model.sig`` is of exactly ``files``, itself and ``.gitattributes`` left out.

    Raises:
        CheckError: it is of others.
        DamagedError: it is no model signature.
    """
    expected = {file.path: file.sha256 for file in files if file.path not in _PASSED_OVER}
    found = signed_files(data)
    if different := sorted({path for path, _ in expected.items() ^ found.items()}):
        raise CheckError(
            f"{MODEL_SIGNATURE} was made of other files: {', '.join(different[:5])} differ. {_REMEDY}",
        )


def signature_checks(folder: Path, files: Sequence[FileEntry]) -> Iterator[tuple[str, list[str]]]:
    """Each check in words, and what speaks against it; none where there is no ``model.sig``."""
    path = folder / MODEL_SIGNATURE
    if not path.is_file():
        return
    try:
        refuse_other_files(path.read_bytes(), files)
    except (CheckError, DamagedError) as error:
        yield MODEL_SIGNATURE, [str(error)]
    else:
        yield f"{MODEL_SIGNATURE} is of these files; whose it is, model_signing says", []
