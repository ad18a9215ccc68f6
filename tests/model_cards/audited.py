"""What tests of audits share: a folder signed again, and why an audit says no."""

from pathlib import Path

from securesystemslib.signer import CryptoSigner, Key

from roadworthy.model_cards import Claim, audit, list_files
from roadworthy.model_cards.certificate import Certificate, to_statement
from roadworthy.model_cards.envelope import seal

Keys = tuple[Key, ...]


def resign(folder: Path, claim: Claim, signer: CryptoSigner) -> None:
    """Signs the folder as it is now."""
    (folder / "certificate.json").unlink()
    certificate = Certificate(files=list_files(folder), claim=claim)
    (folder / "certificate.json").write_bytes(seal(to_statement(certificate), signer))


def reasons(folder: Path, keys: Keys) -> str:
    """Why the audit says no, in one text."""
    outcome = audit(folder, keys)
    assert not outcome.ok
    assert outcome.reasons
    return "\n".join(outcome.reasons)
