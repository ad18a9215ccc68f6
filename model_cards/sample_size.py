"""How many test examples a claim needs."""

from math import ceil, sqrt

from .noninferiority import lost_under
from .normal import quantile


def n_for_half_width(share: float, margin: float, confidence: float = 0.95) -> int:
    """The smallest n at which Wilson's interval of the observed ``share`` is no wider than ``margin`` to each side.

    Half the width is ``z * sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)`` (Brown, Cai & DasGupta 2001,
    equation 4); it falls as n grows. The share is taken as it is, also where ``share * n`` is no whole number.

    Raises:
        ValueError: a share beyond 0 and 1, or a margin that is not between 0 and 1/2.
    """
    if not 0 <= share <= 1 or not 0 < margin < 0.5:
        raise ValueError(f"a margin lies between 0 and 1/2 and a share between 0 and 1, got {margin} and {share}")
    square = quantile((1 + confidence) / 2) ** 2
    # The half-width set to the margin and solved for n: margin² (n + z²)² = z² p (1 - p) n + z⁴ / 4.
    linear = 2 * square * margin**2 - square * share * (1 - share)
    constant = square**2 * (margin**2 - 0.25)
    root = (sqrt(linear**2 - 4 * margin**2 * constant) - linear) / (2 * margin**2)
    return max(1, _up(root))


def n_for_target(share: float, target: float, confidence: float = 0.95) -> int:
    """The smallest n at which Wilson's interval of the observed ``share`` lies wholly on its side of ``target``.

    Wilson's ends are where the score test turns: ``n >= z**2 * t * (1 - t) / (p - t)**2`` (Wilson 1927).

    Raises:
        ValueError: a share that is the target itself, which no n tells apart; a share or target beyond 0 and 1.
    """
    if share == target or not 0 <= share <= 1 or not 0 < target < 1:
        raise ValueError(f"no number of examples tells a share of {share} from a target of {target}")
    return max(1, _up(quantile((1 + confidence) / 2) ** 2 * target * (1 - target) / (share - target) ** 2))


def n_for_non_inferiority(
    margin: float, discordant: float, difference: float = 0.0, confidence: float = 0.95, power: float = 0.8
) -> int:
    """The n at which `non_inferior` holds with a chance of ``power``.

    ``discordant`` is the share of examples that only one of the two models answers rightly, ``difference`` the true
    new minus old accuracy. ``n = (z_confidence * sqrt(V0) + z_power * sqrt(V1))**2 / (difference + margin)**2``, with
    the variance of one example's difference at the margin, V0, and at the truth, V1 (Lu & Bean 1995, Stat. Med.
    14:1831; V0 by the restricted likelihood as in Nam 1997, Biometrics 53:1422). It is an approximation for large n.

    Raises:
        ValueError: a difference that is not above ``-margin`` or larger than ``discordant``; shares beyond 0 and 1.
    """
    if not 0 < margin < 1 or not abs(difference) <= discordant <= 1 or difference <= -margin or discordant == 0:
        raise ValueError(
            f"no number of examples shows a difference of {difference} at {discordant} discordant to be above {-margin}"
        )
    if not 0 < power < 1:
        raise ValueError(f"power lies between 0 and 1, got {power}")
    lost = lost_under((discordant + difference) / 2, (discordant - difference) / 2, 1, -margin)
    at_margin = 2 * lost - margin * (1 + margin)
    at_truth = discordant - difference**2
    reach = quantile(confidence) * sqrt(at_margin) + quantile(power) * sqrt(at_truth)
    return max(1, _up((max(0.0, reach) / (difference + margin)) ** 2))


def _up(n: float) -> int:
    # 400.0000000001 is 400 examples: the excess is that of the last bits.
    return ceil(round(n, 6))
