"""The card's sections on a classification: every class's recall, calibration, and the most confident errors."""

import re
from collections.abc import Mapping, Sequence

from .calibration import Calibration, calibrate
from .classification import (
    ClassRecall,
    balanced_accuracy,
    check_classes,
    class_recalls,
    most_confident_errors,
    worst_first,
)
from .confusion_matrix import confusion_matrix
from .evidence import Row
from .log_loss import LogLoss, log_loss
from .markdown import code, plain
from .metric import percent
from .recall_plot import recall_plot
from .reliability_diagram import reliability_diagram
from .snapshot import EXAMPLES
from .svg import MOST_CLASSES

CONFUSION = "plots/confusion.svg"
CLASSES = "plots/classes.svg"
CALIBRATION = "plots/calibration.svg"


def classes_section(
    rows: Sequence[Row], labels: Sequence[str], pictures: frozenset[str]
) -> tuple[str, Mapping[str, bytes]]:
    """The sections' text, and the plots it shows by path; ``pictures`` are the examples that may be shown.

    Raises:
        IndexError: a row's truth or prediction is not the number of a label.
    """
    check_classes(rows, len(labels))
    recalls, balanced, calibration = class_recalls(rows), balanced_accuracy(rows), calibrate(rows)
    plots = {CLASSES: recall_plot(recalls, labels, balanced.value)}
    low, high = balanced.interval.low, balanced.interval.high
    text = [
        "## Classes\n",
        f"Balanced accuracy **{percent(balanced.value)}** ({100 * balanced.interval.confidence:g} % {percent(low)} to "
        f"{percent(high)}): the mean recall of the {len(recalls):,} classes that occur in the test data.\n",
        f"![Recall of each class with its interval, the worst first]({CLASSES})\n",
        _table(recalls, labels),
    ]
    confusion = confusion_matrix(rows, labels)
    if confusion is not None:
        plots[CONFUSION] = confusion
        text.append(f"![Confusion matrix on the test data]({CONFUSION})\n")
    if calibration is not None:
        plots[CALIBRATION] = reliability_diagram(calibration)
    text += [_calibration(calibration, log_loss(rows)), _errors(rows, labels, pictures)]
    return "\n".join(text), plots


def _table(recalls: Sequence[ClassRecall], labels: Sequence[str]) -> str:
    shown = worst_first(recalls)[:MOST_CLASSES]
    lines = "\n".join(
        f"| {plain(labels[one.truth])} | {one.n:,} | {percent(one.value)} | "
        f"{percent(one.interval.low)} to {percent(one.interval.high)} |"
        for one in shown
    )
    hidden = len(recalls) - len(shown)
    rest = f"\nThe {len(shown)} worst; {hidden:,} more classes are in the evidence.\n" if hidden else ""
    return f"| class | n | recall | 95 % |\n|---|---|---|---|\n{lines}\n{rest}"


def _calibration(calibration: Calibration | None, loss: LogLoss | None) -> str:
    if calibration is None:
        return "## Calibration\n\nNot measured: the confidences in the evidence are no probabilities.\n"
    return (
        "## Calibration\n\n"
        f"Expected calibration error {percent(calibration.error)} (ECE, {len(calibration.bins)} bins of equal mass): "
        f"how far, on average, the confidence lies from the share of right answers. {_log_loss(loss)}\n\n"
        f"![Share of right answers over mean confidence]({CALIBRATION})\n"
    )


def _log_loss(loss: LogLoss | None) -> str:
    if loss is None:
        return "Log loss: not measured."
    return f"Log loss {loss.value:.4f} nats; the shares of the classes alone have {loss.by_shares:.4f}."


def _errors(rows: Sequence[Row], labels: Sequence[str], pictures: frozenset[str]) -> str:
    heading = "## Most confident errors\n\n"
    wrong = sum(row.prediction != row.truth for row in rows)
    if not wrong:
        return f"{heading}None: all {len(rows):,} answers are right.\n"
    shown = most_confident_errors(rows)
    seen = [_picture(row, pictures) for row in shown]
    head = "| example | truth | prediction | confidence |"
    lines = [
        f"| {code(row.id[:16])} | {plain(labels[row.truth])} | {plain(labels[row.prediction])} | "
        f"{percent(row.confidence)} |"
        for row in shown
    ]
    if any(seen):
        head = f"| {head}"
        lines = [f"| {picture} {line}" for picture, line in zip(seen, lines, strict=True)]
    columns = head.count("|") - 1
    count = "The one wrong answer" if wrong == 1 else f"{len(shown)} of {wrong:,} wrong answers"
    return f"{heading}{count}.\n\n{head}\n{'|---' * columns}|\n" + "\n".join(lines) + "\n"


def _picture(row: Row, pictures: frozenset[str]) -> str:
    name = row.id[:16]
    path = f"{EXAMPLES}/{name}.jpg"
    return f"![example {name}]({path})" if re.fullmatch("[0-9a-f]{16}", name) and path in pictures else ""
