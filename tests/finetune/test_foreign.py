"""Foreign checkpoints: what opens, what is refused, and that nothing in a file ever runs."""

import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from roadworthy.finetune.foreign import read_checkpoint
from roadworthy.model_cards.errors import InputError

WEIGHTS = {"conv.weight": torch.arange(6.0).reshape(2, 3), "bn.num_batches_tracked": torch.tensor(5)}


def same(read: dict[str, Tensor], expected: dict[str, Tensor] = WEIGHTS) -> bool:
    return read.keys() == expected.keys() and all(torch.equal(read[key], expected[key]) for key in expected)


class Malice:
    """Unpickles by making a folder, which is how the tests see that it ran."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("name", ["w.pt", "w.pth", "w.bin", "w.pth.tar"])
@pytest.mark.parametrize("zipped", [True, False])
def test_torch_files_open_in_both_of_torchs_formats(tmp_path: Path, name: str, zipped: bool) -> None:
    """The zip format and the one before torch 1.6, whatever the file is called."""
    torch.save(WEIGHTS, tmp_path / name, _use_new_zipfile_serialization=zipped)
    assert same(read_checkpoint(tmp_path / name))


@pytest.mark.parametrize("name", ["w.safetensors", "pytorch_model.bin"])
def test_safetensors_open(tmp_path: Path, name: str) -> None:
    """Also under a name that hides the format."""
    save_file(WEIGHTS, tmp_path / name)
    assert same(read_checkpoint(tmp_path / name))


def test_what_was_read_is_free_of_the_file(tmp_path: Path) -> None:
    """A file that is overwritten later changes nothing in memory."""
    path = tmp_path / "w.safetensors"
    save_file(WEIGHTS, path)
    read = read_checkpoint(path)
    path.write_bytes(bytes(path.stat().st_size))
    assert same(read)


@pytest.mark.parametrize(
    "dtype",
    [torch.float64, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.int8, torch.uint16, torch.bool],
)
def test_dtypes_are_kept(tmp_path: Path, dtype: torch.dtype) -> None:
    """Half-precision and quantised weights come as they are."""
    torch.save({"w": torch.ones(3).to(dtype)}, tmp_path / "w.pt")
    assert read_checkpoint(tmp_path / "w.pt")["w"].dtype == dtype


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict", "net", "state_dict_ema"])
def test_a_training_checkpoint_is_unwrapped(tmp_path: Path, key: str) -> None:
    """Epoch, optimizer and schedule are left out."""
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3])
    state = {"epoch": 3, key: WEIGHTS, "optimizer": optimizer.state_dict(), "lr": schedule.state_dict()}
    torch.save(state, tmp_path / "w.pt")
    assert same(read_checkpoint(tmp_path / "w.pt"))


def test_raw_weights_go_before_averaged_ones(tmp_path: Path) -> None:
    """The average is taken only where there is nothing else."""
    torch.save({"ema_state_dict": {"w": torch.zeros(1)}, "state_dict": WEIGHTS}, tmp_path / "w.pt")
    assert same(read_checkpoint(tmp_path / "w.pt"))


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "_orig_mod.module."])
def test_a_wrappers_prefix_is_stripped(tmp_path: Path, prefix: str) -> None:
    """DistributedDataParallel and torch.compile prefix every key."""
    torch.save({prefix + key: tensor for key, tensor in WEIGHTS.items()}, tmp_path / "w.pt")
    assert same(read_checkpoint(tmp_path / "w.pt"))


def test_an_averaged_models_prefix_is_stripped(tmp_path: Path) -> None:
    """torch's own AveragedModel keeps a counter outside of the prefix."""
    averaged = torch.optim.swa_utils.AveragedModel(nn.Linear(2, 2))
    torch.save(averaged.state_dict(), tmp_path / "w.pt")
    assert set(read_checkpoint(tmp_path / "w.pt")) == {"n_averaged", "weight", "bias"}


