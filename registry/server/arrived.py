"""What this process hashed on its way into the store lately, so that a publication need not read it all again."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable

_LIFE = 3600.0  # seconds: a version is asked for when its files have been sent
_MOST = 100_000  # digests


class Arrived:
    """Digests, each good for one publication within the hour. What another server took in is not known here."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._at: OrderedDict[str, float] = OrderedDict()

    def add(self, sha256: str) -> None:
        """Takes note that bytes with this digest have just been stored, and were hashed as they came."""
        with self._lock:
            self._at[sha256] = self._clock()
            self._at.move_to_end(sha256)
            if len(self._at) > _MOST:
                self._at.popitem(last=False)

    def take(self, digests: Iterable[str]) -> frozenset[str]:
        """Those of ``digests`` that arrived within the hour, and were not taken since."""
        with self._lock:
            since = self._clock() - _LIFE
            found = [(sha256, at) for sha256 in digests if (at := self._at.pop(sha256, None)) is not None]
        return frozenset(sha256 for sha256, at in found if at >= since)
