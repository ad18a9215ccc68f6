"""Weights that are kept as a delta of those they were trained from: the same bytes, in less room, or an error."""

import hashlib
import io
import itertools
import json
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save
from timm import create_model

from roadworthy.model_cards.errors import DamagedError, NotFoundError
from roadworthy.model_cards.snapshot import FileEntry
from roadworthy.registry import FolderStore, MemoryStore, Store, delta_block, layout
from roadworthy.registry.delta_format import BLOCK, DEEPEST, LONGEST_HEADER, MAGIC, Block, header, read_header
from roadworthy.registry.squeeze import squeeze
from roadworthy.registry.stored import blob_size, delta_of, open_blob, open_delta


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Each backend in turn, empty."""
    return FolderStore(tmp_path / "store") if request.param == "folder" else MemoryStore()


def put(store: Store, data: bytes) -> FileEntry:
    """Stores a blob whole."""
    file = FileEntry(path="model.safetensors", size=len(data), sha256=hashlib.sha256(data).hexdigest())
    store.create(layout.blob_key(file.sha256), data)
    return file


def read(store: Store, file: FileEntry) -> bytes:
    """What the store gives for it."""
    with open_blob(store, file.sha256) as stream:
        return stream.read()


def is_whole(store: Store, file: FileEntry) -> bool:
    """Whether it is kept as it is."""
    try:
        return store.size(layout.blob_key(file.sha256)) == file.size
    except NotFoundError:
        return False


@pytest.fixture(scope="module")
def trained() -> tuple[bytes, list[bytes]]:
    """A network's weights, and the same after one, two, … steps of training of all of them, in float32."""
    torch.manual_seed(0)
    model = create_model("test_resnet", num_classes=2)
    start = save(model.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    after = []
    for _ in range(7):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(torch.randn(8, 3, 64, 64)), torch.arange(8) % 2).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        after.append(save(model.state_dict()))
    return start, after


