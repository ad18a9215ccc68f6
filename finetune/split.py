"""Which part an example belongs to: as the user gave it, or by its content, the same on every machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .groups import Grouping, digest

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")

PART_NAMES: Mapping[str, Part] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
}
VALIDATION_SHARE = 0.15  # of the pool, or of the train part where only that is given
TEST_SHARE = 0.15  # of the pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """``capped``: so many in so many, where it is no whole percentage."""

    of_all: float
    capped: tuple[int, int] | None = None

    def __str__(self) -> str:
        return f"{self.of_all:.0%}" if self.capped is None else "{:,} in {:,}".format(*self.capped)


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """``given``: the parts that the user laid out; empty for one pool. ``unit``: "folders" or "files".

    ``content``: what the digest is taken of, as a possessive that a card can print: "pixels'", "text's". With a
    ``grouping``, examples of one group fall into one part.
    """

    given: frozenset[Part]
    unit: str
    content: str
    grouping: Grouping | None = None

    @property
    def rule(self) -> str:
        """How the parts come about, in words that a card can print."""
        by = f"by group, {self.grouping}" if self.grouping else "by content"
        of = "group's" if self.grouping else self.content
        test, validation = self.share("test"), self.share("validation")
        if not self.given:
            return f"{by}: the {of} SHA-256 puts {test} into test and {validation} into validation"
        names = ", ".join(sorted(self.given))
        if "validation" in self.given:
            return f"as given by the {self.unit} {names}"
        return f"as given by the {self.unit} {names}; validation is {validation} of train, {by}"

    def share(self, part: Literal["validation", "test"]) -> Share:
        """What is taken of the pool for a part, or for validation of the train part where only that is given."""
        return Share(of_all=TEST_SHARE if part == "test" else VALIDATION_SHARE)

    def part_of(self, given: Part | None, identity: str, group: str | None = None) -> Part:
        """The part of an example with that content digest, or of that group: what is equal falls into the same part.

        An example without a group is one of its own.
        """
        if given in ("validation", "test"):
            return given
        share = int((identity if group is None else digest(group))[:15], 16) / 16**15
        if given == "train":
            carve = "validation" not in self.given and share < self.share("validation").of_all
            return "validation" if carve else "train"
        test = self.share("test").of_all
        if share < test:
            return "test"
        return "validation" if share < test + self.share("validation").of_all else "train"
