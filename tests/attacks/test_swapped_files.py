"""Files in the place of others: in a candidate, in a store, in a copy on the way, in the reader's cache."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from securesystemslib.signer import CryptoSigner, Key

from roadworthy.finetune import load
from roadworthy.model_cards import audit
from roadworthy.model_cards.errors import CheckError, DamagedError
from roadworthy.registry import Manifest, Registry, layout, publish, pull
from roadworthy.registry.intake import inspect

from .conftest import Candidate, Road
from .forgery import Fields, blob, certified, put_blob, refused, rewrite, sign

Keys = tuple[Key, ...]


def _of(made: Manifest, path: str) -> str:
    return next(file.sha256 for file in made.files if file.path == path)


def _manifest(registry: Registry, version: str = "1.1.0") -> Path:
    return Path(registry.location) / layout.key("versions", "team", "xrays", version)


def _fails(registry: Registry, keys: Keys, tmp_path: Path, error: type[Exception], match: str) -> None:
    """Neither way of pulling leaves anything that could be opened."""
    places: tuple[dict[str, Any], ...] = ({"cache": tmp_path / "hub"}, {"to": tmp_path / "plain"})
    for where in places:
        with pytest.raises(error, match=match):
            pull(registry, "team/xrays@1.1.0", keys=keys, **where)
    assert not list((tmp_path / "hub").glob("models--*/snapshots/*"))
    assert not (tmp_path / "plain").exists()


def test_weights_of_another_model_in_a_candidate(candidate: Candidate, registry: Registry, keys: Keys) -> None:
    """Before it is published: the digest names the file."""
    folder = candidate()
    shutil.copyfile(candidate("first", first=True) / "model.safetensors", folder / "model.safetensors")
    with pytest.raises(CheckError, match=r"model\.safetensors was changed after it was certified"):
        publish(registry, folder, "team/xrays@1.2.0", keys=keys)
    assert [str(v) for v in registry.versions("team", "xrays")] == ["1.0.0", "1.1.0"]


def test_weights_of_another_version_in_the_store(
    registry: Registry, version: Manifest, keys: Keys, tmp_path: Path
) -> None:
    """Write access to the blobs: what comes out does not match the name it lies under."""
    root, first = Path(registry.location), registry.resolve("team/xrays@1.0.0")
    mine, other = (blob(root, _of(made, "model.safetensors")) for made in (version, first))
    shutil.copyfile(other, mine)
    _fails(registry, keys, tmp_path, DamagedError, r"model\.safetensors of team/xrays@1\.1\.0 is damaged")


def test_the_manifest_of_another_version(registry: Registry, keys: Keys, tmp_path: Path) -> None:
    """It says which version it is of."""
    shutil.copyfile(_manifest(registry, "1.0.0"), _manifest(registry))
    _fails(registry, keys, tmp_path, DamagedError, r"is that of team/xrays@1\.0\.0: it was moved")


def test_a_manifest_with_other_weights_and_the_right_digest(registry: Registry, keys: Keys, tmp_path: Path) -> None:
    """Write access to everything, and no key: the certificate covers other files."""
    data = b"\x02\0\0\0\0\0\0\0{}"

    def change(body: Fields) -> None:
        (file,) = (file for file in body["files"] if file["path"] == "model.safetensors")
        file.update(put_blob(Path(registry.location), data))

    rewrite(_manifest(registry), change)
    _fails(registry, keys, tmp_path, CheckError, r"does not cover these files as they are stored: model\.safetensors")


@pytest.mark.parametrize("what", ["added", "removed", "renamed"])
def test_a_manifest_with_another_list_of_files(registry: Registry, keys: Keys, tmp_path: Path, what: str) -> None:
    """A file more, less, or under another name."""

    def change(body: Fields) -> None:
        if what == "added":
            body["files"].append({"path": "tokenizer_config.json", **put_blob(Path(registry.location), b"{}")})
        elif what == "removed":
            body["files"] = [file for file in body["files"] if file["path"] != "README.md"]
        else:
            next(file for file in body["files"] if file["path"] == "README.md")["path"] = "READ.md"
        body["files"].sort(key=lambda file: str(file["path"]))

    rewrite(_manifest(registry), change)
    _fails(registry, keys, tmp_path, CheckError, "does not cover these files as they are stored")


def test_a_copy_on_the_way_that_somebody_else_signed(
    registry: Registry, candidate: Candidate, keys: Keys, tmp_path: Path
) -> None:
    """A man in the middle makes a whole, consistent registry, with a key of his own."""
    folder, mallory = candidate(), CryptoSigner.generate_ed25519()
    sign(folder, certified(folder).claim, mallory)
    root = tmp_path / "middle"
    middle = Registry(type(registry.store)(root), str(root))  # type: ignore[call-arg]
    publish(middle, folder, "team/xrays@1.1.0", keys=(mallory.public_key,), policy=None)
    _fails(middle, keys, tmp_path, CheckError, "a key you have not trusted")


def test_a_version_turned_into_a_draft_is_not_the_version(registry: Registry, keys: Keys, tmp_path: Path) -> None:
    """Without its certificate it is no version; as a draft it has another name, and says so."""

    def change(body: Fields) -> None:
        body["version"], body["certificate_sha256"], body["parent"] = None, None, None
        body["files"] = [file for file in body["files"] if file["path"] != "certificate.json"]

    draft = Path(registry.location) / layout.key("drafts", "team", "xrays", 1)
    draft.parent.mkdir(parents=True)
    shutil.copyfile(_manifest(registry), draft)
    rewrite(draft, change)
    shutil.copyfile(draft, _manifest(registry))
    _fails(registry, keys, tmp_path, DamagedError, "is that of team/xrays@main: it was moved")
    assert registry.resolve("team/xrays@main").certificate is None


def test_a_file_exchanged_in_the_cache_is_put_right(registry: Registry, keys: Keys, tmp_path: Path) -> None:
    """The next pull hashes what is there, and fetches what is not right."""
    snapshot = pull(registry, "team/xrays@1.1.0", keys=keys, cache=tmp_path / "hub")
    weights = snapshot / "model.safetensors"
    good = weights.read_bytes()
    weights.unlink()
    weights.write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    (snapshot / "config.json").resolve().write_bytes(b"{}")
    assert not audit(snapshot, keys).ok
    pull(registry, "team/xrays@1.1.0", keys=keys, cache=tmp_path / "hub")
    assert weights.read_bytes() == good
    assert audit(snapshot, keys).ok


def test_a_folder_more_in_the_cache_is_found_though_it_is_a_link(
    registry: Registry, keys: Keys, tmp_path: Path
) -> None:
    """A loader would look into it; a link to a folder is as foreign as a file."""
    snapshot = pull(registry, "team/xrays@1.1.0", keys=keys, cache=tmp_path / "hub")
    (tmp_path / "elsewhere").mkdir()
    (snapshot / "onnx").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DamagedError, match=r"holds files that are not part of .*: onnx"):
        pull(registry, "team/xrays@1.1.0", keys=keys, cache=tmp_path / "hub")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"transformers_weights": "other.safetensors"}, "transformers_weights"),
        ({"pretrained_cfg": {"hf_hub_filename": "other.safetensors"}}, "hf_hub_filename"),
        ({"model_args": {"act_layer": "relu"}}, "model_args"),
        ({"pretrained_cfg": {"url": "https://example.org/w.pth"}}, "url"),
        ({"pretrained_cfg": {"custom_load": "hf"}}, "custom_load"),
    ],
)
def test_a_configuration_that_makes_others_open_other_weights(
    candidate: Candidate, road: Road, keys: Keys, change: dict[str, Any], named: str
) -> None:
    """Bait and switch: measured on model.safetensors, and whoever opens it by name gets another file, or another net.

    Signed by a trusted key, with both files under the certificate.
    """
    folder = candidate()
    shutil.copyfile(folder / "model.safetensors", folder / "other.safetensors")
    document = json.loads((folder / "config.json").read_text())
    for name, value in change.items():
        document[name] = {**document[name], **value} if name in document else value
    (folder / "config.json").write_text(json.dumps(document))
    sign(folder, certified(folder).claim, road.publisher)
    assert audit(folder, keys).ok
    assert any(named in str(objection) for objection in inspect(folder))
    assert refused(folder, keys)


def test_arguments_that_other_loaders_follow_are_followed_here(candidate: Candidate) -> None:
    """timm pools as the configuration says, and no weight shows it: so do we, and measure what others open."""
    folder = candidate()
    before = load(folder).model
    document = json.loads((folder / "config.json").read_text()) | {
        "model_args": {"num_classes": 2, "global_pool": "max"}
    }
    (folder / "config.json").write_text(json.dumps(document))
    (folder / "README.md").unlink()
    image = torch.rand(1, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        ours, usual = load(folder).model(image), before(image)
        theirs = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()(image)
    assert torch.equal(ours, theirs)
    assert not torch.equal(ours, usual)


def test_an_adapter_beside_the_weights(candidate: Candidate, road: Road, keys: Keys) -> None:
    """transformers would add it to the weights that were measured."""
    folder = candidate()
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "somebody/else"}))
    sign(folder, certified(folder).claim, road.publisher)
    (reason,) = refused(folder, keys)
    assert reason.startswith("adapter_config.json: expected")
