"""A small certified snapshot, made by the functions that a verification uses, and small lies to tell in it."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import pytest
from securesystemslib.signer import CryptoSigner, Key

from roadworthy.model_cards import Row, Target, card, clocks, evidence, image_top1, list_files, score
from roadworthy.model_cards.certificate import (
    Certificate,
    Claim,
    Data,
    Environment,
    Parent,
    SplitRecord,
    Start,
    Training,
    Verdicts,
    to_statement,
)
from roadworthy.model_cards.envelope import seal
from roadworthy.model_cards.regression import compare_rows

Change = Callable[[Claim], Claim]

MACHINE = Environment(
    os="Linux 6.1",
    python="3.11.9",
    cpu="a test's processor",
    cores=2,
    memory_gib=8.0,
    accelerators=(),
    libraries={"torch": "2.11.0", "timm": "1.0.26"},
    precision="float32",
    threads=2,
)


class Builder(Protocol):
    """Writes a certified snapshot into a new folder and returns the folder."""

    def __call__(
        self,
        name: str = "snapshot",
        *,
        rows: Sequence[Row] | None = None,
        parent_rows: Sequence[Row] | None = None,
        log: str | None = None,
        lie: Change = ...,
        card_lie: Change = ...,
        signer: CryptoSigner | None = None,
    ) -> Path: ...


def rows_of(right: int, n: int, classes: int = 2) -> tuple[Row, ...]:
    """Evidence in which ``right`` of ``n`` examples are answered rightly."""
    return tuple(
        Row(
            id=hashlib.sha256(str(i).encode()).hexdigest(),
            truth=i % classes,
            prediction=(i + (i >= right)) % classes,
            confidence=0.9,
        )
        for i in range(n)
    )


def event(second: float, key: str, value: object = None, **metadata: object) -> str:
    """One line as mlperf-logging writes it; ``second`` counts from an arbitrary moment."""
    fields = {
        "namespace": "roadworthy",
        "time_ms": 1_700_000_000_000 + round(1000 * second),
        "event_type": "POINT_IN_TIME",
        "key": key,
        "value": value,
        "metadata": {"file": "finetune/run.py", "lineno": 1, **metadata},
    }
    return clocks.PREFIX + json.dumps(fields) + "\n"


# From 2 to 9 on the run clock; the process began at 1.
LOG = "".join(
    [
        event(1.5, "init_start", process_started=1_700_000_001.0),
        event(1.6, "seed", 7, replayed=False),
        event(2, "run_start"),
        event(3, "cache", "cold"),
        event(6, "eval_accuracy", 0.7, samples_count=40, epoch_num=1.0),
        event(8, "eval_accuracy", 0.95, samples_count=80, epoch_num=2.0),
        event(9, "run_stop", status="success", samples_count=80, epoch_num=2.0, train_seconds=4.25),
    ]
)


def weights() -> bytes:
    """A safetensors file of one tensor: eight bytes of header length, a JSON header, the data."""
    header = json.dumps({"head.weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(range(16))


def truthful(rows: Sequence[Row], proof: bytes, log: str, parent_rows: Sequence[Row] | None) -> Claim:
    """The claim that follows from the evidence and the log."""
    protocol = image_top1(resize=256, crop=224, interpolation="bilinear", mean=(0, 0, 0), std=(1, 1, 1))
    metric, target = score(protocol, rows), Target.parse("top1>=0.7")
    measured = clocks.read(clocks.parse(log)).clocks
    return Claim(
        card_format=card.FORMAT,
        task="image-classification",
        system="resnet50-v1.5",
        architecture="resnet50",
        parameters=4,
        architecture_sha256="0" * 64,
        protocol=protocol,
        metric=metric,
        target=target,
        verdicts=Verdicts(reproduced=target.met_by(metric.value), generalises=target.met_by(metric.low)),
        data=Data(
            name="photographs",
            labels=("cat", "dog"),
            split_rule="as given by the folders test, train",
            test=SplitRecord(n=len(rows), fingerprint=evidence.fingerprint_of(rows)),
            exact_duplicates=0,
        ),
        start=Start(kind="scratch" if parent_rows is None else "parent"),
        environment=MACHINE,
        evidence_sha256=hashlib.sha256(proof).hexdigest(),
        measured_at="2026-01-02T03:04:05Z",
        training=None
        if measured is None
        else Training(
            # A whole number among the floats, and a tuple that JSON gives back as a list.
            recipe={"epochs": 2, "learning_rate": 0.0005, "area": [0.6, 1.0], "flip": True},
            seed=7,
            target=target,
            clocks=measured,
            environment=MACHINE,
            validation=None,
        ),
        parent=None
        if parent_rows is None
        else Parent(
            reference="demo/parent@1.0.0",
            certificate_sha256="1" * 64,
            metric=score(protocol, parent_rows),
            comparison=compare_rows(rows, parent_rows),
        ),
    )


@pytest.fixture(scope="session")
def signer() -> CryptoSigner:
    """The publisher's key."""
    return CryptoSigner.generate_ed25519()


@pytest.fixture(scope="session")
def keys(signer: CryptoSigner) -> tuple[Key, ...]:
    """The keys that the reader trusts: the publisher's."""
    return (signer.public_key,)


@pytest.fixture
def certified_snapshot(tmp_path: Path, signer: CryptoSigner) -> Builder:
    """Builds certified snapshots.

    ``lie`` changes the claim before it is rendered and signed; ``card_lie`` changes only what the card is
    rendered from.
    """

    def build(
        name: str = "snapshot",
        *,
        rows: Sequence[Row] | None = None,
        parent_rows: Sequence[Row] | None = None,
        log: str | None = None,
        lie: Change = lambda claim: claim,
        card_lie: Change = lambda claim: claim,
        signer: CryptoSigner | None = signer,
    ) -> Path:
        assert signer is not None
        log = LOG if log is None else log
        proof = evidence.dump(rows_of(18, 20) if rows is None else rows)
        rows = evidence.load(proof)
        old = None if parent_rows is None else evidence.load(evidence.dump(parent_rows))
        claim = lie(truthful(rows, proof, log, old))
        curve = clocks.read(clocks.parse(log)).curve
        files = {
            "config.json": b'{"architecture": "resnet50", "num_classes": 2}',
            "model.safetensors": weights(),
            "evidence/test.jsonl": proof,
            "log/events.log": log.encode(),
            **card.render(card.Proof(claim=card_lie(claim), rows=rows, curve=curve)),
        }
        if parent_rows is not None:
            files["evidence/parent.jsonl"] = evidence.dump(parent_rows)
        folder = tmp_path / name
        for path, data in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        certificate = Certificate(files=list_files(folder), claim=claim)
        (folder / "certificate.json").write_bytes(seal(to_statement(certificate), signer))
        return folder

    return build


@pytest.fixture
def claim() -> Claim:
    """A claim of 18 right answers out of 20, trained here, without a parent."""
    rows = rows_of(18, 20)
    return truthful(rows, evidence.dump(rows), LOG, None)


@pytest.fixture
def answers() -> Callable[..., tuple[Row, ...]]:
    """Makes evidence: ``answers(right, n)``."""
    return rows_of


@pytest.fixture
def line() -> Callable[..., str]:
    """Makes a line of an event log: ``line(second, key, value, **metadata)``."""
    return event
