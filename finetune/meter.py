"""A meter for one run: what a counter of energy counts between the start and the stop of the run clock."""

import threading
from collections.abc import Sequence
from types import TracebackType

from .energy import Counter, spent
from .event_log import EventLog

# RAPL's counters start again after 262 kJ on common machines: at 1 kW, after more than four minutes.
_EVERY = 30.0  # seconds between two readings


class Meter:
    """Adds up what a counter counts between ``start`` and ``stop``, and leaves it in the log.

    A thread reads now and then, so that no counter starts again twice between two readings.
    """

    def __init__(self, log: EventLog, counter: Counter | None) -> None:
        """``counter``: none is "not measured", which the log then says."""
        self._log, self._counter = log, counter
        self._last: Sequence[int] | None = None
        self._microjoules = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="energy meter")

    def start(self) -> None:
        """Where the run clock starts."""
        if self._counter is None:
            return
        try:
            self._last = self._counter.read()
        except OSError:
            self._counter = None
        else:
            self._thread.start()

    def stop(self) -> None:
        """Where the run clock stops; nothing happens where it stands already."""
        if self._thread.ident is not None and not self._stopped.is_set():
            self._stopped.set()
            self._thread.join()
            self._add()

    def __enter__(self) -> "Meter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._counter is not None and self._last is not None:
            self._log.event("energy", self._microjoules / 1e6, counter=self._counter.name)
        else:
            self._log.event("energy", None, counter="none")

    def _watch(self) -> None:
        while not self._stopped.wait(_EVERY):
            self._add()

    def _add(self) -> None:
        if self._counter is None or self._last is None:
            return
        try:
            now = self._counter.read()
        except OSError:
            self._counter = None  # a part of the energy is not the energy
            return
        drawn = list(map(spent, self._last, now, self._counter.ranges))
        if min(drawn) < 0:  # the driver was loaded anew
            self._counter = None
            return
        self._microjoules += sum(drawn)
        self._last = now
