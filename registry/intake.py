"""What may be stored: weights as safetensors, and files that nothing runs or unpickles."""

import json
import os
import pickletools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from roadworthy.model_cards.errors import InputError, StorageError
from roadworthy.model_cards.snapshot import CONFIG, MODEL_SIGNATURE, WEIGHTS, check_path

from .safetensors_header import lie

_SUFFIXES = {
    *(".safetensors", ".json", ".jsonl", ".csv", ".tsv", ".yaml", ".yml", ".model", ".vocab"),
    *(".md", ".txt", ".log", ".svg", ".png", ".jpg", ".jpeg", ".webp"),
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
_IMPORTS = {"GLOBAL", "STACK_GLOBAL", "INST", "OBJ", "REDUCE", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4"}
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


def inspect(folder: Path) -> tuple[Objection, ...]:
    """Everything about the snapshot in ``folder`` that may not be stored. Loads no tensor and runs nothing.

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
                found += _objections(path, names[-1], folder)
    except OSError as error:
        raise StorageError(f"cannot read {error.filename}: {error.strerror or error}. Nothing was stored.") from error
    if CONFIG not in names:
        found.append(Objection(file=CONFIG, expected="the model's configuration", found="no such file"))
    if not any(name.endswith(".safetensors") for name in names):
        found.append(Objection(file=WEIGHTS, expected="weights in safetensors", found="no such file"))
    return tuple(sorted(found, key=lambda objection: objection.file))


def may_run_code(paths: Iterable[str]) -> tuple[str, ...]:
    """Those of the paths whose names say that they hold code or pickles, or nothing that is known. Opens no file."""
    pure = map(PurePosixPath, paths)
    return tuple(str(path) for path in pure if path.suffix.lower() not in _SUFFIXES and path.name not in _NAMES)


def _raise(error: OSError) -> None:
    raise error


def _objections(path: Path, name: str, folder: Path) -> Iterator[Objection]:
    pure = PurePosixPath(name)
    suffix = pure.suffix.lower()
    try:
        check_path(name)
    except InputError:
        yield Objection(file=repr(name), expected="a name that exists on every system", found="one that does not")
        return
    if not path.is_file():
        yield Objection(file=name, expected="a regular file", found="a link to a folder, a pipe or a device")
    elif suffix == ".safetensors":
        if (lies := lie(path)) is not None:
            yield Objection(file=name, expected=lies[0], found=lies[1])
    elif suffix in _PICKLES:
        yield Objection(file=name, expected="weights as .safetensors", found=f"{suffix}, which may run code")
    elif suffix not in _SUFFIXES and pure.name not in _NAMES:
        kind = "Python code" if suffix.startswith(".py") else repr(suffix or pure.name)
        yield Objection(file=name, expected=f"one of {' '.join(sorted(_SUFFIXES))}", found=kind)
    else:
        yield from _of_content(path, name, suffix, folder)


def _of_content(path: Path, name: str, suffix: str, folder: Path) -> Iterator[Objection]:
    with path.open("rb") as file:
        head = file.read(8)
        file.seek(0)
        imports = _is_text_pickle(file)
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            yield Objection(file=name, expected=f"what {suffix or 'its name'} says", found=kind)
            return
    if imports:
        yield Objection(file=name, expected=f"what {suffix or 'its name'} says", found="a pickle that imports code")
    elif suffix == ".json":
        yield from _of_json(path, name, folder)
    elif suffix == ".svg" and (match := _ACTIVE_SVG.search(path.read_bytes())):
        yield Objection(file=name, expected="a picture", found=f"active content: {match[0].decode()!r}")
    elif suffix in (".yaml", ".yml") and (match := _YAML_TAG.search(path.read_bytes())):
        yield Objection(file=name, expected="plain YAML", found=f"a tag that makes objects: {match[0].decode()!r}")


def _is_text_pickle(file: BinaryIO) -> bool:
    # Protocols 0 and 1 have no magic. Ordinary text fails at its first bytes, so this costs nothing.
    imports = False
    try:
        for opcode, _, _ in pickletools.genops(file):
            imports = imports or opcode.name in _IMPORTS
    except (ValueError, IndexError, KeyError, OverflowError):
        return False
    return imports


def _of_json(path: Path, name: str, folder: Path) -> Iterator[Objection]:
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        yield Objection(file=name, expected="JSON", found=str(error))
        return
    for key in sorted(set(_remote_code(document))):
        yield Objection(file=name, expected="no code from elsewhere", found=f"{key!r}, which makes loaders run Python")
    if name.endswith(".index.json") and isinstance(document, dict):
        shards = document.get("weight_map")
        for shard in sorted({str(value) for value in shards.values()} if isinstance(shards, dict) else ()):
            if not shard.endswith(".safetensors") or "/" in shard or not (path.parent / shard).is_file():
                yield Objection(file=name, expected="shards of this snapshot in safetensors", found=repr(shard))


def _remote_code(value: Any) -> Iterator[str]:
    # Iterative: a document may be nested as deeply as its parser allows.
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            # A vocabulary may hold these words too, with a number.
            if isinstance(value.get("auto_map"), dict | list | str):
                yield "auto_map"
            if isinstance(value.get("custom_pipelines"), dict):
                yield "custom_pipelines"
            if value.get("trust_remote_code") is True:
                yield "trust_remote_code"
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
