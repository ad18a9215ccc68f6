"""A run's own report as a page: the road, the classes, the surest errors and the suspected labels, with pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadworthy.model_cards import Row
from roadworthy.model_cards.calibration import calibrate
from roadworthy.model_cards.classification import balanced_accuracy, class_recalls, most_confident_errors
from roadworthy.model_cards.confusion_matrix import confusion_matrix
from roadworthy.model_cards.learning_curve import learning_curve
from roadworthy.model_cards.metric import told
from roadworthy.model_cards.recall_plot import recall_plot
from roadworthy.model_cards.reliability_diagram import reliability_diagram

from .output import note
from .pages import Tile, rendered, write

if TYPE_CHECKING:
    from roadworthy.finetune.run_report import RunReport

FILE = "report.html"
_ERRORS, _SUSPECTS = 24, 36  # pictures
_FEW = 4  # classes; their confusion matrix is small enough to stand beside another plot


def write_run_page(run: Path) -> Path:
    """Writes ``report.html`` into a finished run's folder, beside the candidate and never inside it."""
    from roadworthy.finetune.run_report import read_report
    from roadworthy.finetune.showing import SHOWN, show

    report = read_report(run)
    errors = _errors(report)
    suspects = report.label_check.suspects[:_SUSPECTS] if report.label_check else ()
    names = {error["name"] for error in errors} | {suspect.name for suspect in suspects}
    values = _values(report) | {"errors": errors, "suspects": suspects}
    if report.spec.task not in SHOWN:  # rows of a table, which may be larger than memory
        names = set()
    html = rendered("run_page.html", **values, shown=show(Path(report.spec.data), names, options=report.spec.options))
    write(run / FILE, html)
    return run / FILE


def leave_run_page(run: Path) -> None:
    """Writes the page where it can be; a run that ended well does not fail over a picture of it."""
    try:
        note(f"Look: {write_run_page(run)}")
    except Exception as error:
        note(f"roadworthy: no {FILE} for {run} ({error!r}); the run itself is whole.")


def _values(report: "RunReport") -> dict[str, Any]:
    spec, data, clocks = report.spec, report.data.data, report.road.clocks
    metric = report.data.validation
    crossing = clocks.run if clocks and clocks.target_met else None
    name = spec.target.metric if spec.target else metric.name if metric else "metric"
    recipe = sorted(spec.recipe.items())
    return {
        "name": f"{spec.system} on {data.name}",
        "verdict": _verdict(report),
        "tiles": _tiles(report),
        "curve": learning_curve(report.road.curve, spec.target, name, crossing),
        "parts": [(part, record) for part in ("train", "validation", "test") if (record := getattr(data, part))],
        "split": data.split_rule,
        "duplicates": f"{data.exact_duplicates or 0:,} test examples are also among those trained or stopped on.",
        "rows": len(report.rows),
        "wrong": len([row for row in report.rows if row.prediction != row.truth]),
        "check": report.label_check,
        "not_checked": report.not_checked,
        "recipe": ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in recipe) + f"; seed {spec.seed}.",
        **_plots(report.rows, data.labels),
    }


def _verdict(report: "RunReport") -> str:
    if report.spec.target is None:
        return "All epochs were run; no target was stated."
    held = report.road.clocks is not None and report.road.clocks.target_met
    return f"The target {report.spec.target} {'held' if held else 'did not hold'} on validation."


def _tiles(report: "RunReport") -> list[Tile]:
    metric, clocks = report.data.validation, report.road.clocks
    met = "good" if clocks and clocks.target_met else "bad" if report.spec.target else ""
    tiles = []
    if metric is not None:
        low, high = told(metric.name, metric.low), told(metric.name, metric.high)
        label = f"{metric.name} on validation, {low} to {high}"
        tiles.append(Tile(value=told(metric.name, metric.value), label=label, kind=met))
    if clocks is not None:
        tiles += [
            Tile(value=f"{clocks.run:,.1f} s", label="run clock: data to target" if clocks.target_met else "run clock"),
            Tile(value=f"{clocks.total:,.1f} s", label="total, from the start of the process"),
            Tile(value=f"{clocks.train_only:,.1f} s", label="in steps of the optimizer"),
            Tile(value=f"{clocks.epochs:,.2f}", label=f"epochs, {clocks.samples:,} examples"),
        ]
    environment = report.spec.environment
    machine = " + ".join(environment.accelerators) or f"{environment.cores} CPU cores"
    return [*tiles, Tile(value=machine, label=f"in {environment.precision}")]


def _is_classification(rows: tuple[Row, ...], labels: tuple[str, ...]) -> bool:
    return bool(rows) and all(
        type(answer) is int and 0 <= answer < len(labels) for row in rows for answer in (row.truth, row.prediction)
    )


def _plots(rows: tuple[Row, ...], labels: tuple[str, ...]) -> dict[str, Any]:
    if not _is_classification(rows, labels):
        return {"plots": [], "balanced": None}
    balanced, calibration = balanced_accuracy(rows), calibrate(rows)
    recalls = recall_plot(class_recalls(rows), labels, balanced.value, "validation")
    plots = [("whole", "Recall of each class", recalls)]
    if (confusion := confusion_matrix(rows, labels, "validation")) is not None:
        plots.append(("rest" if len(labels) <= _FEW else "whole", "Confusion matrix", confusion))
    if calibration is not None:
        plots.append(("half", "Calibration", reliability_diagram(calibration, "validation")))
    return {"plots": plots, "balanced": balanced.value}


def _errors(report: "RunReport") -> list[dict[str, Any]]:
    labels = report.data.data.labels
    if not _is_classification(report.rows, labels):
        return []
    return [
        {
            "name": report.names.get(row.id, row.id[:16]),
            "given": labels[row.truth],
            "said": labels[row.prediction],
            "confidence": row.confidence,
        }
        for row in most_confident_errors(report.rows, _ERRORS)
    ]
