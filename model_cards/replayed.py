"""Whether a figure in a certificate is the one that the evidence gives when it is computed again."""

from collections.abc import Iterator
from dataclasses import asdict
from math import isclose
from typing import Any

from .metric import Metric

_ROUNDED = frozenset({"low", "high", "p_value", "error"})


def same(stated: Any, recomputed: Any) -> bool:
    """Two records of one kind: counts and ratios of counts exactly; what took a square root or a quantile within 1e-9.

    Their last bit may differ between platforms, and a certificate must not turn false with it.
    """
    ours, theirs = asdict(stated), asdict(recomputed)
    return ours.keys() == theirs.keys() and all(
        isclose(ours[name], theirs[name], rel_tol=0, abs_tol=1e-9) if name in _ROUNDED else ours[name] == theirs[name]
        for name in ours
    )


def figures_differ(stated: Metric, recomputed: Metric, where: str) -> Iterator[str]:
    """The reason, where ``where`` states another metric than the evidence gives."""
    if not same(stated, recomputed):
        yield (
            f"{where} says {_figure(stated)}; the evidence gives {_figure(recomputed)}. "
            "The figure was not made from this evidence"
        )


def _figure(metric: Metric) -> str:
    return f"{metric.name} {metric.value:.6f} ({metric.low:.6f} to {metric.high:.6f}, n = {metric.n})"
