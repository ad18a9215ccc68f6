"""Models of rows by name, of the size that a table's features ask for."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from roadworthy.model_cards import InputError

from .dlrm import Dlrm
from .encoder import Encoder
from .neumf import NeuMf
from .wide_deep import WideDeep

ARCHITECTURES = ("dlrm", "neumf", "wide_deep")
# The references'. A snapshot's config.json says what its model has.
WIDTHS: Mapping[str, int] = {"dlrm": 128, "neumf": 64, "wide_deep": 64}


def build(architecture: str, encoder: Encoder, settings: Mapping[str, Any]) -> nn.Module:
    """With random weights. ``settings``: ``width`` of the embeddings.

    Raises:
        InputError: no such architecture, or a width that is none.
    """
    if architecture not in ARCHITECTURES:
        raise InputError(
            f"no model of rows is called {architecture!r}. Expected {' or '.join(ARCHITECTURES)}. Upgrade roadworthy."
        )
    width = settings.get("width", WIDTHS[architecture])
    if type(width) is not int or not 1 <= width <= 4096:
        raise InputError(f"embeddings {width!r} wide cannot be built. Expected 1 to 4096.")
    numeric, sizes = encoder.numeric_width, [words.size for words in encoder.vocabularies]
    hotness = [one.hotness for one in encoder.schema.categorical]
    if architecture == "dlrm":
        return Dlrm(numeric=numeric, sizes=sizes, hotness=hotness, bottom=(4 * width, 2 * width, width))
    if architecture == "neumf":
        users, items = sizes
        return NeuMf(users=users, items=items, factors=width, layers=(4 * width, 4 * width, 2 * width, width))
    return WideDeep(numeric=numeric, sizes=sizes, hotness=hotness, widths=(width,) * len(sizes))
