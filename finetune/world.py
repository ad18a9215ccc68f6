"""The processes that train together: one, or those that torchrun started, on one machine or on many.

Everything that must be the same number of times in one process and in many goes through here: which examples a
process takes, what is added up over all, who writes, and what became of it. Small facts travel over sockets in a
group of their own, so that a GPU's queue need not be waited for; tensors travel as their device allows.
"""

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn

from roadworthy.model_cards import RoadworthyError, errors

from .errors import ProcessLostError

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """``rank`` of ``size`` processes; ``local_rank`` on this machine; ``facts``: the group for small facts."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    facts: Any = None

    @property
    def leads(self) -> bool:
        """Whether this process writes the log, the checkpoints and the candidate."""
        return self.rank == 0

    def share(self, items: Sequence[Item]) -> Sequence[Item]:
        """What this process does of a list; the shares of all processes are disjoint and make it up."""
        return items[self.rank :: self.size]

    def largest_share(self, count: int) -> int:
        """The size of the largest share of so many."""
        return -(-count // self.size)

    def even_share(self, items: Sequence[Item]) -> Sequence[Item]:
        """The same, as many in every process: where one is missing, the list's first is done once more."""
        mine = list(self.share(items))
        return mine + list(items[:1]) * (self.largest_share(len(items)) - len(mine))

    def total(self, number: int) -> int:
        """The sum over all processes."""
        return self.totals([number])[0]

    def totals(self, numbers: Sequence[int]) -> list[int]:
        """The sums over all processes, place by place."""
        if self.size == 1:
            return list(numbers)
        summed = torch.tensor(numbers, dtype=torch.int64)
        with _nobody_lost():
            dist.all_reduce(summed, group=self.facts)
        return [int(number) for number in summed]

    def any(self, flag: bool) -> bool:
        """Whether it holds in any process."""
        return self.total(int(flag)) > 0

    def summed(self, value: torch.Tensor) -> torch.Tensor:
        """``value``, now the sum of all processes' tensors, the same bits in each."""
        if self.size > 1:
            with _nobody_lost():
                dist.all_reduce(value)
        return value

    def exchanged(self, value: torch.Tensor, give: Sequence[int], take: Sequence[int]) -> torch.Tensor:
        """Hands ``give[p]`` of ``value``'s first dimension to process p, one after another, for ``take[p]`` from it.

        ``value`` lies on the run's device, as in every other process.
        """
        got = value.new_empty(sum(take), *value.shape[1:])
        with _nobody_lost():
            dist.all_to_all_single(got, value.contiguous(), list(take), list(give))
        return got

    def gathered(self, items: list[Item]) -> list[Item]:
        """The items of all processes, in the order of their ranks, in every process."""
        if self.size == 1:
            return items
        found: list[Any] = [None] * self.size
        with _nobody_lost():
            dist.all_gather_object(found, items, group=self.facts)
        return [item for share in found for item in share]

    def same(self, value: Item) -> Item:
        """The leading process's value, in every process: a clock's reading, a measured choice, a system seed."""
        if self.size == 1:
            return value
        held: list[Any] = [value if self.leads else None]
        with _nobody_lost():
            dist.broadcast_object_list(held, src=0, group=self.facts)
        chosen: Item = held[0]
        return chosen

    def adopt(self, model: nn.Module, *, but: Collection[str] = ()) -> None:
        """Gives ``model`` the leading process's weights and buffers, ``but`` those of these names."""
        if self.size == 1:
            return
        with torch.no_grad(), _nobody_lost():
            for name, value in model.state_dict().items():
                if name in but:
                    continue
                whole = value.contiguous()  # a broadcast takes no other memory format
                dist.broadcast(whole, src=0)
                value.copy_(whole)

    def wait(self) -> None:
        """Until every process is here."""
        self.total(0)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """What is done here succeeds in every process or in none; all leave it together.

        Raises:
            RoadworthyError: in every process, what went wrong in the first that could not do it.
        """
        mine: list[tuple[str, str, tuple[str, ...]]] = []
        try:
            yield
        except RoadworthyError as error:
            if self.size == 1:
                raise
            where = "" if self.leads else f"process {self.rank} of {self.size}: "
            mine = [(_kind(error), f"{where}{error}", tuple(getattr(error, "reasons", ())))]
        for kind, message, reasons in self.gathered(mine):
            found = getattr(errors, kind)
            raise found(message, reasons) if issubclass(found, errors.CheckError) else found(message)

    def led(self, call: Callable[[], Item]) -> Item:
        """What ``call`` returns, or raises, in the leading process, in every process."""
        found: Any = None
        with self.together():
            if self.leads:
                found = call()
        chosen: Item = self.same(found)
        return chosen


@contextlib.contextmanager
def _nobody_lost() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # gloo has no class of its own for a partner that is gone
        raise ProcessLostError(
            "another process of this run ended, so this one stops too; expected all to work together. The last "
            "checkpoint is kept: torchrun --max-restarts starts all of them again, and so does the same command."
        ) from error


def _kind(error: RoadworthyError) -> str:
    """The name of the nearest class of ``errors.py``: a subclass from elsewhere may not travel."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == errors.__name__)
