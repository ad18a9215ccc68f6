"""Whether a new classifier is worse than an old one by no more than a stated margin, on the same examples."""

from dataclasses import dataclass
from math import sqrt

from .normal import quantile, significant, upper_tail
from .statistics import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class NonInferiority:
    """Of ``n`` examples ``gained`` are answered rightly by the new one alone, ``lost`` by the old one alone.

    ``low`` bounds new minus old accuracy from below, one-sided at ``confidence``; ``p_value`` is that of the
    hypothesis that the new one is worse by ``margin`` or more. It ``holds`` where ``low`` lies above ``-margin``.
    """

    n: int
    gained: int
    lost: int
    margin: float
    difference: float
    low: float
    confidence: float
    p_value: float
    holds: bool


def non_inferior(gained: int, lost: int, n: int, margin: float, confidence: float = 0.95) -> NonInferiority:
    """Tango's score test for paired proportions, and the one-sided bound that agrees with it.

    Tango 1998, Stat. Med. 17:891, equations 24 to 26. By the lower end of Bonett & Price's interval a model that is
    worse by the margin would pass in up to 9 of 100 cases where few examples are discordant; by this one in 5.6
    (``docs/decisions/0013-statistics.md``). "No significant difference" is another claim: few examples make every
    difference insignificant.

    Raises:
        ValueError: more examples gained and lost than there are, or a margin that is not between 0 and 1.
    """
    _check(gained, lost, n)
    if not 0 < margin < 1:
        raise ValueError(f"a margin of non-inferiority lies between 0 and 1, got {margin}")
    low = _end(gained, lost, n, quantile(confidence))
    return NonInferiority(
        n=n,
        gained=gained,
        lost=lost,
        margin=margin,
        difference=(gained - lost) / n,
        low=low,
        confidence=confidence,
        p_value=upper_tail(_score(gained, lost, n, -margin)),
        holds=low > -margin,
    )


def tango(gained: int, lost: int, n: int, confidence: float = 0.95) -> Interval:
    """Tango's two-sided score interval for the difference of paired proportions, (gained - lost) / n.

    Raises:
        ValueError: more examples gained and lost than there are.
    """
    _check(gained, lost, n)
    z = quantile((1 + confidence) / 2)
    return Interval(low=_end(gained, lost, n, z), high=-_end(lost, gained, n, z), confidence=confidence)


def _check(gained: int, lost: int, n: int) -> None:
    if n < 1 or gained < 0 or lost < 0 or gained + lost > n:
        raise ValueError(f"a paired comparison needs gained + lost <= n and n > 0, got {gained} + {lost} of {n}")


def lost_under(gained: float, lost: float, n: float, difference: float) -> float:
    """The likeliest share of lost examples where gained minus lost shares are ``difference`` (Tango, equation 25)."""
    b = -gained - lost + (2 * n - gained + lost) * difference
    c = -lost * difference * (1 - difference)
    return (sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)


def _score(gained: int, lost: int, n: int, difference: float) -> float:
    """How many standard errors, taken where ``difference`` is true, the observed difference lies above it."""
    variance = n * (2 * lost_under(gained, lost, n, difference) + difference * (1 - difference))
    gap = gained - lost - n * difference
    return gap / sqrt(variance) if variance > 0 else 0.0 if gap == 0 else float("inf") * gap


def _end(gained: int, lost: int, n: int, z: float) -> float:
    """The lower end: where the score, which falls as the difference grows, is z."""
    below, above = -1.0, (gained - lost) / n
    # Bisection has only sums, products, roots and comparisons in it: the same bits on every machine.
    for _ in range(60):
        middle = (below + above) / 2
        below, above = (middle, above) if _score(gained, lost, n, middle) > z else (below, middle)
    return significant(below)
