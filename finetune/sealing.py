"""Sealing a candidate: evidence, card and, last, the certificate, so that its presence means complete."""

import shutil
from pathlib import Path

from securesystemslib.signer import Signer

from roadworthy.model_cards import CheckError, StorageError, card
from roadworthy.model_cards.certificate import Certificate, to_statement
from roadworthy.model_cards.envelope import seal
from roadworthy.model_cards.snapshot import (
    CERTIFICATE,
    EVIDENCE,
    EXAMPLES,
    FileEntry,
    coverable,
    list_files,
    pictures_in,
)

from .claiming import Claimed, Clean
from .parent_comparison import parent_evidence


def certify(clean: Clean, claimed: Claimed, start: Path | None, signer: Signer) -> None:
    """Writes everything that the claim rests on into the snapshot, draws its card, and signs what lies there then.

    ``start`` is the folder that the run started from, which holds the parent's own evidence.

    Raises:
        CheckError: the snapshot changed while it was being measured.
        StorageError: it cannot be written.
    """
    packaged, aside = clean.packaged, clean.aside
    _check_unchanged(packaged, clean.measured.files)
    try:
        (packaged / EVIDENCE).parent.mkdir(exist_ok=True)
        shutil.copyfile(aside / "test.jsonl", packaged / EVIDENCE)
        for path, found in parent_evidence(aside, start).items():
            shutil.copyfile(found, packaged / path)
        for path, content in claimed.leakage.files.items():
            (packaged / path).parent.mkdir(exist_ok=True)
            (packaged / path).write_bytes(content)
        pictures = pictures_in(clean.measured.files) | _pictures(packaged, aside)
        proof = card.Proof(claim=claimed.claim, rows=claimed.rows, curve=claimed.curve, pictures=pictures)
        for path, content in card.render(proof).items():
            (packaged / path).parent.mkdir(exist_ok=True)
            (packaged / path).write_bytes(content)
        envelope = seal(to_statement(Certificate(files=coverable(list_files(packaged)), claim=claimed.claim)), signer)
        (packaged / CERTIFICATE).write_bytes(envelope)
    except OSError as error:
        raise StorageError(
            f"cannot write the certificate into {packaged}: {error.strerror}. Free space or use a folder you may write."
        ) from error


def _pictures(packaged: Path, aside: Path) -> frozenset[str]:
    """The paths of the examples' pictures that were asked for, now in the snapshot."""
    found = sorted((aside / EXAMPLES).glob("*.jpg"))
    for path in found:
        (packaged / EXAMPLES).mkdir(exist_ok=True)
        shutil.copyfile(path, packaged / EXAMPLES / path.name)
    return frozenset(f"{EXAMPLES}/{path.name}" for path in found)


def _check_unchanged(packaged: Path, measured: tuple[FileEntry, ...]) -> None:
    if list_files(packaged) != measured:
        raise CheckError(f"{packaged} changed while it was being measured. Nothing was certified; verify again.")
