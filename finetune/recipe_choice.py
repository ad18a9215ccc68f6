"""A recipe as a user spells it: the name of one in the task's catalogue, and what is to be changed of it.

``head-first``, or ``head-first:learning_rate=1e-3,epochs=8``.
"""

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, get_type_hints

from pydantic import TypeAdapter, ValidationError

from roadworthy.model_cards import InputError

from .recipe import Recipe

# The name is the catalogue's, and crops have three fields of their own.
_NOT_SPELLED = frozenset({"name", "augmentation"})


class MakesRecipe(Protocol):
    """A function that returns one complete configuration."""

    def __call__(self, *, on_gpu: bool) -> Recipe:
        """The recipe, for this kind of device."""


Catalogue = Mapping[str, MakesRecipe]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeChoice:
    """``parse(str(c)) == c``. ``changes`` are values for fields of ``Recipe``."""

    name: str
    changes: Mapping[str, Any]

    def __str__(self) -> str:
        changes = ",".join(f"{field}={value}" for field, value in self.changes.items())
        return f"{self.name}:{changes}" if changes else self.name

    @staticmethod
    def parse(text: str) -> "RecipeChoice":
        """Reads ``name`` or ``name:field=value,field=value``.

        Raises:
            InputError: a field that no recipe has, or a value that it cannot hold.
        """
        name, _, rest = text.partition(":")
        pairs = [pair.partition("=") for pair in rest.split(",")] if rest else []
        return RecipeChoice(
            name=name.strip(), changes=dict(_change(text, field.strip(), value.strip()) for field, _, value in pairs)
        )

    def recipe(self, catalogue: Catalogue, *, task: str, on_gpu: bool) -> Recipe:
        """The recipe of that name, as it stands in the catalogue; ``changes`` are not made.

        Raises:
            InputError: the catalogue has no such name.
        """
        if self.name not in catalogue:
            near = difflib.get_close_matches(self.name, catalogue, n=1)
            raise InputError(
                f"no recipe for {task} is called {self.name!r}. Expected one of: {', '.join(sorted(catalogue))}."
                + (f" Did you mean {near[0]}?" if near else "")
            )
        return catalogue[self.name](on_gpu=on_gpu)


def _change(text: str, field: str, value: str) -> tuple[str, Any]:
    fields = {f.name for f in dataclasses.fields(Recipe)} - _NOT_SPELLED
    if field not in fields or not value:
        raise InputError(
            f"cannot read the recipe {text!r}: found {field!r} with the value {value!r}. Expected NAME or "
            f"NAME:FIELD=VALUE,…; fields: {', '.join(sorted(fields))}."
        )
    hint = get_type_hints(Recipe)[field]
    try:
        form: TypeAdapter[Any] = TypeAdapter(hint)
        return field, form.validate_python(None) if value == "none" else form.validate_strings(value)
    except ValidationError as error:
        raise InputError(
            f"the recipe's {field} cannot be {value!r}: {error.errors()[0]['msg']}. Write {field}=VALUE."
        ) from error
