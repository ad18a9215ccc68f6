"""A model of another Hub, fetched at one commit and held against that Hub's own digests.

The stock client compares a file's size and nothing else; here every byte is hashed.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadworthy.model_cards.errors import DamagedError, InputError
from roadworthy.model_cards.snapshot import CONFIG, WEIGHTS

from .hub import HubAddress, connect, explained

if TYPE_CHECKING:
    from huggingface_hub import HfApi, ModelInfo
    from huggingface_hub.hf_api import RepoSibling

_PICKLE = "pytorch_model.bin"
_BESIDE = (".json", ".txt", ".model", ".vocab", ".md")  # configuration, tokenizer, card
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What lies in ``path`` (a folder, or the one file that was asked for), and what its upstream says of it.

    ``source`` names the commit, so that it can be fetched again; ``claim`` and ``licence`` are quoted from its card.
    """

    path: Path
    source: str
    claim: str | None
    licence: str | None
    size: int


def fetch_upstream(address: HubAddress | str, to: Path, *, endpoint: str | None = None) -> Fetched:
    """Fetches what a model needs (configuration, weights, tokenizer, card) from a Hub into the folder ``to``.

    Safetensors where there are any, else the pickle, which is fetched and not opened. Of a file that is named in
    the address, that file alone.

    Raises:
        DamagedError: a file is not what the Hub's own digest says.
        InputError: not an address, or a repository without weights that are read here.
        NotFoundError: no such repository, revision or file.
        StorageError: the Hub cannot be reached, or refuses.
    """
    asked = HubAddress.parse(address)
    api = connect(endpoint)
    nothing = "Nothing was imported."
    with explained(api, f"import {asked}", nothing):
        info = api.model_info(asked.repo, revision=asked.revision, files_metadata=True)
    files = {file.rfilename: file for file in info.siblings or ()}
    chosen = [asked.file] if asked.file else _needed(asked, files)
    if asked.file and asked.file not in files:
        raise InputError(f"{asked.repo} has no file {asked.file!r}. Expected one of: {_some(files)}. {nothing}")
    with explained(api, f"import {asked}", nothing):
        for name in chosen:
            api.hf_hub_download(asked.repo, name, revision=info.sha, local_dir=to)
    for name in chosen:
        _check(to / name, files[name], asked)
    return Fetched(
        path=to / asked.file if asked.file else to,
        source=str(HubAddress(asked.repo, asked.file, info.sha)) + _elsewhere(api),
        claim=_claim(info),
        licence=getattr(info.card_data, "license", None) if info.card_data else None,
        size=sum((to / name).stat().st_size for name in chosen),
    )


def _needed(asked: HubAddress, files: dict[str, "RepoSibling"]) -> list[str]:
    weights = next((name for name in (WEIGHTS, _PICKLE) if name in files), None)
    if weights is None or CONFIG not in files:
        shards = " Weights in several files are not read yet." if f"{WEIGHTS}.index.json" in files else ""
        raise InputError(
            f"{asked.repo} has no model that is read here: expected {CONFIG} and {WEIGHTS} or {_PICKLE}, found "
            f"{_some(files)}.{shards} Of a single checkpoint, name the file: hf:{asked.repo}/FILE, with --system."
        )
    beside = [name for name in files if name.endswith(_BESIDE) and "/" not in name and not name.endswith(".index.json")]
    return [weights, *sorted(beside)]


def _some(files: dict[str, "RepoSibling"]) -> str:
    names = sorted(files)
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "") if names else "nothing"


def _check(path: Path, stated: "RepoSibling", asked: HubAddress) -> None:
    size = path.stat().st_size
    # The Hub names a large file by its SHA-256, and a small one as git does.
    digest, expected = hashlib.sha256(), stated.lfs.sha256 if stated.lfs else stated.blob_id
    if not stated.lfs:
        digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != expected:
        raise DamagedError(
            f"{path.name} of {asked} came damaged: expected {expected}, as its Hub says, found {digest.hexdigest()}. "
            "Nothing was imported; try again, and tell whoever runs that Hub."
        )


def _elsewhere(api: "HfApi") -> str:
    return "" if api.endpoint == "https://huggingface.co" else f" of {api.endpoint}"


def _claim(info: "ModelInfo") -> str | None:
    """What its card claims, in one line, from the ``model-index`` that Hubs read."""
    results: Any = getattr(info.card_data, "eval_results", None) if info.card_data else None
    said = [f"{one.metric_name or one.metric_type} {one.metric_value} on {one.dataset_name}" for one in results or ()]
    return "; ".join(said[:3])[:300] or None
