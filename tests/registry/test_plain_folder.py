"""Pulling plain files into a folder of the user's choice."""

from pathlib import Path
from typing import Any

import pytest

from roadworthy.model_cards.errors import InputError
from roadworthy.model_cards.snapshot import list_files
from roadworthy.registry import Manifest, Registry, pull


def test_a_plain_folder_holds_plain_files(registry: Registry, version: Manifest, keys: Any, tmp_path: Path) -> None:
    """No links; pulling again leaves it as it is; an empty folder is taken."""
    (tmp_path / "plain").mkdir()
    for _ in range(2):
        folder = pull(registry, "demo/x", keys=keys, to=tmp_path / "plain")
        assert list_files(folder) == version.files
    assert not any(path.is_symlink() for path in folder.rglob("*"))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("mine", ["notes.txt", "config.json"])
def test_a_folder_in_use_is_refused_and_kept(
    registry: Registry, version: Manifest, keys: Any, tmp_path: Path, mine: str
) -> None:
    """Whatever it holds, also under a name of the snapshot."""
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / mine).write_text("mine")
    with pytest.raises(InputError, match=r"is in use: expected an empty or new folder.*Nothing was changed"):
        pull(registry, "demo/x", keys=keys, to=tmp_path / "plain")
    assert (tmp_path / "plain" / mine).read_text() == "mine"
    with pytest.raises(InputError, match="is in use"):
        pull(registry, "demo/x", keys=keys, to=tmp_path / "plain" / mine)


def test_a_killed_pull_to_a_folder_resumes(registry: Registry, version: Manifest, keys: Any, tmp_path: Path) -> None:
    """From the staging folder beside it, which is gone afterwards."""
    staging = tmp_path / f".plain.{version.commit[:12]}.partial"
    (staging / "files").mkdir(parents=True)
    (staging / "files/config.json").write_bytes((tmp_path / "candidate" / "config.json").read_bytes())
    (staging / "files/README.md").write_bytes(b"damaged")
    (staging / "incomplete").mkdir()
    (staging / "incomplete/model.safetensors").write_bytes(
        (tmp_path / "candidate" / "model.safetensors").read_bytes()[:100]
    )
    assert list_files(pull(registry, "demo/x", keys=keys, to=tmp_path / "plain")) == version.files
    assert not staging.exists()


def test_what_a_kill_after_the_last_step_left_goes_with_the_next_pull(
    registry: Registry, version: Manifest, keys: Any, tmp_path: Path
) -> None:
    """The folder took its place and its staging folder was not yet removed."""
    folder = pull(registry, "demo/x", keys=keys, to=tmp_path / "plain")
    staging = tmp_path / f".plain.{version.commit[:12]}.partial"
    staging.mkdir()
    assert pull(registry, "demo/x", keys=keys, to=folder) == folder
    assert not staging.exists()
    assert list_files(folder) == version.files
