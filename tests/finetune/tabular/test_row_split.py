"""Parts: what lies later is tested, a group is whole, and the order of the rows changes nothing."""

import dataclasses
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.finetune.groups import digest as group_digest
from roadworthy.finetune.split import PARTS, Part
from roadworthy.finetune.tabular.content import digests
from roadworthy.finetune.tabular.latest import latest
from roadworthy.finetune.tabular.row_split import LEFT_OUT, Keys, RowSplit, parts_of, split_of
from roadworthy.finetune.tabular.schema import Schema
from roadworthy.finetune.tabular.schema_file import By
from roadworthy.model_cards import InputError

POOL = 255
CLICKS = Schema(shape="clicks", label="label", numeric=("price",))
RANKING = Schema(shape="ranking", label="label", group="query", numeric=("price",))
RATINGS = Schema(shape="ratings", user="user", item="item")
WHEN: dict[str, Any] = {"timestamp": "day", "timestamp_kind": "integer"}


def keys(rows: int, **more: Any) -> Keys:
    """Of rows that differ in their number alone."""
    return Keys(
        given=more.get("given", np.full(rows, POOL, dtype=np.uint8)),
        digest=digests({"row": pa.array([str(n) for n in range(rows)])}, ["row"]),
        **{name: more.get(name) for name in ("time", "group", "group_names", "user", "item")},
    )


def with_roles(schema: Schema, **roles: Any) -> Schema:
    """The same with more roles."""
    return dataclasses.replace(schema, **roles)


def permuted(one: Keys, order: np.ndarray) -> Keys:
    """The same rows in another order."""
    values = {name: getattr(one, name) for name in ("given", "digest", "time", "group", "user", "item")}
    moved: dict[str, Any] = {name: None if value is None else value[order] for name, value in values.items()}
    return Keys(group_names=one.group_names, **moved)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=80), st.integers(0, 80), st.randoms(use_true_random=False))
def test_the_latest(times: list[int], count: int, random: Any) -> None:
    """As a sort has it."""
    time, one = np.array(times, dtype=np.int64), keys(len(times))
    among = np.array([random.random() < 0.8 for _ in times])
    count = min(count, int(among.sum()))
    ranked = sorted(np.flatnonzero(among), key=lambda n: (time[n], bytes(one.digest[n])), reverse=True)
    assert sorted(latest(time, one.digest, among, count)) == sorted(ranked[:count])


def test_by_time() -> None:
    """Nothing that is tested lies before what is trained on; 15 % each."""
    time = np.random.default_rng(0).integers(0, 50, 1000)
    split = split_of(with_roles(CLICKS, **WHEN), frozenset(), None)
    parts = parts_of(split, keys(1000, time=time))
    assert np.bincount(parts).tolist() == [700, 150, 150]
    assert time[parts == 0].max() <= time[parts == 1].min() <= time[parts == 1].max() <= time[parts == 2].min()
    assert split.rule == ("by time, column 'day': the latest 15% of the rows are test, the 15% before them validation")


def test_by_content_as_texts_and_images_are() -> None:
    """The share of a digest is ``Split.part_of``'s."""
    split = split_of(CLICKS, frozenset(), None)
    one = keys(500)
    expected = [PARTS.index(split.part_of(None, bytes(digest).hex())) for digest in one.digest]
    assert parts_of(split, one).tolist() == expected
    assert split.rule == "by content: the row's SHA-256 puts 15% into test and 15% into validation"


@given(st.lists(st.integers(-1, 12), min_size=1, max_size=60), st.booleans(), st.randoms(use_true_random=False))
def test_a_group_is_in_one_part(groups: list[int], timed: bool, random: Any) -> None:
    """By content and by time; and the parts are the rows', whatever their order."""
    group = np.array(groups, dtype=np.int32)
    time = np.array([random.randrange(5) for _ in groups], dtype=np.int64)
    names = pa.array([f"q{n}" for n in range(13)])
    schema = with_roles(RANKING, **WHEN) if timed else RANKING
    split = split_of(schema, frozenset(), None)
    one = keys(len(groups), group=group, group_names=names, time=time if timed else None)
    parts = parts_of(split, one)
    for number in set(groups) - {-1}:
        assert len(set(parts[group == number])) == 1
        if not timed:
            expected = split.part_of(None, "0" * 32, f"q{number}")
            assert PARTS[parts[group == number][0]] == expected, group_digest(f"q{number}")
    order = np.array(random.sample(range(len(groups)), len(groups)))
    assert parts_of(split, permuted(one, order)).tolist() == parts[order].tolist()


