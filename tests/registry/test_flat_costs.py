"""What a publication and a pull ask of the store does not grow with what is there."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from roadworthy.model_cards.errors import NotFoundError
from roadworthy.registry import MemoryStore, Reference, Registry, audit_log, layout, log, publish, pull


class Counted(MemoryStore):
    """Counts requests, and the keys that lists bring."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()

    def open(self, key: str) -> BinaryIO:
        """One request."""
        self.asked["request"] += 1
        return super().open(key)

    def size(self, key: str) -> int:
        """One request."""
        self.asked["request"] += 1
        return super().size(key)

    def list(self, prefix: str) -> Iterator[str]:
        """As many keys as there are."""
        keys = list(super().list(prefix))
        self.asked["listed"] += len(keys)
        return iter(keys)


def _cost(entries: int, candidate: Any, keys: Any, tmp_path: Path) -> tuple[Counter[str], Counter[str]]:
    store = Counted()
    registry = Registry(store, f"memory:{entries}")
    for number in range(1, 4):  # a log that its machine remembers, of this model's earlier versions
        publish(registry, candidate(f"{entries}-{number}", seed=number), f"demo/x@1.{number}.0", keys=keys)
    assert audit_log(registry, keys).ok
    first = log.last(store)
    for number in range(first + 1, entries + 1):
        store.create(layout.key("log", number), b"{}")
    store.asked.clear()
    publish(registry, candidate(f"{entries}-new", seed=9), "demo/x@2.0.0", keys=keys)
    published = store.asked.copy()
    store.asked.clear()
    pull(registry, "demo/x@2.0.0", keys=keys, to=tmp_path / f"pulled{entries}")
    return published, store.asked


def test_publishing_and_pulling_cost_the_same_after_ten_and_after_ten_thousand_entries(
    candidate: Any, keys: Any, tmp_path: Path
) -> None:
    """Nothing lists the log, and its end is found in some requests more: 10,000 is fourteen doublings, up and down."""
    (few, pulled_few), (many, pulled_many) = (_cost(count, candidate, keys, tmp_path) for count in (10, 10_000))
    assert many["listed"] == few["listed"]
    assert pulled_many["listed"] == pulled_few["listed"]
    assert many["request"] <= few["request"] + 2 * 2 * 14
    assert pulled_many["request"] <= pulled_few["request"] + 2 * 14


def test_the_latest_alias_is_moved_without_its_past_being_read(candidate: Any, keys: Any) -> None:
    """As far as the version is new."""
    store = Counted()
    registry = Registry(store, "memory:")
    asked = []
    for number in range(1, 6):
        folder = candidate(f"candidate{number}", seed=number)
        store.asked.clear()
        publish(registry, folder, f"demo/x@1.{number}.0", keys=keys)
        asked.append(store.asked["request"])
    assert asked[4] - asked[2] <= 4  # the search for the log's end, and nothing else


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 9, 100])
def test_the_last_entry_is_found_from_anywhere(count: int) -> None:
    """Also from a number that is not there."""
    store = MemoryStore()
    for number in range(1, count + 1):
        store.create(layout.key("log", number), b"{}")
    assert {log.last(store, near) for near in range(count + 3)} == {count}


@pytest.mark.parametrize("gone", range(1, 13))
def test_a_log_of_which_an_entry_is_gone_goes_on_after_its_last(gone: int) -> None:
    """The gap is not filled: that would blur what is missing."""
    store = MemoryStore()
    for number in range(1, 14):
        store.create(layout.key("log", number), b"{}")
    store.delete(layout.key("log", gone))
    reference = Reference.parse("demo/x@1.0.0")
    assert log.announce(store, "publish", reference, "versions/demo/x/1.0.0.json", b"") == 14
    with pytest.raises(NotFoundError):
        store.size(layout.key("log", gone))


@pytest.mark.parametrize(("first", "final"), [(first, final) for final in range(3, 8) for first in range(1, final)])
def test_a_wide_gap_is_found_however_much_is_published_after_it(first: int, final: int, keys: Any) -> None:
    """Its first entries may be filled, but never its last; and what went lost is in no entry."""
    store = MemoryStore()
    registry = Registry(store, "memory:")
    reference = Reference.parse("demo/x@1.0.0")

    def write(number: int) -> None:
        key = layout.key("versions", "demo", "x", f"1.{number}.0")
        log.announce(store, "publish", reference, key, b"{}")
        store.create(key, b"{}")

    for number in range(8):
        write(number)
    assert audit_log(registry, keys).ok
    for number in range(first, final + 1):
        store.delete(layout.key("log", number))
    for number in range(8, 24):
        write(number)
        with pytest.raises(NotFoundError):
            store.size(layout.key("log", final))
    reasons = audit_log(registry, keys).reasons
    assert any("missing: expected every number up to" in reason for reason in reasons)
    assert sum("is in no entry of the log" in reason for reason in reasons) == final - first + 1
