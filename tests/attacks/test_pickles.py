"""Pickles under other names, broken ones, and ways around the two walls before a foreign checkpoint."""

import io
import os
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from securesystemslib.signer import Key

from roadworthy.finetune import import_checkpoint
from roadworthy.finetune.foreign import read_checkpoint
from roadworthy.model_cards.errors import CheckError, InputError
from roadworthy.registry import Registry, import_draft, publish
from roadworthy.registry.intake import inspect

from .conftest import Candidate, Road
from .forgery import certified, sign

Keys = tuple[Key, ...]


class Malice:
    """Unpickles by making a folder, which is how a test sees that it ran."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.folder),)


def pickled(tmp_path: Path, protocol: int = 4) -> bytes:
    """A pickle that makes the folder ``ran``."""
    return pickle.dumps(Malice(tmp_path / "ran"), protocol=protocol)


def zipped(tmp_path: Path) -> bytes:
    """What torch.save writes of it."""
    held = io.BytesIO()
    torch.save({"w": torch.ones(1), "x": Malice(tmp_path / "ran")}, held)
    return held.getvalue()


NAMES = [
    *("model2.safetensors", "tokenizer.json", "vocab.txt", "spiece.model", "labels.csv", "plots/more.png", "notes.md"),
    *("LICENSE", "log/more.log", ".gitattributes", "pytorch_model.bin", "training_args.bin", "scaler.pkl", "x.npz"),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["pickle", "pickle of protocol 0", "torch zip"])
def test_in_disguise(
    candidate: Candidate, registry: Registry, road: Road, keys: Keys, tmp_path: Path, name: str, kind: str
) -> None:
    """In a candidate that a trusted key has signed: neither a version nor a draft is made of it."""
    made = {"pickle": pickled(tmp_path), "pickle of protocol 0": pickled(tmp_path, 0), "torch zip": zipped(tmp_path)}
    folder = candidate()
    (folder / name).write_bytes(made[kind])
    sign(folder, certified(folder).claim, road.publisher)
    with pytest.raises(CheckError, match=name):
        publish(registry, folder, "team/xrays@2.0.0", keys=keys, policy=None)
    (folder / "certificate.json").unlink()
    with pytest.raises(CheckError, match=name):
        import_draft(registry, folder, "team/base")
    assert not (tmp_path / "ran").exists()


BROKEN = {
    "cut off before its end": lambda data: data[:-1],
    "with rubbish at its end": lambda data: data[:-1] + b"\xff\xff",
    "with a string longer than the file": lambda data: data[:-1] + b"\x8e" + struct.pack("<Q", 2**60),
    "with an empty stack at its end": lambda data: data[:-1] + b"000.",
    "behind a protocol that has no magic": lambda data: b"\x80\x01" + data,
    "after another value": lambda data: b"N0" + data,
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("protocol", [0, 1])
def test_a_broken_pickle_that_runs_all_the_same(tmp_path: Path, how: str, protocol: int) -> None:
    """A pickle runs as it is read: what breaks it at its end comes too late."""
    data = BROKEN[how](pickled(tmp_path, protocol))
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").write_text("{}")
    (tmp_path / "model/model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    (tmp_path / "model/notes.txt").write_bytes(data)
    (reason,) = [str(objection) for objection in inspect(tmp_path / "model")]
    assert reason.startswith("notes.txt: expected")
    assert "pickle" in reason
    assert not (tmp_path / "ran").exists()
    with suppress(Exception):  # and it is true that it would have run
        pickle.loads(data)
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "text",
    [
        "cat\ndog\nRabbit\n",
        "c\nd\nR\n",
        "(in the beginning\nwas the word\n",
        "The model.\n",
        "iris\nrose\n",
        "S'x'\n.",
        "I1\n.",
    ],
)
def test_a_text_that_only_begins_like_a_pickle(tmp_path: Path, text: str) -> None:
    """Labels and prose are stored: no text is refused for the letters that it begins with."""
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    (tmp_path / "labels.txt").write_text(text)
    assert inspect(tmp_path) == ()


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt", "w.bin", "w.json"])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_imported(tmp_path: Path, name: str, protocol: int) -> None:
    """By any name, in any protocol: nothing runs."""
    (tmp_path / name).write_bytes(pickled(tmp_path, protocol))
    with pytest.raises(InputError):
        import_checkpoint(tmp_path / name, system="timm:test_efficientnet", out=tmp_path / "out")
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "out").exists()


def test_a_folder_with_pickled_weights(candidate: Candidate, tmp_path: Path) -> None:
    """transformers' old name for weights, beside a configuration that is all right."""
    folder = candidate()
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(zipped(tmp_path))
    with pytest.raises(InputError, match="would run code"):
        import_checkpoint(folder, out=tmp_path / "out")
    assert not (tmp_path / "ran").exists()


def test_two_pickles_in_one_archive_whose_names_differ_in_case(tmp_path: Path) -> None:
    """torch finds entries whatever their case: one could be scanned, and the other loaded."""
    path = tmp_path / "w.pt"
    torch.save({"w": torch.ones(1)}, path)
    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    stem = next(name for name in entries if name.endswith("/data.pkl"))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(stem.replace("data.pkl", "DATA.PKL"), pickled(tmp_path, 2))
        for name, data in entries.items():
            archive.writestr(name, data)
    with pytest.raises(InputError, match=r"one data\.pkl"):
        read_checkpoint(path)
    assert not (tmp_path / "ran").exists()


def test_an_archive_behind_a_pickle(tmp_path: Path) -> None:
    """The beginning is scanned as one thing, and must not be loaded as another."""
    path = tmp_path / "w.pt"
    path.write_bytes(pickle.dumps({}, protocol=2) * 5 + zipped(tmp_path))
    with pytest.raises(InputError):
        read_checkpoint(path)
    assert not (tmp_path / "ran").exists()


def test_a_tar_whose_first_name_is_a_pickle(tmp_path: Path) -> None:
    """torch still knows a format of tars; its first bytes are a name, which can be five harmless pickles."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.USTAR_FORMAT, encoding="latin-1") as archive:
        for name, data in (
            (("\x80\x02N." * 5), b""),
            ("pickle", pickled(tmp_path, 2)),
            ("sys_info", b""),
            ("tensors", b""),
            ("storages", b""),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    path = tmp_path / "w.pt"
    path.write_bytes(held.getvalue())
    with pytest.raises(InputError):
        read_checkpoint(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "name",
    [
        *("os system", "posix system", "builtins eval", "builtins getattr", "torch load", "torch.jit load"),
        *(
            "torch.hub load",
            "torch.storage _load_from_bytes",
            "numpy.core.multiarray _reconstruct",
            "copyreg _reconstructor",
        ),
        *(
            "torch._utils _rebuild_device_tensor_from_numpy",
            "torch.serialization load",
            "collections OrderedDict.__init__",
        ),
    ],
)
def test_only_what_tensors_need_is_called(tmp_path: Path, name: str) -> None:
    """The list of what may be called is short, and is asked before anything is loaded."""
    module, _, function = name.partition(" ")
    calls = b"\x80\x02c" + f"{module}\n{function}\n".encode() + b"(X\x01\0\0\0xtR."
    path = tmp_path / "w.pt"
    torch.save({"w": torch.ones(1)}, path)
    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for entry, data in entries.items():
            archive.writestr(entry, calls if entry.endswith("data.pkl") else data)
    with pytest.raises(InputError, match="would run code"):
        read_checkpoint(path)
