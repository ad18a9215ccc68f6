"""What every protocol is made of, and what protocols of one family share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .classification import Estimate
from .evidence import Row
from .metric import kind_of
from .score_comparison import ScoreComparison
from .statistics import PairedComparison
from .target import Relation

Parameters = Mapping[str, int | float | str | tuple[float, ...]]
Scorer = Callable[[Sequence[Row], Parameters], Estimate]
Comparison = PairedComparison | ScoreComparison
Comparer = Callable[[Sequence[Row], Sequence[Row], Parameters], Comparison]


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How a metric is measured.

    ``family`` names the scorers that recompute the metric from evidence; ``parameters`` hold everything
    that an evaluation needs besides the weights.
    """

    family: str
    id: str
    version: int
    metric: str
    relation: Relation
    parameters: Mapping[str, int | float | str | tuple[float, ...]]

    @property
    def name(self) -> str:
        """``id@version``: what figures are compared under."""
        return f"{self.id}@{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Protocols that measure in one way and differ in their parameters and in the metric they score.

    ``build`` makes the protocol of the family's first metric from the parameters called ``stated``, the only ones
    that a user chooses; ``spell`` says what of the parameters an id spells out after ``subject`` and metric.
    ``comparisons`` pair a new model's evidence with an old one's, by metric; where there is none, right answers are.
    """

    subject: str
    stated: tuple[str, ...]
    build: Callable[..., Protocol]
    spell: Callable[[Mapping[str, Any]], str]
    metrics: Mapping[str, Scorer]
    classification: bool
    comparisons: Mapping[str, Comparer] = field(default_factory=dict)

    def id_of(self, metric: str, parameters: Mapping[str, Any]) -> str:
        """What a protocol of this family is called that scores ``metric``."""
        parts = (self.subject, metric.replace("_", "-"), self.spell(parameters))
        return "-".join(part for part in parts if part)

    def first(self, name: str, parameters: Mapping[str, Any]) -> Protocol:
        """The protocol of the first metric; ``name`` is what the family is called."""
        metric = next(iter(self.metrics))
        return Protocol(
            family=name,
            id=self.id_of(metric, parameters),
            version=1,
            metric=metric,
            relation=kind_of(metric).relation,
            parameters=parameters,
        )


def of_rows(estimate: Callable[[Sequence[Row]], Estimate]) -> Scorer:
    """A scorer that needs no parameter of the protocol."""
    return lambda rows, _: estimate(rows)
