"""A version or a draft in the Hub's words: what its clients show of a model, of its files, of its commits."""

from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from roadworthy.model_cards.errors import RoadworthyError
from roadworthy.model_cards.snapshot import CARD, FileEntry
from roadworthy.registry import certified
from roadworthy.registry.manifest import Manifest
from roadworthy.registry.registry import Registry

from .git_objects import blob_sha1, git_name, is_large, pointer

_LONGEST_CARD = 2**20  # bytes; a longer card is shown, and its metadata is not read
TITLE, MESSAGE, AUTHOR, PARENT = "commit_title", "commit_message", "author", "parent_commit"  # in a draft's note


class _NoAliases(yaml.SafeLoader):
    """Plain YAML. An alias of an alias of an alias would be gigabytes once it is JSON."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias")
        return super().compose_node(parent, index)


def warning(manifest: Manifest) -> dict[str, str]:
    """The header that every Hub client prints once, for what nobody has certified."""
    if manifest.version is not None:
        return {}
    model = f"{manifest.namespace}/{manifest.name}"
    return {
        "X-HF-Warning": f"not certified {model}; {model} at {manifest.commit[:12]} is a draft: nobody has measured it. "
        f"Certified versions are its tags vX.Y.Z."
    }


def model_info(registry: Registry, manifest: Manifest, *, blobs: bool = False, card: bool = True) -> dict[str, Any]:
    """What ``HfApi.model_info`` reads."""
    data = card_data(registry, manifest) if card else None
    task, system, library = _certified(registry, manifest)
    said = data or {}
    task = task or _text(said.get("pipeline_tag"))
    library = library or _text(said.get("library_name"))
    model = f"{manifest.namespace}/{manifest.name}"
    state = "draft" if manifest.version is None else "certified"
    own = said.get("tags") if isinstance(said.get("tags"), list) else []
    found: dict[str, Any] = {
        "_id": manifest.commit[:24],
        "id": model,
        "modelId": model,
        "author": manifest.namespace,
        "sha": manifest.commit,
        "private": False,
        "gated": False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "lastModified": moment(manifest),
        "createdAt": moment(manifest),
        "tags": list(dict.fromkeys(filter(None, (state, task, system, library, *map(_text, own or ()))))),
        "siblings": [_sibling(registry, file, manifest, blobs) for file in manifest.files],
        "usedStorage": manifest.total,
        # Ours: a Hub client keeps what it does not know.
        "roadworthy": {"certified": manifest.version is not None, "version": manifest.version},
    }
    for name, value in (("pipeline_tag", task), ("library_name", library), ("cardData", data)):
        if value:
            found[name] = value
    if isinstance(said.get("model-index"), list):
        found["model-index"] = said["model-index"]
    return found


def tree(registry: Registry, manifest: Manifest, folder: str, *, recursive: bool) -> Iterator[dict[str, Any]]:
    """The files and folders below ``folder`` (``""`` or ``"a/b/"``), in the order of their paths."""
    told: set[str] = set()
    for file in manifest.files:
        if not file.path.startswith(folder):
            continue
        *above, _ = file.path[len(folder) :].split("/")
        for depth in range(1, len(above) + 1) if recursive else range(1, min(len(above), 1) + 1):
            path = folder + "/".join(above[:depth])
            if path not in told:
                told.add(path)
                yield directory(manifest, path)
        if recursive or not above:
            yield item(registry, file, manifest)


def item(registry: Registry, file: FileEntry, manifest: Manifest) -> dict[str, Any]:
    """A file as an entry of a tree."""
    found: dict[str, Any] = {
        "type": "file",
        "path": file.path,
        "size": file.size,
        "oid": git_name(registry, file, manifest),
    }
    if is_large(file.path, file.size):
        found["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": len(pointer(file))}
    return found


def directory(manifest: Manifest, path: str) -> dict[str, Any]:
    """A folder as an entry of a tree. Its name stands for what is in it."""
    files = [f"{file.path} {file.sha256}" for file in manifest.files if file.path.startswith(f"{path}/")]
    return {"type": "directory", "path": path, "size": 0, "oid": blob_sha1("\n".join(files).encode())}


def commit(manifest: Manifest) -> dict[str, Any]:
    """A version or a draft as an entry of a list of commits."""
    note = manifest.note or {}
    title = f"Version {manifest.version}" if manifest.version else "Imported"
    return {
        "id": manifest.commit,
        "title": note.get(TITLE) or (title if manifest.files else "Created"),
        "message": note.get(MESSAGE, ""),
        "authors": [{"user": note.get(AUTHOR) or manifest.namespace}],
        "date": moment(manifest),
    }


def card_data(registry: Registry, manifest: Manifest) -> dict[str, Any] | None:
    """The metadata of the card, if it has any that can be read."""
    file = next((file for file in manifest.files if file.path == CARD), None)
    if file is None or file.size > _LONGEST_CARD:
        return None
    try:
        text = registry.read(file, manifest.reference).decode()
    except (RoadworthyError, UnicodeDecodeError):
        return None
    begin, _, rest = text.replace("\r\n", "\n").partition("---\n")
    head, end, _ = rest.partition("\n---")
    if begin.strip("\ufeff \n") or not end:
        return None
    try:
        data = yaml.load(head, _NoAliases)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) and all(isinstance(name, str) for name in data) else None


def moment(manifest: Manifest) -> str:
    """When it was made, as the Hub writes it."""
    return manifest.created.replace("Z", ".000Z")


def chosen(info: dict[str, Any], fields: Iterable[str]) -> dict[str, Any]:
    """Only the ``fields`` that a client asked for, and what names the model; everything where it asked for none."""
    wanted = set(fields)
    always = {"_id", "id", "modelId"}
    return {name: value for name, value in info.items() if name in wanted | always} if wanted else info


def _certified(registry: Registry, manifest: Manifest) -> tuple[str | None, str | None, str | None]:
    try:
        stated = certified.stated(registry, manifest)
    except RoadworthyError:
        return None, None, None
    return (stated.certificate.claim.task, stated.certificate.claim.system, None) if stated else (None, None, None)


def _sibling(registry: Registry, file: FileEntry, manifest: Manifest, blobs: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"rfilename": file.path}
    if blobs:
        entry = item(registry, file, manifest)
        found |= {"size": file.size, "blobId": entry["oid"]}
        if "lfs" in entry:
            found["lfs"] = {"sha256": file.sha256, "size": file.size, "pointerSize": entry["lfs"]["pointerSize"]}
    return found


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
