"""What commands say of versions that were revoked."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from .tame import tame

if TYPE_CHECKING:
    from securesystemslib.signer import Key

    from roadworthy.registry import Registry, Revocation

AllowRevokedOption = Annotated[
    bool, typer.Option("--allow-revoked", help="Go on though a version was revoked, with a warning.")
]


@contextmanager
def warned() -> Iterator[None]:
    """Warnings that a revoked version is used are lines for people in here, not Python's."""
    from roadworthy.registry import RevokedWarning

    from .output import note

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            for one in caught:
                if not issubclass(one.category, RevokedWarning):
                    warnings.showwarning(one.message, one.category, one.filename, one.lineno)
                else:
                    note(tame(f"WARNING: {one.message}"))


def revoked_lines(registry: "Registry", reference: str, keys: "Sequence[Key]") -> list[tuple[str, str]]:
    """(name, value) of what is said against a version, believed first; nothing where nothing is."""
    from roadworthy.registry import revocation, revocations

    said = revocation(registry, reference, keys)
    lines = [("REVOKED", told(said))] if said is not None else []
    return lines + [
        ("not believed", word.problem) for word in revocations(registry, reference, keys) if word.problem is not None
    ]


def told(said: "Revocation") -> str:
    """``at …, by alice (key 0123…): why; take team/x@1.0.1 instead``."""
    instead = f"; take {said.superseded_by} instead" if said.superseded_by else ""
    return f"at {said.when}, by {said.who} (key {said.keyid[:16]}): {said.reason}{instead}"