def test_a_prefix_that_not_all_keys_share_stays(tmp_path: Path) -> None:
    """It is then the name of a submodule."""
    held = {"module.w": torch.ones(1), "head.w": torch.ones(1)}
    torch.save(held, tmp_path / "w.pt")
    assert set(read_checkpoint(tmp_path / "w.pt")) == set(held)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_bare_pickle_never_runs(tmp_path: Path, protocol: int) -> None:
    """In each of pickle's protocols."""
    path = tmp_path / "w.pt"
    path.write_bytes(pickle.dumps({"w": Malice(tmp_path / "ran")}, protocol=protocol))
    with pytest.raises(InputError, match=r"run code|run any code|is no checkpoint"):
        read_checkpoint(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_torch_file_never_runs(tmp_path: Path, zipped: bool) -> None:
    """What it would call is named, and what to do is said."""
    path = tmp_path / "w.pt"
    held = {"w": torch.ones(1), "x": Malice(tmp_path / "ran")}
    torch.save(held, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(InputError, match=r"mkdir.*would run code.*not loaded.*save only the weights"):
        read_checkpoint(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("held", "called"),
    [
        (nn.Linear(2, 2), "torch.nn.modules.linear.Linear"),
        ({"best": numpy.float64(0.5), "w": torch.ones(1)}, "multiarray.scalar"),
        ({"w": torch.eye(2).to_sparse()}, "_rebuild_sparse_tensor"),
    ],
)
def test_what_needs_more_than_dense_tensors_is_refused(tmp_path: Path, held: Any, called: str) -> None:
    """Whole modules, numpy's scalars and sparse tensors: the message names what each calls."""
    torch.save(held, tmp_path / "w.pt")
    with pytest.raises(InputError, match=called):
        read_checkpoint(tmp_path / "w.pt")


def test_a_program_is_refused(tmp_path: Path) -> None:
    """A TorchScript archive keeps its constants and code beside the tensors."""
    path = tmp_path / "w.pt"
    torch.save(WEIGHTS, path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("w/constants.pkl", b"")
    with pytest.raises(InputError, match="no code"):
        read_checkpoint(path)


def test_a_zip_with_two_pickles_is_refused(tmp_path: Path) -> None:
    """One could be scanned and the other loaded."""
    path = tmp_path / "w.pt"
    torch.save(WEIGHTS, path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("other/data.pkl", b"")
    with pytest.raises(InputError, match=r"one data\.pkl"):
        read_checkpoint(path)


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """64 MB of zeros in a few kilobytes."""
    path = tmp_path / "w.pt"
    with zipfile.ZipFile(path, "w", compression=zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w/data.pkl", b"\x80\x02}.")
        archive.writestr("w/data/0", bytes(1 << 26))
    with pytest.raises(InputError, match="not unpacked"):
        read_checkpoint(path)


def test_a_tensor_that_stores_fewer_values_than_it_has_is_refused(tmp_path: Path) -> None:
    """A stride of zero declares terabytes in a small file."""
    torch.save({"w": torch.zeros(1).expand(10**12)}, tmp_path / "w.pt")
    with pytest.raises(InputError, match="does not store all"):
        read_checkpoint(tmp_path / "w.pt")


def test_a_dictionary_that_holds_itself_is_refused(tmp_path: Path) -> None:
    """Unwrapping ends."""
    held: dict[str, Any] = {}
    held["state_dict"] = held
    torch.save(held, tmp_path / "w.pt")
    with pytest.raises(InputError, match="no tensors"):
        read_checkpoint(tmp_path / "w.pt")


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("part", [0.01, 0.3, 0.9, 0.999])
def test_a_file_that_was_cut_short_is_refused(tmp_path: Path, zipped: bool, part: float) -> None:
    """Wherever the cut is."""
    path = tmp_path / "w.pt"
    torch.save({"w": torch.arange(1000.0)}, path, _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(InputError, match=r"cut short|is no checkpoint"):
        read_checkpoint(path)


def test_a_flipped_bit_of_a_weight_is_noticed(tmp_path: Path) -> None:
    """torch.load itself takes the file; the archive's checksums tell."""
    path = tmp_path / "w.pt"
    torch.save({"w": torch.full((100,), 0.1)}, path)
    data = bytearray(path.read_bytes())
    data[data.index(struct.pack("<f", 0.1) * 3)] ^= 1
    path.write_bytes(data)
    assert torch.load(path, weights_only=True).keys() == {"w"}
    with pytest.raises(InputError, match="bad checksum"):
        read_checkpoint(path)


def safetensors_bytes(header: dict[str, Any] | bytes, body: bytes, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def entry(start: int, end: int, shape: tuple[int, ...] = (2,), dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(safetensors_bytes({"a": entry(0, 8)}, bytes(8), length=10**9), id="too long"),
        pytest.param(safetensors_bytes({"a": entry(0, 8)}, bytes(8), length=2**63), id="absurdly long"),
        pytest.param(safetensors_bytes({"a": entry(0, 8), "b": entry(4, 12)}, bytes(12)), id="overlap"),
        pytest.param(safetensors_bytes({"a": entry(0, 8), "b": entry(12, 20)}, bytes(20)), id="gap"),
        pytest.param(safetensors_bytes({"a": entry(0, 8000, (2000,))}, bytes(8)), id="outside"),
        pytest.param(safetensors_bytes({"a": entry(-8, 0)}, bytes(8)), id="negative"),
        pytest.param(safetensors_bytes({"a": entry(0, 8, (2**40, 2**40))}, bytes(8)), id="overflow"),
        pytest.param(safetensors_bytes({"a": entry(0, 8, dtype="F99")}, bytes(8)), id="dtype"),
        pytest.param(safetensors_bytes({"a": entry(0, 8)}, bytes(6)), id="cut short"),
        pytest.param(safetensors_bytes({"a": entry(0, 8)}, bytes(9)), id="trailing"),
        pytest.param(safetensors_bytes(b"not json at all", bytes(8)), id="not json"),
        pytest.param(safetensors_bytes(b"[1, 2]", bytes(8)), id="not an object"),
        pytest.param(b"abc", id="three bytes"),
        pytest.param(pickle.dumps({"a": 1}), id="a pickle"),
    ],
)
def test_a_safetensors_header_that_lies_is_refused(tmp_path: Path, data: bytes) -> None:
    """The message says what is expected, what was found and what to do."""
    path = tmp_path / "w.safetensors"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"not a valid safetensors file: expected .* found: .* again"):
        read_checkpoint(path)


def test_the_helper_of_the_test_above_makes_valid_files(tmp_path: Path) -> None:
    """So that each refusal above is for its own reason."""
    path = tmp_path / "w.safetensors"
    path.write_bytes(safetensors_bytes({"a": entry(0, 8), "b": entry(8, 16)}, bytes(16)))
    assert same(read_checkpoint(path), {"a": torch.zeros(2), "b": torch.zeros(2)})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "no checkpoint.*begins with b'version"),
        (b"PK\x03\x04 and no more", "damaged or cut short"),
    ],
)
def test_a_file_that_is_no_checkpoint_says_what_it_is(tmp_path: Path, data: bytes, message: str) -> None:
    """Nothing, a pointer to the real file, and half a zip."""
    (tmp_path / "w.pt").write_bytes(data)
    with pytest.raises(InputError, match=message):
        read_checkpoint(tmp_path / "w.pt")


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    """Each with what to do."""
    with pytest.raises(InputError, match="is not there"):
        read_checkpoint(tmp_path / "none.pt")
    with pytest.raises(InputError, match="is a folder"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ([1, 2], "holds a list"),
        ({"epoch": 1}, r"no tensors by name.*\['epoch'\]"),
        (torch.ones(1), "a Tensor"),
    ],
)
def test_a_torch_file_without_a_state_dict_is_refused(tmp_path: Path, held: Any, message: str) -> None:
    """It loads, and there is nothing in it that a model could take."""
    torch.save(held, tmp_path / "w.pt")
    with pytest.raises(InputError, match=message):
        read_checkpoint(tmp_path / "w.pt")
