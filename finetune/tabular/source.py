"""Examples that lie in files, by number: what is asked of very many rows, or of groups of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from roadworthy.model_cards.evidence import Answer

from .store import Key, Store


class Source(Protocol):
    """E examples. None of them is an object; arrays may be those of files."""

    @property
    def digest(self) -> NDArray[np.uint8]:
        """Of their contents, [E, W]."""

    @property
    def part(self) -> NDArray[np.uint8]:
        """[E], as in a store."""

    @property
    def belongs(self) -> NDArray[np.int32] | None:
        """[E]: the number of what each belongs to and no two parts may share, or -1; ``None``: there are none."""

    def names(self) -> Any:
        """What ``belongs`` counts, as text: ``pa.string()``."""

    def binary(self, numbers: NDArray[np.integer]) -> NDArray[np.uint8] | None:
        """The truths of these examples, where each is 0 or 1."""

    def truth(self, number: int) -> Answer:
        """Of one example."""

    def where(self, number: int) -> str:
        """File and row, as a user counts them."""

    def give_back(self) -> None:
        """Says that what was read of the files needs no memory for now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSource:
    """Every row of a store is an example. ``told``: the truth of those whose truth is no label, by number."""

    store: Store
    told: Mapping[int, Answer] = field(default_factory=dict)

    @property
    def digest(self) -> NDArray[np.uint8]:
        """uint8 [R, 16]."""
        return self.store.digest

    @property
    def part(self) -> NDArray[np.uint8]:
        """uint8 [R]."""
        return self.store.part

    @property
    def belongs(self) -> NDArray[np.int32] | None:
        """Its group, or else its user."""
        return None if self.store.split.grouping is None else getattr(self.store, self._key)

    @property
    def _key(self) -> Key:
        return "group" if self.store.group is not None else "user"

    def names(self) -> Any:
        """Of groups, or users."""
        return self.store.names(self._key)

    def binary(self, numbers: NDArray[np.integer]) -> NDArray[np.uint8] | None:
        """Labels; where a table has none, every row is something that was taken."""
        if self.told and any(number in self.told for number in numbers.tolist()):
            return None
        return np.ones(len(numbers), np.uint8) if self.store.label is None else self.store.label[numbers]

    def truth(self, number: int) -> Answer:
        """What was told, or the label."""
        if (told := self.told.get(number)) is not None:
            return told
        return 1 if self.store.label is None else int(self.store.label[number])

    def where(self, number: int) -> str:
        """``clicks.csv:17``."""
        return self.store.where(number)

    def give_back(self) -> None:
        """Of all files of the store."""
        self.store.give_back()
