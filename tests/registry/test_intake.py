"""What may be stored, and what may not, with the reason."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.numpy
import yaml
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.model_cards import sketch
from roadworthy.registry.intake import inspect
from roadworthy.registry.safetensors_header import lie


@pytest.fixture
def folder(tmp_path: Path, weights_of: Callable[..., bytes]) -> Path:
    """A snapshot that may be stored."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"architecture": "resnet50"}')
    (folder / "model.safetensors").write_bytes(weights_of(64))
    return folder


def _reasons(folder: Path) -> list[str]:
    return [str(objection) for objection in inspect(folder)]


def _safetensors(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def _tensor(begin: int, end: int, dtype: str = "U8", shape: list[Any] | None = None) -> dict[str, Any]:
    return {"dtype": dtype, "shape": [end - begin] if shape is None else shape, "data_offsets": [begin, end]}


class Evil:
    """A pickle of this would run a command."""

    def __reduce__(self) -> tuple[Any, ...]:
        """What unpickling would call."""
        return print, ("never printed",)


def test_a_plain_snapshot_may_be_stored(folder: Path) -> None:
    """With every kind of file that published models have."""
    (folder / "sub").mkdir()
    for name, data in {
        "README.md": "# A card\n",
        "LICENSE": "Apache",
        ".gitattributes": "* text\n",
        "merges.txt": "#version: 0.2\nI am .\n",
        "vocab.json": '{"auto_map": 7, "trust_remote_code": 8}',
        "sub/curve.svg": "<svg xmlns='http://www.w3.org/2000/svg'><title>on time = now</title></svg>",
        "sub/top1.yaml": "- value: 1\n",
        "log.jsonl": "{}\n{}\n",
        "spiece.model": "\n\x0e\n\x05<unk>",
    }.items():
        (folder / name).write_text(data)
    assert _reasons(folder) == []


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", ["spiece.model", "notes.txt", "tokenizer.json", "x.png"])
def test_a_pickle_under_another_name_is_refused(folder: Path, name: str, protocol: int) -> None:
    """Of every protocol, told by its content."""
    (folder / name).write_bytes(pickle.dumps(Evil(), protocol=protocol))
    (reason,) = _reasons(folder)
    assert reason.startswith(f"{name}: expected")
    assert "found a pickle" in reason


@pytest.mark.parametrize("suffix", ["pt", "pth", "bin", "pkl", "ckpt", "npz", "joblib"])
def test_a_checkpoint_that_can_run_code_is_refused(folder: Path, suffix: str) -> None:
    """By its suffix, whatever it holds."""
    (folder / f"model.{suffix}").write_bytes(b"")
    (reason,) = _reasons(folder)
    assert reason == f"model.{suffix}: expected weights as .safetensors, found .{suffix}, which may run code"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"\x7fELF\x02\x01", "ELF"),
        (b"MZ\x90\0", "Windows"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"\x93NUMPY\x01\0", "NumPy"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"#!/bin/sh\n", "script"),
    ],
)
def test_programs_and_archives_are_refused_by_their_content(folder: Path, data: bytes, found: str) -> None:
    """A harmless suffix does not help."""
    (folder / "notes.txt").write_bytes(data)
    (reason,) = _reasons(folder)
    assert found in reason


def test_a_torch_archive_under_another_name_is_refused(folder: Path) -> None:
    """torch.save writes a zip with a pickle inside."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps(Evil()))
    (folder / "tokenizer.model").write_bytes(archive.getvalue())
    (reason,) = _reasons(folder)
    assert "torch.save" in reason


def test_python_files_are_refused(folder: Path) -> None:
    """Also in a folder below."""
    (folder / "sub").mkdir()
    (folder / "sub/modeling.py").write_text("print('never')")
    (reason,) = _reasons(folder)
    assert reason.startswith("sub/modeling.py: expected")
    assert reason.endswith("found Python code")


@pytest.mark.parametrize(
    ("name", "document", "key"),
    [
        ("config.json", {"auto_map": {"AutoModel": "modeling.Model"}}, "auto_map"),
        ("config.json", {"vision_config": {"auto_map": {"AutoModel": "other/repo--x.Y"}}}, "auto_map"),
        ("tokenizer_config.json", {"auto_map": ["tok.T", None]}, "auto_map"),
        ("config.json", {"custom_pipelines": {"x": {"impl": "pipe.P"}}}, "custom_pipelines"),
        ("config.json", [{"trust_remote_code": True}], "trust_remote_code"),
    ],
)
def test_configurations_that_make_loaders_run_code_are_refused(
    folder: Path, name: str, document: object, key: str
) -> None:
    """At any depth."""
    (folder / name).write_text(json.dumps(document))
    (reason,) = _reasons(folder)
    expected = "expected no code and no weights from elsewhere"
    assert reason == f"{name}: {expected}, found '{key}', which makes loaders run code"


def test_active_pictures_and_yaml_objects_are_refused(folder: Path) -> None:
    """A browser or an unsafe YAML loader would run them."""
    (folder / "a.svg").write_text("<svg onload = 'alert(1)'/>")
    (folder / "b.svg").write_text("<svg><SCRIPT>1</SCRIPT></svg>")
    (folder / "c.yaml").write_text(yaml.dump(Evil()))
    assert [reason.split(":")[0] for reason in _reasons(folder)] == ["a.svg", "b.svg", "c.yaml"]


def test_text_that_is_no_json_is_refused(folder: Path) -> None:
    """Half a file, and one that is nested too deeply to be read."""
    for data in ('{"a": ', "[" * 200_000):
        (folder / "config.json").write_text(data)
        (reason,) = _reasons(folder)
        assert reason.startswith("config.json: expected JSON in UTF-8, each name once, found")


@pytest.mark.parametrize("shard", ["../other.safetensors", "missing.safetensors", "model.bin"])
def test_an_index_names_shards_of_its_own_snapshot(folder: Path, shard: str) -> None:
    """A loader opens what the index names."""
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"w": shard}}))
    (reason,) = _reasons(folder)
    assert reason.endswith(f"found {shard!r}")


def test_a_snapshot_has_weights_and_a_configuration(tmp_path: Path) -> None:
    """What is missing is named."""
    (tmp_path / "README.md").write_text("")
    assert [reason.split(":")[0] for reason in _reasons(tmp_path)] == ["config.json", "model.safetensors"]


def test_a_link_to_a_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    """It is not followed."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/secret.txt").write_text("")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    assert _reasons(folder) == ["link: expected a regular file, found a link to a folder, a pipe or a device"]


