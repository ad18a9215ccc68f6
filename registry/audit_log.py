"""Who changed what on a server, when, and what came of it: lines of JSON, each with the digest of the one before.

One line is one request that may write, those that were refused among them. No line can be changed, taken out or put in
between without the digests after it being wrong; that the end was cut off shows who has kept an earlier digest.
"""

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from roadworthy.model_cards.errors import DamagedError, NotFoundError, StorageError

from .folder_store import explain

_FIELDS = {"number", "previous", "when", "who", "role", "from", "what", "path", "about", "status", "sha256"}
_LONGEST = 16 * 2**10  # bytes of one line


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """How far a log has come: its number of lines, and the digest of the last one (SHA-256, hex)."""

    lines: int
    sha256: str | None


class AuditLog:
    """The log in ``file``, to which several servers on one machine may write."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()

    def write(
        self, *, who: str, role: str | None, address: str, what: str, path: str, about: str | None, status: int
    ) -> None:
        """Appends what was done. ``path`` is that of the request, without its query; ``about`` the model, where the
        path does not say.

        Raises:
            StorageError: the file cannot be written.
        """
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self._lock, open(self.file, "a+b", opener=_private) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                head = _last(file)
                said = {
                    "number": head.lines + 1,
                    "previous": head.sha256,
                    "when": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
                    "who": who,
                    "role": role,
                    "from": address,
                    "what": what,
                    "path": path[:2000],
                    "about": about,
                    "status": status,
                }
                file.write(_line(said))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StorageError(explain(error, f"write {self.file}", 0, self.file.parent)) from error


def verify_audit_log(file: Path) -> Head:
    """Checks every line of a server's audit log, and says how far it has come: keep that, and compare the next time.

    Raises:
        DamagedError: a line was changed, taken out or put in between.
        StorageError: the file cannot be read.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from roadworthy.registry import AuditLog, verify_audit_log
        >>> log = AuditLog(Path(tempfile.mkdtemp()) / "server-log.jsonl")
        >>> log.write(who="ci", role="write", address="::1", what="PUT", path="/x", about=None, status=200)
        >>> verify_audit_log(log.file).lines
        1
    """
    number, previous = 0, None
    try:
        with file.open("rb") as stream:
            for line in stream:
                number += 1
                said = _parsed(line, number, file)
                if said["number"] != number or said["previous"] != previous:
                    raise DamagedError(
                        f"line {number} of {file} does not follow the one before it: expected previous {previous}, "
                        f"found {said['previous']}. Lines are missing or were moved."
                    )
                previous = said["sha256"]
    except FileNotFoundError:
        raise NotFoundError(
            f"no server has kept a log in {file}: it begins with the first write over HTTP. Expected the file that "
            "`roadworthy serve --audit-log` names."
        ) from None
    except OSError as error:
        raise StorageError(f"cannot read {file}: {error.strerror}.") from error
    return Head(lines=number, sha256=previous)


def _line(said: Mapping[str, Any]) -> bytes:
    body = json.dumps(said, sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode()
    whole = {**said, "sha256": hashlib.sha256(body).hexdigest()}
    return json.dumps(whole, sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def _parsed(line: bytes, number: int, file: Path) -> dict[str, Any]:
    try:
        said = json.loads(line)
        if set(said) != _FIELDS:
            raise ValueError("other fields")
        sha256 = said.pop("sha256")
        if _line(said) != line:
            raise ValueError("another digest")
        return {**said, "sha256": sha256}
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise DamagedError(f"line {number} of {file} was changed, or its writing was cut off ({error}).") from error


def _last(file: BinaryIO) -> Head:
    end = file.seek(0, os.SEEK_END)
    if end == 0:
        return Head(lines=0, sha256=None)
    file.seek(max(0, end - _LONGEST))
    tail = file.read()
    if not tail.endswith(b"\n"):
        # The power went while a line was written: it says nothing whole, and the next one stands for itself.
        cut = tail.rfind(b"\n") + 1
        file.truncate(end - len(tail) + cut)
        return _last(file)
    said = json.loads(tail[:-1].rpartition(b"\n")[2])
    return Head(lines=int(said["number"]), sha256=str(said["sha256"]))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
