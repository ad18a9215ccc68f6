"""What a Hub client's revision stands for: a branch, a tag, a version, an alias or a commit, each as a manifest.

``main`` is the newest draft, where there is one, and else what ``latest`` points at. A certified version is the tag
``v1.2.0``, an alias a branch that no Hub client moves. A repository without a file is a manifest without files.
"""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import quote, unquote

from roadworthy.model_cards.errors import InputError, NotFoundError
from roadworthy.model_cards.snapshot import check_path
from roadworthy.registry import aliases, layout, manifest, sealed
from roadworthy.registry.manifest import Manifest
from roadworthy.registry.reference import DRAFT, LATEST, Reference
from roadworthy.registry.registry import Registry

from .answers import NO_REPO, NO_REVISION, Refused

REPO_SCHEMA = "roadworthy/repo/1"
TAG_SCHEMA = "roadworthy/tag/1"
_LONGEST = 200  # of a name as a file's; file systems take 255
_COMMIT = re.compile(r"[0-9a-f]{40}")


def find(registry: Registry, model: Reference, revision: str) -> Manifest:
    """What ``revision`` of a model stands for.

    Raises:
        Refused: 404, no such model, or no such revision of it.
    """
    if revision == DRAFT:
        return head(registry, model)
    found = (
        _by_commit(registry, model, revision) if _COMMIT.fullmatch(revision) else _by_name(registry, model, revision)
    )
    if found is None:
        head(registry, model)  # says so where it is the model that is not there
        raise Refused(404, f"{model.model} has no revision {revision!r:.100} in this registry", NO_REVISION)
    return found


def head(registry: Registry, model: Reference, branch: str = DRAFT) -> Manifest:
    """What a branch points at.

    Raises:
        Refused: 404, no such model, or no such branch.
    """
    if keys := line(registry, model, branch):
        return read(registry, keys[-1], model)
    if branch != DRAFT:
        raise Refused(404, f"{model.model} has no branch {branch!r:.100} in this registry", NO_REVISION)
    try:
        return registry.resolve(model.at(LATEST))
    except NotFoundError:
        return _empty(registry, model)


def line(registry: Registry, model: Reference, branch: str) -> list[str]:
    """The keys of a branch's drafts, the oldest first."""
    if branch == DRAFT:
        return layout.documents(registry.store, "drafts", model.namespace, model.name)
    try:
        return layout.documents(registry.store, "branches", model.namespace, model.name, _file_name(branch))
    except InputError:
        return []  # nothing was ever called that


def next_key(model: Reference, branch: str, after: list[str]) -> str:
    """The key that the next draft of a branch takes.

    Raises:
        InputError: no branch can be called that.
    """
    number = int(layout.parts(after[-1])[-1]) + 1 if after else 1
    if branch == DRAFT:
        return layout.key("drafts", model.namespace, model.name, number)
    return layout.key("branches", model.namespace, model.name, _file_name(branch), number)


def exists(registry: Registry, model: Reference) -> bool:
    """Whether there is a version, a draft, or a repository without files yet."""
    try:
        head(registry, model)
    except Refused:
        return False
    return True


def history(registry: Registry, model: Reference, revision: str) -> Iterator[Manifest]:
    """What a revision was before, the newest first: the drafts of its branch, or the versions up to it."""
    found = find(registry, model, revision)
    if (version := found.reference.version) is not None:
        earlier = (one for one in reversed(registry.versions(model.namespace, model.name)) if one <= version)
        yield from (registry.resolve(model.at(one)) for one in earlier)
        return
    for keys in _lines(registry, model):
        drafts = [read(registry, key, model) for key in keys]
        at = next((at for at, draft in enumerate(drafts) if draft.commit == found.commit), None)
        if at is not None:
            yield from reversed(drafts[: at + 1])
            return
    yield found


def branches(registry: Registry, model: Reference) -> dict[str, Manifest]:
    """Every branch and every alias, with what it points at."""
    found = {DRAFT: head(registry, model)}
    for key in layout.documents(registry.store, "branches", model.namespace, model.name):
        found[unquote(layout.parts(key)[2])] = read(registry, key, model)  # the last of each stays
    for key in layout.documents(registry.store, "aliases", model.namespace, model.name):
        alias = layout.parts(key)[2]
        if alias not in found:
            found[alias] = registry.resolve(model.at(alias))
    return found


