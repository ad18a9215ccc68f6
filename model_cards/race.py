"""A race: recipes on the same data from the same start to the same target, and how long each took."""

from dataclasses import dataclass
from typing import Any

from .certificate import Data, Environment
from .clocks import Point
from .metric import Metric
from .series import Series
from .target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A recipe and its attempts.

    ``name``: the recipe as it was asked for. ``metric``: of the attempt nearest the median, on validation when it
    stopped; ``None`` if it died. ``curves``: validation over the run clock, one for each attempt.
    """

    name: str
    recipe: dict[str, Any]
    series: Series
    metric: Metric | None
    curves: tuple[tuple[Point, ...], ...]

    @property
    def crossings(self) -> tuple[float | None, ...]:
        """For each attempt the second at which its target held; ``None`` where it never did."""
        return tuple(a.clocks.run if a.clocks is not None and not a.failed else None for a in self.series.attempts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """All contenders, in the order in which they took turns. ``start``: what was trained from, in words."""

    target: Target
    start: str
    data: Data
    environment: Environment
    contenders: tuple[Contender, ...]

    def ratio(self, contender: Contender) -> float | None:
        """A contender's median on the run clock by the first contender's; ``None`` where one of them is infinite."""
        first, this = self.contenders[0].series.run.median, contender.series.run.median
        return None if first is None or this is None or first == 0 else this / first

    def differing(self) -> tuple[str, ...]:
        """The fields of the recipes that are not the same for all contenders, by the alphabet."""
        fields = sorted({field for contender in self.contenders for field in contender.recipe} - {"name"})
        recipes = [contender.recipe for contender in self.contenders]
        return tuple(f for f in fields if any(recipe.get(f) != recipes[0].get(f) for recipe in recipes))
