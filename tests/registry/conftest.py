"""Real candidates, made by the same functions that a verification uses, and a home and a registry for each test."""

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner, Key

from roadworthy.model_cards import card, clocks, evidence
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
from roadworthy.model_cards.evidence import Row
from roadworthy.model_cards.protocol import image_top1, score
from roadworthy.model_cards.snapshot import list_files
from roadworthy.model_cards.target import Target
from roadworthy.model_cards.waiver import Waiver
from roadworthy.registry import Manifest, Registry, open_registry, publish, signing_key, trusted_keys

from . import s3_servers

Build = Callable[..., Path]

_MACHINE = Environment(
    os="Linux",
    python="3.11",
    cpu="a test",
    cores=2,
    memory_gib=8.0,
    accelerators=(),
    libraries={"torch": "2.11"},
    precision="float32",
    threads=2,
)
# Seconds after an arbitrary moment: the run lasts from 2 to 9, the process began at 1.
_LOG = [
    (1, "init_start", None, {"process_started": 1001.0}),
    (2, "run_start", None, {}),
    (6, "eval_accuracy", 0.8, {"samples_count": 50, "epoch_num": 1}),
    (9, "eval_accuracy", 0.96, {"samples_count": 100, "epoch_num": 2}),
    (9, "run_stop", None, {"status": "success", "train_seconds": 5.5, "samples_count": 100, "epoch_num": 2}),
]


def weights(size: int = 4096, seed: int = 0) -> bytes:
    """A safetensors file of one tensor with ``size`` bytes."""
    header = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    return len(header).to_bytes(8, "little") + header + random.Random(seed).randbytes(size)


def _log() -> str:
    return "".join(
        clocks.PREFIX
        + json.dumps(
            {"time_ms": 1000 * (1000 + at), "event_type": "POINT", "key": key, "value": value, "metadata": metadata}
        )
        + "\n"
        for at, key, value, metadata in _LOG
    )


def build(
    folder: Path,
    signer: CryptoSigner,
    *,
    right: int = 95,
    n: int = 100,
    target: str = "top1>=0.9",
    exact_duplicates: int | None = 0,
    trained: bool = True,
    parent: Parent | None = None,
    task: str = "image-classification",
    system: str = "resnet50-v1.5",
    seed: int = 0,
    start: Start = Start(kind="scratch"),  # noqa: B008 - it never changes
    size: int = 4096,
    measured_at: str = "2026-01-02T03:04:05Z",
    waivers: tuple[Waiver, ...] = (),
) -> Path:
    """Makes ``folder`` a certified candidate: ``right`` of ``n`` test examples answered rightly.

    Model files that lie there already are kept and certified.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "config.json").exists():
        (folder / "config.json").write_text('{"architecture": "none"}')
        (folder / "model.safetensors").write_bytes(weights(size, seed))
    rows = tuple(
        Row(id=hashlib.sha256(bytes([i])).hexdigest(), truth=i % 2, prediction=i % 2 ^ (i >= right), confidence=0.9)
        for i in range(n)
    )
    protocol = image_top1(resize=256, crop=224, interpolation="bilinear", mean=(0, 0, 0), std=(1, 1, 1))
    proof = evidence.dump(rows)
    rows = evidence.load(proof)
    metric, goal = score(protocol, rows), Target.parse(target)
    road = clocks.read(clocks.parse(_log())) if trained else None
    training = None
    if road is not None and road.clocks is not None:
        training = Training(
            recipe={"epochs": 2},
            seed=seed,
            target=goal,
            clocks=road.clocks,
            environment=_MACHINE,
            validation=None,
        )
    claim = Claim(
        card_format=card.FORMAT,
        task=task,
        system=system,
        architecture="resnet50",
        parameters=size,
        architecture_sha256="0" * 64,
        protocol=protocol,
        metric=metric,
        target=goal,
        verdicts=Verdicts(reproduced=goal.met_by(metric.value), generalises=goal.met_by(metric.low)),
        data=Data(
            name="photographs",
            labels=("cat", "dog"),
            split_rule="given",
            test=SplitRecord(n=n, fingerprint=evidence.fingerprint_of(rows)),
            exact_duplicates=exact_duplicates,
        ),
        start=start,
        environment=_MACHINE,
        evidence_sha256=hashlib.sha256(proof).hexdigest(),
        measured_at=measured_at,
        training=training,
        parent=parent,
        waivers=waivers,
    )
    drawn = card.render(card.Proof(claim=claim, rows=rows, curve=road.curve if road else ()))
    files = {"evidence/test.jsonl": proof, **drawn}
    if trained:
        files["log/events.log"] = _log().encode()
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    certificate = Certificate(files=list_files(folder), claim=claim)
    (folder / "certificate.json").write_bytes(seal(to_statement(certificate), signer))
    return folder


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, so that no test sees the user's keys, policy, registry or cache."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("ROADWORTHY_HOME", str(folder))
    monkeypatch.delenv("ROADWORTHY_REGISTRY", raising=False)
    monkeypatch.delenv("ROADWORTHY_POLICY", raising=False)
    return folder


@pytest.fixture
def keys(home: Path) -> tuple[Key, ...]:
    """The keys that this home trusts: its own."""
    signing_key()
    return trusted_keys()


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """An empty registry in a folder."""
    return open_registry(tmp_path / "registry")


@pytest.fixture
def candidate(tmp_path: Path, keys: tuple[Key, ...]) -> Build:
    """Builds certified candidates, each in a folder of its own name."""

    def make(name: str = "candidate", **facts: object) -> Path:
        return build(tmp_path / name, signing_key(), **facts)  # type: ignore[arg-type]  # facts are build's own

    return make


@pytest.fixture
def version(registry: Registry, candidate: Build, keys: tuple[Key, ...]) -> Manifest:
    """demo/x@1.0.0 with weights of some megabytes."""
    return publish(registry, candidate(size=2_500_000), "demo/x@1.0.0", keys=keys).manifest


@pytest.fixture
def weights_of() -> Callable[..., bytes]:
    """Makes safetensors files."""
    return weights


@pytest.fixture(scope="session")
def build_candidate() -> Build:
    """`build`, for fixtures that live longer than one test."""
    return build


@pytest.fixture(scope="session")
def moto() -> Iterator[s3_servers.Server]:
    """A server of S3 that honours If-None-Match."""
    with s3_servers.moto() as server:
        yield server


@pytest.fixture(scope="session")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3_servers.Server]:
    """A server of S3 that does not."""
    with s3_servers.rclone(tmp_path_factory.mktemp("rclone")) as server:
        yield server
