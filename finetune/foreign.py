"""Reading a checkpoint that came from somewhere else, without running anything that it holds.

Two walls stand before a torch file: its pickle is scanned for every name that it would call, against a short
list, and only then loaded, with torch's own restricted unpickler. safetensors files hold no code.
"""

import pickletools
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from roadworthy.model_cards.errors import InputError

# Where the weights lie in a training checkpoint. Averaged weights only where there are no others.
_ENVELOPES = (
    *("state_dict", "model", "model_state_dict", "net"),
    *("ema_state_dict", "state_dict_ema", "model_ema", "ema"),
)
_PREFIXES = ("module.", "_orig_mod.")

# All that a pickle of dense tensors in containers needs. numpy's scalars are not among it: they are rebuilt
# by a function that takes any dtype, objects included.
_DTYPES = (
    *("float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "complex64", "complex128"),
    *("int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool"),
)
_STORAGES = (
    *("Double", "Float", "Half", "BFloat16", "ComplexFloat", "ComplexDouble"),
    *("Long", "Int", "Short", "Char", "Byte", "Bool"),
)
_ALLOWED = frozenset(
    {
        *("collections OrderedDict", "collections Counter", "torch Size", "torch.storage UntypedStorage"),
        *(f"torch._utils _rebuild_{what}" for what in ("tensor", "tensor_v2", "tensor_v3", "parameter")),
        *(f"torch {dtype}" for dtype in _DTYPES),
        *(f"torch {storage}Storage" for storage in _STORAGES),
    }
)
# Other ways to name something to call; torch.save writes none of them by default.
_OTHER_CALLS = frozenset({"STACK_GLOBAL", "INST", "OBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4"})
# torch's old format is five pickles in a row (magic, protocol, system, object, keys), then the numbers.
_LEGACY_PICKLES = 5
# A pickled dictionary can hold itself: unwrapping must end.
_ENVELOPES_DEEP = 4

_RESAVE = (
    "Load it in a sandbox that you can throw away and save only the weights:"
    " safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')."
)
_AGAIN = "Copy or download the file again."


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The tensors of a state dict by name, on the CPU, from a safetensors file or a torch file.

    torch files (`.pt`, `.pth`, `.pth.tar`, `.bin`) are known by their first bytes, not by their name. Training
    checkpoints are unwrapped, `module.` and `_orig_mod.` prefixes that all keys share are stripped, and what is
    no tensor (epoch, optimizer) is left out. Flipped bytes are noticed in torch's zip format, the only one of
    these that carries checksums.

    Raises:
        InputError: no such file, not a checkpoint, damaged, or a pickle that would run code (never loaded).
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder, expected a checkpoint file. Name the file inside of it.")
    if not path.is_file():
        raise InputError(f"{path} is not there, expected a checkpoint file. Check the path.")
    try:
        with path.open("rb") as file:
            value = _read(file, path)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}). Check its permissions.") from error
    return _state_dict(value, path)


def _read(file: BinaryIO, path: Path) -> Any:
    head = file.read(32)
    file.seek(0)
    if not head:
        raise InputError(f"{path} is empty, expected a checkpoint. {_AGAIN}")
    if path.suffix == ".safetensors" or head[8:9] == b"{":
        return _read_safetensors(path)
    if head.startswith(b"PK\x03\x04"):
        _scan_archive(file, path)
        return _load(file, path)
    if head.startswith(b"\x80"):
        _scan_legacy(file, path)
        return _load(file, path)
    raise InputError(
        f"{path} is no checkpoint: expected a safetensors file or a torch file (zip or pickle),"
        f" found one that begins with {head!r}. Name the file that holds the weights."
    )


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        # Copied out of the mapped file, so that no later write to the file reaches the tensors.
        return {key: tensor.clone() for key, tensor in safetensors.torch.load_file(path).items()}
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        # KeyError: a dtype that the format has and torch lacks.
        raise InputError(
            f"{path} is not a valid safetensors file: expected an 8-byte length, that many bytes of JSON, and"
            f" tensors that fill the rest without gap or overlap; found: {error}. {_AGAIN}"
        ) from error


