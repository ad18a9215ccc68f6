"""A foreign checkpoint becomes a snapshot: scanned, converted to safetensors, its claims only quoted."""

import dataclasses
from pathlib import Path

from timm.data import ImageNetInfo

from roadworthy.model_cards import InputError
from roadworthy.model_cards.catalogue import CATALOGUE
from roadworthy.model_cards.certificate import Upstream
from roadworthy.model_cards.draft_card import render_draft
from roadworthy.model_cards.snapshot import CARD

from .architectures import build, default_classes
from .checkpoint_layouts import convert
from .fingerprint import fingerprint
from .foreign import read_checkpoint
from .import_folder import import_folder
from .imported import Imported
from .tasks import named


def import_checkpoint(
    checkpoint: Path | str,
    *,
    system: str | None = None,
    out: Path | str,
    labels: tuple[str, ...] | None = None,
    upstream: Upstream | None = None,
) -> Imported:
    """Converts a checkpoint file (NVIDIA, torchvision or timm layout) into the snapshot folder ``out``.

    A folder that timm or transformers wrote (config, weights, tokenizer) is taken over as it is, its weights
    converted where they are pickled.

    Args:
        system: a name of the catalogue or ``timm:ARCHITECTURE``; a folder says itself what it is.
        labels: the classes, in the order of the head; by default ImageNet's where there are 1000.
        upstream: where the file comes from and what is claimed of it; quoted, not verified.

    Raises:
        InputError: a file that would run code, is damaged, or fits no layout of the architecture.

    Example:
        >>> from roadworthy.finetune import import_checkpoint
        >>> import_checkpoint("checkpoint.safetensors", system="timm:test_efficientnet", out="base").layout
        'timm'
    """
    if Path(checkpoint).is_dir():
        return import_folder(Path(checkpoint), out=Path(out), upstream=upstream)
    if system is None:
        raise InputError(
            f"{checkpoint} does not say what it is. Name its system: --system resnet50-v1.5, or timm:NAME."
        )
    task, config = named(system)
    architecture, name = config.architecture, config.system
    classes = len(labels) if labels else default_classes(architecture)
    converted = convert(read_checkpoint(Path(checkpoint)), architecture, num_classes=classes)
    model = build(architecture, num_classes=classes)
    model.load_state_dict(converted.state_dict)
    parameters = fingerprint(model).parameters
    if name in CATALOGUE and classes == CATALOGUE[name].classes and parameters != CATALOGUE[name].parameters:
        raise InputError(f"{name} has {CATALOGUE[name].parameters:,} parameters; this checkpoint {parameters:,}.")
    config = dataclasses.replace(
        config,
        labels=labels or _labels(classes),
        upstream=upstream or Upstream(source=Path(checkpoint).name, claim=None, licence=None),
    )
    folder = Path(out)
    task.save(folder, model, config, start=None)
    card = render_draft(system=name, task=task.name, parameters=parameters, upstream=config.upstream)
    (folder / CARD).write_bytes(card)
    return Imported(snapshot=folder, layout=converted.layout, parameters=parameters, dropped=converted.dropped)


def _labels(classes: int) -> tuple[str, ...]:
    if classes == 1000:
        return tuple(ImageNetInfo("imagenet-1k").label_names())
    return tuple(str(number) for number in range(classes))
