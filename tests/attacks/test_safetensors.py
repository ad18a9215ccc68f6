"""Weights that lie about themselves: in the header, in what follows it, and beside what the configuration says."""

import itertools
import json
import pickle
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
import safetensors
from securesystemslib.signer import Key

from roadworthy.finetune import import_checkpoint, load
from roadworthy.finetune.foreign import read_checkpoint
from roadworthy.finetune.weights import read_tensors
from roadworthy.model_cards.errors import CheckError, InputError
from roadworthy.registry import Registry, publish
from roadworthy.registry.safetensors_header import lie

from .conftest import Candidate, Road
from .forgery import certified, sign

Keys = tuple[Key, ...]


def split(path: Path) -> tuple[dict[str, Any], bytes]:
    """The header and the tensors' bytes of a true file."""
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header: dict[str, Any] = json.loads(data[8:end])
    return header, data[end:]


def put(path: Path, header: dict[str, Any] | bytes, body: bytes, length: int | None = None) -> None:
    """Writes a file with that header."""
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    path.unlink()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + body)


def first_of(header: dict[str, Any]) -> dict[str, Any]:
    """The entry of the first tensor that has any bytes."""
    return next(t for n, t in header.items() if n != "__metadata__" and t["data_offsets"][1] > t["data_offsets"][0] + 8)


def _huge(header: dict[str, Any], body: bytes, path: Path) -> None:
    put(path, header, body, length=2**40)


def _overlapping(header: dict[str, Any], body: bytes, path: Path) -> None:
    tensors = [t for n, t in header.items() if n != "__metadata__"]
    first, second = next(
        (a, b)
        for a, b in itertools.combinations(tensors, 2)
        if a["shape"] and (a["shape"], a["dtype"]) == (b["shape"], b["dtype"])
    )
    first["data_offsets"] = second["data_offsets"]
    put(path, header, body)


def _wrong_dtype(header: dict[str, Any], body: bytes, path: Path) -> None:
    first_of(header)["dtype"] = "F64"
    put(path, header, body)


def _unknown_dtype(header: dict[str, Any], body: bytes, path: Path) -> None:
    first_of(header)["dtype"] = "OBJECT"
    put(path, header, body)


def _wrong_shape(header: dict[str, Any], body: bytes, path: Path) -> None:
    first_of(header)["shape"] = [2**62, 4]
    put(path, header, body)


def _before_the_beginning(header: dict[str, Any], body: bytes, path: Path) -> None:
    tensor = first_of(header)
    tensor["data_offsets"] = [tensor["data_offsets"][0] - 2**64, tensor["data_offsets"][1] - 2**64]
    put(path, header, body)


def _something_behind(header: dict[str, Any], body: bytes, path: Path) -> None:
    put(path, header, body + pickle.dumps({"hidden": 1}))


def _a_gap(header: dict[str, Any], body: bytes, path: Path) -> None:
    for name, tensor in header.items():
        if name != "__metadata__":
            tensor["data_offsets"] = [at + 16 for at in tensor["data_offsets"]]
    put(path, header, b"#!/bin/sh -c ps\n" + body)


def _a_name_twice(header: dict[str, Any], body: bytes, path: Path) -> None:
    text = json.dumps(header, separators=(",", ":")).encode()
    name, tensor = next((n, t) for n, t in header.items() if n != "__metadata__")
    put(path, b"{" + json.dumps(name).encode() + b":" + json.dumps(tensor).encode() + b"," + text[1:], body)


def _metadata_of_objects(header: dict[str, Any], body: bytes, path: Path) -> None:
    header["__metadata__"] = {"format": {"__reduce__": "os.system"}}
    put(path, header, body)


def _cut_short(header: dict[str, Any], body: bytes, path: Path) -> None:
    put(path, header, body[:-1])


LIES = [
    *(_huge, _overlapping, _wrong_dtype, _unknown_dtype, _wrong_shape, _before_the_beginning),
    *(_something_behind, _a_gap, _a_name_twice, _metadata_of_objects, _cut_short),
]


@pytest.mark.parametrize("tell", LIES)
def test_a_lie_in_the_header(
    candidate: Candidate, registry: Registry, road: Road, keys: Keys, tell: Any, tmp_path: Path
) -> None:
    """Signed by a trusted key: the gate looks into the file, and so does everything that opens it."""
    folder = candidate()
    path = folder / "model.safetensors"
    header, body = split(path)
    tell(header, body, path)
    sign(folder, certified(folder).claim, road.publisher)
    assert lie(path) is not None
    with pytest.raises(CheckError, match=r"model\.safetensors: expected"):
        publish(registry, folder, "team/xrays@2.0.0", keys=keys, policy=None)
    if tell is _a_name_twice:
        return  # the reference reader takes the last one; that is why the gate is stricter
    for opens in (lambda: load(folder), lambda: read_tensors(folder), lambda: read_checkpoint(path)):
        with pytest.raises(InputError):
            opens()
    with pytest.raises(InputError):
        import_checkpoint(folder, out=tmp_path / "out")


def test_a_file_that_is_weights_and_an_archive(candidate: Candidate, road: Road, keys: Keys) -> None:
    """A zip is read from its end, safetensors from the beginning: nothing may follow the tensors."""
    folder = candidate()
    path = folder / "model.safetensors"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
    assert zipfile.is_zipfile(path)
    assert lie(path) is not None
    with pytest.raises(safetensors.SafetensorError):
        safetensors.deserialize(path.read_bytes())  # type: ignore[no-untyped-call]


def test_weights_of_another_shape_than_the_configuration(candidate: Candidate, first_weights: Path) -> None:
    """Both are valid, and do not belong together: told by the tensor's name."""
    folder = candidate()
    shutil.copyfile(first_weights, folder / "model.safetensors")
    with pytest.raises(InputError, match="does not fit its config: tensor"):
        load(folder)


@pytest.fixture
def first_weights(road: Road) -> Path:
    """The start's weights, which have three classes."""
    return road.data.parent / "start/model.safetensors"
