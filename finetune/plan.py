"""How many steps, when to warm up, evaluate and stop, and which examples each step takes: all decided beforehand."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .recipe import Recipe

# Training examples between two evaluations at most: of a hundred million, a quarter of an epoch would be hours in which
# nobody notices that the target is reached.
_UNSEEN = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All in steps of the optimizer, but ``examples`` to train on and ``batch`` of them a step.

    ``every``: from one evaluation to the next.
    """

    examples: int
    batch: int
    per_epoch: int
    total: int
    warmup: int
    every: int

    @staticmethod
    def of(recipe: Recipe, train_examples: int) -> "Plan":
        """The plan of a recipe on so many training examples; what fills no batch waits for the next epoch."""
        per_epoch = max(1, train_examples // recipe.batch_size)
        return Plan(
            examples=train_examples,
            batch=recipe.batch_size,
            per_epoch=per_epoch,
            total=per_epoch * recipe.epochs,
            warmup=round(recipe.warmup_epochs * per_epoch),
            every=max(1, min(per_epoch // recipe.evaluations_per_epoch, _UNSEEN // recipe.batch_size)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Where in the run a step stands: its number, its epoch, and the examples of the whole batch."""

    number: int
    epoch: int
    examples: Sequence[int]
    seed: int


class Order:
    """The steps of a run by number, a function of the seed alone."""

    def __init__(self, epoch: Callable[[int], Sequence[Sequence[int]]], *, per_epoch: int, seed: int) -> None:
        """``epoch`` gives the batches of an epoch by its number."""
        self._epoch, self._per_epoch, self._seed = epoch, per_epoch, seed
        self._held: tuple[int, Sequence[Sequence[int]]] = (-1, [])

    def step(self, number: int) -> Step:
        """The step of that number."""
        epoch, position = divmod(number, self._per_epoch)
        if self._held[0] != epoch:
            self._held = (epoch, self._epoch(epoch))
        return Step(number=number, epoch=epoch, examples=self._held[1][position], seed=self._seed)
