"""How far tensors moved, beside norms that numpy takes of the same weights."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from roadworthy.finetune import compare_weights
from roadworthy.model_cards import InputError

HEAD = "classifier.weight"


@pytest.fixture
def pair(snapshot: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A snapshot, and a copy whose head was replaced and whose first convolution is 1 % larger."""
    shutil.copytree(snapshot, tmp_path / "new")
    weights = load_file(snapshot / "model.safetensors")
    weights[HEAD] = weights[HEAD] + torch.linspace(-1, 1, weights[HEAD].numel()).view_as(weights[HEAD])
    weights["conv_stem.weight"] *= 1.01
    save_file(weights, tmp_path / "new" / "model.safetensors")
    return snapshot, tmp_path / "new"


def test_each_tensors_change_is_numpys(pair: tuple[Path, Path]) -> None:
    """The two that moved, the farthest first; all others by name."""
    old, new = (load_file(folder / "model.safetensors") for folder in pair)
    found = compare_weights(*pair)
    a, b = (weights[HEAD].numpy().astype(np.float64) for weights in (old, new))
    head, stem = found.moved
    assert (head.name, stem.name) == (HEAD, "conv_stem.weight")
    assert (head.shape, head.dtype) == (a.shape, "float32")
    assert head.change == pytest.approx(np.linalg.norm(b - a) / np.linalg.norm(a))
    assert head.largest == pytest.approx(np.abs(b - a).max())
    assert stem.change == pytest.approx(0.01, rel=1e-5)
    assert set(found.unchanged) == old.keys() - {HEAD, "conv_stem.weight"}
    assert (found.reshaped, found.only_old, found.only_new) == ((), (), ())


def test_nothing_moved_between_equal_bytes(snapshot: Path) -> None:
    """All tensors, none of them moved."""
    found = compare_weights(snapshot, snapshot)
    assert found.moved == ()
    assert len(found.unchanged) == len(load_file(snapshot / "model.safetensors"))


def test_other_shapes_dtypes_and_names_are_told(pair: tuple[Path, Path]) -> None:
    """A head of more classes, a tensor in half the bits, one that is gone, one that is new."""
    old, new = pair
    weights = load_file(new / "model.safetensors")
    weights[HEAD] = torch.zeros(7, weights[HEAD].shape[1])
    weights["conv_stem.weight"] = weights["conv_stem.weight"].bfloat16()
    weights["extra"] = weights.pop("classifier.bias")
    save_file(weights, new / "model.safetensors")
    found = compare_weights(old, new)
    told = {one.name: (one.old, one.new) for one in found.reshaped}
    assert told[HEAD][1] == f"7x{weights[HEAD].shape[1]} float32"
    assert told["conv_stem.weight"][1].endswith("bfloat16")
    assert (found.only_old, found.only_new) == (("classifier.bias",), ("extra",))


def test_values_that_are_no_numbers_have_no_distance(tmp_path: Path) -> None:
    """Nor does what was 0 throughout; bfloat16 is compared as any other, and a NaN that stayed is unchanged."""
    values = {
        "zero": (torch.zeros(3), torch.ones(3)),
        "broken": (torch.ones(3), torch.tensor([1.0, torch.nan, 1.0])),
        "same": (torch.tensor([torch.nan]), torch.tensor([torch.nan])),
        "half": (torch.full((4,), 2.0, dtype=torch.bfloat16), torch.full((4,), 3.0, dtype=torch.bfloat16)),
    }
    for number, folder in enumerate(("a", "b")):
        (tmp_path / folder).mkdir()
        save_file({name: pair[number] for name, pair in values.items()}, tmp_path / folder / "model.safetensors")
    found = compare_weights(tmp_path / "a", tmp_path / "b")
    assert found.unchanged == ("same",)
    assert {one.name: (one.change, one.largest) for one in found.moved} == {
        "zero": (None, 1.0),
        "broken": (None, None),
        "half": (0.5, 1.0),
    }


def test_weights_in_several_files(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """By their index, as transformers writes it; a file that an index names outside of the folder is not opened."""
    old, new = pair
    weights = load_file(new / "model.safetensors")
    names = sorted(weights)
    (new / "model.safetensors").unlink()
    parts = {"model-1.safetensors": names[::2], "model-2.safetensors": names[1::2]}
    for file, some in parts.items():
        save_file({name: weights[name] for name in some}, new / file)
    index = {"weight_map": {name: file for file, some in parts.items() for name in some}}
    (new / "model.safetensors.index.json").write_text(json.dumps(index))
    assert {one.name for one in compare_weights(old, new).moved} == {HEAD, "conv_stem.weight"}
    away = {"weight_map": {name: f"../{old.name}/model.safetensors" for name in names}}
    (new / "model.safetensors.index.json").write_text(json.dumps(away))
    with pytest.raises(InputError, match="cannot read the tensor"):
        compare_weights(old, new)


@pytest.mark.parametrize("content", [None, b"", b"\x80\x04}."])
def test_no_weights_are_an_error(snapshot: Path, tmp_path: Path, content: bytes | None) -> None:
    """Missing, empty, or a pickle."""
    if content is not None:
        (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=r"cannot read the weights of .*Expected a snapshot folder"):
        compare_weights(tmp_path, snapshot)
