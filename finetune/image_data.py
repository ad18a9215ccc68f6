"""Every image decoded once into one flat uint8 file, with the index that says which is which.

The file is memory-mapped, so that a data set may be larger than memory. Images keep their shape: only
the short side is resized, to what the protocol's evaluation needs.
"""

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roadworthy.model_cards import InputError, Protocol, StorageError
from roadworthy.model_cards.certificate import SplitRecord
from roadworthy.model_cards.evidence import fingerprint

from .image_folder import Listed, Listing, Part
from .pixels import Decoded, Pixels, UnreadableError, decode

Progress = Callable[[str, int, int], None]
_MOST_NAMED = 20  # unreadable files named in one message


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One image: pixel digest, class, part, path relative to the data folder, and its place in the file."""

    id: str
    label: int
    part: Part
    path: str
    offset: int
    height: int
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageData:
    """All examples with their pixels. ``pixels`` is flat uint8; ``image`` cuts one out."""

    labels: tuple[str, ...]
    examples: tuple[Example, ...]
    pixels: NDArray[np.uint8]
    split_rule: str
    warm: bool

    def part(self, part: Part) -> tuple[Example, ...]:
        """The examples of one part, in the order of their paths."""
        return tuple(example for example in self.examples if example.part == part)

    def image(self, example: Example) -> Pixels:
        """uint8 [height, width, 3], a view of the file."""
        end = example.offset + example.height * example.width * 3
        return self.pixels[example.offset : end].reshape(example.height, example.width, 3)

    def record(self, part: Part) -> SplitRecord:
        """Size and fingerprint of one part, for the certificate."""
        examples = self.part(part)
        return SplitRecord(n=len(examples), fingerprint=fingerprint((e.id, e.label) for e in examples))

    def leaked(self) -> tuple[Example, ...]:
        """Images to train or stop on whose pixels are also in the test part, in the order of their paths."""
        test = {e.id for e in self.part("test")}
        return tuple(e for e in self.examples if e.part != "test" and e.id in test)

    def without_leaked(self) -> "ImageData":
        """The same data, what leaked left out of training and stopping; the test part stays whole."""
        leaked = {e.path for e in self.leaked()}
        return dataclasses.replace(self, examples=tuple(e for e in self.examples if e.path not in leaked))

    def exact_duplicates(self) -> int:
        """Test images whose pixels were also trained or stopped on."""
        seen = {e.id for e in self.examples if e.part != "test"}
        return sum(e.id in seen for e in self.part("test"))


def read_images(listing: Listing, protocol: Protocol, folder: Path, progress: Progress | None = None) -> ImageData:
    """Decodes what ``listing`` names into ``folder``; a complete earlier cache of the same files is reused.

    Raises:
        InputError: files that are no whole image (all are named), or nothing but copies of one image.
        StorageError: ``folder`` cannot be written.
    """
    index, flat = folder / "index.json", folder / "pixels.bin"
    resize, interpolation = int(str(protocol.parameters["resize"])), str(protocol.parameters["interpolation"])
    stamp = _stamp(listing, f"{resize}-{interpolation}")
    cached = _cached(index, stamp)
    if cached is None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            cached = _decode_all(listing, flat, resize, interpolation, progress)
            _write_index(index, stamp, cached)
        except OSError as error:
            raise StorageError(
                f"cannot write the decoded images to {folder}: {error.strerror}. Free space there or choose "
                "another --out. Your data was not touched."
            ) from error
        warm = False
    else:
        warm = True
    _check_distinct(listing, cached)
    pixels = np.memmap(flat, dtype=np.uint8, mode="r")
    return ImageData(labels=listing.labels, examples=cached, pixels=pixels, split_rule=listing.split_rule, warm=warm)


def _decode_all(
    listing: Listing, flat: Path, resize: int, interpolation: str, progress: Progress | None
) -> tuple[Example, ...]:
    examples: list[Example] = []
    problems: list[str] = []
    offset = 0
    with flat.open("wb") as file:
        for number, (listed, outcome) in enumerate(_decoded(listing, resize, interpolation), start=1):
            relative = listed.path.relative_to(listing.root).as_posix()
            if isinstance(outcome, str):
                problems.append(f"  {relative}: found {outcome}")
                continue
            height, width = outcome.pixels.shape[:2]
            file.write(outcome.pixels.tobytes())
            examples.append(
                Example(
                    id=outcome.identity,
                    label=listed.label,
                    part=listing.part_of(listed, outcome.identity),
                    path=relative,
                    offset=offset,
                    height=height,
                    width=width,
                )
            )
            offset += height * width * 3
            if progress is not None:
                progress("reading images", number, len(listing.files))
    if problems:
        raise InputError(unreadable_message(listing.root, problems))
    return tuple(examples)


def _decoded(listing: Listing, resize: int, interpolation: str) -> Iterator[tuple[Listed, Decoded | str]]:
    """Decodes in threads (Pillow releases the interpreter), a bounded number ahead, in the listed order."""

    def one(listed: Listed) -> Decoded | str:
        try:
            return decode(listed.path, resize=resize, interpolation=interpolation)
        except UnreadableError as error:
            return str(error)

    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        waiting = iter(listing.files)
        while ahead := list(islice(waiting, 32 * workers)):
            yield from zip(ahead, pool.map(one, ahead), strict=True)


def unreadable_message(root: Path, problems: list[str]) -> str:
    """One message that names the files that are no images."""
    more = len(problems) - _MOST_NAMED
    named = "\n".join(problems[:_MOST_NAMED]) + (f"\n  and {more} more" if more > 0 else "")
    return (
        f"{len(problems)} of the files in {root} cannot be read as images; expected whole JPEG, PNG, WebP, BMP, "
        f"GIF or TIFF files. Replace or remove them; nothing was changed:\n{named}"
    )


def _check_distinct(listing: Listing, examples: tuple[Example, ...]) -> None:
    distinct = Counter(example.id for example in examples)
    if len(examples) > 1 and len(distinct) == 1:
        raise InputError(
            f"all {len(examples)} images in {listing.root} are the same picture, pixel for pixel. "
            "Expected different images. Check how the folder was filled."
        )
    test = [e for e in examples if e.part == "test"]
    seen = {e.id for e in examples if e.part != "test"}
    if test and seen and all(e.id in seen for e in test):
        raise InputError(
            f"100 % of the {len(test)} test images in {listing.root} are also among the images to train on. "
            "A model cannot be measured on what it has seen. Give test images of their own."
        )


def _stamp(listing: Listing, form: str) -> str:
    """Changes whenever a file, its size, its time, its class or its part does."""
    files = [[str(f.path), f.path.stat().st_size, f.path.stat().st_mtime_ns, f.label, f.part] for f in listing.files]
    return json.dumps([form, listing.labels, sorted(listing.given), files])


def _write_index(index: Path, stamp: str, examples: tuple[Example, ...]) -> None:
    # Written last and moved into place: an index that exists belongs to a complete file.
    aside = index.with_suffix(".tmp")
    aside.write_text(json.dumps({"stamp": stamp, "examples": [dataclasses.astuple(e) for e in examples]}))
    aside.replace(index)


def _cached(index: Path, stamp: str) -> tuple[Example, ...] | None:
    if not index.is_file():
        return None
    document = json.loads(index.read_text())
    if document["stamp"] != stamp:
        return None
    names = [field.name for field in dataclasses.fields(Example)]
    return tuple(Example(**dict(zip(names, values, strict=True))) for values in document["examples"])
