"""The decoded cache, and the data errors that only decoding shows."""

import shutil
from pathlib import Path

import pytest

from roadworthy.finetune.examples import Dataset
from roadworthy.finetune.image_data import read_images
from roadworthy.finetune.image_folder import list_folder
from roadworthy.finetune.pixel_store import PixelStore
from roadworthy.model_cards import InputError, Protocol, image_top1

from .conftest import Lay


@pytest.fixture
def protocol() -> Protocol:
    """A small protocol."""
    return image_top1(resize=36, crop=32, interpolation="bilinear", mean=(0.5,) * 3, std=(0.5,) * 3)


def read(root: Path, protocol: Protocol, cache: Path) -> Dataset[PixelStore]:
    """Reads a folder through a cache."""
    return read_images(list_folder(root), protocol, cache)


def test_a_second_reading_is_warm_and_equal(lay: Lay, protocol: Protocol, tmp_path: Path) -> None:
    """The cache is reused for the same files, and says so."""
    root = lay()
    first, second = (read(root, protocol, tmp_path / "cache") for _ in range(2))
    assert (first.warm, second.warm) == (False, True)
    assert first.examples == second.examples
    assert bytes(first.payload.flat) == bytes(second.payload.flat)


def test_a_changed_file_makes_the_cache_cold(lay: Lay, protocol: Protocol, tmp_path: Path) -> None:
    """A file that was replaced is decoded again."""
    root = lay()
    read(root, protocol, tmp_path / "cache")
    files = sorted((root / "train/NORMAL").iterdir())
    shutil.copyfile(files[0], files[1])
    again = read(root, protocol, tmp_path / "cache")
    assert not again.warm
    ids = {e.name: e.id for e in again.examples.members}
    one, other = (path.relative_to(root).as_posix() for path in files[:2])
    assert ids[one] == ids[other]


def test_every_unreadable_file_is_named_at_once(lay: Lay, protocol: Protocol, tmp_path: Path) -> None:
    """A truncated image and a text file named .jpg: both in one report, and the folder untouched."""
    root = lay()
    whole = sorted((root / "train/NORMAL").iterdir())[0]
    (root / "train/NORMAL/a-half.jpeg").write_bytes(whole.read_bytes()[:3000])
    (root / "test/PNEUMONIA/words.jpg").write_text("not a picture")
    before = sorted((p, p.stat().st_mtime_ns) for p in root.rglob("*"))
    with pytest.raises(InputError) as caught:
        read(root, protocol, tmp_path / "cache")
    message = str(caught.value)
    assert message.startswith(f"2 of the files in {root} cannot be read as images; expected whole JPEG")
    assert "  train/NORMAL/a-half.jpeg: found a truncated image of 3000 bytes" in message
    assert "  test/PNEUMONIA/words.jpg: found a text file ('not a picture')" in message
    assert sorted((p, p.stat().st_mtime_ns) for p in root.rglob("*")) == before


def test_nothing_but_copies_of_one_picture(lay: Lay, protocol: Protocol, tmp_path: Path) -> None:
    """100 % duplicates cannot be learnt from."""
    root = lay()
    files = [p for p in root.rglob("*.jpeg")]
    for path in files[1:]:
        shutil.copyfile(files[0], path)
    with pytest.raises(InputError, match=r"all 64 images in .* are one and the same"):
        read(root, protocol, tmp_path / "cache")


def test_a_test_part_that_was_trained_on(lay: Lay, protocol: Protocol, tmp_path: Path) -> None:
    """A test part copied out of train is no test."""
    root = lay()
    shutil.rmtree(root / "test")
    shutil.copytree(root / "train", root / "test")
    with pytest.raises(InputError, match=r"100 % of the 48 test images in .* are also among those to train on"):
        read(root, protocol, tmp_path / "cache")


def test_leaked_images_are_counted_and_can_be_left_out(lay: Lay, protocol: Protocol, tmp_path: Path) -> None:
    """One test picture, copied into train under another name."""
    root = lay()
    shutil.copyfile(next((root / "test/NORMAL").iterdir()), root / "train/NORMAL/copied.jpeg")
    data = read(root, protocol, tmp_path / "cache").examples
    assert data.exact_duplicates() == 1
    assert [e.name for e in data.leaked()] == ["train/NORMAL/copied.jpeg"]
    clean = data.without_leaked()
    assert clean.exact_duplicates() == 0
    assert len(clean.part("test")) == len(data.part("test"))


def test_the_split_is_the_same_wherever_the_folder_lies(lay: Lay, protocol: Protocol, tmp_path: Path) -> None:
    """Other names and another folder, the same pictures: the same parts and the same fingerprints."""
    one = lay("one", parts=False)
    other = tmp_path / "other"
    for number, path in enumerate(sorted(one.rglob("*.jpeg"), reverse=True)):
        folder = other / path.parent.name
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / f"{number}.jpeg")
    first, second = read(one, protocol, tmp_path / "c1"), read(other, protocol, tmp_path / "c2")
    for part in ("train", "validation", "test"):
        assert first.examples.record(part) == second.examples.record(part)
        assert first.examples.record(part).n > 0
