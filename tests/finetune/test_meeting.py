"""Processes of one attempt meet in a corner of their own, whatever lies in the store already."""

import threading
import time
from datetime import timedelta

import pytest
from torch.distributed import HashStore, Store  # type: ignore[attr-defined]  # public, but not typed as such

from roadworthy.finetune.meeting import own_corner


def met(store: Store, size: int, *, late: int | None = None) -> list[Store]:
    """The corners that ``size`` processes of one attempt end in; process ``late`` comes after the others."""
    corners: dict[int, Store] = {}

    def process(rank: int) -> None:
        if rank == late:
            time.sleep(0.3)
        corners[rank] = own_corner(store, rank, size)

    threads = [threading.Thread(target=process, args=(rank,), daemon=True) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(corners) == size, "some process never arrived"
    return [corners[rank] for rank in range(size)]


def store() -> Store:
    """One that lives in this process, as torchrun's lives in its launcher."""
    made = HashStore()
    made.set_timeout(timedelta(seconds=20))
    return made


@pytest.mark.parametrize("late", [0, 1, 2, None])
def test_all_processes_see_the_same_corner(late: int | None) -> None:
    """What one writes there the others read, whoever comes last."""
    corners = met(store(), 3, late=late)
    corners[0].set("address", "here")
    assert [corner.get("address") for corner in corners] == [b"here"] * 3


@pytest.mark.parametrize("late", [0, 1, None])
def test_a_later_attempt_reads_nothing_of_an_earlier_one(late: int | None) -> None:
    """The same store after a restart: an address that is left there is not seen, even by a process that comes first."""
    shared = store()
    earlier = met(shared, 2)
    earlier[0].set("address", "gone")
    later = met(shared, 2, late=late)
    assert not any(corner.check(["address"]) for corner in later)
    later[0].set("address", "here")
    assert later[1].get("address") == b"here"


def test_an_attempt_with_fewer_processes() -> None:
    """Three, then two: the smaller attempt waits for nobody who is gone."""
    shared = store()
    met(shared, 3)
    assert len(met(shared, 2, late=0)) == 2
