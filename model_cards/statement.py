"""in-toto statements: which files are spoken of, and what is said of them.

The form that every signed record of ours has: subjects by digest, a predicate, and the predicate's type.
Law: ``parse(dump(s, p)) == (s, p)`` and, for every accepted ``b``, ``dump(parse(b)) == b``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from . import canonical
from .errors import DamagedError
from .snapshot import FileEntry

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"

Predicate = TypeVar("Predicate")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Digest:
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Annotations:
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    name: str
    digest: _Digest
    annotations: _Annotations


_SUBJECTS = TypeAdapter(tuple[_Subject, ...])


def dump(subjects: Sequence[FileEntry], predicate_type: str, predicate: Mapping[str, Any]) -> bytes:
    """The canonical bytes of a statement; ``predicate`` is plain JSON values."""
    return canonical.dump(
        {
            "_type": STATEMENT_TYPE,
            "subject": [
                {"name": f.path, "digest": {"sha256": f.sha256}, "annotations": {"size": f.size}} for f in subjects
            ],
            "predicateType": predicate_type,
            "predicate": predicate,
        }
    )


def parse(
    data: bytes,
    predicate_type: str,
    predicate: TypeAdapter[Predicate],
    what: str,
    remedy: str,
    plain: Callable[[Predicate], Mapping[str, Any]],
) -> tuple[tuple[FileEntry, ...], Predicate]:
    """The subjects and the predicate of a statement of that type. ``what`` and ``remedy`` are for messages;
    ``plain`` gives the JSON values that a predicate was signed as.

    Raises:
        DamagedError: not canonical, another type, or a field missing, unknown or of the wrong type.
    """
    document = canonical.parse(data, f"{what}'s statement")
    if not isinstance(document, dict) or set(document) != {"_type", "subject", "predicateType", "predicate"}:
        raise DamagedError(f"{what}'s statement is not an in-toto statement; {remedy}.")
    if (document["_type"], document["predicateType"]) != (STATEMENT_TYPE, predicate_type):
        raise DamagedError(
            f"{what} is a {document['predicateType']!r}; expected {predicate_type!r}. Upgrade roadworthy, or {remedy}."
        )
    try:
        subjects = _SUBJECTS.validate_python(document["subject"])
        found = predicate.validate_python(document["predicate"])
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise DamagedError(f"{what}'s field {place!r} is wrong: {first['msg']}.") from error
    files = tuple(FileEntry(path=s.name, size=s.annotations.size, sha256=s.digest.sha256) for s in subjects)
    # What was dropped, filled in or converted on the way in ("5" for 5) shows on the way out.
    if not _is(data, files, predicate_type, found, plain):
        raise DamagedError(
            f"{what} has fields, or values of a type, that this release does not know. Upgrade roadworthy, or {remedy}."
        )
    return files, found


def _is(
    data: bytes,
    files: Sequence[FileEntry],
    predicate_type: str,
    found: Predicate,
    plain: Callable[[Predicate], Mapping[str, Any]],
) -> bool:
    try:
        return dump(files, predicate_type, plain(found)) == data
    except (ValueError, RecursionError):  # a double where a whole number belongs; or nested beyond all use
        return False
