"""Rows that cannot be used: all are counted, the first are named, and nothing is trained on before they are mended."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roadworthy.finetune.examples import Unreadable
from roadworthy.model_cards import InputError

_MOST_NAMED = 20  # bad rows named in one message


@dataclass(slots=True, kw_only=True)
class BadRows:
    """Grows while files are read."""

    count: int = 0
    named: list[Unreadable] = field(default_factory=list)

    def add(self, path: Path, number: int, found: str) -> None:
        """One row, by its number as a user counts them: the first below the header is 1."""
        self.count += 1
        if len(self.named) < _MOST_NAMED:
            self.named.append(Unreadable(name=f"row {number} of {path.name}", found=found))

    def add_all(self, path: Path, first: int, bad: NDArray[np.bool_], column: str, text: Sequence[object]) -> None:
        """The rows of a block, counted from ``first``, that are ``bad`` in a column; ``text`` is what it holds."""
        places = np.flatnonzero(bad)
        for at in places[: max(0, _MOST_NAMED - len(self.named))]:
            found = "is empty" if text[at] is None else f"has {text[at]!r}"
            self.add(path, first + int(at), f"column {column!r} {found}")
            places = places[1:]
        self.count += len(places)

    def moved(self) -> "BadRows":
        """What is here, which is then here no more."""
        found = BadRows(count=self.count, named=self.named)
        self.count, self.named = 0, []
        return found

    def extend(self, later: "BadRows") -> None:
        """Those that were found after these."""
        self.count += later.count
        self.named = [*self.named, *later.named][:_MOST_NAMED]

    def refuse(self, root: Path, expected: str) -> None:
        """Raises InputError if there are any."""
        if not self.count:
            return
        more = self.count - len(self.named)
        named = "\n".join(f"  {one.name}: {one.found}" for one in self.named)
        named += f"\n  and {more} more" if more > 0 else ""
        raise InputError(
            f"{self.count} rows of {root} cannot be used; expected {expected}. Mend or remove them; nothing was "
            f"changed:\n{named}"
        )
