"""A snapshot is a sorted list of digests of plain files."""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from roadworthy.model_cards import InputError, list_files
from roadworthy.model_cards.snapshot import check_path, sha256_of


def test_files_are_listed_by_path(tmp_path: Path) -> None:
    """Sorted as text, folders and all, whatever the disk's order; a dot file is a file."""
    for path in ("b.txt", "a/z.txt", "a.txt", "a/b/c.txt", ".eval_results/x.yaml", "B.txt"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    listed = list_files(tmp_path)
    assert [f.path for f in listed] == [".eval_results/x.yaml", "B.txt", "a.txt", "a/b/c.txt", "a/z.txt", "b.txt"]
    assert [f.size for f in listed] == [len(f.path) for f in listed]


def test_digests_equal_sha256sum(tmp_path: Path) -> None:
    """An empty file, a small one, and one of more than a chunk."""
    for name, data in {"empty": b"", "small": b"abc", "large": os.urandom((1 << 20) + 17)}.items():
        (tmp_path / name).write_bytes(data)
    listed = list_files(tmp_path)
    told = subprocess.run(["sha256sum", *(f.path for f in listed)], cwd=tmp_path, capture_output=True, check=True)
    assert [f"{f.sha256}  {f.path}" for f in listed] == told.stdout.decode().splitlines()


def test_the_digest_of_abc(tmp_path: Path) -> None:
    """The example of FIPS 180-4."""
    (tmp_path / "abc").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_of(tmp_path / "abc") == expected


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    """A Hub cache holds its files as links."""
    (tmp_path / "blob").write_bytes(b"weights")
    folder = tmp_path / "snapshot"
    folder.mkdir()
    (folder / "model.safetensors").symlink_to(tmp_path / "blob")
    (entry,) = list_files(folder)
    assert (entry.size, entry.sha256) == (7, hashlib.sha256(b"weights").hexdigest())


def test_a_link_to_a_folder_is_refused(tmp_path: Path) -> None:
    """It could lead anywhere, also back to itself."""
    (tmp_path / "loop").symlink_to(tmp_path)
    with pytest.raises(InputError, match=r"loop is a link to a folder"):
        list_files(tmp_path)


def test_a_dangling_link_is_refused(tmp_path: Path) -> None:
    """There is nothing to hash."""
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"gone is not a regular file"):
        list_files(tmp_path)


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    """Reading it would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"pipe is not a regular file"):
        list_files(tmp_path)


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """No JSON could hold it."""
    (tmp_path / os.fsdecode(b"\xff.txt")).touch()
    with pytest.raises(InputError, match="cannot exist everywhere"):
        list_files(tmp_path)


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    """The message says what a snapshot looks like."""
    with pytest.raises(InputError, match=r"no snapshot at .*config\.json and model\.safetensors"):
        list_files(tmp_path / "nowhere")


@pytest.mark.parametrize("path", ["README.md", "log/events.log", ".eval_results/top1.yaml", "a/b/c d/ü.txt", "a..b"])
def test_plain_paths_pass(path: str) -> None:
    """And come back unchanged."""
    assert check_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/etc/passwd",
        "..",
        "../x",
        "a/../../x",
        "a/..",
        ".",
        "./a",
        "a/./b",
        "a//b",
        "a/",
        "//a",
        "a\\b",
        "..\\x",
        "C:x",
        "a\nb",
        "a\x00b",
        "a\x7f",
        "a.",
        "a /b",
        "a./b",
        "a ",
        "a?",
        "a*",
        'a"',
        "a<b",
        "a>b",
        "a|b",
        "\udcff",
    ],
)
def test_paths_that_leave_their_folder_or_cannot_exist_everywhere_are_refused(path: str) -> None:
    """Traversal, absolute paths, Windows' reserved signs, control characters, ends that Windows drops."""
    with pytest.raises(InputError, match="cannot exist everywhere"):
        check_path(path)
