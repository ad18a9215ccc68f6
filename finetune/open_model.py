"""Opening a snapshot's model, and writing one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from roadworthy.model_cards import InputError, StorageError
from roadworthy.model_cards.snapshot import WEIGHTS

from . import model_config
from .architectures import build, classifier_keys
from .augment import Crop, cut
from .model_config import ModelConfig
from .pixels import UnreadableError, centre, decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Classifier:
    """An opened image classifier, in evaluation mode."""

    model: nn.Module
    config: ModelConfig

    @torch.inference_mode()
    def classify(self, images: Sequence[Path]) -> list[tuple[str, float]]:
        """The most probable label of each image file, with its probability.

        Raises:
            InputError: a file that is no whole image.
        """
        parameters = self.config.protocol.parameters
        crop = int(str(parameters["crop"]))
        pictures = []
        for path in images:
            try:
                pixels = decode(
                    path, resize=int(str(parameters["resize"])), interpolation=str(parameters["interpolation"])
                ).pixels
            except UnreadableError as error:
                raise InputError(f"cannot classify {path}: expected a whole image, found {error}.") from error
            height, width = pixels.shape[:2]
            window = Crop(top=centre(height, crop), left=centre(width, crop), height=crop, width=crop, flipped=False)
            pictures.append(cut(pixels, window, crop) / 255)
        mean, std = (torch.tensor(parameters[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
        device = next(self.model.parameters()).device
        batch = ((torch.stack(pictures) - mean) / std).to(device, memory_format=torch.channels_last)
        confidence, best = self.model(batch).float().softmax(1).max(1)
        return [(self.config.labels[i], c) for i, c in zip(best.tolist(), confidence.tolist(), strict=True)]


def load(folder: Path | str, *, device: str = "cpu") -> Classifier:
    """Opens the model of a snapshot folder.

    Raises:
        InputError: no snapshot, or weights that do not fit the architecture its config names.

    Example:
        >>> from pathlib import Path
        >>> from roadworthy.finetune import load
        >>> classifier = load("run/candidate")
        >>> [(label, confidence)] = classifier.classify([Path("photos/test/NORMAL/1.jpeg")])
        >>> label in ("NORMAL", "PNEUMONIA"), 0.5 <= confidence <= 1
        (True, True)
    """
    folder = Path(folder)
    config = model_config.read(folder)
    model = build(config.architecture, num_classes=len(config.labels))
    model.load_state_dict(read_weights(folder, model))
    model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Classifier(model=model.eval(), config=config)


def read_weights(folder: Path, model: nn.Module) -> dict[str, torch.Tensor]:
    """The snapshot's tensors, if they are exactly those of ``model``.

    Raises:
        InputError: no weights, damaged weights, or names and shapes of another model.
    """
    path = folder / WEIGHTS
    if not path.is_file():
        raise InputError(f"no {WEIGHTS} in {folder}. Expected safetensors; pickles are never loaded. Import it first.")
    try:
        tensors: dict[str, torch.Tensor] = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"{path} is not a whole safetensors file: {error}. Pull it again.") from error
    expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in tensors.items()}
    for key in sorted(expected.keys() | found.keys()):
        if expected.get(key) != found.get(key):
            raise InputError(
                f"{path} does not fit its config: tensor {key!r} expected {expected.get(key, 'absent')}, "
                f"found {found.get(key, 'absent')}. Convert the checkpoint again: roadworthy import."
            )
    return tensors


def save(folder: Path, model: nn.Module, config: ModelConfig) -> None:
    """Writes ``config.json`` and ``model.safetensors``.

    Raises:
        StorageError: the folder cannot be written.
    """
    keys = classifier_keys(model)
    tensors = {key: value.detach().cpu().contiguous().clone() for key, value in model.state_dict().items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
        model_config.write(
            folder,
            config,
            num_features=int(getattr(model, "num_features", 0)),
            first_conv=_first_conv(model),
            classifier=keys[0].rsplit(".", 1)[0] if keys else "",
        )
    except (OSError, SafetensorError) as error:
        raise StorageError(f"cannot write the model to {folder}: {error}. Free space there and try again.") from error


def _first_conv(model: nn.Module) -> str | None:
    return next((name for name, module in model.named_modules() if isinstance(module, nn.Conv2d)), None)
