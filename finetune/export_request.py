"""What goes into the two clean processes of an export and what comes out: the seam, free of torch.

The first writes the artefact from the snapshot; the second knows the artefact and the data, and no weights.
"""

from dataclasses import dataclass

from pydantic import TypeAdapter

from roadworthy.model_cards import FileEntry, Protocol
from roadworthy.model_cards.artefact import Format
from roadworthy.model_cards.certificate import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """``folder`` is an empty folder for the artefact, ``out`` one for the answer."""

    snapshot: str
    format: Format
    folder: str
    out: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The files that the artefact was made from."""

    source: tuple[FileEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtefactRequest:
    """``folder`` holds the artefact and its config; ``out`` is an empty folder for evidence and answer."""

    folder: str
    format: Format
    data: str
    out: str
    options: dict[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtefactMeasured:
    """What ran the artefact, on what; its evidence lies beside this as test.jsonl."""

    opened_by: str
    files: tuple[FileEntry, ...]
    system: str
    protocol: Protocol
    environment: Environment


EXPORT_REQUEST = TypeAdapter(ExportRequest)
WRITTEN = TypeAdapter(Written)
ARTEFACT_REQUEST = TypeAdapter(ArtefactRequest)
ARTEFACT_MEASURED = TypeAdapter(ArtefactMeasured)
