"""The recall of each class as a bar with its interval, the worst class first."""

from collections.abc import Sequence

from .bar_plot import Bar, Level, bar_plot
from .classification import ClassRecall, worst_first
from .metric import percent
from .svg import MOST_CLASSES

QUARTERS = tuple((share, f"{100 * share:.0f} %") for share in (0.0, 0.25, 0.5, 0.75, 1.0))


def recall_plot(recalls: Sequence[ClassRecall], labels: Sequence[str], mean: float, part: str = "test") -> bytes:
    """At most 24 classes; ``mean`` is the balanced accuracy, drawn as a line across all bars.

    Raises:
        IndexError: a class is not the number of a label.
    """
    shown = worst_first(recalls)[:MOST_CLASSES]
    title = f"Recall of each class on the {part} data, with 95 % intervals"
    if len(shown) < len(recalls):
        title = f"Recall of the {len(shown)} worst of {len(recalls):,} classes, with 95 % intervals"
    bars = [_bar(recall, labels[recall.truth]) for recall in shown]
    return bar_plot(title, bars, Level(value=mean, name=f"balanced accuracy {percent(mean)}"), QUARTERS)


def _bar(recall: ClassRecall, label: str) -> Bar:
    low, high = recall.interval.low, recall.interval.high
    return Bar(
        label=label,
        value=recall.value,
        low=low,
        high=high,
        written=percent(recall.value),
        n=recall.n,
        told=f"{label}: {recall.found} of {recall.n}, {percent(low)} to {percent(high)}",
    )
