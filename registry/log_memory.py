"""What this machine remembers of the logs that it has read, so that one that was cut off or rewritten is noticed.

<home>/logs/<16 hex of the location's SHA-256>.json
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from roadworthy.model_cards.errors import StorageError

from . import key_files
from .chain import Seen
from .keys import home


def recall(location: str) -> Seen | None:
    """What was seen of the log of the registry at ``location``; ``None`` where nothing was yet.

    Raises:
        StorageError: the memory cannot be read, or is no memory of ours.
    """
    path = memory_of(location)
    try:
        return _SEEN.validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise StorageError(
            f"cannot read {path}, which remembers the log of {location}. Restore it, or remove it to begin anew: an "
            "earlier state of the registry would then go unnoticed."
        ) from error


def remember(location: str, seen: Seen) -> None:
    """Takes note of a log that was checked, and found to go on from what was remembered.

    Raises:
        StorageError: it cannot be written.
    """
    path = memory_of(location)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        key_files.replace(path, json.dumps({"location": location, **asdict(seen)}).encode(), 0o600)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}. Nothing was remembered.") from error


def memory_of(location: str) -> Path:
    """The file that remembers the registry at ``location``."""
    return home() / "logs" / f"{hashlib.sha256(called(location).encode()).hexdigest()[:16]}.json"


def called(location: str) -> str:
    """One name for one registry: two ways to write a folder are one; a place that is no folder is called as it is."""
    return location if ":" in location else str(Path(location).expanduser().resolve())


_SEEN = TypeAdapter(Seen)
