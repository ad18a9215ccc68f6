"""A user's images as they lie on disk: a folder for each class, with or without train/val/test above it.

data/cats/1.jpg                 one pool: split by content, the same on every machine
data/train/cats/1.jpg           given parts: train, val (or validation), test; a missing
data/test/cats/2.jpg            validation part is taken out of train, by content
"""

from dataclasses import dataclass
from pathlib import Path

from roadworthy.model_cards import InputError

from .groups import Grouping, compiled, group_in
from .split import PART_NAMES, Part, Split

IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
_AS_EXPECTED = "Expected DIR/CLASS/image.jpg, or DIR/train/CLASS/image.jpg with DIR/test/CLASS/image.jpg."


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A file that should be an image: its path, its class's index, its part and its group where the user gave one."""

    path: Path
    label: int
    part: Part | None
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Everything found below a data folder, before a byte of an image was read."""

    root: Path
    labels: tuple[str, ...]
    files: tuple[Listed, ...]
    split: Split


def list_folder(root: Path, *, labels: tuple[str, ...] | None = None, group: str | None = None) -> Listing:
    """Lists a data folder. ``labels`` fixes the classes and their order, as a trained model has them; ``group`` is the
    pattern that finds a group in a file's name.

    Raises:
        InputError: no folder, no image, fewer than two classes, an empty class, an unknown class, or a pattern that
            cannot be used.
    """
    listing = look_through(root, labels=labels, group=group)
    if labels is None:
        check_classes(listing)
    check_empty(listing)
    return listing


def look_through(root: Path, *, labels: tuple[str, ...] | None = None, group: str | None = None) -> Listing:
    """Lists a data folder whatever its classes are like.

    Raises:
        InputError: no folder, no image, a class that is none of ``labels``, or a pattern that finds nothing.
    """
    if not root.is_dir():
        raise InputError(f"no data folder at {root}. {_AS_EXPECTED}")
    parts = {PART_NAMES[d.name.lower()]: d for d in _folders(root) if d.name.lower() in PART_NAMES}
    given = frozenset(parts) if "train" in parts or "test" in parts else frozenset()
    tops: dict[Part | None, Path] = {part: folder for part, folder in parts.items() if given} or {None: root}
    found = sorted({d.name for top in tops.values() for d in _folders(top)})
    labels = tuple(found) if labels is None else labels
    unknown = sorted(set(found) - set(labels))
    if unknown:
        raise InputError(
            f"{root} has a class the model was not trained on: {unknown[0]!r}. "
            f"Expected only: {', '.join(labels[:10])}. Rename the folder, or fine-tune on these classes first."
        )
    index = {label: number for number, label in enumerate(labels)}
    pattern = None if group is None else compiled(group)
    files = tuple(
        Listed(
            path=path,
            label=index[folder.name],
            part=part,
            group=None if pattern is None else group_in(pattern, path.name),
        )
        for part, top in tops.items()
        for folder in _folders(top)
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file() and not path.name.startswith(".")
    )
    if not files:
        raise InputError(f"0 images in {root}. {_AS_EXPECTED} Known endings: {' '.join(sorted(IMAGE_SUFFIXES))}.")
    if group is not None and all(one.group is None for one in files):
        raise InputError(
            f"--group-pattern {group!r} is in no file's name in {root}; expected it in most. The first is "
            f"{files[0].path.name!r}."
        )
    grouping = None if group is None else Grouping(by="pattern", name=group)
    split = Split(given=given, unit="folders", content="pixels'", grouping=grouping)
    return Listing(root=root, labels=labels, files=files, split=split)


def _folders(folder: Path) -> list[Path]:
    return sorted(d for d in folder.iterdir() if d.is_dir() and not d.name.startswith("."))


def check_classes(listing: Listing) -> None:
    """Raises InputError where the classes are fewer than two, or cannot be told apart."""
    root, labels = listing.root, listing.labels
    if len(labels) == 1:
        raise InputError(f"only one class in {root}: {labels[0]!r}. A classifier needs at least two. {_AS_EXPECTED}")
    folded: dict[str, str] = {}
    for label in labels:
        other = folded.setdefault(label.casefold(), label)
        if other != label:
            raise InputError(
                f"the classes {other!r} and {label!r} in {root} differ only in case; some disks cannot hold both "
                "and most such pairs are one class. Rename or merge one of them."
            )


def check_empty(listing: Listing) -> None:
    """Raises InputError where a class has no image to train on."""
    needed: frozenset[Part | None] = frozenset({"train"}) if "train" in listing.split.given else frozenset({None})
    if listing.split.given and "train" not in listing.split.given:
        return  # a test folder alone may lack a class
    have = {listed.label for listed in listing.files if listed.part in needed}
    empty = [label for number, label in enumerate(listing.labels) if number not in have]
    if empty:
        raise InputError(
            f"class {empty[0]!r} in {listing.root} has 0 images to train on. "
            "Expected at least one image in each class folder. Add images, or remove the folder."
        )
