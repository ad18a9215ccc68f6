"""Which rule a version has to pass, stated before it is measured. Written ``point`` or ``non-inferior=0.005``."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from .errors import InputError

GateKind = Literal["point", "lower-bound", "non-inferior"]

# Half a point of accuracy: what a comparison with a parent is told at where no other margin was stated.
DEFAULT_MARGIN = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What the figures have to show. ``parse(str(g)) == g``.

    ``point``: the point estimate meets the target (the verdict *reproduced*). ``lower-bound``: so does the worse end of
    the two-sided interval (the verdict *generalises*). ``non-inferior``: on the same examples it is worse than its
    parent by less than ``margin``, a share, and no class is shown to have got worse; the target need not be met.
    """

    kind: GateKind = "point"
    margin: float | None = None

    def __str__(self) -> str:
        return self.kind if self.margin is None else f"{self.kind}={self.margin!r}"

    @staticmethod
    def parse(text: str) -> "Gate":
        """The gate that ``text`` states.

        Raises:
            InputError: none of the three, a margin that is not between 0 and 1, or one where none belongs.

        Example:
            >>> Gate.parse("non-inferior=0.005").margin
            0.005
        """
        word, _, figure = text.strip().partition("=")
        for kind in get_args(GateKind):
            if word == kind and (kind == "non-inferior") == bool(figure):
                return Gate(kind=kind, margin=_margin(figure) if figure else None)
        raise InputError(
            f"cannot read the gate {text!r}. Expected point, lower-bound, or non-inferior with a margin: "
            "'non-inferior=0.005' for half a point."
        )


# What a version has to pass where nothing else was stated.
POINT = Gate()


def _margin(text: str) -> float:
    try:
        margin = float(text)
    except ValueError:
        margin = math.nan
    if not 0 < margin < 1:
        raise InputError(
            f"the margin {text!r} of a non-inferior gate is not a share between 0 and 1. Expected, for half a point, "
            "'non-inferior=0.005'."
        )
    return margin
