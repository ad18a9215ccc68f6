"""Words from outside (names of data and classes, what an upstream claims) as text in Markdown, never as markup."""

import html
import re
from collections.abc import Mapping
from typing import Any

from . import canonical

# Line breaks and other controls, and the marks that would reverse the text after them.
_INVISIBLE = re.compile("[\\s\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
# An underscore inside a word is no markup, and class names are full of them.
_MARKUP = re.compile(r"[\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_])")


def plain(text: str) -> str:
    """``text`` on one line, in a paragraph or a cell of a table, as it is."""
    line = _INVISIBLE.sub(" ", text).strip()
    return html.escape(_MARKUP.sub(r"\\\g<0>", line), quote=False)


def code(text: str) -> str:
    """``text`` as a code span; as plain text where it holds what would end the span or the cell around it."""
    fits = text and not re.search(r"[`|]", text) and _INVISIBLE.sub(" ", text).strip() == text
    return f"`{text}`" if fits else plain(text)


def settings(values: Mapping[str, Any]) -> str:
    """Names with their values, each as a code span, by the alphabet."""
    # In canonical form, because a claim that was read back has 1 where its maker may have had 1.0.
    return ", ".join(
        code(f"{key} {value if isinstance(value, str) else canonical.dump(value).decode()}")
        for key, value in sorted(values.items())
    )
