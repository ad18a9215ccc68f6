"""The parts of a request's path, which are matched undecoded (`app`), and the numbers of its query."""

from urllib.parse import unquote

from starlette.requests import Request

from roadworthy.model_cards.errors import InputError
from roadworthy.registry.reference import DRAFT, Reference

from .answers import NO_REPO, Refused


def part(request: Request, name: str) -> str:
    """One part of the path, decoded.

    Raises:
        Refused: 400, it is not UTF-8 or holds a control character.
    """
    text = unquote(request.path_params[name], errors="surrogateescape")
    if not text.isprintable():
        raise Refused(400, f"cannot read the {name} in the path. Expected text in UTF-8.")
    return text


def model(request: Request) -> Reference:
    """The model ``{namespace}/{name}`` of the path, at ``@main``.

    Raises:
        Refused: 404, no model could be called that.
    """
    try:
        return Reference.parse(f"{part(request, 'namespace')}/{part(request, 'name')}@{DRAFT}")
    except InputError as error:
        raise Refused(404, str(error), NO_REPO) from error


def number(request: Request, name: str, default: int) -> int:
    """A number of the query.

    Raises:
        Refused: 400, it is none.
    """
    text = request.query_params.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise Refused(400, f"cannot read the {name} {text!r:.40}. Expected a number.")
    return int(text)
