"""What a fine-tune did to each tensor: how far it moved from the version it is compared with."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from roadworthy.model_cards import InputError
from roadworthy.model_cards.snapshot import WEIGHTS

from .progress import Report, silent

_BLOCK = 1 << 22  # elements in float64 at a time: 32 MiB, whatever a tensor's size


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One tensor that both have, in one shape, with other values.

    ``change``: ``|new - old| / |old|`` in the Euclidean norm, ``None`` where the old one is 0 throughout or either
    holds a value that is no number; ``largest``: of one element; ``equal``: the share of elements that are the same.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    change: float | None
    largest: float | None
    equal: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reshaped:
    """A tensor of one name in two shapes or dtypes: ``64x10 float32``."""

    name: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightChanges:
    """Two sets of weights, tensor by tensor; ``moved`` with the farthest first."""

    unchanged: tuple[str, ...]
    moved: tuple[Moved, ...]
    reshaped: tuple[Reshaped, ...]
    only_old: tuple[str, ...]
    only_new: tuple[str, ...]


def compare_weights(old: Path, new: Path, *, report: Report = silent) -> WeightChanges:
    """Compares the safetensors files of two snapshot folders, one tensor in memory at a time.

    Raises:
        InputError: a folder without weights, or with some that cannot be read.

    Example:
        >>> from pathlib import Path
        >>> from roadworthy.finetune import compare_weights
        >>> changes = compare_weights(Path("base"), Path("run/candidate"))
        >>> len(changes.moved) > 0
        True
    """
    before, after = _places(old), _places(new)
    both = sorted(before.keys() & after.keys())
    unchanged, moved, reshaped = [], [], []
    for number, name in enumerate(both):
        report("comparing tensors", number, len(both))
        a, b = _read(before[name], name), _read(after[name], name)
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            reshaped.append(Reshaped(name=name, old=_form(a), new=_form(b)))
        elif torch.equal(_bits(a), _bits(b)):
            unchanged.append(name)
        else:
            moved.append(_moved(name, a, b))
    report("comparing tensors", len(both), len(both))
    return WeightChanges(
        unchanged=tuple(unchanged),
        moved=tuple(sorted(moved, key=lambda one: (-(one.change if one.change is not None else torch.inf), one.name))),
        reshaped=tuple(reshaped),
        only_old=tuple(sorted(before.keys() - after.keys())),
        only_new=tuple(sorted(after.keys() - before.keys())),
    )


def _places(folder: Path) -> Mapping[str, Path]:
    """In which file of the snapshot each tensor lies."""
    index = folder / f"{WEIGHTS}.index.json"
    try:
        if index.is_file():
            names = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
            # A name that leads out of the folder is not followed.
            return {name: folder / Path(file).name for name, file in names.items()}
        with safe_open(folder / WEIGHTS, framework="pt") as file:
            return dict.fromkeys(file.keys(), folder / WEIGHTS)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"cannot read the weights of {folder}: {error}. Expected a snapshot folder with {WEIGHTS}."
        ) from error


def _read(file: Path, name: str) -> torch.Tensor:
    try:
        with safe_open(file, framework="pt") as opened:
            tensor: torch.Tensor = opened.get_tensor(name)
            return tensor
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot read the tensor {name} of {file}: {error}. Pull the version again.") from error


def _form(tensor: torch.Tensor) -> str:
    return f"{'x'.join(map(str, tensor.shape)) or 'scalar'} {_dtype(tensor)}"


def _dtype(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    # As bytes: a NaN is unlike itself, and 0 like -0.
    return tensor.contiguous().reshape(-1).view(torch.uint8)


def _moved(name: str, old: torch.Tensor, new: torch.Tensor) -> Moved:
    far = base = largest = 0.0
    equal = 0
    for a, b in _blocks(old, new):
        difference = b - a
        far += float(difference.square().sum())
        base += float(a.square().sum())
        largest = max(largest, float(difference.abs().max()))
        equal += int((a == b).sum())
    told = torch.isfinite(torch.tensor([far, base])).all()
    return Moved(
        name=name,
        shape=tuple(old.shape),
        dtype=_dtype(old),
        change=(far / base) ** 0.5 if told and base else None,
        largest=largest if told else None,
        equal=equal / old.numel(),
    )


def _blocks(old: torch.Tensor, new: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    a, b = old.reshape(-1), new.reshape(-1)
    for start in range(0, len(a), _BLOCK):
        yield a[start : start + _BLOCK].double(), b[start : start + _BLOCK].double()
