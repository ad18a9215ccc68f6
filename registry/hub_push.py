"""A certified version goes to another Hub: its files as they are, in one commit, under the tag of its version."""

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from securesystemslib.signer import Key

from roadworthy.model_cards.errors import CheckError, DamagedError, InputError

from .hub import HubAddress, connect, explained
from .manifest import Manifest
from .policy_file import Asked
from .pull import pull
from .reference import Reference
from .registry import Registry
from .storing import Progress

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_GITS_OWN = ".gitattributes"  # which files are large: the Hub's, and no part of a model


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """The commit that holds the version there, and its tag; ``untagged`` says why there is none."""

    reference: Reference
    url: str
    commit: str
    tag: str | None
    untagged: str | None
    was_there: bool


def push(
    registry: Registry,
    reference: Reference | str,
    to: HubAddress | str,
    *,
    keys: Sequence[Key],
    endpoint: str | None = None,
    private: bool = False,
    replace: bool = False,
    policy: Asked = "home",
    progress: Progress | None = None,
) -> Pushed:
    """Pushes a version to a Hub, where it is checked file by file: weights, card, `.eval_results`, certificate.

    What is pushed was pulled first, every byte and the signature checked. The commit goes on from what the repository
    held when it was looked at, or does not come to be. ``replace``: files that lie there and are not the version's
    are deleted in the same commit.

    Raises:
        CheckError: the version may not be pulled, or the tag is there and means something else, or the repository
            holds other files and ``replace`` was not said.
        DamagedError: the Hub holds something else than what was sent.
        InputError: a draft, or not an address.
        NotFoundError, StorageError: the Hub refuses, or cannot be reached.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete

    address = HubAddress.parse(to)
    found = registry.resolve(reference)
    version = found.version
    if version is None:
        raise InputError(f"{found.reference} is an uncertified draft: expected a version. Verify and publish it first.")
    if address.file is not None or address.revision not in (None, "main"):
        raise InputError(f"cannot push to {address}: expected hf:organisation/name alone; its tag will be v{version}.")
    api, tag = connect(endpoint), f"v{version}"
    what, nothing = f"push {found.reference} to {address}", "Nothing was pushed."
    with tempfile.TemporaryDirectory(prefix="roadworthy-push-") as aside:
        folder = pull(registry, found.reference, keys=keys, policy=policy, to=Path(aside) / "it", progress=progress)
        with explained(api, what, nothing):
            url = str(api.create_repo(address.repo, private=private, exist_ok=True))
            tags = {one.name: one.target_commit for one in api.list_repo_refs(address.repo).tags}
            if tag in tags:
                there = _differences(api, address.repo, tags[tag], found, folder)
                if there:
                    raise CheckError(f"{address} has another {tag}: {there[0]}. {nothing}", tuple(there))
                return _done(found, url, tags[tag], tag, was_there=True)
            head = api.repo_info(address.repo).sha
            foreign = sorted({*api.list_repo_files(address.repo)} - {file.path for file in found.files} - {_GITS_OWN})
        if foreign and not replace:
            raise CheckError(
                f"{address} holds {len(foreign)} files that {found.reference} does not: {', '.join(foreign[:5])}. "
                f"{nothing} Push with --replace to have them deleted in the same commit.",
                tuple(f"{name} is there and not of this version" for name in foreign),
            )
        changes: list[CommitOperationAdd | CommitOperationCopy | CommitOperationDelete] = [
            *(CommitOperationAdd(path_in_repo=file.path, path_or_fileobj=folder / file.path) for file in found.files),
            *(CommitOperationDelete(path_in_repo=name) for name in foreign),
        ]
        with explained(api, what, nothing):
            made = api.create_commit(
                address.repo,
                changes,
                commit_message=f"{found.reference}, certified",
                commit_description=f"certificate.json, SHA-256 {found.certificate_sha256}",
                parent_commit=head,
            ).oid
            if wrong := _differences(api, address.repo, made, found, folder):
                raise DamagedError(f"{address} does not hold what was sent: {wrong[0]}. Delete that commit, {made}.")
    return _tagged(api, address, found, url, made, tag)


def _tagged(api: "HfApi", address: HubAddress, found: Manifest, url: str, commit: str, tag: str) -> Pushed:
    from huggingface_hub.errors import HfHubHTTPError

    with explained(api, f"tag {address}", f"The commit {commit} is there, without a tag."):
        try:
            api.create_tag(address.repo, tag=tag, revision=commit, tag_message=f"{found.reference}, certified")
        except HfHubHTTPError as error:
            if error.response.status_code != 403:
                raise
            # A registry such as ours, where a version comes into being through its gate alone.
            return _done(found, url, commit, None, untagged=error.server_message or "tags are refused there")
    return _done(found, url, commit, tag)


def _done(
    found: Manifest, url: str, commit: str, tag: str | None, *, untagged: str | None = None, was_there: bool = False
) -> Pushed:
    return Pushed(reference=found.reference, url=url, commit=commit, tag=tag, untagged=untagged, was_there=was_there)


def _differences(api: "HfApi", repo: str, commit: str, found: Manifest, folder: Path) -> list[str]:
    """Where a commit there is not the version, by the digests that the Hub states."""
    from huggingface_hub.hf_api import RepoFile

    there = {
        item.path: item.lfs.sha256 if item.lfs else item.blob_id
        for item in api.list_repo_tree(repo, revision=commit, recursive=True)
        if isinstance(item, RepoFile)
    }
    wrong = []
    for file in found.files:
        stated = there.get(file.path)
        expected = file.sha256 if stated is not None and len(stated) == 64 else _git_digest(folder / file.path)
        if stated != expected:
            wrong.append(f"{file.path}: expected {expected}, found {stated or 'no such file'}")
    foreign = sorted(there.keys() - {file.path for file in found.files} - {_GITS_OWN})
    return [*wrong, *(f"{name} is not of this version" for name in foreign)]


def _git_digest(path: Path) -> str:
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
