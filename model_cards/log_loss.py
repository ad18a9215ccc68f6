"""Log loss: how surprised a classifier is by the truth, beside one that knows nothing but the classes' shares."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, log

from .evidence import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLoss:
    """Mean negative log-likelihood (NLL) of the truth, in nats; ``by_shares`` is that of the test part's class shares.

    A model above ``by_shares`` says less than the shares do, however many of its answers are right.
    """

    value: float
    by_shares: float


def log_loss(rows: Sequence[Row]) -> LogLoss | None:
    """``-1/n * sum_i log p_i(truth_i)`` (Good 1952, J. R. Stat. Soc. B 14:107), and the entropy of the truths.

    ``None`` where there are no rows, or where one does not say how likely the truth was.
    """
    likelihoods = [row.log_likelihood for row in rows if row.log_likelihood is not None]
    if not rows or len(likelihoods) != len(rows):
        return None
    shares = [count / len(rows) for count in Counter(row.truth for row in rows).values()]
    return LogLoss(value=-fsum(likelihoods) / len(rows), by_shares=-fsum(share * log(share) for share in shares))