def cast(data: bytes, dtype: torch.dtype) -> bytes:
    """The same weights in another dtype."""
    from safetensors.torch import load

    return save({name: value.to(dtype) if value.is_floating_point() else value for name, value in load(data).items()})


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_trained_weights_take_less_room_and_are_the_same(
    store: Store, trained: tuple[bytes, list[bytes]], dtype: torch.dtype
) -> None:
    """Whole, in pieces, from any place on."""
    base, child = put(store, cast(trained[0], dtype)), put(store, data := cast(trained[1][0], dtype))
    told: list[tuple[int, int]] = []
    kept = squeeze(store, child, base.sha256, lambda *said: told.append(said))
    assert kept is not None
    assert (told[-1], told) == ((child.size, child.size), sorted(told))
    assert kept == store.size(layout.delta_key(child.sha256)) < 0.9 * child.size
    assert not is_whole(store, child)
    assert read(store, child) == data
    assert blob_size(store, child.sha256) == len(data)
    with open_blob(store, child.sha256) as stream:
        for at in (0, 7, len(data) // 2, len(data) - 3, len(data), len(data) + 9):
            stream.seek(at)
            assert stream.read(11) == data[at : at + 11]
        assert stream.seek(-5, io.SEEK_END) == len(data) - 5
    assert squeeze(store, child, base.sha256) is None  # it is one already


def test_a_chain_has_an_end_and_no_base_is_taken_away(store: Store, trained: tuple[bytes, list[bytes]]) -> None:
    """Each version of the one before: so many deltas, and then a whole file. What others need stays as it is."""
    files = [put(store, data) for data in (trained[0], *trained[1])]
    for base, child in itertools.pairwise(files):
        squeeze(store, child, base.sha256)
    assert [is_whole(store, file) for file in files] == [True, *[False] * DEEPEST, True, False, False]
    assert [read(store, file) for file in files] == [trained[0], *trained[1]]
    assert squeeze(store, files[0], files[1].sha256) is None, "two that are made of each other"
    assert squeeze(store, files[DEEPEST + 1], files[0].sha256) is None, "a chain that grows from beneath"
    assert [read(store, file) for file in files] == [trained[0], *trained[1]]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_two_files(data: st.DataObject) -> None:
    """Tensors added, removed, reshaped, empty, of every dtype; another header; no safetensors at all; the same file."""
    store = MemoryStore()

    def some(label: str) -> bytes:
        if data.draw(st.integers(0, 9), label) == 0:
            return data.draw(st.binary(max_size=200)) * 400
        names = data.draw(st.sets(st.sampled_from("abcd")))
        rng = np.random.default_rng(data.draw(st.integers(0, 3)))
        kinds = st.sampled_from([torch.float32, torch.bfloat16, torch.int64, torch.uint8, torch.float8_e4m3fn])
        shapes = st.sampled_from([(0,), (1,), (300, 301), (50_001,), ()])
        made = {}
        for name in sorted(names):
            shape = data.draw(shapes)
            made[name] = torch.from_numpy(rng.normal(size=shape).astype(np.float32)).to(data.draw(kinds))
        return save(made, data.draw(st.sampled_from([None, {"format": "pt"}, {"x": "y" * 70_000}])))

    one, two = some("one"), some("two")
    base = put(store, one)
    child = put(store, two) if one != two else base
    squeeze(store, child, base.sha256)
    assert read(store, child) == two
    assert read(store, base) == one


def _edited(store: Store, file: FileEntry, edit: Callable[[bytes], bytes]) -> None:
    key = layout.delta_key(file.sha256)
    with store.open(key) as stream:
        data = stream.read()
    store.delete(key)
    store.create(key, edit(data))


@pytest.fixture
def squeezed(store: Store, trained: tuple[bytes, list[bytes]]) -> tuple[FileEntry, FileEntry]:
    """(base, child), the child kept as a delta."""
    base, child = put(store, trained[0]), put(store, trained[1][0])
    assert squeeze(store, child, base.sha256)
    return base, child


def test_what_is_missing_is_named(store: Store, squeezed: tuple[FileEntry, FileEntry]) -> None:
    """The base by its digest; a file that is kept in no form is just not there."""
    base, child = squeezed
    store.delete(layout.blob_key(base.sha256))
    with pytest.raises(DamagedError, match=rf"{child.sha256} is kept as a delta of {base.sha256}, and that is missing"):
        open_blob(store, child.sha256)
    with pytest.raises(NotFoundError):
        open_blob(store, "0" * 64)


def test_a_damaged_base_makes_no_delta_and_no_loss(store: Store, trained: tuple[bytes, list[bytes]]) -> None:
    """What the delta makes is hashed before the file goes; here the store lies from the second look on."""
    base, child = put(store, trained[0]), put(store, trained[1][0])

    class Lying(MemoryStore):
        looks = 0

        def open(self, key: str) -> Any:
            stream = store.open(key)
            if key == layout.blob_key(base.sha256):
                Lying.looks += 1
                if Lying.looks > 1:
                    data = stream.read()
                    stream.close()
                    return io.BytesIO(data[:-50_000] + bytes(50_000))
            return stream

        def __getattribute__(self, name: str) -> Any:
            return object.__getattribute__(self, name) if name == "open" else getattr(store, name)

    with pytest.raises(DamagedError, match=r"what the delta of model\.safetensors makes is damaged"):
        squeeze(Lying(), child, base.sha256)
    assert is_whole(store, child)
    assert read(store, child) == trained[1][0]


def test_a_kill_at_any_step_leaves_the_file(trained: tuple[bytes, list[bytes]]) -> None:
    """Before each of the calls to the store, and in between them; then the next one ends what was begun."""

    class Killed(MemoryStore):
        left = 10**9

        def __getattribute__(self, name: str) -> Any:
            if name in ("create", "open", "size", "list", "delete"):
                Killed.left -= 1
                if Killed.left < 0:
                    raise KeyboardInterrupt
            return object.__getattribute__(self, name)

    for steps in itertools.count():
        Killed.left = 10**9
        store = Killed()
        base, child = put(store, trained[0]), put(store, trained[1][0])
        Killed.left = steps
        try:
            assert squeeze(store, child, base.sha256)
            break
        except KeyboardInterrupt:
            Killed.left = 10**9
        assert read(store, child) == trained[1][0]
        squeeze(store, child, base.sha256)
        assert not is_whole(store, child)
        assert read(store, child) == trained[1][0]
    assert steps > 10


@pytest.mark.parametrize("offsets", [[-9, 0], [0.5, 4.5], [True, 4], ["0", "4"], [4], None])
def test_a_base_whose_header_is_odd_helps_nothing_and_stops_nothing(trained: Any, offsets: Any) -> None:
    """A draft's weights are whatever was sent."""
    store = MemoryStore()
    length = int.from_bytes(trained[0][:8], "little")
    said = json.loads(trained[0][8 : 8 + length])
    for tensor in said.values():
        tensor["data_offsets"] = offsets
    header = json.dumps(said).encode()
    base = put(store, len(header).to_bytes(8, "little") + header + trained[0][8 + length :])
    child = put(store, trained[1][0])
    squeeze(store, child, base.sha256)
    assert read(store, child) == trained[1][0]


@pytest.mark.parametrize("happens", ["is interrupted", "sees it taken for a base"])
def test_two_who_squeeze_one_file_take_nothing_from_each_other(
    store: Store, trained: tuple[bytes, list[bytes]], monkeypatch: pytest.MonkeyPatch, happens: str
) -> None:
    """One ends, and its file is gone, while the other reads the same delta back."""
    base, child, grandchild = (put(store, data) for data in (trained[0], *trained[1][:2]))

    def reads_back(store: Store, sha256: str) -> Any:
        monkeypatch.undo()
        assert squeeze(store, child, base.sha256)
        if happens == "is interrupted":
            raise KeyboardInterrupt
        assert squeeze(store, grandchild, child.sha256)
        return open_delta(store, sha256)

    monkeypatch.setattr("roadworthy.registry.squeeze.open_delta", reads_back)
    with suppress(KeyboardInterrupt):
        squeeze(store, child, base.sha256)
    assert not is_whole(store, child)
    assert [read(store, file) for file in (base, child, grandchild)] == [trained[0], *trained[1][:2]]


@pytest.mark.parametrize(
    "rows",
    [
        [[1.0, "raw", 1, 0, 1]],
        [[True, "raw", 1, 0, 1]],
        [[-1, "raw", 1, 0, 0], [2, "raw", 1, 0, 2]],
        [[0, "raw", 1, 0, 0], [1, "raw", 1, 0, 1]],
        [[1, "pickle", 1, 0, 1]],
        [[3, "xor", 2, 0, 1], [-2, "raw", 1, 0, 0]],
        [[1, "raw", 1, -1, 1]],
        [[1, "raw", 1, 0, 2**40]],
        [[2**40, "raw", 1, 0, 1]],
        [[1, "raw"]],
        "x",
        {"a": 1},
    ],
)
def test_a_header_that_lies_is_refused(rows: Any) -> None:
    """Before anything of it is believed."""
    text = json.dumps({"sha256": "a" * 64, "size": 1, "base": "b" * 64, "blocks": rows}).encode()
    with pytest.raises(DamagedError, match=r"delta of a+ is damaged"):
        read_header(io.BytesIO(MAGIC + len(text).to_bytes(4, "little") + text), "a" * 64)


@pytest.mark.parametrize("data", [b"", MAGIC, MAGIC + b"\xff\xff\xff\xff", b"x" * 100, MAGIC + b"\x02\0\0\0{"])
def test_what_does_not_begin_as_one(data: bytes) -> None:
    """Cut off, something else, a header of gigabytes."""
    with pytest.raises(DamagedError):
        read_header(io.BytesIO(data), "a" * 64)


def test_a_block_makes_no_more_than_it_says() -> None:
    """A frame that would be unpacked to gigabytes is not begun."""
    bomb = zstandard.ZstdCompressor().compress(bytes(50_000_000))
    with pytest.raises(DamagedError, match="expected 4 bytes"):
        delta_block.make("grouped", bomb, b"", 4, 1)
    unsized = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(4))
    for kept in (unsized, b"", b"nothing of this kind"):
        with pytest.raises(DamagedError, match="a block is damaged"):
            delta_block.make("xor", kept, bytes(4), 4, 1)
    with pytest.raises(DamagedError, match="the base is damaged"):
        delta_block.make("xor", zstandard.ZstdCompressor().compress(bytes(4)), b"123", 4, 1)


