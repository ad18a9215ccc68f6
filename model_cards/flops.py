"""What a forward pass costs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Flops:
    """Floating-point operations of a forward pass of one example, two for each multiplication that is added.

    ``example``: of the protocol's size. ``least``: of the smallest that the protocol admits, which is the same where
    all have one size.
    """

    example: int
    least: int


def told(value: float) -> str:
    """A number of them for people: ``8.18 GFLOPs``."""
    for unit, size in (("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6)):
        if value >= size:
            return f"{value / size:,.3g} {unit}FLOPs" if value < 1000 * size else f"{value / size:,.0f} {unit}FLOPs"
    return f"{value:,.0f} FLOPs"
