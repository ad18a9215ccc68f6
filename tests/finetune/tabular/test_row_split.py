"""Parts: what lies later is tested, a group is whole, and the order of the rows changes nothing."""

import dataclasses
import subprocess
import sys
from pathlib import Path
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


@pytest.fixture(scope="module")
def many() -> Keys:
    """Four million rows, at a hundred thousand times, of eight hundred thousand groups; and their digests."""
    random, rows = np.random.default_rng(3), 4_000_000
    return Keys(
        given=np.full(rows, POOL, dtype=np.uint8),
        digest=np.frombuffer(random.bytes(16 * rows), dtype=np.uint8).reshape(-1, 16),
        time=random.integers(0, 100_000, rows),
        group=None,
        group_names=None,
        user=None,
        item=None,
    )


def test_no_more_of_many_rows_than_measuring_needs(many: Keys) -> None:
    """By time so many, as numpy sorts them; by content a share that is a function of how many rows there are."""
    assert many.time is not None
    timed = split_of(with_roles(CLICKS, **WHEN), frozenset(), None).dividing(many.given)
    parts = parts_of(timed, many)
    assert np.bincount(parts).tolist() == [3_400_000, 100_000, 500_000]
    by_time = np.sort(many.time)
    assert many.time[parts == 2].min() == by_time[-500_000]
    assert many.time[parts == 1].min() == by_time[-600_000]
    assert timed.rule == (
        "by time, column 'day': the latest 500,000 of the rows are test, the 100,000 before them validation"
    )
    content = split_of(CLICKS, frozenset(), None).dividing(many.given)
    share = np.ascontiguousarray(many.digest[:, :8]).view(">u8")[:, 0] / 2.0**64
    parts = parts_of(content, many)
    assert np.array_equal(parts == 2, share < 1 / 8)
    assert np.array_equal(parts == 1, (share >= 1 / 8) & (share < 1 / 8 + 1 / 40))
    assert [PARTS.index(content.part_of(None, bytes(one).hex())) for one in many.digest[:200]] == parts[:200].tolist()
    assert content.rule == (
        "by content: the row's SHA-256 puts 500,000 in 4,000,000 into test and 100,000 in 4,000,000 into validation"
    )


def test_a_share_stays_below_the_cap(many: Keys) -> None:
    """Validation alone is capped of a million rows; of what the user laid out for training, too."""
    few = dataclasses.replace(many, given=many.given[: 10**6], digest=many.digest[: 10**6], time=None)
    split = split_of(CLICKS, frozenset(), None).dividing(few.given)
    assert "puts 15% into test and 100,000 in 1,000,000 into validation" in split.rule
    assert np.bincount(parts_of(split, few)) / 10**6 == pytest.approx([0.75, 0.1, 0.15], abs=0.002)
    given = np.array([0] * 800_000 + [2] * 200_000, dtype=np.uint8)
    split = split_of(CLICKS, frozenset({"train", "test"}), None).dividing(given)
    assert split.rule.endswith("validation is 100,000 in 800,000 of train, by content")
    parts = parts_of(split, dataclasses.replace(few, given=given))
    assert np.array_equal(parts == 2, given == 2)
    assert np.mean(parts[:800_000] == 1) == pytest.approx(0.125, abs=0.002)


def test_many_rows_in_whole_groups(many: Keys) -> None:
    """The share is of the groups; a group stays whole."""
    rows = 10**6
    group = (np.arange(rows) // 50).astype(np.int32)
    names = pa.array([str(n) for n in range(rows // 50)])
    one = dataclasses.replace(
        many, given=many.given[:rows], digest=many.digest[:rows], time=np.arange(rows), group=group, group_names=names
    )
    split = split_of(with_roles(RANKING, **WHEN), frozenset(), None).dividing(one.given)
    parts = parts_of(split, one)
    assert np.bincount(parts).tolist() == [750_000, 100_000, 150_000]
    assert np.array_equal(parts, np.sort(parts))  # their times are those of their rows
    assert split.rule == (
        "by time, column 'day': the latest 15% of the groups are test, the 100,000 in 1,000,000 before them validation"
    )


def test_dividing_takes_two_bytes_a_row(many: Keys, tmp_path: Path) -> None:
    """Of files that are mapped, their pages counted: by time, and where all rows have the same time."""
    many.digest.tofile(tmp_path / "digest.bin")
    for name, time in (("some", many.time), ("one", np.zeros(len(many.given), dtype=np.int64))):
        assert time is not None
        time.tofile(tmp_path / "time.bin")
        command = [sys.executable, "-c", _DIVIDE, str(tmp_path), str(len(many.given))]
        took = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        assert took < 2 * len(many.given) + 56 * 10**6, name  # for blocks and what is drawn; 96 MB are mapped


_DIVIDE = """
import sys
from pathlib import Path
import numpy as np
from roadworthy.finetune.tabular.row_files import mapped_rows
from roadworthy.finetune.tabular.row_split import Keys, RowSplit, parts_of

def peak():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024

folder, rows = Path(sys.argv[1]), int(sys.argv[2])
keys = Keys(
    given=np.full(rows, 255, np.uint8), digest=mapped_rows(folder, "digest", "uint8", rows, 16),
    time=mapped_rows(folder, "time", "int64", rows), group=None, group_names=None, user=None, item=None,
)
split = RowSplit(given=frozenset(), unit="files", content="row's", by="time", column="day").dividing(keys.given)
before = peak()
parts = parts_of(split, keys)
assert np.bincount(parts).tolist() == [rows - 600_000, 100_000, 500_000]
print(peak() - before)
"""


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
