"""What a run was trained on, as a sorted file of digests."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadworthy.finetune.seen import Seen, digests_of, write_seen
from roadworthy.model_cards import InputError, StorageError


@settings(max_examples=60, deadline=None)
@given(
    held=st.lists(st.binary(min_size=3, max_size=3), max_size=40),
    asked=st.lists(st.binary(min_size=3, max_size=3), max_size=40),
)
def test_it_holds_what_a_set_holds(
    tmp_path_factory: pytest.TempPathFactory, held: list[bytes], asked: list[bytes]
) -> None:
    """Zeros at the end of a digest are part of it."""
    asked = [*asked, *held[:3], b"\0\0\0", b"a\0\0"]
    path = tmp_path_factory.mktemp("seen") / "seen.bin"
    write_seen(path, digests_of(one.hex() for one in held))
    seen = Seen(path)
    assert list(seen) == sorted({one.hex() for one in held})
    assert len(seen) == len(set(held))
    assert seen.holds([one.hex() for one in asked]) == [one in set(held) for one in asked]


def test_it_is_written_in_pieces(tmp_path: Path) -> None:
    """As it is by a table that does not fit into memory."""
    digests = sorted(hashlib.sha256(bytes([n])).digest() for n in range(200))
    rows = np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, 32)
    write_seen(tmp_path / "seen.bin", (rows[start : start + 7] for start in range(0, 200, 7)))
    assert list(Seen(tmp_path / "seen.bin")) == [one.hex() for one in digests]
    assert (tmp_path / "seen.bin").stat().st_size == 1 + 200 * 32


@pytest.mark.parametrize("content", [b"", b"\x10" + b"a" * 31, b"\0a", b"\x10"])
def test_a_damaged_file_says_so(tmp_path: Path, content: bytes) -> None:
    """Cut off, or none of its kind."""
    (tmp_path / "seen.bin").write_bytes(content)
    with pytest.raises(InputError, match=r"no digests.*Start a new run"):
        Seen(tmp_path / "seen.bin")
    with pytest.raises(InputError, match="cannot be read"):
        Seen(tmp_path / "none.bin")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A file stands in its place."""
    (tmp_path / "run").write_text("")
    with pytest.raises(StorageError, match="choose another --out"):
        write_seen(tmp_path / "run/seen.bin", digests_of(["00"]))
