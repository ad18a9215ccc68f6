"""A snapshot's tensors: read only if they are exactly the model's, written as safetensors."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from roadworthy.model_cards import InputError, StorageError
from roadworthy.model_cards.snapshot import WEIGHTS

from . import tensor_stream
from .sparse_rows import MovableTable, named_tables
from .table_parts import WEIGHT, Parts
from .tensor_stream import Streamed


def read_tensors(folder: Path) -> dict[str, torch.Tensor]:
    """Every tensor of the snapshot, by name.

    Raises:
        InputError: no weights, or damaged ones.
    """
    path = folder / WEIGHTS
    if not path.is_file():
        raise InputError(f"no {WEIGHTS} in {folder}. Expected safetensors; pickles are never loaded. Import it first.")
    try:
        tensors: dict[str, torch.Tensor] = load_file(path)
    except (SafetensorError, OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
        # KeyError: a dtype that the format has and torch lacks.
        raise InputError(f"{path} is not a whole safetensors file: {error}. Pull it again.") from error
    return tensors


def read_weights(folder: Path, model: nn.Module) -> dict[str, torch.Tensor]:
    """The snapshot's tensors, if they are exactly those of ``model``.

    Raises:
        InputError: no weights, damaged weights, or names and shapes of another model.
    """
    tensors = read_tensors(folder)
    expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in tensors.items()}
    for key in sorted(expected.keys() | found.keys()):
        if expected.get(key) != found.get(key):
            raise InputError(
                f"{folder / WEIGHTS} does not fit its config: tensor {key!r} expected {expected.get(key, 'absent')}, "
                f"found {found.get(key, 'absent')}. Convert the checkpoint again: roadworthy import."
            )
    return tensors


def write_weights(folder: Path, model: nn.Module) -> None:
    """Writes ``model.safetensors``.

    Raises:
        StorageError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if tables := named_tables(model):  # which may be larger than what is free beside them
            streamed = {key: Streamed.of(value) for key, value in model.state_dict().items()}
            streamed |= {name: _whole(name, table, table.parts) for name, table in tables.items() if table.parts}
            tensor_stream.write(folder / WEIGHTS, streamed, metadata={"format": "pt"})
            return
        tensors = {key: value.detach().cpu().contiguous().clone() for key, value in model.state_dict().items()}
        save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    except (OSError, SafetensorError) as error:
        raise StorageError(f"cannot write the model to {folder}: {error}. Free space there and try again.") from error


def _whole(name: str, table: MovableTable, parts: Parts) -> Streamed:
    return Streamed(
        shape=(table.rows, *table.weight.shape[1:]),
        dtype=table.weight.dtype,
        rows=lambda start, stop: parts.rows(WEIGHT, name, start, stop),
    )