def test_a_chain_that_takes_days_to_decode_is_refused(store: Store) -> None:
    """Few bytes that jump between two blocks of the base, whose blocks are made of few bytes that jump."""
    piece, whole = (zstandard.ZstdCompressor().compress(bytes(size)) for size in (32, BLOCK))
    rest = zstandard.ZstdCompressor().compress(bytes(BLOCK - 640))
    jumping = [Block(32, "xor", 1, at % 2 * BLOCK, len(piece)) for at in range(20)]
    jumps = (
        [*jumping, Block(BLOCK - 640, "grouped", 1, 0, len(rest)), Block(BLOCK, "grouped", 1, 0, len(whole))],
        piece * 20 + rest + whole,
    )
    straight = ([Block(BLOCK, "xor", 1, 0, len(whole))] * 2, whole * 2)
    names = [f"{number:064x}" for number in range(5)]
    for (one, base), (blocks, data) in zip(itertools.pairwise(names), itertools.cycle((jumps, straight)), strict=False):
        store.create(layout.delta_key(one), header(one, 2 * BLOCK, base, blocks) + data)
    store.create(layout.blob_key(names[-1]), bytes(2 * BLOCK))
    with pytest.raises(DamagedError, match="a block of it is made of parts of blocks"):
        open_blob(store, names[0])