def tags(registry: Registry, model: Reference) -> dict[str, str]:
    """Every tag with its commit: those of the versions, and those that Hub clients made."""
    versions = registry.versions(model.namespace, model.name)
    found = {f"v{version}": registry.resolve(model.at(version)).commit for version in versions}
    for key in layout.documents(registry.store, "tags", model.namespace, model.name):
        found[unquote(layout.parts(key)[2])] = _tagged(registry, key)
    return found


def tag_key(model: Reference, tag: str) -> str:
    """Where a Hub client's tag lies.

    Raises:
        InputError: no tag can be called that.
    """
    return layout.key("tags", model.namespace, model.name, _file_name(tag))


def repo_key(model: Reference) -> str:
    """Where it is written that a Hub client created a repository."""
    return layout.key("repos", model.namespace, model.name)


def read(registry: Registry, key: str, model: Reference) -> Manifest:
    """The manifest under ``key``, of a version or a draft of ``model``.

    Raises:
        DamagedError: it was changed.
    """
    with registry.store.open(key) as file:
        return _parsed(file.read(), model)


def _file_name(name: str) -> str:
    quoted = quote(name, safe="")
    if len(quoted) > _LONGEST:
        raise InputError(f"cannot call a branch or a tag {name!r:.60}: expected at most {_LONGEST} letters, quoted.")
    return check_path(quoted)


@lru_cache(maxsize=64)  # every file of a snapshot is asked for on its own; whoever reads other bytes parses them anew
def _parsed(data: bytes, model: Reference) -> Manifest:
    try:
        version = json.loads(data)["version"]
    except (KeyError, TypeError, ValueError, RecursionError):
        version = None
    return manifest.parse(data, model.at(version if isinstance(version, str) else DRAFT))


def _by_name(registry: Registry, model: Reference, revision: str) -> Manifest | None:
    try:
        asked = Reference.parse(f"{model.model}@{revision}")
        if asked.version or aliases.current(registry.store, asked) or asked.selector == LATEST:
            return registry.resolve(asked)
    except (InputError, NotFoundError):
        pass  # no version and no alias; perhaps a branch or a tag
    if keys := line(registry, model, revision):
        return read(registry, keys[-1], model)
    try:
        return _by_commit(registry, model, _tagged(registry, tag_key(model, revision)))
    except (InputError, NotFoundError):
        return None


def _by_commit(registry: Registry, model: Reference, commit: str) -> Manifest | None:
    if (known := _places.get((model.model, commit))) is not None:
        try:
            if (found := read(registry, known, model)).commit == commit:
                return found
        except NotFoundError:
            pass  # that draft was deleted
    versions = layout.documents(registry.store, "versions", model.namespace, model.name)
    for keys in (versions, *_lines(registry, model)):
        for key in reversed(keys):
            if (found := read(registry, key, model)).commit == commit:
                if len(_places) > 100_000:
                    _places.clear()
                _places[model.model, commit] = key
                return found
    try:
        empty = _empty(registry, model)
    except Refused:
        return None
    return empty if empty.commit == commit else None


def _lines(registry: Registry, model: Reference) -> Iterator[list[str]]:
    yield line(registry, model, DRAFT)
    others = layout.documents(registry.store, "branches", model.namespace, model.name)
    for name in dict.fromkeys(layout.parts(key)[2] for key in others):
        yield [key for key in others if layout.parts(key)[2] == name]


def _empty(registry: Registry, model: Reference) -> Manifest:
    key = repo_key(model)
    try:
        with registry.store.open(key) as file:
            body = sealed.parse(file.read(), REPO_SCHEMA, key)
    except NotFoundError:
        raise Refused(404, f"no model is called {model.model} in this registry", NO_REPO) from None
    return Manifest(
        namespace=model.namespace, name=model.name, version=None, files=(), created=body["created"], note=None
    )


def _tagged(registry: Registry, key: str) -> str:
    with registry.store.open(key) as file:
        return str(sealed.parse(file.read(), TAG_SCHEMA, key)["to"])


_places: dict[tuple[str, str], str] = {}  # where a commit was found; what is read there is compared with it
