"""What may be stored: weights as safetensors, and files that nothing runs or unpickles."""

import json
import mmap
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from roadworthy.model_cards import sketch
from roadworthy.model_cards.configuration import ADAPTER, dangers
from roadworthy.model_cards.errors import DamagedError, InputError, StorageError
from roadworthy.model_cards.snapshot import CONFIG, MODEL_SIGNATURE, WEIGHTS, check_path, leads_away

from .pickles import runs_code
from .safetensors_header import lie

_SUFFIXES = {
    *(".safetensors", ".json", ".jsonl", ".csv", ".tsv", ".yaml", ".yml", ".model", ".vocab"),
    *(".md", ".txt", ".log", ".svg", ".png", ".jpg", ".jpeg", ".webp", ".sketch"),
}
_NAMES = {"LICENSE", "LICENCE", "NOTICE", "COPYING", "AUTHORS", "README", ".gitattributes", MODEL_SIGNATURE}
_PICKLES = {".bin", ".ckpt", ".dill", ".joblib", ".npy", ".npz", ".pickle", ".pkl", ".pt", ".pth", ".tar"}

# How files begin that hold code, or pickles, whatever they are called.
_MAGIC = (
    (b"\x80\x02", "a pickle"),
    (b"\x80\x03", "a pickle"),
    (b"\x80\x04", "a pickle"),
    (b"\x80\x05", "a pickle"),
    (b"PK\x03\x04", "a zip archive, as torch.save writes"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"\x93NUMPY", "a NumPy file, which may hold pickles"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x7fELF", "a program (ELF)"),
    (b"MZ", "a program (Windows)"),
    (b"\xcf\xfa\xed\xfe", "a program (macOS)"),
    (b"\xca\xfe\xba\xbe", "a program (macOS or Java)"),
    (b"#!", "a script"),
)
# Bytes. The largest tokenizers of today have half of it; of brackets alone it is gigabytes of lists.
_LONGEST_JSON = 64 * 2**20
_ACTIVE_SVG = re.compile(rb"<script|<foreignobject|<iframe|javascript:|<!entity|\son[a-z]+\s*=", re.IGNORECASE)
_YAML_TAG = re.compile(rb"!!python/|tag:yaml\.org,2002:python/|!!javax?\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """Why one file may not be stored."""

    file: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.file}: expected {self.expected}, found {self.found}"


def inspect(folder: Path, *, whole: bool = True) -> tuple[Objection, ...]:
    """Everything about the snapshot in ``folder`` that may not be stored. Loads no tensor and runs nothing.

    Not ``whole``: only some of a snapshot's files are there, so none is missing.

    Raises:
        InputError: ``folder`` is no folder.
        StorageError: a file cannot be read.
    """
    if not folder.is_dir():
        raise InputError(f"no snapshot at {folder}: expected a folder with {CONFIG} and {WEIGHTS}.")
    found: list[Objection] = []
    names = []
    try:
        for where, folders, files in os.walk(folder, onerror=_raise):
            for name in sorted([*files, *(f for f in folders if os.path.islink(os.path.join(where, f)))]):
                path = Path(where, name)
                names.append(path.relative_to(folder).as_posix())
                found += _objections(path, names[-1], folder, whole)
    except OSError as error:
        raise StorageError(f"cannot read {error.filename}: {error.strerror or error}. Nothing was stored.") from error
    if whole and CONFIG not in names:
        found.append(Objection(file=CONFIG, expected="the model's configuration", found="no such file"))
    if whole and not any(name.endswith(".safetensors") for name in names):
        found.append(Objection(file=WEIGHTS, expected="weights in safetensors", found="no such file"))
    return tuple(sorted(found, key=lambda objection: objection.file))


def may_run_code(paths: Iterable[str]) -> tuple[str, ...]:
    """Those of the paths whose names say that they hold code or pickles, or nothing that is known. Opens no file."""
    pure = map(PurePosixPath, paths)
    return tuple(str(path) for path in pure if path.suffix.lower() not in _SUFFIXES and path.name not in _NAMES)


def _raise(error: OSError) -> None:
    raise error


def _objections(path: Path, name: str, folder: Path, whole: bool) -> Iterator[Objection]:
    pure = PurePosixPath(name)
    suffix = pure.suffix.lower()
    try:
        check_path(name)
    except InputError:
        yield Objection(file=repr(name), expected="a name that exists on every system", found="one that does not")
        return
    if not path.is_file():
        yield Objection(file=name, expected="a regular file", found="a link to a folder, a pipe or a device")
    elif leads_away(path, folder):
        yield Objection(file=name, expected="a file of its own", found=f"a link to {path.resolve()}")
    elif name == ADAPTER:
        yield Objection(
            file=name, expected="weights that are whole", found="what adds others to them when it is opened"
        )
    elif suffix == ".safetensors":
        if (lies := lie(path)) is not None:
            yield Objection(file=name, expected=lies[0], found=lies[1])
    elif suffix in _PICKLES:
        yield Objection(file=name, expected="weights as .safetensors", found=f"{suffix}, which may run code")
    elif suffix not in _SUFFIXES and pure.name not in _NAMES:
        kind = "Python code" if suffix.startswith(".py") else repr(suffix or pure.name)
        yield Objection(file=name, expected=f"one of {' '.join(sorted(_SUFFIXES))}", found=kind)
    else:
        yield from _of_content(path, name, suffix, whole)


def _of_content(path: Path, name: str, suffix: str, whole: bool) -> Iterator[Objection]:
    with path.open("rb") as file:
        head = file.read(8)
        file.seek(0)
        imports = runs_code(file, path.stat().st_size)
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            yield Objection(file=name, expected=f"what {suffix or 'its name'} says", found=kind)
            return
    if imports:
        yield Objection(file=name, expected=f"what {suffix or 'its name'} says", found="a pickle that imports code")
    elif suffix == ".json":
        yield from _of_json(path, name, whole)
    elif suffix == ".sketch":
        yield from _of_sketch(path, name)
    elif suffix == ".svg" and (found := _first(_ACTIVE_SVG, path)):
        yield Objection(file=name, expected="a picture", found=f"active content: {found!r}")
    elif suffix in (".yaml", ".yml") and (found := _first(_YAML_TAG, path)):
        yield Objection(file=name, expected="plain YAML", found=f"a tag that makes objects: {found!r}")


def _of_sketch(path: Path, name: str) -> Iterator[Objection]:
    try:
        sketch.load(path.read_bytes())
    except DamagedError as error:
        yield Objection(file=name, expected="a sketch of training data", found=str(error))


def _first(pattern: re.Pattern[bytes], path: Path) -> str:
    """The first place of a file that fits, which is mapped and not read: it may be larger than the memory."""
    if path.stat().st_size == 0:
        return ""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        match = pattern.search(data)
        return match[0].decode() if match else ""


def _of_json(path: Path, name: str, whole: bool) -> Iterator[Objection]:
    if (size := path.stat().st_size) > _LONGEST_JSON:
        yield Objection(file=name, expected=f"at most {_LONGEST_JSON:,} bytes of JSON", found=f"{size:,} bytes")
        return
    try:
        document = json.loads(path.read_bytes().decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        yield Objection(file=name, expected="JSON in UTF-8, each name once", found=str(error))
        return
    for key, what in sorted(set(dangers(document))):
        yield Objection(file=name, expected="no code and no weights from elsewhere", found=f"{key!r}, {what}")
    if name.endswith(".index.json") and isinstance(document, dict):
        shards = document.get("weight_map")
        for shard in sorted({str(value) for value in shards.values()} if isinstance(shards, dict) else ()):
            # By the names that are there: what an index says may be longer than any path.
            if not shard.endswith(".safetensors") or (whole and shard not in os.listdir(path.parent)):
                yield Objection(file=name, expected="shards of this snapshot in safetensors", found=repr(shard))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Readers differ in which of two equal names they take, so that one could look at what another does not.
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name that occurs twice")
    return found