@pytest.mark.slow
def test_what_headers_say_takes_bounded_memory() -> None:
    """As many blocks as go into a header, in each delta of a chain."""
    store = MemoryStore()
    count = LONGEST_HEADER // len('[1,"raw",1,0,1],') - 100
    names = [f"{number:064x}" for number in range(DEEPEST + 1)]
    for one, base in itertools.pairwise(names):
        store.create(layout.delta_key(one), header(one, count, base, [Block(1, "raw", 1, 0, 1)] * count))
    store.create(layout.blob_key(names[-1]), b"x")
    tracemalloc.start()
    try:
        open_blob(store, names[0]).close()
        assert tracemalloc.get_traced_memory()[1] < 300e6
    finally:
        tracemalloc.stop()


def test_a_ring_of_deltas_ends(store: Store) -> None:
    """Two that are made of each other, which nobody writes in good faith."""
    for one, other in (("a" * 64, "b" * 64), ("b" * 64, "a" * 64)):
        store.create(layout.delta_key(one), header(one, 1, other, [Block(1, "raw", 1, 0, 1)]) + b"x")
    with pytest.raises(DamagedError, match="nobody writes that in good faith"):
        open_delta(store, "a" * 64)


def test_bytes_of_a_delta_that_were_changed(store: Store, squeezed: tuple[FileEntry, FileEntry]) -> None:
    """They make other bytes, or none: whoever reads a file hashes it."""
    _, child = squeezed
    _edited(store, child, lambda data: data[:-20] + bytes(20))
    try:
        found = read(store, child)
    except DamagedError:
        return
    assert hashlib.sha256(found).hexdigest() != child.sha256


def test_the_arithmetic_by_hand() -> None:
    """0x3F800001 and 0x3F800000 differ in their last bit: all first bytes lie together."""
    how, kept = delta_block.keep(b"\x01\0\x80\x3f\0\0\x80\x3f" * 100, b"\0\0\x80\x3f" * 200, 4)
    assert how == "xor"
    assert zstandard.ZstdDecompressor().decompress(kept) == b"\x01\0" * 100 + bytes(600)


def test_delta_of_says_what_it_is_made_of(store: Store, squeezed: tuple[FileEntry, FileEntry]) -> None:
    """Both digests."""
    base, child = squeezed
    found = delta_of(store, child.sha256)
    assert (found.sha256, found.base, found.size) == (child.sha256, base.sha256, child.size)
