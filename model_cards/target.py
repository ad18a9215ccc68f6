"""A target: metric, relation, threshold. Written ``top1>=0.95``."""

import math
import operator
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from .errors import InputError

Relation = Literal[">=", "<="]

_MEETS = {">=": operator.ge, "<=": operator.le}
_FORM = re.compile(r"\s*([a-z][a-z0-9_-]*)\s*(>=|<=)\s*([0-9.eE+-]+)\s*(%?)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The stated accuracy. ``parse(str(t)) == t``."""

    metric: str
    relation: Relation
    threshold: float

    def met_by(self, value: float) -> bool:
        """Whether an unrounded ``value`` meets the target."""
        return bool(_MEETS[self.relation](value, self.threshold))

    def __str__(self) -> str:
        return f"{self.metric}{self.relation}{self.threshold!r}"

    @staticmethod
    def parse(text: str) -> "Target":
        """Parses ``top1>=0.95`` or ``top1>=95%``.

        Raises:
            InputError: any other form.
        """
        match = _FORM.fullmatch(text)
        try:
            if match is None:
                raise ValueError
            # In decimals: 1.1 / 100 is not the double that is nearest to 0.011.
            threshold = float(Decimal(match[3]).scaleb(-2 if match[4] else 0))
            if not math.isfinite(threshold):
                raise ValueError
        except (ValueError, ArithmeticError):
            raise InputError(
                f"cannot read the target {text!r}. Expected a metric, >= or <=, and a number: 'top1>=0.95'."
            ) from None
        relation: Relation = ">=" if match[2] == ">=" else "<="
        return Target(metric=match[1], relation=relation, threshold=threshold)
