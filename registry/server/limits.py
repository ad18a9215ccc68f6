"""What one caller may ask of a server: so many requests in a second, and bodies of a bounded length."""

import threading
import time
from collections.abc import Callable

_KEPT = 10_000  # callers; when there are more, those that have not asked for longest begin anew


class Rate:
    """A token bucket for each caller: ``burst`` requests at once, and ``per_second`` more in every second."""

    def __init__(self, per_second: float, burst: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}  # by caller: what was left, and when
        self._lock = threading.Lock()

    def wait(self, caller: str) -> float:
        """Takes one request of ``caller``: 0.0 if it may go on, else the seconds after which it may ask again."""
        now = self._clock()
        with self._lock:
            left, since = self._buckets.pop(caller, (self._burst, now))
            left = min(self._burst, left + (now - since) * self._per_second)
            may = left >= 1
            self._buckets[caller] = (left - 1 if may else left, now)  # the last one in the order of the dictionary
            if len(self._buckets) > _KEPT:
                del self._buckets[next(iter(self._buckets))]
        return 0.0 if may else (1 - left) / self._per_second
