"""All processes of a run see one run folder, or none of them begins."""

from pathlib import Path

import pytest

from roadworthy.finetune import finetune, run_spec
from roadworthy.finetune.run_folder import RunFolder
from roadworthy.finetune.run_spec import check_shared
from roadworthy.model_cards import InputError

from .conftest import Lay


@pytest.fixture
def run(snapshot: Path, lay: Lay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A finished run; patience with a network's disk is short."""
    monkeypatch.setattr(run_spec, "_BETWEEN_LOOKS", 0.0)
    finetune(snapshot, data=lay(), out=tmp_path / "run", epochs=1)
    return RunFolder(tmp_path / "run")


def test_the_same_folder_by_another_path(run: RunFolder, tmp_path: Path) -> None:
    """A mount point may have another name on another machine."""
    (tmp_path / "mounted").symlink_to(run.root)
    check_shared(RunFolder(tmp_path / "mounted"), run.read_spec())


def test_a_machine_that_does_not_share_the_folder(run: RunFolder, snapshot: Path, tmp_path: Path) -> None:
    """A folder of its own, or one with another run, would leave its checkpoints where nobody finds them."""
    with pytest.raises(InputError, match="storage that all machines share"):
        check_shared(RunFolder(tmp_path / "elsewhere"), run.read_spec())
    finetune(snapshot, data=tmp_path / "xrays", out=tmp_path / "other", epochs=1)
    with pytest.raises(InputError, match="storage that all machines share"):
        check_shared(RunFolder(tmp_path / "other"), run.read_spec())
