"""A square plot of one share over another, both from 0: ROC, precision over recall, calibration of probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass

from .svg import GRID, MUTED, heading, picture, stroke, text, ticks

_WIDTH, _SIDE = 720, 340  # pixels
_LEFT, _TOP, _BOTTOM = 76, 48, 52
_KEY = _LEFT + _SIDE + 40  # where the key stands


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """The axes: ``across`` and ``up`` name them; both end at ``end``, a share."""

    across: str
    up: str
    end: float = 1.0

    def x(self, share: float) -> float:
        """Pixels from the left."""
        return _LEFT + _SIDE * min(share, self.end) / self.end

    def y(self, share: float) -> float:
        """Pixels from the top."""
        return _TOP + _SIDE * (1 - min(share, self.end) / self.end)

    def at(self, across: float, up: float) -> str:
        """A point, as a path or a polyline has it."""
        return f"{self.x(across):.1f},{self.y(up):.1f}"

    def picture(self, title: str, body: Sequence[str], key: Sequence[str]) -> bytes:
        """The whole picture: ``body`` in the square, and the lines of the ``key`` beside it."""
        words = [text(_KEY, _TOP + 20 + 22 * line, said) for line, said in enumerate(key)]
        return picture(_WIDTH, _TOP + _SIDE + _BOTTOM, title, [heading(16, title), *self._frame(), *body, *words])

    def _frame(self) -> list[str]:
        body = []
        for tick, _ in ticks(0.0, self.end, 5):
            name = f"{100 * tick:g} %"
            right, bottom = _LEFT + _SIDE, _TOP + _SIDE
            body.append(stroke(f"M{_LEFT} {self.y(tick):.1f}H{right}M{self.x(tick):.1f} {_TOP}V{bottom}", GRID))
            body.append(text(_LEFT - 8, self.y(tick) + 4, name, anchor="end", fill=MUTED))
            body.append(text(self.x(tick), bottom + 20, name, anchor="middle", fill=MUTED))
        middle = _TOP + _SIDE / 2
        turned = f' transform="rotate(-90 20 {middle:.1f})"'
        return [
            *body,
            text(_LEFT + _SIDE / 2, _TOP + _SIDE + 42, self.across, anchor="middle", fill=MUTED),
            text(20, middle, self.up, anchor="middle", fill=MUTED, extra=turned),
        ]
