"""What an audit holds against the packaged configuration: that the claim is of the model that will be opened."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .certificate import Claim
from .snapshot import CONFIG, sha256_of

_TOKENIZER = "tokenizer.json"


def config_checks(folder: Path, claim: Claim) -> Iterator[tuple[str, list[str]]]:
    """The check in words, and what speaks against it; none for a configuration that says nothing of ours.

    Raises:
        ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError: it cannot be read.
    """
    document = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    if not isinstance(document, dict) or not isinstance(document.get("roadworthy"), dict):
        return
    stated = dict(_stated(claim))
    differing = [
        f"{CONFIG} says that its {what} is {found!r:.60}; the certificate says {stated[what]!r:.60}"
        for what, found in (*_packaged(document), *_of_tokenizer(folder))
        if what in stated and found is not None and found != stated[what]
    ]
    yield f"{CONFIG} is of the system, the classes and the protocol that were certified", differing


def _stated(claim: Claim) -> Iterator[tuple[str, Any]]:
    yield from (("task", claim.task), ("system", claim.system), ("architecture", claim.architecture))
    yield from (("protocol", claim.protocol.name), ("classes", list(claim.data.labels)))
    for name, value in claim.protocol.parameters.items():
        yield name, list(value) if isinstance(value, tuple | list) else value


def _packaged(document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    ours, cfg = document["roadworthy"], document.get("pretrained_cfg") or {}
    yield from ((name, ours.get(name)) for name in ("task", "system", "protocol", "resize", "max_length"))
    yield "architecture", document.get("architecture", document.get("model_type"))
    yield from ((name, cfg.get(name)) for name in ("mean", "std", "interpolation"))
    names = document.get("id2label") or {}
    yield "classes", document.get("label_names") or [names[key] for key in sorted(names, key=int)] or None


def _of_tokenizer(folder: Path) -> Iterator[tuple[str, Any]]:
    if (folder / _TOKENIZER).is_file():
        yield "tokenizer_sha256", sha256_of(folder / _TOKENIZER)
