"""What a server remembers of the bytes that it hashed as they came."""

import pytest

from roadworthy.registry.server import arrived
from roadworthy.registry.server.arrived import Arrived


def test_each_is_good_once_and_for_an_hour() -> None:
    """And of those that are asked for only."""
    now = 0.0
    seen = Arrived(lambda: now)
    seen.add("a")
    now = 1800.0
    seen.add("b")
    seen.add("c")
    assert seen.take(["c", "x"]) == {"c"}
    assert seen.take(["c"]) == frozenset()
    now = 3601.0
    assert seen.take(["a", "b"]) == {"b"}


def test_what_comes_again_is_young_again() -> None:
    """The later time counts."""
    now = 0.0
    seen = Arrived(lambda: now)
    seen.add("a")
    now = 3000.0
    seen.add("a")
    now = 6000.0
    assert seen.take(["a"]) == {"a"}


def test_it_does_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest goes."""
    monkeypatch.setattr(arrived, "_MOST", 2)
    seen = Arrived()
    for name in "abc":
        seen.add(name)
    assert seen.take("abc") == {"b", "c"}
