"""Files that are written some rows at a time are those that the library writes."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from roadworthy.finetune import tensor_stream
from roadworthy.finetune.tensor_stream import Streamed


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64, torch.bool])
def test_byte_for_byte_as_the_library(dtype: torch.dtype, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the shapes; in blocks of few elements, none of which divides a tensor."""
    monkeypatch.setattr(tensor_stream, "BLOCK", 7)
    torch.manual_seed(0)
    shapes = {"z": (5, 3), "b": (), "a.weight": (11, 2, 3), "empty": (0, 4), "é": (1,)}
    tensors = {name: (torch.randn(shape) * 9).to(dtype) for name, shape in shapes.items()}
    tensors["strided"] = torch.arange(24).reshape(4, 6).T.to(dtype)
    save_file({name: value.contiguous() for name, value in tensors.items()}, tmp_path / "theirs", {"format": "pt"})
    streamed = {name: Streamed.of(value) for name, value in tensors.items()}
    tensor_stream.write(tmp_path / "ours", streamed, metadata={"format": "pt"})
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
    assert torch.equal(tensor_stream.read(tmp_path / "ours", "a.weight", 3, 8), tensors["a.weight"][3:8])


def test_dtypes_of_several_sizes_are_aligned(tmp_path: Path) -> None:
    """The widest first, as the format asks."""
    tensors = {"a": torch.tensor([True]), "b": torch.arange(3), "c": torch.rand(2).to(torch.float16)}
    tensor_stream.write(tmp_path / "mixed", {name: Streamed.of(value) for name, value in tensors.items()})
    found = load_file(tmp_path / "mixed")
    assert all(torch.equal(found[name], value) for name, value in tensors.items())
