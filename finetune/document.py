"""JSON documents of a run: written whole or not at all, and read as what they were written as."""

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from roadworthy.model_cards import InputError, StorageError

_T = TypeVar("_T")


def write_document(path: Path, document: Any) -> None:
    """Writes JSON beside ``path`` and moves it into place.

    Raises:
        StorageError: the folder cannot be written.
    """
    write_bytes(path, json.dumps(document, indent=2).encode())


def write_bytes(path: Path, content: bytes) -> None:
    """The same for bytes."""
    aside = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(content)
        aside.replace(path)
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror}. Expected a folder that can be written; choose another --out."
        ) from error


def read_document(path: Path, form: TypeAdapter[_T], *, missing: str) -> _T:
    """The document as ``form`` checks it.

    Raises:
        InputError: it is not there, which is told as ``missing``; or it was edited into something else.
    """
    try:
        return form.validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(missing) from None
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        raise InputError(f"{path} was edited: {place}: {error.errors()[0]['msg']}. Start a new run.") from error
