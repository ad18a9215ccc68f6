"""Every image decoded once into one flat uint8 file, with the index that says which is which.

The file is memory-mapped, so that a data set may be larger than memory. Images keep their shape: only
the short side is resized, to what the protocol's evaluation needs.
"""

import dataclasses
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from roadworthy.model_cards import InputError, Protocol, StorageError

from .examples import Dataset, Example, Examples, Unreadable, check_distinct
from .image_folder import Listed, Listing
from .pixel_store import PixelStore
from .pixels import Decoded, UnreadableError, decode
from .split import Part

Progress = Callable[[str, int, int], None]
_MOST_NAMED = 20  # unreadable files named in one message


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One image of the index: pixel digest, class, part, group, path relative to the data folder, its place.

    ``height`` and ``width`` are those of the decoded copy, ``full_height`` and ``full_width`` those of the file.
    """

    id: str
    label: int
    part: Part
    group: str | None
    path: str
    offset: int
    height: int
    width: int
    full_height: int
    full_width: int


def read_images(
    listing: Listing, protocol: Protocol, folder: Path, progress: Progress | None = None
) -> Dataset[PixelStore]:
    """Decodes what ``listing`` names into ``folder``; a complete earlier cache of the same files is reused.

    Raises:
        InputError: files that are no whole image (all are named), or nothing but copies of one image.
        StorageError: ``folder`` cannot be written.
    """
    index, flat = folder / "index.json", folder / "pixels.bin"
    resize, interpolation = int(str(protocol.parameters["resize"])), str(protocol.parameters["interpolation"])
    stamp = _stamp(listing, f"{resize}-{interpolation}")
    cached = _cached(index, stamp)
    warm = cached is not None
    if cached is None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            cached, unreadable = _decode_all(listing, flat, resize, interpolation, progress)
            if unreadable:
                raise InputError(unreadable_message(listing.root, unreadable))
            _write_index(index, stamp, cached)
        except OSError as error:
            raise StorageError(
                f"cannot write the decoded images to {folder}: {error.strerror}. Free space there or choose "
                "another --out. Your data was not touched."
            ) from error
    examples = _examples(listing, cached)
    check_distinct(examples)
    return Dataset(examples=examples, payload=_store(flat, cached), warm=warm)


def survey_images(
    listing: Listing, flat: Path, *, resize: int, interpolation: str, progress: Progress
) -> tuple[Dataset[PixelStore], tuple[Entry, ...], tuple[Unreadable, ...]]:
    """Decodes into the file ``flat`` whatever can be decoded; what cannot is told and left out.

    Raises:
        InputError: not one image can be decoded.
    """
    entries, unreadable = _decode_all(listing, flat, resize, interpolation, progress)
    if not entries:
        raise InputError(unreadable_message(listing.root, unreadable))
    data = Dataset(examples=_examples(listing, entries), payload=_store(flat, entries), warm=False)
    return data, entries, unreadable


def _examples(listing: Listing, entries: tuple[Entry, ...]) -> Examples:
    return Examples(
        labels=listing.labels,
        members=tuple(
            Example(id=e.id, truth=e.label, part=e.part, name=e.path, row=row, group=e.group)
            for row, e in enumerate(entries)
        ),
        split=listing.split,
        origin=str(listing.root),
        noun="image",
    )


def _store(flat: Path, entries: tuple[Entry, ...]) -> PixelStore:
    return PixelStore(
        flat=np.memmap(flat, dtype=np.uint8, mode="r"),
        offset=np.array([e.offset for e in entries], dtype=np.int64),
        height=np.array([e.height for e in entries], dtype=np.int64),
        width=np.array([e.width for e in entries], dtype=np.int64),
    )


def _decode_all(
    listing: Listing, flat: Path, resize: int, interpolation: str, progress: Progress | None
) -> tuple[tuple[Entry, ...], tuple[Unreadable, ...]]:
    entries: list[Entry] = []
    unreadable: list[Unreadable] = []
    offset = 0
    with flat.open("wb") as file:
        for number, (listed, outcome) in enumerate(decoded(listing, resize, interpolation), start=1):
            relative = listed.path.relative_to(listing.root).as_posix()
            if isinstance(outcome, str):
                unreadable.append(Unreadable(name=relative, found=outcome))
                continue
            height, width = outcome.pixels.shape[:2]
            file.write(outcome.pixels.tobytes())
            entries.append(
                Entry(
                    id=outcome.identity,
                    label=listed.label,
                    part=listing.split.part_of(listed.part, outcome.identity, listed.group),
                    group=listed.group,
                    path=relative,
                    offset=offset,
                    height=height,
                    width=width,
                    full_height=outcome.height,
                    full_width=outcome.width,
                )
            )
            offset += height * width * 3
            if progress is not None:
                progress("reading images", number, len(listing.files))
    return tuple(entries), tuple(unreadable)


def decoded(listing: Listing, resize: int, interpolation: str) -> Iterator[tuple[Listed, Decoded | str]]:
    """Each file decoded, or what it is instead, in the listed order.

    In threads (Pillow releases the interpreter), a bounded number ahead.
    """

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


def unreadable_message(root: Path, unreadable: Sequence[Unreadable]) -> str:
    """One message that names the files that are no images."""
    more = len(unreadable) - _MOST_NAMED
    named = "\n".join(f"  {one.name}: found {one.found}" for one in unreadable[:_MOST_NAMED])
    named += f"\n  and {more} more" if more > 0 else ""
    return (
        f"{len(unreadable)} of the files in {root} cannot be read as images; expected whole JPEG, PNG, WebP, BMP, "
        f"GIF or TIFF files. Replace or remove them; nothing was changed:\n{named}"
    )


def _stamp(listing: Listing, form: str) -> str:
    """Changes whenever a file, its size, its time, its class or its part does."""
    files = [[str(f.path), f.path.stat().st_size, f.path.stat().st_mtime_ns, f.label, f.part] for f in listing.files]
    fields = [field.name for field in dataclasses.fields(Entry)]
    return json.dumps([form, fields, listing.labels, sorted(listing.split.given), str(listing.split.grouping), files])


def _write_index(index: Path, stamp: str, entries: tuple[Entry, ...]) -> None:
    # Written last and moved into place: an index that exists belongs to a complete file.
    aside = index.with_suffix(".tmp")
    aside.write_text(json.dumps({"stamp": stamp, "examples": [dataclasses.astuple(e) for e in entries]}))
    aside.replace(index)


def _cached(index: Path, stamp: str) -> tuple[Entry, ...] | None:
    if not index.is_file():
        return None
    document = json.loads(index.read_text())
    if document["stamp"] != stamp:
        return None
    names = [field.name for field in dataclasses.fields(Entry)]
    return tuple(Entry(**dict(zip(names, values, strict=True))) for values in document["examples"])
