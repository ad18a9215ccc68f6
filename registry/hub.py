"""Another Hub: how a repository there is named, who speaks to it, and what its refusals mean."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roadworthy.model_cards.errors import InputError, NotFoundError, StorageError
from roadworthy.model_cards.snapshot import check_path

if TYPE_CHECKING:
    from huggingface_hub import HfApi

PREFIX = "hf:"
_HOME = "https://huggingface.co"


@dataclass(frozen=True, slots=True)
class HubAddress:
    """A repository of models on a Hub, a file in it if one is meant, and the revision, by default ``main``."""

    repo: str
    file: str | None = None
    revision: str | None = None

    def __str__(self) -> str:
        file = f"/{self.file}" if self.file else ""
        return f"{PREFIX}{self.repo}{file}" + (f"@{self.revision}" if self.revision else "")

    @staticmethod
    def parse(text: "str | HubAddress") -> "HubAddress":
        """Parses ``hf:org/name``, ``hf:org/name@revision`` and ``hf:org/name/weights.pth@revision``.

        Raises:
            InputError: any other form.
        """
        if isinstance(text, HubAddress):
            return text
        path, at, revision = text.removeprefix(PREFIX).partition("@")
        organisation, slash, rest = path.partition("/")
        name, _, file = rest.partition("/")
        whole = text.startswith(PREFIX) and organisation and slash and name and (revision or not at)
        if not whole or (rest.endswith("/")):
            raise InputError(
                f"cannot read {text!r}. Expected hf:organisation/name, with @revision if not the newest, such as "
                "hf:timm/resnet50.a1_in1k@main."
            )
        return HubAddress(f"{organisation}/{name}", check_path(file) if file else None, revision or None)


def connect(endpoint: str | None = None) -> "HfApi":
    """The stock client of ``endpoint``, by default of ``HF_ENDPOINT``, else of the public Hub.

    The token that ``hf auth login`` left on this machine is one of the public Hub, and goes nowhere else; another
    endpoint gets ``HF_TOKEN``, where that is set.

    Raises:
        InputError: the endpoint is no URL.
    """
    from huggingface_hub import HfApi, constants

    chosen = (endpoint or constants.ENDPOINT).rstrip("/")
    if not chosen.startswith(("https://", "http://")):
        raise InputError(f"cannot use the endpoint {chosen!r}. Expected a URL, such as {_HOME}.")
    if chosen == _HOME:
        return HfApi(endpoint=chosen)
    return HfApi(endpoint=chosen, token=os.environ.get("HF_TOKEN") or False)


@contextmanager
def explained(api: "HfApi", what: str, nothing: str) -> Iterator[None]:
    """Errors of the client as ours: ``what`` was being done, and ``nothing`` says what did not happen.

    Raises:
        NotFoundError: there is no such repository, revision or file, or none that this token may see.
        StorageError: the Hub cannot be reached, or refuses.
    """
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise StorageError(f"cannot {what}: it is gated. Accept its terms at {api.endpoint}, then again.") from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.EntryNotFoundError) as error:
        raise NotFoundError(
            f"cannot {what}: {api.endpoint} has no such repository, revision or file, or shows it only to others: "
            f"check the name and HF_TOKEN. {nothing}"
        ) from error
    except errors.HfHubHTTPError as error:
        said = error.server_message or str(error).splitlines()[0]
        raise StorageError(f"cannot {what}: {api.endpoint} answers: {said:.300} {nothing}") from error
    except Exception as error:
        if not isinstance(error, (OSError, *_transport())):
            raise
        raise StorageError(
            f"cannot {what}: {api.endpoint} cannot be reached ({str(error)[:200]}). {nothing}"
        ) from error


def _transport() -> tuple[type[Exception], ...]:
    # The stock client's HTTP library is httpx up to its version 1, httpx2 since: whichever of them was loaded.
    return tuple(sys.modules[name].HTTPError for name in ("httpx", "httpx2") if name in sys.modules)
