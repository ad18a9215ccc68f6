"""How far two honest measurements of the same bytes on the same data may lie apart: measured, not guessed.

The figures are those of ``benchmarks/tolerance.py`` (``benchmarks/results/tolerance-cpu.md``), which measures one
snapshot of each family again with other threads, batches, memory layouts, kernels, instruction sets and precisions.

``probability`` needs no top-two margin, which evidence does not hold. Let two measurements give every class of an
example probabilities no further than e apart. The probability of the predicted class then differs by e at most,
even where the two predict different classes a and b: p(a) <= q(a) + e <= q(b) + e, and the same from q's side. And
where they do, p(a) <= q(a) + e <= q(b) + e <= p(b) + 2e, with p(a) + p(b) <= 1, so that p(a) <= 1/2 + e: an answer
that was surer than that cannot have tipped over.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, lgamma, log, log1p
from typing import Literal

from .certificate import Environment
from .protocol import Protocol
from .second_answers import SecondAnswers

Arithmetic = Literal["float32 on CPUs", "lower, or an accelerator"]

RARE = 0.001  # an honest second measurement lies beyond its tolerance no more often than this


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """``differing``: the share of predictions that may differ in the long run; ``probability``: by how much the
    probability of any one prediction may. ``source``: where both were measured."""

    differing: float
    probability: float
    source: str

    def allowed(self, n: int) -> int:
        """How many of ``n`` predictions may differ: more would happen with a probability below `RARE`.

        The upper quantile of a binomial; it bounds a share of right answers too, which moves by no more than that.
        """
        if not 0 < self.differing < 1:
            return n if self.differing >= 1 else 0
        odds = log(self.differing) - log1p(-self.differing)
        term = n * log1p(-self.differing)
        within = exp(term)
        for k in range(n):
            if 1 - within < RARE:
                return k
            term = _log_choose(n, k + 1) + (k + 1) * odds + n * log1p(-self.differing)
            within += exp(term)
        return n


_SOURCE = "benchmarks/results/tolerance-cpu.md"

# By the rule stated there, from the figures there.
_MEASURED: Mapping[tuple[str, Arithmetic], Tolerance] = {
    ("image-top1", "float32 on CPUs"): Tolerance(differing=0.005, probability=6e-5, source=_SOURCE),
    ("image-top1", "lower, or an accelerator"): Tolerance(differing=0.03, probability=0.2, source=_SOURCE),
    ("text-accuracy", "float32 on CPUs"): Tolerance(differing=0.003, probability=1e-5, source=_SOURCE),
    ("text-accuracy", "lower, or an accelerator"): Tolerance(differing=0.007, probability=0.003, source=_SOURCE),
    ("click-through", "float32 on CPUs"): Tolerance(differing=0.002, probability=1e-05, source=_SOURCE),
    ("click-through", "lower, or an accelerator"): Tolerance(differing=0.002, probability=0.002, source=_SOURCE),
    ("recommendation-sampled", "float32 on CPUs"): Tolerance(differing=0.005, probability=1e-05, source=_SOURCE),
    ("recommendation-sampled", "lower, or an accelerator"): Tolerance(
        differing=0.09, probability=0.004, source=_SOURCE
    ),
    ("recommendation-full", "float32 on CPUs"): Tolerance(differing=0.005, probability=1e-05, source=_SOURCE),
    ("ranking", "float32 on CPUs"): Tolerance(differing=0.003, probability=1e-05, source=_SOURCE),
    ("ranking", "lower, or an accelerator"): Tolerance(differing=0.02, probability=0.005, source=_SOURCE),
}

# The same scores: where the reference cuts a group moves none of them.
_AS: Mapping[str, str] = {"ranking-legacy": "ranking"}


def tolerance_for(protocol: Protocol, *environments: Environment) -> Tolerance | None:
    """The tolerance between measurements in these environments; ``None`` where none was measured for the family.

    On a GPU nothing was measured. Its TF32 keeps 10 bits of a fraction and bfloat16 keeps 7, so what bfloat16 does
    on a CPU is taken there.
    """
    plain = all(not one.accelerators and one.precision == "float32" for one in environments)
    family = _AS.get(protocol.family, protocol.family)
    return _MEASURED.get((family, "float32 on CPUs" if plain else "lower, or an accelerator"))


def beyond(answers: SecondAnswers, tolerance: Tolerance) -> tuple[str, ...]:
    """Why the answers lie further apart than ``tolerance`` allows; none where they do not."""
    reasons = []
    if answers.differing > (allowed := tolerance.allowed(answers.n)):
        reasons.append(
            f"{answers.differing:,} of {answers.n:,} predictions differ from the certificate's: expected {allowed:,} "
            "at most"
        )
    if answers.largest_difference > tolerance.probability:
        reasons.append(
            f"a prediction's probability differs by {answers.largest_difference:.6f}: expected "
            f"{tolerance.probability:g} at most"
        )
    surest = answers.surest_differing
    if surest is not None and surest > 0.5 + tolerance.probability:
        reasons.append(
            f"an answer given with probability {surest:.4f} is another now: expected that of {0.5:g} + "
            f"{tolerance.probability:g} at most"
        )
    return tuple(reasons)


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
