"""The run's event log: MLLOG lines through mlperf-logging, appended and flushed one by one."""

import logging
import re
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from mlperf_logging.mllog.mllog import MLLogger

_ROOM = Path(__file__).resolve().parent


class EventLog:
    """Writes one log. A killed run's log goes on where it ended."""

    def __init__(self, path: Path | None) -> None:
        """``path``: none in a process that only helps another, which keeps the log."""
        self._ran_from: float | None = None
        self._handler: logging.Handler = logging.NullHandler()
        if path is not None:
            _drop_torn_line(path)
            self._handler = logging.FileHandler(path, encoding="utf-8")
        self._handler.setFormatter(logging.Formatter("%(message)s"))
        # A logger of its own, outside the process's tree: two runs in one process do not mix.
        logger = logging.Logger(f"roadworthy.events.{path}")
        logger.addHandler(self._handler)
        # root_dir (a pattern, to mlperf-logging) keeps this machine's folders out of a file that will be published.
        self._log = MLLogger(logger, default_namespace="roadworthy", root_dir=re.escape(str(_ROOM.parent)))

    @property
    def run_seconds(self) -> float:
        """Seconds since this segment's run clock started; 0 before."""
        return 0.0 if self._ran_from is None else time.time() - self._ran_from

    def __enter__(self) -> "EventLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._handler.close()

    def event(self, key: str, value: Any = None, **metadata: Any) -> None:
        """A point in time."""
        self._log.event(key, value, metadata=metadata, stack_offset=2)

    def start(self, key: str, value: Any = None, **metadata: Any) -> None:
        """The start of an interval."""
        if key == "run_start":
            self._ran_from = time.time()
        self._log.start(key, value, metadata=metadata, stack_offset=2)

    def end(self, key: str, value: Any = None, **metadata: Any) -> None:
        """The end of an interval."""
        self._log.end(key, value, metadata=metadata, stack_offset=2)


def _drop_torn_line(path: Path) -> None:
    """A power cut may leave half a line; what was never recorded whole was never recorded."""
    if not path.is_file():
        return
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if whole != data:
        path.write_bytes(whole)
