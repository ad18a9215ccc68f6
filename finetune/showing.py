"""A user's own examples, small enough for a page: a thumbnail, or the beginning of a text."""

import io
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from roadworthy.model_cards import InputError

from .pixels import FORMATS
from .text_table import SUFFIXES, columns_of, look_through

SIDE = 256  # pixels of a thumbnail, at most
SHOWN = ("image-classification", "text-classification")  # tasks whose examples are pictures or texts
_LETTERS = 300
_QUALITY = 82


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One of both: a JPEG without any metadata, or a text."""

    picture: bytes | None = None
    text: str | None = None


def thumbnail(path: Path, side: int = SIDE) -> bytes:
    """A JPEG of the image, upright, its longer side at most ``side`` pixels; nothing of its metadata.

    Raises:
        OSError, SyntaxError, ValueError, Image.DecompressionBombError: it is no whole image.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(path, formats=FORMATS) as file:
            image = ImageOps.exif_transpose(file).convert("RGB")
    image.thumbnail((side, side))
    # A new image: what a file carries besides its pixels (a place, a camera, a patient) is left behind.
    bare = Image.frombytes("RGB", image.size, image.tobytes())
    target = io.BytesIO()
    bare.save(target, "JPEG", quality=_QUALITY)
    return target.getvalue()


def show(data: Path, names: Iterable[str], *, options: Mapping[str, str | int] | None = None) -> dict[str, Shown]:
    """The examples of ``data`` with these names, as far as they can still be found there."""
    wanted = set(names)
    if not wanted:
        return {}
    if data.is_file() or (data.is_dir() and any(path.suffix.lower() in SUFFIXES for path in data.iterdir())):
        return _texts(data, wanted, options or {})
    return {name: shown for name in wanted if (shown := _picture(data / name)) is not None}


def _picture(path: Path) -> Shown | None:
    try:
        return Shown(picture=thumbnail(path))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None  # moved or changed since: the page does without it


def _texts(data: Path, wanted: set[str], options: Mapping[str, str | int]) -> dict[str, Shown]:
    try:
        table, _ = look_through(data, **columns_of(options))
    except InputError:
        return {}
    return {row.where: Shown(text=_beginning(row.text)) for row in table.rows if row.where in wanted}


def _beginning(text: str) -> str:
    return text if len(text) <= _LETTERS else text[:_LETTERS].rstrip() + "…"
