"""What must be known to open a model, whatever library its snapshot is written for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roadworthy.model_cards import InputError, Protocol
from roadworthy.model_cards.certificate import Upstream
from roadworthy.model_cards.configuration import dangers
from roadworthy.model_cards.snapshot import CONFIG


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """A model's task, architecture, classes, protocol and origin.

    ``settings``: the architecture's own configuration, for libraries whose names say too little. ``folder``: the
    snapshot it was read from, where a tokenizer lies that a run takes along.
    """

    task: str
    architecture: str
    system: str
    labels: tuple[str, ...]
    protocol: Protocol
    upstream: Upstream | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None


def read_document(folder: Path) -> dict[str, Any]:
    """A snapshot's ``config.json``.

    Raises:
        InputError: there is none, it is no JSON object, or it asks for code of its own.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise InputError(f"no {CONFIG} in {folder}. Expected a snapshot: {CONFIG} beside model.safetensors.")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON: {error}. Pull or import the model again.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}). Check its permissions.") from error
    if not isinstance(document, dict):
        raise InputError(f"{path} holds a {type(document).__name__}; expected a JSON object. Import the model again.")
    for name, why in dangers(document):
        raise InputError(f"{path} has {name!r}, {why}; such models are never opened.")
    return document


def write_document(folder: Path, document: Mapping[str, Any]) -> None:
    """Writes ``config.json``."""
    (folder / CONFIG).write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def our_section(config: ModelConfig, **more: Any) -> dict[str, Any]:
    """What a ``config.json`` says under ``roadworthy``, for every task."""
    ours: dict[str, Any] = {
        "metric": config.protocol.metric,
        "protocol": config.protocol.name,
        "system": config.system,
        "task": config.task,
        **more,
    }
    if config.upstream is not None:
        ours["upstream"] = {
            "claim": config.upstream.claim,
            "licence": config.upstream.licence,
            "source": config.upstream.source,
            "status": "not verified here",
        }
    return ours


def upstream_of(document: Mapping[str, Any]) -> Upstream | None:
    """What ``our_section`` wrote of a model's origin."""
    found = document.get("roadworthy", {}).get("upstream")
    return Upstream(source=found["source"], claim=found["claim"], licence=found["licence"]) if found else None
