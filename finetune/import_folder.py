"""A model folder of timm or transformers becomes a snapshot: weights as safetensors, its claims only quoted."""

import dataclasses
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file

from roadworthy.model_cards import InputError, StorageError
from roadworthy.model_cards.certificate import Upstream
from roadworthy.model_cards.draft_card import render_draft
from roadworthy.model_cards.snapshot import CARD, CONFIG, WEIGHTS, leads_away

from .foreign import read_checkpoint
from .imported import Imported
from .model_config import our_section, read_document, write_document
from .tasks import task_of
from .weights import read_tensors

_PICKLE = "pytorch_model.bin"  # transformers' name for weights before safetensors


def import_folder(source: Path, *, out: Path, upstream: Upstream | None) -> Imported:
    """Copies what a model needs from ``source`` to ``out``: config, tokenizer, weights; nothing that could run.

    Raises:
        InputError: a model of no known task, weights that would run code or do not fit, or no tokenizer.
        StorageError: ``out`` cannot be written.
    """
    task = task_of(source)
    config = dataclasses.replace(
        task.read_config(source), upstream=upstream or Upstream(source=source.name, claim=None, licence=None)
    )
    tensors = _tensors(source)
    try:
        out.mkdir(parents=True, exist_ok=True)
        save_file(tensors, out / WEIGHTS, metadata={"format": "pt"})
        for name in task.config_files:
            if name != CONFIG and (source / name).is_file():
                _refuse_stranger(source / name, source)
                shutil.copyfile(source / name, out / name)
        write_document(out, read_document(source) | {"roadworthy": our_section(config)})
    except OSError as error:
        raise StorageError(f"cannot write the snapshot to {out}: {error.strerror}. Choose another folder.") from error
    task.open(out, task.read_config(out))  # refuses now what would be refused later
    parameters = sum(tensor.numel() for tensor in tensors.values() if tensor.is_floating_point())
    card = render_draft(system=config.system, task=task.name, parameters=parameters, upstream=config.upstream)
    (out / CARD).write_bytes(card)
    return Imported(snapshot=out, layout=f"{config.architecture} folder", parameters=parameters, dropped=())


def _refuse_stranger(file: Path, source: Path) -> None:
    # A repository that was cloned may hold a link to a private file, which would be published with the model.
    if leads_away(file, source):
        raise InputError(f"{file} is a link to {file.resolve()}: expected a file of {source} itself. Copy it there.")


def _tensors(source: Path) -> dict[str, torch.Tensor]:
    if (source / WEIGHTS).is_file():
        found = read_tensors(source)
    elif (source / _PICKLE).is_file():
        found = read_checkpoint(source / _PICKLE)
    else:
        raise InputError(f"no weights in {source}. Expected {WEIGHTS} or {_PICKLE} beside its {CONFIG}.")
    return {name: tensor.contiguous().clone() for name, tensor in found.items()}