LIES = {
    "an empty file": b"",
    "a length beyond the file": (1000).to_bytes(8, "little") + b"{}",
    "a length beyond every limit": b"\xff" * 8 + b"{}",
    "no JSON": _safetensors(b"{nothing"),
    "no object": _safetensors(b"[]"),
    "a header that begins with a blank": _safetensors(b" {}"),
    "one name twice": _safetensors(b'{"w":' + json.dumps(_tensor(0, 1)).encode() + b',"w":{}}', b"x"),
    "an unknown dtype": _safetensors({"w": _tensor(0, 4, "PICKLE")}, b"1234"),
    "a shape that is too large": _safetensors({"w": _tensor(0, 4, "F32", [2])}, b"1234"),
    "a shape that is too small": _safetensors({"w": _tensor(0, 8, "F32", [1])}, b"12345678"),
    "a negative side": _safetensors({"w": _tensor(0, 4, "U8", [-2, -2])}, b"1234"),
    "a side that is no number": _safetensors({"w": _tensor(0, 1, "U8", [True])}, b"1"),
    "offsets beyond the file": _safetensors({"w": _tensor(0, 5)}, b"1234"),
    "bytes that no tensor has": _safetensors({"w": _tensor(0, 3)}, b"1234"),
    "a gap": _safetensors({"a": _tensor(0, 1), "b": _tensor(2, 4)}, b"1234"),
    "an overlap": _safetensors({"a": _tensor(0, 3), "b": _tensor(2, 4)}, b"1234"),
    "a tensor before the beginning": _safetensors({"a": _tensor(-1, 3)}, b"123"),
    "a field more": _safetensors({"w": {**_tensor(0, 1), "code": "x"}}, b"1"),
    "metadata that is no text": _safetensors({"__metadata__": {"a": 1}}),
}


@pytest.mark.parametrize("data", LIES.values(), ids=LIES)
def test_a_lying_safetensors_header_is_refused(folder: Path, data: bytes) -> None:
    """Each with what was expected and what was found."""
    (folder / "model.safetensors").write_bytes(data)
    (reason,) = _reasons(folder)
    assert reason.startswith("model.safetensors: expected")
    assert ", found " in reason


@pytest.mark.parametrize("data", LIES.values(), ids=LIES)
def test_every_lie_is_one_to_the_reference_reader_or_to_the_format(data: bytes) -> None:
    """The reference implementation agrees, but for what the format's text alone forbids."""
    stricter = [LIES["one name twice"], LIES["a field more"], LIES["a header that begins with a blank"]]
    if data in stricter:
        return
    with pytest.raises(safetensors.SafetensorError):
        safetensors.numpy.load(data)


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=8).filter(lambda name: name != "__metadata__"),
        st.tuples(
            st.sampled_from(["float32", "float16", "int64", "uint8", "bool"]),
            st.lists(st.integers(0, 4), max_size=3),
        ),
        max_size=5,
    )
)
def test_what_the_reference_writer_writes_is_accepted(
    tmp_path_factory: pytest.TempPathFactory, tensors: dict[str, tuple[str, list[int]]]
) -> None:
    """Tensors of any shape, empty ones and scalars included."""
    import numpy as np

    path = tmp_path_factory.mktemp("written") / "model.safetensors"
    path.write_bytes(safetensors.numpy.save({name: np.zeros(shape, dtype) for name, (dtype, shape) in tensors.items()}))
    assert lie(path) is None


def test_a_sketch_is_read_before_it_is_stored(folder: Path) -> None:
    """One that holds what it says may be stored; anything else under its name may not."""
    (folder / "data").mkdir()
    path = folder / "data/train.sketch"
    path.write_bytes(sketch.dump(sketch.sketch_of(["a", "b"], None)))
    assert _reasons(folder) == []
    path.write_bytes(path.read_bytes()[:-1] + b"")
    (reason,) = _reasons(folder)
    assert reason.startswith(
        "data/train.sketch: expected a sketch of training data, found the sketch of the training data"
    )
