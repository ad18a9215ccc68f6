"""Decoding and the protocol's transform, against torchvision and timm."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from timm.data import create_transform
from torchvision.transforms.v2 import functional as tv

from roadworthy.finetune.crops import centre_crops, cut
from roadworthy.finetune.pixels import Pixels, UnreadableError, decode, resized


def photograph(photographs: dict[tuple[str, str], list[Path]]) -> Path:
    """One real photograph."""
    return photographs["test", "PNEUMONIA"][3]


def centred(pixels: Pixels, size: int) -> torch.Tensor:
    """The protocol's centre crop of one image, [1, 3, size, size] in 0..255."""
    height, width = (np.array([side]) for side in pixels.shape[:2])
    return cut(torch.from_numpy(np.array(pixels))[None], centre_crops(height, width, size), size)


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (500, 375), (333, 1000), (224, 224)])
def test_resize_and_crop_equal_torchvision(tmp_path: Path, size: tuple[int, int]) -> None:
    """Short side 256, bilinear, centre 224: pixel for pixel what torchvision does to a Pillow image."""
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "x.png")
    pixels = decode(tmp_path / "x.png", resize=256, interpolation="bilinear").pixels
    with Image.open(tmp_path / "x.png") as image:
        theirs = tv.center_crop(tv.resize(image, [256], interpolation=tv.InterpolationMode.BILINEAR), [224, 224])
    ours = centred(pixels, 224)[0].permute(1, 2, 0).numpy()
    assert np.array_equal(ours, np.asarray(theirs).astype(np.float32))


def test_whole_transform_equals_timm(photographs: dict[tuple[str, str], list[Path]]) -> None:
    """On a real photograph, the normalised tensor equals timm's evaluation transform."""
    path = photograph(photographs)
    theirs = create_transform(
        (3, 128, 128), interpolation="bicubic", crop_pct=0.875, mean=(0.5,) * 3, std=(0.5,) * 3, is_training=False
    )
    with Image.open(path) as image:
        expected = theirs(image.convert("RGB"))
    pixels = decode(path, resize=146, interpolation="bicubic").pixels
    ours = (centred(pixels, 128)[0] / 255 - 0.5) / 0.5
    assert torch.allclose(ours, expected, atol=1e-6)


def test_identity_is_of_pixels_not_of_bytes(photographs: dict[tuple[str, str], list[Path]], tmp_path: Path) -> None:
    """The same picture in another file format has the same identity; another picture has not."""
    path = photograph(photographs)
    with Image.open(path) as image:
        image.convert("RGB").save(tmp_path / "same.png")
        image.convert("RGB").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "mirrored.png")
    first = decode(path, resize=32, interpolation="bilinear").identity
    assert decode(tmp_path / "same.png", resize=64, interpolation="bicubic").identity == first
    assert decode(tmp_path / "mirrored.png", resize=32, interpolation="bilinear").identity != first


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    """A picture stored on its side, and marked so, is the upright picture."""
    upright = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(upright).save(tmp_path / "upright.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees clockwise to see it upright
    Image.fromarray(np.rot90(upright)).save(tmp_path / "turned.png", exif=exif)
    one, other = (decode(tmp_path / n, resize=20, interpolation="bilinear") for n in ("upright.png", "turned.png"))
    assert one.identity == other.identity


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b"just words, no picture", "a text file ('just words, no picture')"),
        (b"\x00\x01\x02\x03" * 50, "not a whole image"),
    ],
)
def test_what_is_not_an_image(tmp_path: Path, content: bytes, found: str) -> None:
    """Each kind of wrong file is called what it is."""
    (tmp_path / "x.jpg").write_bytes(content)
    with pytest.raises(UnreadableError, match=found.replace("(", r"\(").replace(")", r"\)")):
        decode(tmp_path / "x.jpg", resize=32, interpolation="bilinear")


def test_a_truncated_image(photographs: dict[tuple[str, str], list[Path]], tmp_path: Path) -> None:
    """Half a JPEG is not decoded as grey."""
    data = photograph(photographs).read_bytes()
    (tmp_path / "half.jpeg").write_bytes(data[: len(data) // 2])
    with pytest.raises(UnreadableError, match=f"a truncated image of {len(data) // 2} bytes"):
        decode(tmp_path / "half.jpeg", resize=32, interpolation="bilinear")


def test_long_side_rounds_down() -> None:
    """torchvision's rule: int(short * long / short side)."""
    assert resized(500, 375, 256) == (341, 256)
    assert resized(375, 500, 256) == (256, 341)
