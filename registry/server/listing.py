"""Which models there are, in the Hub's words, page by page."""

from collections.abc import Callable
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request

from roadworthy.model_cards.errors import RoadworthyError
from roadworthy.registry import layout
from roadworthy.registry.reference import DRAFT, Reference
from roadworthy.registry.registry import Registry

from . import describe, revisions
from .answers import Refused
from .paths import number

_FULL = ("full", "cardData", "config")


def page(
    registry: Registry, readable: Callable[[str], bool], request: Request, longest: int
) -> tuple[list[dict[str, Any]], str | None]:
    """The models that match, by name, and the cursor of the next page.

    Of the query, ``search`` and ``author`` look at the name, ``filter`` and ``pipeline_tag`` at the tags; ``sort`` by
    ``lastModified`` or ``createdAt`` is done on the whole list, and by anything else not at all.
    """
    asked = request.query_params
    begin, limit = number(request, "cursor", 0), max(1, min(longest, number(request, "limit", longest)))
    wanted = [tag for one in (*asked.getlist("filter"), *asked.getlist("pipeline_tag")) for tag in one.split(",")]
    names = [one for one in _models(registry) if readable(one[0]) and _named(one, asked)]
    by_date = asked.get("sort") in ("lastModified", "createdAt", "last_modified", "created_at")
    if not wanted and not by_date:
        # Only those of this page are opened.
        found = [_info(registry, one, asked) for one in names[begin : begin + limit]]
        return [one for one in found if one], str(begin + limit) if begin + limit < len(names) else None
    infos = [one for one in (_info(registry, name, asked, card=bool(wanted)) for name in names) if one]
    infos = [one for one in infos if set(wanted) <= {*one["tags"], one.get("pipeline_tag")}]
    if by_date:
        infos.sort(key=lambda one: str(one["lastModified"]), reverse=asked.get("direction", "-1") != "1")
    expanded = [describe.chosen(one, asked.getlist("expand")) for one in infos[begin : begin + limit]]
    return expanded, str(begin + limit) if begin + limit < len(infos) else None


def _models(registry: Registry) -> list[tuple[str, str]]:
    created = {layout.parts(key) for key in layout.documents(registry.store, "repos")}
    return sorted({*registry.models(), *((namespace, name) for namespace, name in created)})


def _named(one: tuple[str, str], asked: QueryParams) -> bool:
    namespace, name = one
    search = asked.get("search", "").casefold()
    author = asked.get("author")
    return search in f"{namespace}/{name}".casefold() and author in (None, "", namespace)


def _info(registry: Registry, one: tuple[str, str], asked: QueryParams, *, card: bool = False) -> dict[str, Any] | None:
    model = Reference(*one, DRAFT)
    full = card or any(asked.get(name) for name in _FULL) or bool(asked.getlist("expand"))
    try:
        info = describe.model_info(registry, revisions.head(registry, model), card=full)
    except (RoadworthyError, Refused):
        return None  # one damaged model does not hide the others; whoever asks for it by name is told
    if not asked.get("full") and "siblings" not in asked.getlist("expand"):
        del info["siblings"]
    if card and not any(asked.get(name) for name in _FULL) and "cardData" not in asked.getlist("expand"):
        info.pop("cardData", None)
    return info
