"""Near copies of real pictures and texts are found, and different ones are not."""

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
import pytest
from datasketch import MinHash
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from roadworthy.cli.demo_data import WEIGHTS, carried
from roadworthy.finetune import import_checkpoint, survey
from roadworthy.finetune.clean_request import Request
from roadworthy.finetune.examples import Example, Examples
from roadworthy.finetune.leak_search import find_near
from roadworthy.finetune.near import Printed, look_alikes, method_of
from roadworthy.finetune.near_images import PerceptualHash, phash, within
from roadworthy.finetune.near_texts import jaccard, shingles
from roadworthy.finetune.open_model import open_snapshot
from roadworthy.finetune.progress import silent
from roadworthy.finetune.split import Split
from roadworthy.model_cards.certificate import SplitRecord

from .conftest import Lay, Review, write_reviews

OTHER = SplitRecord(n=3, fingerprint="f" * 64)
SPLIT = Split(given=frozenset(), unit="folders", content="pixels'")
HASHES = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=30)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real ImageNet features."""
    folder = tmp_path_factory.mktemp("lite0") / "start"
    import_checkpoint(carried(WEIGHTS, ".pth")[0], system="timm:tf_efficientnet_lite0", out=folder)
    return folder


def _smaller(image: Image.Image) -> Image.Image:
    return image.resize((round(0.9 * image.width), round(0.9 * image.height)))


ALTERED: list[Callable[[Image.Image], Image.Image]] = [
    lambda image: image,  # encoded again at a low quality below
    _smaller,
    lambda image: ImageEnhance.Brightness(image).enhance(1.05),
]


def test_near_copies_of_xrays(lay: Lay, start: Path) -> None:
    """Nine training pictures encoded again, smaller or brighter, in the test part: found beside their originals."""
    data = lay(train=60, test=20)
    originals = sorted((data / "train/NORMAL").iterdir())[:45:5]
    for number, path in enumerate(originals):
        with Image.open(path) as image:
            ALTERED[number % 3](image.convert("L")).save(data / "test/NORMAL" / f"near-{path.stem}.jpeg", quality=50)
    found = survey(data, start=start, options={"image_size": 96}).near
    assert found is not None
    assert found.confirmed
    pairs = {Path(pair.test).name: Path(pair.other).name for pair in found.pairs}
    planted = {f"near-{path.stem}.jpeg": path.name for path in originals}
    assert {name: other for name, other in pairs.items() if name.startswith("near-")} == planted
    # 40 other X-rays, all of one kind: none of them is a copy.
    assert set(pairs) == set(planted)
    assert all(pair.similarity is not None and pair.similarity >= 0.93 for pair in found.pairs)
    assert all(pair.distance <= 8 for pair in found.pairs)


def test_exact_copies_are_told_as_such_and_not_twice(lay: Lay) -> None:
    """A copy is a leak, and no near duplicate."""
    data = lay()
    shutil.copyfile(next((data / "train/NORMAL").iterdir()), data / "test/NORMAL/copy.jpeg")
    found = survey(data)
    assert len(found.leaks) == 1
    assert found.near is not None
    assert not found.near.confirmed
    assert all(pair.distance <= 4 for pair in found.near.pairs)
    assert "test/NORMAL/copy.jpeg" not in {pair.test for pair in found.near.pairs}


def test_the_hash_is_the_librarys(lay: Lay) -> None:
    """Bit by bit, on real pictures at their full size."""
    for path in sorted((lay() / "test/NORMAL").iterdir())[:3]:
        with Image.open(path) as image:
            pixels = image.convert("RGB")
            assert f"{phash(np.asarray(pixels)):016x}" == str(imagehash.phash(pixels))


@given(HASHES, HASHES, st.integers(0, 64))
def test_every_pair_within_the_distance_is_found(asked: list[int], among: list[int], most: int) -> None:
    """As Python counts bits; of more than four the four nearest."""
    found = list(within(np.array(asked, dtype=np.uint64), np.array(among, dtype=np.uint64), most, silent))
    for place, one in enumerate(asked):
        distances = sorted(d for other in among if (d := (one ^ other).bit_count()) <= most)
        assert [d for at, _, d in found if at == place] == distances[:4]
    assert all((asked[a] ^ among[b]).bit_count() == d for a, b, d in found)


def test_near_copies_of_reviews(reviews: list[Review], tmp_path: Path) -> None:
    """Every fiftieth word exchanged, in other letters and with other spaces: found; 40 other reviews are not."""
    known = reviews[:60]
    changed = []
    for text, label in known[:8]:
        words = text.split()
        words[::50] = ["film"] * len(words[::50])
        changed.append(("  ".join(words).upper(), label))
    data = write_reviews(
        tmp_path / "reviews", [*known, *reviews[60:70], *changed, *reviews[100:140]], train=60, val=10, test=48
    )
    found = survey(data).near
    assert found is not None
    assert found.confirmed
    assert {pair.test: pair.other for pair in found.pairs} == {f"test.csv:{n}": f"train.csv:{n}" for n in range(1, 9)}
    assert all(pair.similarity is not None and pair.similarity >= 0.7 for pair in found.pairs)


def test_shingles_by_hand() -> None:
    """Two texts of seven and six letters share two of four shingles; a short text is one."""
    a, b = shingles("abcdefg"), shingles("Abcdef")
    assert (len(a), len(b)) == (3, 2)
    assert jaccard(a, b) == 2 / 3
    assert jaccard(shingles("cat"), shingles("CAT ")) == 1
    assert jaccard(shingles("cat"), shingles("dog")) == 0


def test_the_jaccard_is_that_of_sets(reviews: list[Review]) -> None:
    """Of five letters in a row, as Python's sets have it; MinHash is within its error of it."""
    for (one, _), (other, _) in zip(reviews[:20], reviews[20:40], strict=True):
        texts = [" ".join(text.casefold().split()) for text in (one, one[: len(one) // 2] + other)]
        sets = [{text[n : n + 5] for n in range(len(text) - 4)} for text in texts]
        expected = len(sets[0] & sets[1]) / len(sets[0] | sets[1])
        prints = [shingles(text) for text in texts]
        assert jaccard(*prints) == pytest.approx(expected, abs=1e-9)
        hashes = [MinHash(num_perm=128, hashfunc=int) for _ in prints]
        for signature, found in zip(hashes, prints, strict=True):
            signature.update_batch(found)
        assert hashes[0].jaccard(hashes[1]) == pytest.approx(expected, abs=0.16)


@pytest.mark.parametrize(("alike", "found"), [(0.99, 0), (0.9999, 1)])
def test_a_model_that_finds_everything_alike_confirms_nothing(alike: float, found: int) -> None:
    """Two pictures with one hash: no more alike than any two are (0.995), or more."""
    members = [
        Example(id=f"{n:064x}", truth=0, part="test" if n == 0 else "train", name=f"{n}", row=n) for n in range(40)
    ]
    examples = Examples(labels=("a",), members=tuple(members), split=SPLIT, origin="photos", noun="image")
    # The first two have the hash 0; the others half of the bits.
    printed = Printed(examples=examples, prints=np.array([0, 0] + [2**32 - 1] * 38, dtype=np.uint64))

    def embed(chosen: Sequence[Example]) -> NDArray[np.float32]:
        angles = [np.arccos({0: 1, 1: alike}.get(e.row, 0.995)) for e in chosen]
        return np.array([[np.cos(angle), np.sin(angle)] for angle in angles], dtype=np.float32)

    pairs = look_alikes(PerceptualHash(), printed, members[:1], members[1:], embed, silent)
    assert len(pairs) == found


def test_a_task_without_a_method() -> None:
    """One that says so, and one that was written before there were any."""
    assert method_of(type("Sonar", (), {"near": None})()) is None
    assert method_of(object()) is None


@pytest.mark.parametrize(
    ("train", "method", "why"),
    [
        (None, True, "it was measured without a training run"),
        (OTHER, False, "there is no method for image-classification yet"),
        (OTHER, True, "the training data was not at hand: this folder's train part is another"),
    ],
)
def test_why_it_was_not_measured(
    snapshot: Path, lay: Lay, tmp_path: Path, train: SplitRecord | None, method: bool, why: str
) -> None:
    """In words for the card, and no file is left."""
    opened = open_snapshot(snapshot)
    config = dataclasses.replace(opened.config, labels=("NORMAL", "PNEUMONIA"))
    # A task that was written before there were methods.
    task: Any = opened.task if method else object()
    request = Request(
        snapshot="", parent=None, data=str(lay()), out=str(tmp_path), device=None, options={}, train=train
    )
    assert find_near(request, dataclasses.replace(opened, config=config, task=task), silent) == why
    assert not (tmp_path / "near.jsonl").exists()
