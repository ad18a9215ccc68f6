"""What goes wrong, as an answer: a status, a JSON body, and the two headers that Hub clients read."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from roadworthy.model_cards.errors import CheckError, InputError, NotFoundError, RoadworthyError, StorageError
from roadworthy.registry.errors import ExistsError

_LONGEST = 2000  # characters of a message in a header; the body has all of it

# The Hub's own words, by which its clients tell one 404 from another.
NO_REPO, NO_REVISION, NO_ENTRY = "RepoNotFound", "RevisionNotFound", "EntryNotFound"


class Refused(Exception):
    """What a handler raises to answer with anything but success. ``code`` is the Hub's ``X-Error-Code``."""

    def __init__(
        self, status: int, message: str, code: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.headers = headers or {}


def refusal(error: RoadworthyError) -> Refused:
    """An error of the registry as an answer. The first kind that fits counts."""
    reasons = error.reasons[1:] if isinstance(error, CheckError) else ()
    message = "; ".join((str(error), *reasons))
    for kind, status in (
        (NotFoundError, 404),
        (ExistsError, 409),
        (CheckError, 422),
        (InputError, 400),
        (StorageError, 503),
    ):
        if isinstance(error, kind):
            return Refused(status, message)
    return Refused(500, message)


def answer(refused: Refused) -> Response:
    """The answer itself: ``{"error": message}``, with the message and the code in headers too."""
    headers = {"X-Error-Message": header_text(refused.message), **refused.headers}
    if refused.code is not None:
        headers["X-Error-Code"] = refused.code
    return JSONResponse({"error": refused.message}, refused.status, headers)


def header_text(text: str) -> str:
    """``text`` on one line of Latin-1 without spaces around it, as a header holds it."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)[:_LONGEST]
    return line.strip().encode("latin-1", "replace").decode("latin-1")


async def on_refused(_: Request, error: Exception) -> Response:
    """Starlette's handler of `Refused`."""
    assert isinstance(error, Refused)
    return answer(error)


async def on_error(_: Request, error: Exception) -> Response:
    """Starlette's handler of every error that Roadworthy raises on purpose."""
    assert isinstance(error, RoadworthyError)
    return answer(refusal(error))
