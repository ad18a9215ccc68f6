"""HTML pages for people, their pictures inside: what `run_page.html` and `data_page.html` are rendered with."""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadworthy.model_cards import StorageError
from roadworthy.model_cards.metric import percent

_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A figure that stands out; ``kind``: "good", "bad" or neither."""

    value: str
    label: str
    kind: str = ""


def rendered(template: str, **values: Any) -> str:
    """One HTML document without anything to load; whatever comes from a user is escaped."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"base64": _base64, "percent": percent, "figure": figure}
    return environment.get_template(template).render(**values)


def _base64(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


def figure(value: float) -> str:
    """``1,024`` or ``0.75``: a size, as short as it can be told."""
    return f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:.2f}"


def write(page: Path, html: str) -> None:
    """Raises StorageError where the file cannot be written."""
    try:
        page.write_text(html, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write {page}: {error.strerror}. Choose another file.") from error
