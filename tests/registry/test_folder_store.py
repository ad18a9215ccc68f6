"""What only a folder can suffer: a full disk, missing permission, files of the dead."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from roadworthy.model_cards.errors import StorageError
from roadworthy.registry import FolderStore, Registry, import_draft, open_registry

NOBODY = "65534"

# Stores two megabytes in a folder, and prints how it was refused. Limits itself after its imports: another
# user need not be able to read this interpreter.
STORE = """
import os, resource, sys
from pathlib import Path
from roadworthy.model_cards.errors import StorageError
from roadworthy.registry import FolderStore
root, largest, user = sys.argv[1:]
if largest:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest), resource.RLIM_INFINITY))
if user:
    os.setuid(int(user))
try:
    FolderStore(Path(root)).create("blobs/a", b"x" * 2_000_000)
except StorageError as error:
    print(error)
"""


def _refusal(root: Path, *, largest: str = "", user: str = "") -> str:
    command = [sys.executable, "-c", STORE, str(root), largest, user]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of the machine can enter: pytest's own are for their owner only."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of one megabyte, where this user may mount one."""
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path], capture_output=True)
    if mounted.returncode:
        pytest.skip("cannot mount a small file system here; the limit on file sizes stands for it")
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


def _assert_says_full(message: str, root: Path) -> None:
    assert "no space left for 2,000,000 bytes" in message
    assert str(root) in message
    assert "Nothing was changed" in message


def test_a_full_disk_is_an_error_that_says_what_was_needed(small_disk: Path) -> None:
    """What was stored before is there, and the temporary file is gone."""
    store = FolderStore(small_disk)
    store.create("blobs/before", b"kept")
    with pytest.raises(StorageError) as caught:
        store.create("blobs/a", b"x" * 2_000_000)
    _assert_says_full(str(caught.value), small_disk)
    assert _files(small_disk) == ["blobs/before"]


def test_a_limit_on_the_size_of_files_is_like_a_full_disk(tmp_path: Path) -> None:
    """The same message, in a process that may not write large files."""
    FolderStore(tmp_path).create("blobs/before", b"kept")
    _assert_says_full(_refusal(tmp_path, largest="1000000"), tmp_path)
    assert _files(tmp_path) == ["blobs/before"]


def test_a_full_disk_leaves_the_previous_draft(small_disk: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """An import that does not fit changes nothing that can be seen."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    registry = open_registry(small_disk / "registry")
    import_draft(registry, folder, "demo/x")
    before = registry.resolve("demo/x@main")
    (folder / "more.txt").write_bytes(b"x" * 2_000_000)
    with pytest.raises(StorageError, match="no space left"):
        import_draft(registry, folder, "demo/x")
    assert registry.resolve("demo/x@main") == before
    assert list((small_disk / "registry/tmp").iterdir()) == []


def test_missing_permission_is_an_error_that_names_the_path(open_folder: Path) -> None:
    """Checked as a user who is not root, because root may do everything."""
    root = open_folder / "registry"
    root.mkdir(mode=0o755)
    if os.getuid() != 0:
        root.chmod(0o555)
    message = _refusal(root, user=NOBODY if os.getuid() == 0 else "")
    assert f"cannot write {root}/blobs/a: no permission" in message
    assert "Nothing was changed" in message
    assert _files(root) == []


def test_a_file_in_place_of_the_registry_is_an_error(tmp_path: Path) -> None:
    """A store never replaces it."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError, match="cannot write"):
        FolderStore(tmp_path / "file").create("a", b"")
    assert (tmp_path / "file").read_text() == "mine"


def test_stored_files_are_read_only(tmp_path: Path) -> None:
    """A slip of an editor cannot change a version."""
    FolderStore(tmp_path).create("a/b", b"")
    assert (tmp_path / "a/b").stat().st_mode & 0o222 == 0


def test_the_next_write_removes_what_the_dead_left_and_nothing_else(tmp_path: Path) -> None:
    """A temporary file whose writer lives is locked, and stays."""
    store = FolderStore(tmp_path)
    store.create("a", b"")
    (tmp_path / "tmp/left-by-a-kill").write_bytes(b"half")

    class Slow:
        """A source in the midst of which somebody else writes."""

        size = 1
        begun = False

        def read(self, size: int, /) -> bytes:
            """One byte, while the other writer comes and goes."""
            if self.begun:
                return b""
            self.begun = True
            FolderStore(tmp_path).create("c", b"")
            return b"x"

    store.create("b", Slow())
    assert _files(tmp_path) == ["a", "b", "c"]
    assert (tmp_path / "b").read_bytes() == b"x"


def test_looking_at_a_registry_that_does_not_exist_makes_none(tmp_path: Path) -> None:
    """Reading writes nothing."""
    registry = open_registry(tmp_path / "none")
    assert isinstance(registry, Registry)
    assert registry.models() == ()
    assert not (tmp_path / "none").exists()
