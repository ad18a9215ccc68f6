"""A performance record for people, as tables, and for scripts, as plain values."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from .output import metric_line, print_table

if TYPE_CHECKING:
    from roadworthy.model_cards import Agreement, Performance
    from roadworthy.registry import Recorded

_NOT_MEASURED = "not measured"


def performance_document(performance: "Performance") -> dict[str, Any]:
    """The record's fields, and with each accuracy how much of float32's it keeps (``keeps``)."""
    document = asdict(performance)
    for accuracy in document["accuracies"]:
        accuracy["keeps"] = performance.band(accuracy["precision"])
    return document


def recorded_document(recorded: "Recorded") -> dict[str, Any]:
    """One entry of a version's log; ``performance`` is null where it does not count, and ``problem`` says why."""
    return {
        "number": recorded.number,
        "signers": recorded.signers,
        "problem": recorded.problem,
        "performance": performance_document(recorded.record.performance) if recorded.record else None,
    }


def tell_recorded(recorded: "Recorded") -> None:
    """Prints one entry of a version's log."""
    if recorded.record is None:
        typer.echo(f"performance record {recorded.number} does not count: {recorded.problem}")
        return
    typer.echo(f"performance record {recorded.number}, signed by {', '.join(key[:16] for key in recorded.signers)}")
    tell(recorded.record.performance)


def tell(performance: "Performance") -> None:
    """Prints the machine, the speed of every cell and the accuracy at every precision."""
    e = performance.environment
    device = ", ".join(e.accelerators) or "no accelerator"
    libraries = ", ".join(f"{name} {e.libraries[name]}" for name in ("torch", "cuda") if name in e.libraries)
    typer.echo(
        f"measured {performance.measured_at} on {e.cpu}, {e.threads} of {e.cores} cores, {e.memory_gib:g} GiB, "
        f"{device}; {libraries}; {performance.example}"
    )
    cells = [
        (c.precision, c.batch_size, _number(c.p50_ms), _number(c.p99_ms), _number(c.per_second), c.problem or c.n)
        for c in performance.latencies
    ]
    print_table(("precision", "batch", "p50 ms", "p99 ms", "per second", "calls"), cells, left=1)
    accuracies = [
        (
            a.precision,
            a.method,
            metric_line(a.metric, with_protocol=False) if a.metric else _NOT_MEASURED,
            performance.band(a.precision) or _NOT_MEASURED,
            agreement_text(a.agreement),
        )
        for a in performance.accuracies
    ]
    print_table(("precision", "run", "accuracy", "keeps of float32", "as its certificate"), accuracies, left=5)
    typer.echo(f"accuracy under {performance.protocol.name}" if performance.test else "accuracy: no --data was given")


def agreement_text(agreement: "Agreement | None") -> str:
    """``99.84 % of answers, ±0.0081``: the share of equal predictions and the largest probability difference."""
    if agreement is None:
        return _NOT_MEASURED
    return f"{100 * agreement.same:.2f} % of answers, ±{agreement.largest_difference:.6f}"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 100 else f"{value:.2f}"