def _scan_archive(file: BinaryIO, path: Path) -> None:
    """Refuse a zip whose pickle calls more than is allowed, or that is not what torch.save writes."""
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            # torch finds an entry whatever its case, so one could be scanned and another be loaded.
            inner = [entry.filename.rpartition("/")[2].casefold() for entry in entries]
            if inner.count("data.pkl") != 1 or "constants.pkl" in inner:
                # constants.pkl: TorchScript, which is a program. Two data.pkl: readers may disagree on which.
                raise InputError(
                    f"{path} is a zip but no state dict: expected one data.pkl and no code,"
                    f" found {inner[:4]}. {_RESAVE}"
                )
            stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
            if not stored or sum(entry.file_size for entry in entries) > path.stat().st_size:
                raise InputError(
                    f"{path} would unpack to more than its size: expected entries stored as torch.save stores"
                    f" them, found compressed or overlapping ones. It was not unpacked. {_RESAVE}"
                )
            with archive.open(entries[inner.index("data.pkl")]) as pickle:
                _refuse_calls(pickletools.genops(pickle.read()), path)
            damaged = archive.testzip()
    except (
        zipfile.BadZipFile,
        EOFError,
        MemoryError,
        NotImplementedError,
        RuntimeError,
        ValueError,
    ) as error:
        # RuntimeError: an encrypted entry. ValueError: what the pickle's opcodes cannot mean.
        raise _damaged(path, error) from error
    if damaged:
        raise _damaged(path, f"bad checksum of {damaged}")
    file.seek(0)


def _scan_legacy(file: BinaryIO, path: Path) -> None:
    try:
        for _ in range(_LEGACY_PICKLES):
            _refuse_calls(pickletools.genops(file), path)
    except (ValueError, MemoryError) as error:
        # MemoryError: a string that says it is longer than any file.
        raise _damaged(path, error) from error
    file.seek(0)


def _refuse_calls(opcodes: Iterable[tuple[Any, Any, int | None]], path: Path) -> None:
    for opcode, argument, _ in opcodes:
        if opcode.name == "GLOBAL" and argument not in _ALLOWED:
            raise InputError(
                f"{path} holds more than tensors: its pickle calls {argument.replace(' ', '.')!r:.80}, so loading it"
                f" would run code. It was not loaded. {_RESAVE}"
            )
        if opcode.name in _OTHER_CALLS:
            raise InputError(
                f"{path} was not pickled by torch.save's protocol 2: it names what to call by {opcode.name}, so"
                f" loading it could run any code. It was not loaded. {_RESAVE}"
            )


def _load(file: BinaryIO, path: Path) -> Any:
    try:
        return torch.load(file, weights_only=True, map_location="cpu")
    except Exception as error:
        # The seam to a foreign reader of foreign bytes: it documents no list of what it raises.
        raise _damaged(path, str(error).strip().split("\n")[0] or type(error).__name__) from error


def _damaged(path: Path, found: object) -> InputError:
    return InputError(
        f"{path} is damaged or cut short: expected a whole file that torch.save wrote, found: {found}. {_AGAIN}"
    )


def _state_dict(value: Any, path: Path) -> dict[str, Tensor]:
    for _ in range(_ENVELOPES_DEEP):
        inside = value if isinstance(value, Mapping) else {}
        found = next((key for key in _ENVELOPES if isinstance(inside.get(key), Mapping)), None)
        value = value if found is None else inside[found]
    if not isinstance(value, Mapping):
        raise InputError(f"{path} holds a {type(value).__name__}, expected a state dict (name: tensor). {_RESAVE}")
    tensors = {key: held for key, held in value.items() if isinstance(key, str) and isinstance(held, Tensor)}
    if not tensors:
        raise InputError(
            f"{path} holds no tensors by name, expected a state dict; found keys {list(value)[:4]!r:.80}. {_RESAVE}"
        )
    for key, tensor in tensors.items():
        _check_stored(key, tensor, path)
    return {key: tensor.detach() for key, tensor in _without_prefix(tensors).items()}


def _check_stored(key: str, tensor: Tensor, path: Path) -> None:
    # A stride of 0 lets a small file declare a tensor of terabytes, which the first copy would allocate.
    if tensor.layout is not torch.strided or tensor.nbytes > tensor.untyped_storage().nbytes():
        raise InputError(
            f"{path}: tensor {key!r:.80} of shape {tuple(tensor.shape)} does not store all of its"
            f" {tensor.numel()} values. Save it as a dense tensor: tensor.to_dense().clone()."
        )


def _without_prefix(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    # `n_averaged` is the counter that torch's AveragedModel keeps beside the `module.` that it wraps.
    for prefix in _PREFIXES:
        named = [key for key in tensors if key != "n_averaged"]
        if named and all(key.startswith(prefix) for key in named):
            return _without_prefix({key.removeprefix(prefix): tensor for key, tensor in tensors.items()})
    return dict(tensors)
