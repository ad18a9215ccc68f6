"""What each column of a user's table is for: the label, features, who, what, when.

A schema is inferred (infer.py), printed for the user, overridden by a small file (schema_file.py), and travels in the
snapshot: new rows are read by the schema that the model was trained with.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

from roadworthy.model_cards import InputError

from .values import Kind

Shape = Literal["clicks", "ratings", "ranking"]
MOST_HOT = 1024  # values of a list
MIN_COUNT = 10  # of a value in the train part, below which it shares the row of unseen ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Categorical:
    """A column of values from a vocabulary.

    ``min_count``: a value seen more seldom in the train part is treated as one never seen. ``hotness``: how many
    values a row has at most; of longer lists the first are taken.
    """

    name: str
    min_count: int = MIN_COUNT
    hotness: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """Roles of columns. ``positive`` and ``negative`` are the label's two values, as text.

    ``clicks``: a label and features. ``ratings``: who took what, each row a positive example whatever its rating;
    ``categorical`` is then the user and the item. ``ranking``: a label and features in groups (a display, a query).
    """

    shape: Shape
    label: str | None = None
    positive: str | None = None
    negative: str | None = None
    numeric: tuple[str, ...] = ()
    categorical: tuple[Categorical, ...] = ()
    group: str | None = None
    user: str | None = None
    item: str | None = None
    rating: str | None = None
    timestamp: str | None = None
    timestamp_kind: Kind | None = None
    ignored: tuple[str, ...] = ()

    @property
    def features(self) -> tuple[str, ...]:
        """Columns that a model sees, numeric ones first."""
        return (*self.numeric, *(one.name for one in self.categorical))

    @property
    def columns(self) -> tuple[str, ...]:
        """All that are read, each once, in a fixed order."""
        others = (self.label, self.group, self.user, self.item, self.rating, self.timestamp)
        return tuple(dict.fromkeys((*self.features, *(name for name in others if name is not None))))

    @property
    def content(self) -> tuple[str, ...]:
        """Columns that make up what a row is, sorted: all that are read but the label and the rating."""
        return tuple(sorted(set(self.columns) - {self.label, self.rating}))

    @property
    def slots(self) -> tuple[tuple[Categorical, int], ...]:
        """Each categorical column with the first of its ``hotness`` places among a row's ids."""
        first, slots = 0, []
        for one in self.categorical:
            slots.append((one, first))
            first += one.hotness
        return tuple(slots)

    @property
    def width(self) -> int:
        """How many ids a row has."""
        return sum(one.hotness for one in self.categorical)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it; ``Schema.from_dict`` reads it again."""
        return asdict(self)

    @staticmethod
    def from_dict(found: Mapping[str, Any]) -> "Schema":
        """The schema that ``to_dict`` wrote.

        Raises:
            InputError: it is none.
        """
        try:
            values = dict(found)
            values["categorical"] = tuple(Categorical(**one) for one in values.get("categorical", ()))
            values["numeric"] = tuple(values.get("numeric", ()))
            values["ignored"] = tuple(values.get("ignored", ()))
            schema = _SCHEMA.validate_python(asdict(Schema(**values)))  # Schema refuses unknown keys, pydantic types
            if any(not 1 <= one.hotness <= MOST_HOT for one in schema.categorical):
                raise ValueError(f"a hotness that is not between 1 and {MOST_HOT}")
            return schema
        except (TypeError, ValueError) as error:  # pydantic's is a ValueError
            raise InputError(f"this is no schema of a table: {error}. Fetch the snapshot again.") from error


_SCHEMA = TypeAdapter(Schema)
