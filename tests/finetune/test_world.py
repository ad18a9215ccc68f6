"""Shares of many processes make up the whole, and what is known of a launch is what torchrun says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.finetune.launch import Launch, launched
from roadworthy.finetune.world import World
from roadworthy.model_cards import CheckError, InputError

SIZES = st.integers(1, 9)
ITEMS = st.lists(st.integers(), max_size=60)


def worlds(size: int) -> list[World]:
    """Every process of a world of that size."""
    return [World(rank=rank, size=size) for rank in range(size)]


@given(size=SIZES, count=st.integers(0, 60))
def test_shares_make_up_the_whole_once(size: int, count: int) -> None:
    """Each item is in exactly one share, no share is more than one larger than another."""
    shares = [list(world.share(range(count))) for world in worlds(size)]
    assert sorted(item for share in shares for item in share) == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert max(map(len, shares)) == World(size=size).largest_share(count)


@given(size=SIZES, items=ITEMS)
def test_even_shares_miss_nothing_and_are_equally_long(size: int, items: list[int]) -> None:
    """What a processes does besides its share is already among the items."""
    shares = [list(world.even_share(items)) for world in worlds(size)]
    assert len({len(share) for share in shares}) == 1
    assert {item for share in shares for item in share} == set(items)
    assert all(
        share[: len(world.share(items))] == list(world.share(items))
        for world, share in zip(worlds(size), shares, strict=True)
    )


def test_alone_nothing_is_exchanged() -> None:
    """One process is a world of its own: sums, agreement and waiting are what it has itself."""
    world = World()
    assert world.leads
    assert (world.total(3), world.any(True), world.any(False), world.same("x"), world.gathered([1])) == (
        3,
        True,
        False,
        "x",
        [1],
    )
    assert world.led(lambda: 5) == 5
    world.wait()


@pytest.mark.parametrize("error", [InputError("no data"), CheckError("no", ("no", "not either"))])
def test_alone_an_error_stays_what_it_is(error: Exception) -> None:
    """Reasons and identity included."""
    with pytest.raises(type(error)) as caught, World().together():
        raise error
    assert caught.value is error


def test_without_torchrun_a_process_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A WORLD_SIZE that some scheduler left in the environment is no launch."""
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert launched() == Launch()
    assert launched().leads


def test_torchruns_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second process of the second of two machines."""
    for name, value in {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    assert launched() == Launch(rank=3, size=4, local_rank=1)
    assert not launched().leads
