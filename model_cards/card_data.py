"""The card's section on the data: its parts, and what of the training data reached the test data."""

from collections.abc import Iterator

from .card_time import NOT_MEASURED
from .certificate import Claim, Data
from .markdown import code, plain
from .metric import Metric, told
from .near import Near


def data_section(claim: Claim) -> str:
    """The section, from the claim alone."""
    data = claim.data
    rows = [("test", data.test), ("validation", data.validation), ("train", data.train)]
    table = "\n".join(
        f"| {name} | {record.n:,} | {code(record.fingerprint[:16])} |" if record else f"| {name} | {NOT_MEASURED} | |"
        for name, record in rows
    )
    shown = plain(", ".join(data.labels[:20])) + (f" and {len(data.labels) - 20} more" if len(data.labels) > 20 else "")
    classes = f"{len(data.labels)} classes: {shown}. " if data.labels else ""
    return (
        f"## Data: {plain(data.name)}\n\n"
        f"| part | examples | fingerprint |\n|---|---|---|\n{table}\n\n"
        f"{classes}Split: {plain(data.split_rule)}. "
        f"Exact duplicates between train and test: {_count(data.exact_duplicates)}; "
        f"near duplicates: {_count(data.near_duplicates)}.\n"
    ) + "".join(f"\n{paragraph}\n" for paragraph in _leaks(claim))


def _count(value: int | None) -> str:
    return NOT_MEASURED if value is None else f"{value:,}"


def _leaks(claim: Claim) -> Iterator[str]:
    data = claim.data
    if data.near is not None:
        yield _near(data.near, claim.metric)
    elif data.near_not_measured is not None:
        yield f"Near duplicates were not measured: {plain(data.near_not_measured)}."
    if data.groups is not None:
        g = data.groups
        yield (
            f"Groups by {g.by} {code(g.name)}: {g.n:,}; {g.crossing:,} of {data.test.n:,} test examples share one with "
            "what was trained or stopped on."
        )
    if claim.parent is not None:
        yield _overlap(data)
    if data.sketch is not None:
        s = data.sketch
        older = ", and of those of what it descends from," if s.filters > 1 else ""
        yield (
            f"A sketch of the {s.n:,} different examples that were trained or stopped on{older} lies in "
            "`data/train.sketch`: whoever has an example can ask whether it is one of them, with "
            f"{s.false_positive_rate:g} false positives."
        )


def _near(near: Near, metric: Metric) -> str:
    same = f", and {near.same:,} more are in it" if near.same else ""
    text = f"{near.n:,} of {metric.n:,} test examples have a near duplicate in the training data{same}"
    if near.metric is not None:
        with_them, without = (told(metric.name, figure) for figure in (metric.value, near.metric.value))
        text += f"; {plain(metric.name)} with: {with_them}, without: {without} (n = {near.metric.n:,})"
    elif near.n or near.same:
        text += f"; without them no test example is left to measure {plain(metric.name)} on"
    least, most = near.thresholds["similarity"], near.thresholds["distance"]
    return f"{text}. Found by {code(near.method)}: distance {most:g} at most, similarity {least:g} at least."


def _overlap(data: Data) -> str:
    overlap = data.parent_overlap
    if overlap is None:
        return f"Test examples in the training data of the parent: {NOT_MEASURED}, it has no sketch of them."
    return (
        f"Test examples in the training data of the parent and of what it descends from, by its sketch: {overlap.n:,} "
        f"of {data.test.n:,} ({overlap.false_positive_rate:g} false positives, {overlap.filters} filter"
        f"{'' if overlap.filters == 1 else 's'})."
    )
