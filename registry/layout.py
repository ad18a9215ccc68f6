"""Where things lie in a store.

    <root>/
      blobs/sha256/<aa>/<64 hex>                               a file's bytes, by digest
      deltas/sha256/<aa>/<64 hex>                              the same as a delta of another file's, in its place
      sweeping/                                                what sweeps saw, and notes of what nobody may sweep now
      bases/<64 hex>/<64 hex>                                  a note, empty: the delta of the second needs the first
      versions/<namespace>/<name>/<x.y.z>.json                 manifest of a certified version
      drafts/<namespace>/<name>/<00000001>.json                manifest of an uncertified draft; the newest is @main
      aliases/<namespace>/<name>/<alias>/<00000001>.json       one move of an alias; the newest is where it points
      performance/<namespace>/<name>/<x.y.z>/<00000001>.json   a signed performance record, beside its version
      attestations/<namespace>/<name>/<x.y.z>/<key id, 16 hex>-<00000001>.json   what a second party measured, signed;
                                                               .jsonl beside it, written first: that party's evidence
      repos/<namespace>/<name>.json                            a Hub client created it; it may still be empty
      branches/<namespace>/<name>/<branch>/<00000001>.json     manifest of a draft on another branch than main
      tags/<namespace>/<name>/<tag>.json                       a Hub client's own name for a commit; never a version's
      uploads/<upload>/<00000001>                              part of a large file on its way in; swept after a week
      sent/<caller, 32 hex>/<64 hex>                           who is publishing has had these bytes, until a manifest
                                                               lists them (`server/visible.py`); swept after a week
      revocations/<namespace>/<name>/<x.y.z>/<00000001>.json   a signed word that the version is revoked, or no longer
      log/<00000001>.json                                      one entry of the registry's log, naming the one before
      xorbs/<yyyymmdd>/<64 hex>                                what Xet clients sent on a day, cleared after weeks;
                                                               .index beside it, written last: where its chunks lie
      tmp/                                                     files being written; never listed

A key is created once and never overwritten. The blobs of a version come first, then its entry in the log, and its
manifest last, so what has a manifest is whole. A numbered folder is a log: whoever creates entry N + 1 has moved it,
or has added to it.
"""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Literal

from .store import Store

Kind = Literal[
    "versions",
    "drafts",
    "aliases",
    "performance",
    "attestations",
    "revocations",
    "repos",
    "branches",
    "tags",
    "log",
]

TEMPORARY = "tmp"
_DIGITS = 8  # enough for 99,999,999 moves, and numbers sort as text
_DOCUMENT: Mapping[Kind, re.Pattern[str]] = {
    "versions": re.compile(r"versions/[^/]+/[^/]+/[0-9]+\.[0-9]+\.[0-9]+\.json"),
    "drafts": re.compile(r"drafts/[^/]+/[^/]+/[0-9]{8}\.json"),
    "aliases": re.compile(r"aliases/[^/]+/[^/]+/[^/]+/[0-9]{8}\.json"),
    "performance": re.compile(r"performance/[^/]+/[^/]+/[0-9]+\.[0-9]+\.[0-9]+/[0-9]{8}\.json"),
    "attestations": re.compile(r"attestations/[^/]+/[^/]+/[0-9]+\.[0-9]+\.[0-9]+/[0-9a-f]{16}-[0-9]{8}\.json"),
    "repos": re.compile(r"repos/[^/]+/[^/]+\.json"),
    "branches": re.compile(r"branches/[^/]+/[^/]+/[^/]+/[0-9]{8}\.json"),
    "tags": re.compile(r"tags/[^/]+/[^/]+/[^/]+\.json"),
    "revocations": re.compile(r"revocations/[^/]+/[^/]+/[0-9]+\.[0-9]+\.[0-9]+/[0-9]{8}\.json"),
    "log": re.compile(r"log/[0-9]{8}\.json"),
}


def key(kind: Kind, *parts: str | int) -> str:
    """The key of a document: ``key("aliases", "demo", "x", "latest", 3)``. Numbers are padded."""
    padded = (f"{part:0{_DIGITS}d}" if isinstance(part, int) else part for part in parts)
    return "/".join((kind, *padded)) + ".json"


def blob_key(sha256: str) -> str:
    """The key of a file's bytes."""
    return f"blobs/sha256/{sha256[:2]}/{sha256}"


def delta_key(sha256: str) -> str:
    """The key of a file's bytes where they are kept as a delta of another file's (`delta_format`)."""
    return f"deltas/sha256/{sha256[:2]}/{sha256}"


def base_key(base: str, sha256: str) -> str:
    """The key of the note that the delta of ``sha256`` needs ``base``, which then stays as it is."""
    return f"bases/{base}/{sha256}"


def documents(store: Store, kind: Kind, *parts: str) -> list[str]:
    """Every document's key below a folder, sorted: ``documents(store, "versions", "demo", "x")``.

    What an editor or a file manager left between them is passed over.
    """
    keys = store.list("/".join((kind, *parts)) + "/")
    return [key for key in keys if _DOCUMENT[kind].fullmatch(key)]


def kind_of(key: str) -> Kind | None:
    """Of which kind the document with that key is; ``None`` where no document can have it."""
    return next((kind for kind, form in _DOCUMENT.items() if form.fullmatch(key)), None)


def parts(key: str) -> tuple[str, ...]:
    """What a document's key was made of, without its kind: ``("demo", "x", "1.0.0")``."""
    return PurePosixPath(key.removesuffix(".json")).parts[1:]