def test_the_last_item_of_each_user(ratings: Any) -> None:
    """Against pandas, on MovieLens; equal times are told apart by content alone, so two ways of sorting agree."""
    frame = ratings.sample(frac=1, random_state=1).reset_index(drop=True)
    user, item = (frame[name].to_numpy(dtype=np.int32) for name in ("userId", "movieId"))
    one = keys(len(frame), user=user, item=item, time=frame["timestamp"].to_numpy())
    split = split_of(with_roles(RATINGS, **WHEN), frozenset(), None)
    parts = parts_of(split, one)
    order = frame.assign(tie=[bytes(digest) for digest in one.digest]).sort_values(["userId", "timestamp", "tie"])
    tested = order.groupby("userId").tail(1).index
    stopped = order.groupby("userId").nth(-2).index
    assert sorted(np.flatnonzero(parts == 2)) == sorted(tested)
    assert sorted(np.flatnonzero(parts == 1)) == sorted(stopped)
    assert split.rule.startswith("by user: the last item by 'day' is test")


def test_an_item_that_a_user_had_before() -> None:
    """It is no new item: its first time counts. Users with fewer than three are trained on."""
    user = np.array([0, 0, 0, 0, 1, 1], dtype=np.int32)
    item = np.array([5, 6, 7, 5, 5, 6], dtype=np.int32)
    one = keys(6, user=user, item=item, time=np.arange(6))
    parts = parts_of(split_of(with_roles(RATINGS, **WHEN), frozenset(), None), one)
    assert parts.tolist() == [0, 1, 2, LEFT_OUT, 0, 0]


@pytest.mark.parametrize(
    ("schema", "parts", "rule"),
    [
        (CLICKS, ("train", "test"), "as given by the files test, train; validation is 15% of train, by content"),
        (CLICKS, ("train", "validation", "test"), "as given by the files test, train, validation"),
        (
            with_roles(CLICKS, **WHEN),
            ("train", "test"),
            "as given by the files test, train; validation is the latest 15% of train's rows by 'day'",
        ),
        (
            with_roles(RATINGS, **WHEN),
            ("train", "test"),
            "as given by the files test, train; validation is the last item by 'day' of each user in train",
        ),
    ],
)
def test_given_parts_win(schema: Schema, parts: tuple[Part, ...], rule: str) -> None:
    """What the user laid out for testing is tested, and nothing else; validation comes out of train."""
    given = np.array([0] * 60 + [1 if "validation" in parts else 0] * 20 + [2] * 20, dtype=np.uint8)
    numbers = np.arange(100, dtype=np.int32)
    one = keys(100, given=given, time=np.arange(100)[::-1].copy(), user=numbers // 10, item=numbers)
    split = split_of(schema, frozenset(parts), None)
    found = parts_of(split, one)
    assert np.array_equal(found == 2, given == 2)
    assert 0 < (found == 1).sum() <= 20
    if "validation" in parts:
        assert np.array_equal(found, given)
    assert split.rule == rule


@pytest.mark.parametrize(
    ("schema", "stated", "said"),
    [
        (CLICKS, "time", "there is no timestamp"),
        (CLICKS, "group", "there is no group"),
        (RANKING, "content", "a group is one example"),
        (RATINGS, "content", "split by each user's last item"),
    ],
)
def test_splits_that_cannot_be(schema: Schema, stated: By, said: str) -> None:
    """What it should go by is not there."""
    with pytest.raises(InputError, match=said):
        split_of(schema, frozenset(), stated)


def test_users_are_groups_of_clicks() -> None:
    """Without a timestamp a user is trained on or tested, never both."""
    split = split_of(with_roles(CLICKS, user="who"), frozenset(), None)
    assert isinstance(split, RowSplit)
    assert split.rule == ("by group, column 'who': the group's SHA-256 puts 15% into test and 15% into validation")
