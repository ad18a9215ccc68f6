"""Whether a run reached its target in fewer samples than its reference's runs make believable.

Far fewer samples than a recipe needs point to a leak or to another protocol, as the reference convergence points
of MLPerf Training do.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import InputError

FEWEST = 5  # reference runs; with fewer the bound says next to nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Convergence:
    """A run's samples to target beside those of the ``reference`` runs.

    One more run of the reference would stay above ``bound`` samples with ``confidence``; ``faster`` says that
    this one did not. ``certificate_sha256`` is that of the reference's certificate, which holds those runs.
    """

    reference: tuple[int, ...]
    samples: int
    bound: float
    confidence: float
    faster: bool
    certificate_sha256: str | None = None


def compare_convergence(reference: Sequence[int], samples: int, confidence: float = 0.95) -> Convergence:
    """Holds ``samples`` against the lower one-sided prediction bound of the ``reference`` runs.

    With log samples taken as normal: ``exp(m - t * s * sqrt(1 + 1/n))``, ``t`` being Student's quantile at
    ``confidence`` with n - 1 degrees of freedom (Hahn & Meeker 1991, *Statistical Intervals*, section 4.8).

    Raises:
        InputError: fewer than five reference runs, or one without a sample.
    """
    if len(reference) < FEWEST or min(reference) < 1 or samples < 0:
        raise InputError(
            f"convergence is compared with at least {FEWEST} reference runs of at least 1 sample each, found "
            f"{list(reference)} and {samples} samples. Run the reference more often."
        )
    from scipy.special import stdtrit  # loads numpy: only who compares waits for it

    n = len(reference)
    logs = [math.log(one) for one in reference]
    mean = math.fsum(logs) / n
    spread = math.sqrt(math.fsum((one - mean) ** 2 for one in logs) / (n - 1))
    bound = math.exp(mean - float(stdtrit(n - 1, confidence)) * spread * math.sqrt(1 + 1 / n))
    # Runs that all took the same are not faster than themselves, as the last bit of a logarithm might have it.
    bound = round(bound, 3)
    return Convergence(
        reference=tuple(reference), samples=samples, bound=bound, confidence=confidence, faster=samples < bound
    )
