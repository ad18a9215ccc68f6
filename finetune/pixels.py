"""Decoding: a file becomes RGB pixels, an identity (the digest of those pixels), and a resized copy.

Pillow decodes, so that training, verification and a stranger's second look see the same pixels.
"""

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

Pixels = NDArray[np.uint8]
_MOST_PIXELS = 2**26  # of the copy: its short side is fixed, and the long one is not

# Pillow's names of what a data folder may hold. Left to itself it also asks formats that start other programs (EPS).
FORMATS = ("BMP", "DIB", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


class UnreadableError(Exception):
    """A file that is not a whole image; the message says what was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """``identity``: SHA-256 of size and RGB pixels at full size, which is ``width`` x ``height``.

    ``pixels``: the resized copy, uint8 [height, width, 3].
    """

    identity: str
    width: int
    height: int
    pixels: Pixels


def decode(path: Path, *, resize: int, interpolation: str) -> Decoded:
    """Decodes one image, upright (EXIF), as RGB, its short side resized to ``resize`` pixels.

    Raises:
        UnreadableError: truncated, not an image, or a bomb of more pixels than Pillow allows.
    """
    try:
        with warnings.catch_warnings():
            # Pillow warns of large images and odd metadata; only what cannot be decoded matters here.
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as file:
                image = ImageOps.exif_transpose(file).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UnreadableError(_found(path, error)) from error
    width, height = resized(image.width, image.height, resize)
    if width * height > _MOST_PIXELS:
        raise UnreadableError(f"a picture {image.width} pixels wide and {image.height} high, too long for its width")
    digest = hashlib.sha256(f"{image.width}x{image.height}:".encode())
    digest.update(image.tobytes())
    small = image.resize((width, height), _FILTERS[interpolation])
    return Decoded(identity=digest.hexdigest(), width=image.width, height=image.height, pixels=np.asarray(small))


def resized(width: int, height: int, short: int) -> tuple[int, int]:
    """(width, height) with the short side at ``short``; the long side rounds down, as torchvision's does."""
    if width <= height:
        return short, int(short * height / width)
    return int(short * width / height), short


def _found(path: Path, error: Exception) -> str:
    size = path.stat().st_size if path.is_file() else 0
    if size == 0:
        return "an empty file"
    with path.open("rb") as file:
        head = file.read(64)
    if "truncated" in str(error).lower() or "broken" in str(error).lower():
        return f"a truncated image of {size} bytes"
    if head.isascii() and b"\0" not in head:
        return f"a text file ({head[:24].decode()!r})"
    return "not a whole image" if isinstance(error, OSError) else f"not an image ({str(error).splitlines()[0][:80]})"
