"""The stopwatch, held against a clock that the test turns."""

import pytest

from roadworthy.finetune.timing import AT_LEAST, WARMUP, time_calls


class Clock:
    """A clock that only calls move."""

    def __init__(self, *lasts: float) -> None:
        self.now = 0.0
        self.calls = 0
        self._lasts = lasts

    def __call__(self) -> float:
        return self.now

    def call(self) -> None:
        """One call: it lasts as long as its place in the list says, the last one for ever after."""
        self.now += self._lasts[min(self.calls, len(self._lasts) - 1)]
        self.calls += 1


def test_every_call_is_timed_and_the_warm_up_is_not() -> None:
    """Slow first calls do not count; then each call's own time, in order."""
    clock = Clock(0.5, 0.4, 0.3, 0.25, 0.125, 0.25)
    times, warmup = time_calls(clock.call, lambda: None, seconds=2, clock=clock)
    assert warmup == WARMUP == 3
    assert times[:3] == [0.25, 0.125, 0.25]
    assert len(times) == AT_LEAST == 10


def test_waiting_belongs_to_a_call() -> None:
    """A device that works on its own is waited for within the time."""
    clock = Clock(0.25)
    times, _ = time_calls(lambda: None, clock.call, seconds=1, clock=clock)
    assert times == [0.25] * 10


def test_quick_calls_fill_the_time() -> None:
    """2 s of 1/64 s calls are 128."""
    clock = Clock(1 / 64)
    times, _ = time_calls(clock.call, lambda: None, seconds=2, clock=clock)
    assert len(times) == 128


@pytest.mark.parametrize(("last", "expected"), [(1.5, 10), (8.0, 3), (60.0, 2)])
def test_slow_calls_end(last: float, expected: int) -> None:
    """Ten calls where they fit into ten times the wish; else what fits, but two."""
    clock = Clock(last)
    times, warmup = time_calls(clock.call, lambda: None, seconds=2, clock=clock)
    assert len(times) == expected
    assert warmup == (2 if last == 1.5 else 1)
