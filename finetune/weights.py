"""A snapshot's tensors: read only if they are exactly the model's, written as safetensors."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from roadworthy.model_cards import InputError, StorageError
from roadworthy.model_cards.snapshot import WEIGHTS


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
    tensors = {key: value.detach().cpu().contiguous().clone() for key, value in model.state_dict().items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    except (OSError, SafetensorError) as error:
        raise StorageError(f"cannot write the model to {folder}: {error}. Free space there and try again.") from error
