"""What a user states about a table, in a small file beside it: ``schema.toml`` or ``schema.json``, every key optional.

label = "arr_late"           # its two values; 1, true and yes are the event, others by:
positive = "late"
timestamp = "time_hour"
group = "display_id"         # rows of one group are ranked among each other
user = "customer"
item = "article"
rating = "stars"
numeric = ["dep_time"]
categorical = ["flight"]
ignored = ["arr_delay"]      # not to be looked at: known only afterwards
min_count = 10               # of a value in the train part, to have a row of its own
hotness = 8                  # values of a list that are taken
split = "time"               # or "group", "content"
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from roadworthy.model_cards import InputError

from .profile import Profile
from .schema import MIN_COUNT, MOST_HOT, Categorical

NAMES = ("schema.toml", "schema.json")
By = Literal["time", "group", "content"]
_ROLES = ("label", "timestamp", "group", "user", "item", "rating")
_KINDS = ("numeric", "categorical", "ignored")


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What was stated; ``None`` and empty: nothing."""

    label: str | None = None
    positive: str | None = None
    timestamp: str | None = None
    group: str | None = None
    user: str | None = None
    item: str | None = None
    rating: str | None = None
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    min_count: int | None = None
    hotness: int | None = None
    split: By | None = None

    @property
    def features(self) -> frozenset[str]:
        """Columns stated to be features."""
        return frozenset((*self.numeric, *self.categorical))

    @property
    def stated(self) -> frozenset[str]:
        """Columns whose use was stated, so that no rule gives them another."""
        roles = (self.role(role) for role in _ROLES)
        return frozenset((*self.features, *self.ignored, *(name for name in roles if name is not None)))

    def role(self, role: str) -> str | None:
        """The column that was stated for a role."""
        name: str | None = getattr(self, role)
        return name

    def feature(self, name: str) -> str | None:
        """``numeric``, ``categorical`` or ``ignored``, where that was stated."""
        return next((kind for kind in _KINDS if name in getattr(self, kind)), None)

    def categorical_of(self, name: str, hotness: int = 1) -> Categorical:
        """A categorical column with what was stated for all of them."""
        wide = hotness if self.hotness is None or hotness == 1 else self.hotness
        return Categorical(name=name, min_count=self.min_count or MIN_COUNT, hotness=wide)

    def with_columns(self, *, label: str | None = None, group: str | None = None) -> "Overrides":
        """With columns that options name, which go before the file."""
        return replace(self, label=label or self.label, group=group or self.group)

    def check(self, known: Mapping[str, Profile]) -> None:
        """Raises InputError where a stated column is not there, has two uses, or numbers that are none."""
        found = ", ".join(repr(name) for name in known)
        for name in sorted(self.stated):
            if name not in known:
                raise InputError(f"the schema names a column {name!r}, which the data has not. Found: {found}.")
        uses = [kind for kind in _KINDS for _ in getattr(self, kind)]
        for name in [name for kind in _KINDS for name in getattr(self, kind)]:
            if sum(name in getattr(self, kind) for kind in _KINDS) > 1 or (uses and name == self.label):
                raise InputError(f"the schema states two uses of the column {name!r}. Expected one. Remove the other.")
        for name in self.numeric:
            if known[name].kind not in ("integer", "number"):
                raise InputError(
                    f"the schema says that column {name!r} is numeric; found {known[name].example!r} and others that "
                    "are no numbers. Mend them, or state it as categorical."
                )


def find_overrides(root: Path) -> Overrides:
    """What stands in a schema file in the data folder, or beside the data file; nothing if there is none."""
    folder = root if root.is_dir() else root.parent
    return next((read_overrides(folder / name) for name in NAMES if (folder / name).is_file()), Overrides())


def read_overrides(path: Path) -> Overrides:
    """What a schema file states.

    Raises:
        InputError: it cannot be read, has unknown keys, or values of another kind than expected.
    """
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        if not isinstance(found, dict):
            raise ValueError("it is no table of keys")
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f'the schema {path} cannot be read: {error}. Expected TOML such as: label = "click".'
        ) from error
    known = {one.name for one in fields(Overrides)}
    if unknown := sorted(set(found) - known):
        raise InputError(f"the schema {path} has an unknown key {unknown[0]!r}. Expected: {', '.join(sorted(known))}.")
    return Overrides(**{key: _value(path, key, value) for key, value in found.items()})


def _value(path: Path, key: str, value: Any) -> Any:
    if key in _KINDS:
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return tuple(value)
        raise InputError(f'{key} in {path} is {value!r}. Expected a list of columns, such as ["price"].')
    if key in ("min_count", "hotness"):
        most = MOST_HOT if key == "hotness" else 2**31
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most:
            return value
        raise InputError(f"{key} in {path} is {value!r}. Expected a whole number from 1 to {most}.")
    if key == "positive" and isinstance(value, bool | int):
        return str(value).lower()
    if not isinstance(value, str) or (key == "split" and value not in get_args(By)):
        expected = " or ".join(map(repr, get_args(By))) if key == "split" else "the name of one column"
        raise InputError(f"{key} in {path} is {value!r}. Expected {expected}.")
    return value
