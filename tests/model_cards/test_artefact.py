"""The record of an export: what it binds, and what a change to any of it does."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner, Key

from roadworthy.model_cards import Artefact, ArtefactRecord, CheckError, Claim, DamagedError, InputError, evidence
from roadworthy.model_cards.artefact import EVIDENCE, RECORD, check, from_statement, to_statement
from roadworthy.model_cards.certificate import SplitRecord
from roadworthy.model_cards.envelope import seal
from roadworthy.model_cards.snapshot import list_files


@pytest.fixture
def export(tmp_path: Path, claim: Claim, signer: CryptoSigner, answers: Any) -> Path:
    """A folder as `roadworthy export` leaves it: 18 of 20 answered rightly, as the claim says."""
    (tmp_path / "model.onnx").write_bytes(b"a graph")
    (tmp_path / "config.json").write_bytes(b"{}")
    (tmp_path / EVIDENCE).write_bytes(evidence.dump(answers(18, 20)))
    _sign(tmp_path, claim, signer)
    return tmp_path


def _sign(folder: Path, claim: Claim, signer: CryptoSigner) -> ArtefactRecord:
    artefact = Artefact(
        format="onnx",
        opened_by="onnxruntime 1.32.0",
        source=(),
        system=claim.system,
        protocol=claim.protocol,
        metric=claim.metric,
        target=claim.target,
        test=SplitRecord(n=20, fingerprint=claim.data.test.fingerprint),
        agreement=None,
        environment=claim.environment,
        measured_at="2026-01-02T03:04:05Z",
    )
    files = tuple(file for file in list_files(folder) if file.path != RECORD)
    record = ArtefactRecord(files=files, artefact=artefact)
    (folder / RECORD).write_bytes(seal(to_statement(record), signer))
    return record


def test_an_export_is_checked_without_running_it(export: Path, claim: Claim, keys: tuple[Key, ...]) -> None:
    """Signature, digests, and the metric from the evidence."""
    record = check(export, keys)
    assert record.artefact.metric == claim.metric
    assert from_statement(to_statement(record)) == record


@pytest.mark.parametrize("name", ["model.onnx", "config.json", EVIDENCE])
def test_a_changed_file_is_seen(export: Path, keys: tuple[Key, ...], name: str) -> None:
    """One flipped bit in any of them."""
    data = bytearray((export / name).read_bytes())
    data[len(data) // 2] ^= 1
    (export / name).write_bytes(data)
    with pytest.raises(CheckError, match=f"{name} in .*not as it was"):
        check(export, keys)


def test_an_added_and_a_missing_file_are_seen(export: Path, keys: tuple[Key, ...]) -> None:
    """The record is of exactly these files."""
    (export / "more.txt").write_text("")
    (export / "config.json").unlink()
    with pytest.raises(CheckError, match=r"config\.json, more\.txt in"):
        check(export, keys)


def test_a_metric_that_the_evidence_does_not_give(
    export: Path, claim: Claim, signer: CryptoSigner, keys: tuple[Key, ...]
) -> None:
    """Signed, and still not believed."""
    _sign(export, dataclasses.replace(claim, metric=dataclasses.replace(claim.metric, value=0.95)), signer)
    with pytest.raises(CheckError, match=r"value=0\.95.*its evidence gives .*value=0\.9,"):
        check(export, keys)


def test_every_byte_of_the_record_counts(export: Path, keys: tuple[Key, ...]) -> None:
    """Flipped one after another."""
    data = (export / RECORD).read_bytes()
    for at in range(0, len(data), 7):
        (export / RECORD).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises((CheckError, DamagedError)):
            check(export, keys)


def test_no_export(tmp_path: Path, keys: tuple[Key, ...]) -> None:
    """The message says what a folder of that kind has."""
    with pytest.raises(InputError, match=r"no verification\.json in"):
        check(tmp_path, keys)
