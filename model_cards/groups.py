"""Groups: examples that belong together (one patient, one author), and whether training and test share any."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """By the column or the pattern of file names called ``name``: ``n`` groups.

    ``crossing`` test examples belong to one of which another example was trained or stopped on.
    """

    by: Literal["column", "pattern"]
    name: str
    n: int
    crossing: int
