"""What `roadworthy data` says of leaks: near duplicates, groups, and another version's training data."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roadworthy.finetune import DataReport

_NAMED = 8  # pairs and examples named in the terminal


def leak_lines(found: "DataReport") -> Iterator[str]:
    """For a terminal."""
    yield from _near(found)
    yield from _groups(found)
    yield from _against(found)


def _near(found: "DataReport") -> Iterator[str]:
    near = found.near
    if near is None:
        yield f"nearly the same: not checked ({found.near_not_checked})"
        return
    how = "" if near.confirmed else ", by their hashes alone (--start lets a model confirm them)"
    if not near.pairs:
        yield f"nearly the same: no test {found.noun} and another{how}"
        return
    yield f"nearly the same: {len(near.pairs):,} test {found.noun}s and another{how}"
    for pair in near.pairs[:_NAMED]:
        sure = f", similarity {pair.similarity:.3f}" if pair.similarity is not None else ""
        yield f"  {pair.test} ~ {pair.other} ({pair.part}): distance {pair.distance:g}{sure}"
    if len(near.pairs) > _NAMED:
        yield f"  and {len(near.pairs) - _NAMED:,} more; --json and --html have them"
    yield f"  these do not block; verify gives the figure without those that are near the train part ({near.method})"


def _groups(found: "DataReport") -> Iterator[str]:
    groups = found.groups
    if groups is None:
        return
    without = f", {groups.without:,} {found.noun}s without one" if groups.without else ""
    yield f"groups by {groups.by}: {groups.n:,}{without}"
    if not groups.crossing:
        yield f"  no test {found.noun} shares one with what is trained or stopped on"
        return
    tested = sum(one.test for one in found.classes)
    yield (
        f"  {len(groups.crossing):,} of {tested:,} test {found.noun}s share one with what is trained or stopped on: "
        "publishing is blocked"
    )
    yield from (f"  {name}" for name in groups.crossing[:_NAMED])
    if len(groups.crossing) > _NAMED:
        yield f"  and {len(groups.crossing) - _NAMED:,} more; --json and --html have them"


def _against(found: "DataReport") -> Iterator[str]:
    against = found.against
    if against is None:
        return
    sizes = {part: sum(getattr(one, part) for one in found.classes) for part in against.found}
    counted = ", ".join(f"{n:,} of {sizes[part]:,} {part}" for part, n in against.found.items())
    older = " and of what it descends from" if against.filters > 1 else ""
    yield (
        f"in the training data of {against.name}{older}: {counted} (sketch of {against.n:,} {found.noun}s, "
        f"{against.false_positive_rate:g} false positives)"
    )
