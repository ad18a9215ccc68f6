"""What an object store's refusals mean, and what to do about them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError

from roadworthy.model_cards.errors import NotFoundError, StorageError

from .errors import ExistsError

_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "bucket does not exist", "container does not exist")
# Where credentials are asked for when the environment holds none: the machine's own, in the vendors' clouds.
_NO_CREDENTIALS = ("/latest/api/token", "/latest/meta-data", "/computeMetadata/", "/metadata/identity", "token request")
_UNREACHABLE = ("error sending request", "timed out", "operation timeout", "connection")
_NO_HTTP = "builder error"  # what the HTTP client says of a URL without TLS that it may not use
_ELSEWHERE = ("301 Moved", "PermanentRedirect", "AuthorizationHeaderMalformed", "missing redirect", "bare redirect")
_QUERY = re.compile(r"(https?://[^\s?]*)\?\S*")  # may hold a signature
_REFUSED = re.compile(r"\b40[13] (?:Forbidden|Unauthorized)")  # of a list, which has no error of its own
_VARIABLES = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (aws configure export-credentials --format env prints them)",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS (or run: gcloud auth application-default login)",
    "az": "AZURE_STORAGE_ACCOUNT_NAME, and AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN",
}


@contextmanager
def explained(action: str, key: str, location: str) -> Iterator[None]:
    """Tells what obstore raises inside as what it means for ``key`` in ``location``.

    Raises:
        ExistsError, NotFoundError: of the key.
        StorageError: anything else: no credentials, no such bucket, no permission, no answer.
    """
    try:
        yield
    except AlreadyExistsError:
        raise ExistsError(f"{key} exists in {location}, and nothing stored is ever overwritten.") from None
    except FileNotFoundError as error:
        if any(word in str(error) for word in _NO_BUCKET):
            raise StorageError(f"cannot {action}: {_no_bucket(location)}") from error
        raise NotFoundError(f"{key} is not in {location}. See what is: roadworthy models") from None
    except BaseError as error:
        raise StorageError(f"cannot {action}: {_why(error, location)}") from error


def _why(error: BaseError, location: str) -> str:
    text = str(error)
    scheme = location.partition("://")[0]
    if any(word in text for word in _NO_BUCKET):
        return _no_bucket(location)
    if any(word in text for word in _NO_CREDENTIALS):
        return f"no credentials for {location}. Set {_VARIABLES[scheme]}."
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or _REFUSED.search(text):
        said = re.search(r"<Code>(\w{1,80})</Code>", text)
        code = f" ({said[1]})" if said else ""
        return (
            f"{location} refuses these credentials{code}. Expected ones that may list, read, write and delete there. "
            f"Check {_VARIABLES[scheme]}, and the bucket's policy."
        )
    if _NO_HTTP in text:
        return f"{location} is reached without TLS. If that is meant, as for a local server, set AWS_ALLOW_HTTP=true."
    if any(word in text for word in _ELSEWHERE):
        return f"{location} is in another region. Set AWS_REGION to the bucket's."
    if any(word in text for word in _UNREACHABLE):
        return f"{location} does not answer: {_short(text)}. Check the network, and AWS_ENDPOINT_URL where it is set."
    return f"{_short(text)}."


def _no_bucket(location: str) -> str:
    scheme, _, rest = location.partition("://")
    return f"there is no bucket {scheme}://{rest.partition('/')[0]}. Make it first; a registry makes none."


def _short(text: str) -> str:
    return _QUERY.sub(r"\1", text.partition("\n")[0].partition(": <?xml")[0])[:300].rstrip(". -")
