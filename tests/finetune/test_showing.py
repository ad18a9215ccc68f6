"""What a page shows of a user's examples, and what it leaves behind."""

import io
from pathlib import Path

from PIL import Image

from roadworthy.finetune.showing import show, thumbnail

from .conftest import Lay, Review, write_reviews


def photograph(path: Path, size: tuple[int, int]) -> None:
    """A JPEG with a camera, a place and a rotation in its metadata."""
    image = Image.new("RGB", size, (200, 30, 30))
    exif = Image.Exif()
    exif[0x010F] = "Secret Camera"
    exif[0x0112] = 6  # to be turned by 90 degrees
    exif.get_ifd(0x8825)[1] = "N"
    image.save(path, exif=exif, comment=b"patient: Jane Doe")


def test_a_thumbnail_carries_nothing_but_pixels(tmp_path: Path) -> None:
    """No camera, no place, no comment; upright, and no side longer than 256."""
    photograph(tmp_path / "a.jpg", (800, 400))
    data = thumbnail(tmp_path / "a.jpg")
    assert b"Secret" not in data
    assert b"Jane" not in data
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "JPEG"
        assert image.size == (128, 256)
        assert dict(image.getexif()) == {}


def test_pictures_that_are_gone_are_left_out(lay: Lay) -> None:
    """A name that no longer exists costs nobody the page."""
    data = lay()
    name = next((data / "train/NORMAL").iterdir()).relative_to(data).as_posix()
    assert set(show(data, [name, "train/NORMAL/gone.jpeg"])) == {name}


def test_texts_begin(reviews: list[Review], tmp_path: Path) -> None:
    """The first 300 characters of the row that has the name."""
    long = next(n for n, (text, _) in enumerate(reviews) if len(text) > 400)
    data = write_reviews(tmp_path / "reviews", reviews, train=long + 1, val=1, test=1)
    name = f"train.csv:{long + 1}"
    shown = show(data, [name])[name]
    assert shown.picture is None
    assert shown.text is not None
    assert shown.text.endswith("…")
    assert reviews[long][0].startswith(shown.text[:-1])
    assert 290 <= len(shown.text) <= 301
