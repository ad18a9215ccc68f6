"""Which units a bootstrap resample holds: the same ones on every machine, from a stated seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Method = Literal["percentile", "bca", "expanded-bca"]

_BLOCK = 1 << 17  # indices held at a time: 1 MiB, which stays in a core's cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampling:
    """What a protocol states of a bootstrap, so that whoever repeats it gets the same figures.

    10,000 resamples place an end of a 95 % interval with an error of 0.03 standard errors of the metric; take fewer,
    2,000 at least, only where the metric takes long. Why ``expanded-bca``: ``docs/decisions/0013-statistics.md``.
    """

    resamples: int = 10_000
    seed: int = 0
    method: Method = "expanded-bca"
    confidence: float = 0.95

    def __post_init__(self) -> None:
        """Refuses what makes no interval."""
        if self.resamples < 100 or not 0 <= self.seed < 2**128 or not 0 < self.confidence < 1:
            raise ValueError(
                "a bootstrap needs 100 resamples at least, a seed of 0 to 2**128 - 1 and a confidence between 0 and "
                f"1, got {self.resamples}, {self.seed} and {self.confidence}"
            )


def draw(n: int, plan: Resampling) -> Iterator[Indices]:
    """Blocks of resamples, one a row: ``n`` indices from 0 to n - 1, with replacement; ``plan.resamples`` rows in all.

    Word ``r * n + i`` of Philox4x64-10 (Salmon et al. 2011, SC'11) keyed with the seed gives index ``i`` of resample
    ``r``: its upper 32 bits times n, shifted right by 32 (Lemire 2019, without the rejection: no index is likelier
    than another by more than n / 2**32). Not by numpy's ``integers`` or ``choice``, whose streams may change with its
    version; those of its bit generators may not (NEP 19).

    Raises:
        ValueError: fewer than two units, or 2**32 of them.
    """
    check_units(n)
    words = np.random.Philox(key=plan.seed)
    rows = max(1, _BLOCK // n)
    for start in range(0, plan.resamples, rows):
        shape = (min(rows, plan.resamples - start), n)
        indices = words.random_raw(shape[0] * n)
        indices >>= np.uint64(32)
        indices *= np.uint64(n)
        indices >>= np.uint64(32)
        yield indices.view(np.int64).reshape(shape)


def check_units(n: int) -> None:
    """Looks whether ``n`` units can be resampled.

    Raises:
        ValueError: fewer than two, or 2**32 and more.
    """
    if not 2 <= n < 2**32:
        raise ValueError(f"a bootstrap needs two units at least and fewer than 2**32, got {n}")
