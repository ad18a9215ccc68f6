"""From a location, ``s3://bucket/prefix``, to a connection; credentials come from the environment."""

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from roadworthy.model_cards.errors import InputError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

Connection = S3Store | GCSStore | AzureStore

_KINDS: dict[str, type[Connection]] = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}
_TRUE = {"1", "true", "yes", "on"}
# Half a minute for a server that says nothing. Sending counts as silence, so what is long is sent more patiently.
_BRISK: "ClientConfig" = {"connect_timeout": timedelta(seconds=4), "read_timeout": timedelta(seconds=15)}
_PATIENT: "ClientConfig" = {"connect_timeout": timedelta(seconds=4)}
_LONGEST = timedelta(minutes=15)  # for one request


def _retry(times: int, seconds: int) -> "RetryConfig":
    # Pauses are drawn by chance: eight of them last two seconds, twenty about fifteen. A server that asks for
    # patience (503) is back by then; one that refuses connections is told of soon.
    return {
        "max_retries": times,
        "retry_timeout": timedelta(seconds=seconds),
        "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2},
    }


def connect(location: str, *, patient: bool = False) -> Connection:
    """A connection to ``location``; nothing is sent yet. ``AWS_ENDPOINT_URL`` names another server than Amazon's.
    ``patient``: for requests that take minutes.

    Raises:
        InputError: not a bucket's name, or a setting of the environment that cannot be used.
    """
    scheme, _, rest = location.partition("://")
    bucket, _, prefix = rest.partition("/")
    if not bucket or any(part in ("", ".", "..") for part in prefix.rstrip("/").split("/") if prefix):
        raise InputError(f"cannot open {location!r}: expected {scheme}://bucket or {scheme}://bucket/prefix.")
    client = {**(_PATIENT if patient else _BRISK), "timeout": _LONGEST}
    settings: dict[str, Any] = {"client_options": client, "retry_config": _retry(20, 180) if patient else _retry(8, 20)}
    if scheme == "s3":
        # One request an object, which every server knows; and the way of copying that Amazon's can be told not to
        # overwrite by.
        settings["disable_bulk_delete"] = True
        if "AWS_COPY_IF_NOT_EXISTS" not in os.environ:
            settings["copy_if_not_exists"] = "multipart"
        settings["client_options"]["allow_http"] = said_yes("AWS_ALLOW_HTTP")
    try:
        return _KINDS[scheme](bucket, prefix=prefix.rstrip("/") or None, **settings)
    except (BaseError, ValueError) as error:
        said = str(error).partition("\n")[0]
        raise InputError(f"cannot open {location!r}: {said}. docs/guides/object-store.md says what to set.") from error


def said_yes(variable: str) -> bool:
    """Whether the environment says so."""
    return os.environ.get(variable, "").lower() in _TRUE
