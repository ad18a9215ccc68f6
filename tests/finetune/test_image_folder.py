"""A user's folder, good and bad."""

import re
import shutil
from pathlib import Path

import pytest

from roadworthy.finetune.image_folder import list_folder
from roadworthy.model_cards import InputError

from .conftest import Lay


def test_given_parts_are_kept(lay: Lay) -> None:
    """train/ and test/ stay what they are; validation is carved out of train."""
    listing = list_folder(lay())
    assert listing.labels == ("NORMAL", "PNEUMONIA")
    assert listing.split.given == {"train", "test"}
    assert len(listing.files) == 64
    carved = {listing.split.part_of(f.part, f"{n:064x}") for n, f in enumerate(listing.files) if f.part == "train"}
    assert carved <= {"train", "validation"}


def test_a_pool_is_split_by_content(lay: Lay) -> None:
    """Without parts, the digest alone decides, in the stated shares."""
    listing = list_folder(lay(parts=False))
    listed = listing.files[0]
    parts = [
        listing.split.part_of(listed.part, f"{int(share * 16**15):015x}" + "0" * 49)
        for share in (0.0, 0.149, 0.151, 0.299, 0.301, 0.99)
    ]
    assert parts == ["test", "test", "validation", "validation", "train", "train"]


@pytest.mark.parametrize("name", ["val", "valid", "validation"])
def test_validation_folder_by_any_usual_name(lay: Lay, name: str) -> None:
    """A validation part that is given is used as it is."""
    root = lay()
    shutil.copytree(root / "test", root / name)
    listing = list_folder(root)
    assert "validation" in listing.split.given
    assert listing.split.rule == "as given by the folders test, train, validation"


def test_hidden_and_foreign_files_are_passed_over(lay: Lay) -> None:
    """What an operating system drops into folders is no image."""
    root = lay()
    (root / "train/NORMAL/.DS_Store").write_bytes(b"x")
    (root / "train/NORMAL/._1.jpeg").write_bytes(b"x")
    (root / "train/NORMAL/Thumbs.db").write_bytes(b"x")
    assert len(list_folder(root).files) == 64


def refused(root: Path, labels: tuple[str, ...] | None = None) -> str:
    """The message that a folder is refused with."""
    with pytest.raises(InputError) as caught:
        list_folder(root, labels=labels)
    return str(caught.value)


def test_no_folder(tmp_path: Path) -> None:
    """A path that is not there names itself and the expected form."""
    assert re.match(r"no data folder at .*nowhere\. Expected DIR/CLASS/image\.jpg", refused(tmp_path / "nowhere"))


def test_no_images(tmp_path: Path) -> None:
    """Two classes without a picture."""
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
    assert refused(tmp_path).startswith(f"0 images in {tmp_path}. Expected DIR/CLASS/image.jpg")


def test_one_class(lay: Lay) -> None:
    """One class cannot be told from another."""
    root = lay(parts=False)
    shutil.rmtree(root / "NORMAL")
    assert refused(root).startswith(f"only one class in {root}: 'PNEUMONIA'. A classifier needs at least two.")


def test_an_empty_class(lay: Lay) -> None:
    """A class folder without an image is named."""
    root = lay(parts=False)
    (root / "TUBERCULOSIS").mkdir()
    assert refused(root).startswith(f"class 'TUBERCULOSIS' in {root} has 0 images to train on.")


def test_a_class_twice_by_case(lay: Lay) -> None:
    """'normal' and 'NORMAL' are a slip, not two classes."""
    root = lay(parts=False)
    shutil.copytree(root / "NORMAL", root / "normal")
    assert "differ only in case" in refused(root)


def test_a_class_the_model_does_not_know(lay: Lay) -> None:
    """Measuring on other classes than the model's is refused by name."""
    assert "a class the model was not trained on: 'NORMAL'" in refused(lay(), labels=("PNEUMONIA", "cat"))
