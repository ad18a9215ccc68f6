"""What needs no model, beside the model on a card: the most popular items, an order by chance."""

from collections.abc import Mapping, Sequence

from .evidence import Row
from .metric import told, told_change
from .protocol import FAMILIES, Protocol, score, with_metric
from .ranking import by_chance
from .recommendation import by_popularity

NOT_MEASURED = "not measured"
Cells = Mapping[str, tuple[str, ...]]  # by the metric's name, what a table says beside it
NOTHING: Cells = {}


def popularity_cells(protocol: Protocol, rows: Sequence[Row]) -> Cells:
    """Of each metric what the most popular candidates score for the same users, and the paired difference."""
    popular = by_popularity(rows)
    if popular is None:
        return {}
    found = {}
    for name, compare in FAMILIES[protocol.family].comparisons.items():
        value = told(name, score(with_metric(protocol, name), popular).value)
        try:
            c = compare(rows, popular, protocol.parameters)
        except ValueError:  # every user differs by the same
            found[name] = (value, NOT_MEASURED)
            continue
        change, low, high = (told_change(name, figure) for figure in (c.difference, c.low, c.high))
        found[name] = (value, f"{change} ({low} to {high})")
    return found


def chance_cells(metric: str, rows: Sequence[Row]) -> Cells:
    """What any order of the same groups scores on average."""
    return {metric: (told(metric, by_chance(rows)),)}
