"""Which models there are, in the Hub's words, page by page."""

from collections.abc import Callable
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request

from roadworthy.model_cards.errors import RoadworthyError
from roadworthy.registry import layout
from roadworthy.registry.reference import DRAFT, Reference
from roadworthy.registry.registry import Registry
from roadworthy.registry.search import find, namespaces

from . import describe, revisions
from .answers import Refused
from .paths import number

_BY_DATE = ("lastModified", "createdAt", "last_modified", "created_at")
_FULL = ("full", "cardData", "config")


def page(
    registry: Registry, readable: Callable[[str], bool], request: Request, longest: int
) -> tuple[list[dict[str, Any]], str | None]:
    """The models that match, by name, and the cursor of the next page.

    Of the query, ``search`` looks at the name, the task, the system and the data, ``author`` at the namespace,
    ``filter`` and ``pipeline_tag`` at the tags; ``sort`` by ``lastModified`` or ``createdAt`` goes by the index, any
    other by name. Only the models of the page are opened, unless tags are asked for: a draft's stand in its card.
    """
    asked = request.query_params
    begin, limit = number(request, "cursor", 0), max(1, min(longest, number(request, "limit", longest)))
    wanted = {tag for one in (*asked.getlist("filter"), *asked.getlist("pipeline_tag")) for tag in one.split(",")}
    names = _names(registry, readable, asked)
    if not wanted:
        found = [_info(registry, one, asked) for one in names[begin : begin + limit]]
        return [one for one in found if one], str(begin + limit) if begin + limit < len(names) else None
    infos = [one for one in (_info(registry, name, asked, card=True) for name in names) if one]
    infos = [one for one in infos if wanted <= {*one["tags"], one.get("pipeline_tag")}]
    return infos[begin : begin + limit], str(begin + limit) if begin + limit < len(infos) else None


def _names(registry: Registry, readable: Callable[[str], bool], asked: QueryParams) -> list[Reference]:
    author, search = asked.get("author") or None, asked.get("search") or None
    places = [one for one in namespaces(registry) if readable(one) and author in (None, one)]
    found = find(registry, search, namespace=places, newest=True) if places else None
    made = {Reference.parse(one.reference).at(DRAFT): one.created for one in (found.entries if found else ())}
    for key in layout.documents(registry.store, "repos"):  # those without a file yet are in no index
        namespace, name = layout.parts(key)
        named = (search or "").casefold() in f"{namespace}/{name}".casefold()
        if readable(namespace) and author in (None, namespace) and named:
            made.setdefault(Reference(namespace, name, DRAFT), "")
    names = sorted(made, key=lambda one: (one.namespace, one.name))
    if asked.get("sort") in _BY_DATE:
        names.sort(key=lambda one: made[one], reverse=asked.get("direction", "-1") != "1")
    return names


def _info(registry: Registry, model: Reference, asked: QueryParams, *, card: bool = False) -> dict[str, Any] | None:
    full = card or any(asked.get(name) for name in _FULL) or bool(asked.getlist("expand"))
    try:
        info = describe.model_info(registry, revisions.head(registry, model), card=full)
    except (RoadworthyError, Refused):
        return None  # one damaged model does not hide the others; whoever asks for it by name is told
    if not asked.get("full") and "siblings" not in asked.getlist("expand"):
        del info["siblings"]
    if card and not any(asked.get(name) for name in _FULL) and "cardData" not in asked.getlist("expand"):
        info.pop("cardData", None)
    return describe.chosen(info, asked.getlist("expand"))
