"""Snapshots of text classifiers in transformers' own form, so that transformers opens them as they are."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from roadworthy.model_cards import InputError
from roadworthy.model_cards.protocol import text_accuracy, with_metric
from roadworthy.model_cards.snapshot import CONFIG

from .model_config import ModelConfig, our_section, read_document, upstream_of, write_document
from .tokenizer import FILES, sha256_of_tokenizer
from .weights import write_weights

TASK = "text-classification"
_DEFAULT_LENGTH = 256  # tokens, where nothing else is said: attention's cost grows with the square
_USUAL_WIDTH = 768  # of an encoder that calls it something else
_ROWS = ("vocab_size", "max_position_embeddings", "type_vocab_size", "num_hidden_layers", "intermediate_size")
# Weights that an encoder without a classifier may lack; they are new then.
_HEAD = re.compile(r"(^|\.)(classifier|pooler|pre_classifier|head|score|out_proj|dense|norm)\.")


def is_text_encoder(document: Mapping[str, Any]) -> bool:
    """Whether a ``config.json`` is transformers' for something with a vocabulary."""
    return "model_type" in document and "vocab_size" in document


def read_config(folder: Path) -> ModelConfig:
    """Reads ``config.json``; an encoder without a classifier has no labels yet.

    Raises:
        InputError: no config.json or tokenizer, or one that asks for code of its own.
    """
    document = read_document(folder)
    ours = document.get("roadworthy", {})
    try:
        longest = int(document.get("max_position_embeddings", _DEFAULT_LENGTH))
        protocol = text_accuracy(
            max_length=int(ours.get("max_length", min(longest, _DEFAULT_LENGTH))),
            tokenizer_sha256=sha256_of_tokenizer(folder),
        )
        return ModelConfig(
            task=TASK,
            architecture=str(document["model_type"]),
            system=ours.get("system", document["model_type"]),
            labels=_labels(document),
            protocol=with_metric(protocol, ours.get("metric", protocol.metric)),
            upstream=upstream_of(document),
            settings={key: value for key, value in document.items() if key != "roadworthy"},
            folder=folder,
        )
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"{folder / CONFIG} is not the config of an encoder of transformers: {error!r} is missing or wrong. "
            "Expected model_type, vocab_size and max_position_embeddings."
        ) from error


def _labels(document: Mapping[str, Any]) -> tuple[str, ...]:
    classifies = any(str(name).endswith("ForSequenceClassification") for name in document.get("architectures") or ())
    names: Mapping[str, str] = document.get("id2label") or {}
    if not classifies or not names:
        return ()
    return tuple(str(names[key]) for key in sorted(names, key=int))


def width_of(config: ModelConfig) -> int:
    """The hidden size of an encoder, whatever its architecture calls it."""
    names = ("hidden_size", "dim", "d_model")
    return next((int(config.settings[name]) for name in names if name in config.settings), _USUAL_WIDTH)


def open_model(folder: Path, config: ModelConfig) -> nn.Module:
    """The snapshot's model, on the CPU; an encoder without a classifier gets a random one of two classes.

    Raises:
        InputError: weights that are missing or do not fit.
    """
    from safetensors import SafetensorError

    _check_filled(folder, config)
    transformers = _transformers()
    try:
        model, found = transformers.AutoModelForSequenceClassification.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
            num_labels=len(config.labels) or 2,
            output_loading_info=True,
        )
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise InputError(
            f"the model in {folder} cannot be opened: {str(error).splitlines()[0]}. Expected an encoder of "
            "transformers with weights in safetensors. Pull or import it again."
        ) from error
    lacking = [key for key in sorted(found["missing_keys"]) if config.labels or not _HEAD.search(key)]
    if lacking:
        raise InputError(f"{folder} lacks weights: {', '.join(lacking[:4])}. Expected all. Pull or import it again.")
    opened: nn.Module = model.eval()
    return opened


def _check_filled(folder: Path, config: ModelConfig) -> None:
    # The net is built before its weights are looked at: a few digits would fill the memory, or take for ever. Whatever
    # these count has a row of the model's width in the weights, so no honest configuration is refused.
    stored = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    for name in _ROWS:
        rows = config.settings.get(name, 0)
        if not isinstance(rows, int) or rows * width_of(config) > stored:
            raise InputError(
                f"{folder / CONFIG} says {name} {rows!r}, which the {stored:,} bytes of weights beside it cannot fill. "
                "Pull or import the model again."
            )


def build_model(config: ModelConfig) -> nn.Module:
    """A model of the same settings with random weights."""
    transformers = _transformers()
    settings = transformers.AutoConfig.for_model(**{**config.settings, "num_labels": len(config.labels) or 2})
    model: nn.Module = transformers.AutoModelForSequenceClassification.from_config(settings)
    return model


def classifier_of(model: nn.Module) -> nn.Linear:
    """The last linear layer that has one output for each class and is trained.

    Raises:
        InputError: the architecture has none.
    """
    classes = int(getattr(model, "config").num_labels)  # noqa: B009 — mypy knows no attribute of it
    found = [
        module
        for module in model.modules()
        if isinstance(module, nn.Linear) and module.out_features == classes and module.weight.requires_grad
    ]
    if not found:
        raise InputError(f"{type(model).__name__} has no linear classifier. Expected an encoder of the BERT family.")
    return found[-1]


def renew_head(model: Any, labels: tuple[str, ...]) -> None:
    """A new random classifier for ``labels``, in place, as transformers initialises it."""
    old = classifier_of(model)
    name = next(name for name, module in model.named_modules() if module is old)
    new = nn.Linear(old.in_features, len(labels), device=old.weight.device, dtype=old.weight.dtype)
    nn.init.normal_(new.weight, std=float(getattr(model.config, "initializer_range", 0.02)))
    nn.init.zeros_(new.bias)
    model.set_submodule(name, new)
    if hasattr(model, "num_labels"):
        model.num_labels = len(labels)
    model.config.id2label = dict(enumerate(labels))
    model.config.label2id = {label: number for number, label in enumerate(labels)}


def save(folder: Path, model: Any, config: ModelConfig, *, start: Path | None) -> None:
    """Writes ``config.json``, the weights, and the tokenizer of ``start``.

    Raises:
        StorageError: the folder cannot be written.
    """
    write_weights(folder, model)
    document = model.config.to_dict() | {
        "architectures": [type(model).__name__],
        "id2label": {str(number): label for number, label in enumerate(config.labels)},
        "label2id": {label: number for number, label in enumerate(config.labels)},
        "problem_type": "single_label_classification",
        "dtype": "float32",
    }
    document.pop("_name_or_path", None)  # a folder of this machine
    document["roadworthy"] = our_section(config, max_length=config.protocol.parameters["max_length"])
    write_document(folder, document)
    for name in FILES:
        if start is not None and (start / name).is_file():
            shutil.copyfile(start / name, folder / name)


def _transformers() -> Any:
    import transformers

    # Its notes on new heads and fused layers are for those who call it themselves.
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers
