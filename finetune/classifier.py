"""A classifier in use: files, texts or rows in, labels or their probabilities out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from roadworthy.model_cards import InputError

from .crops import centre_crops, cut
from .image_task import ImageTask
from .model_config import ModelConfig
from .open_model import open_snapshot
from .pixels import UnreadableError, decode
from .placement import device_of
from .text_task import TextTask
from .tokenizer import open_tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class Classifier:
    """An opened classifier of images, texts or rows, in evaluation mode."""

    model: nn.Module
    config: ModelConfig

    @torch.inference_mode()
    def classify(self, inputs: Sequence[Path | str]) -> list[tuple[str, float]]:
        """The most probable label of each input, with its probability.

        Args:
            inputs: image files, or texts, as the model takes them.

        Raises:
            InputError: a file that is no whole image, or a model of rows.
        """
        if self.config.task not in (ImageTask.name, TextTask.name):
            raise InputError("this model scores rows of a table, and classifies no files and no texts. Call score.")
        if not inputs:
            return []
        scores_NC = self._of_texts(inputs) if self.config.task == TextTask.name else self._of_images(inputs)
        confidence, best = scores_NC.float().softmax(1).max(1)
        return [(self.config.labels[i], c) for i, c in zip(best.tolist(), confidence.tolist(), strict=True)]

    def score(self, rows: Any) -> NDArray[np.float64]:
        """The probability of the positive label (``config.labels[1]``) for each row of a table, [R], in their order.

        Args:
            rows: a table of pandas, polars or pyarrow, or a list of dictionaries, with the columns that were trained
                on; categories that are new count as unseen, values that are missing as missing.

        Raises:
            InputError: no table, a column is missing, or a model of images or texts.
        """
        if (encoder := self.config.settings.get("encoder")) is None:
            raise InputError(f"this model is for {self.config.task}, not for rows of a table. Call classify.")
        from .tabular.scoring import score

        return score(self.model, encoder, rows)

    def _of_images(self, paths: Sequence[Path | str]) -> torch.Tensor:
        parameters = self.config.protocol.parameters
        crop, resize = int(str(parameters["crop"])), int(str(parameters["resize"]))
        pictures = []
        for path in map(Path, paths):
            try:
                pixels = decode(path, resize=resize, interpolation=str(parameters["interpolation"])).pixels
            except UnreadableError as error:
                raise InputError(f"cannot classify {path}: expected a whole image, found {error}.") from error
            shape = (np.array([pixels.shape[0]]), np.array([pixels.shape[1]]))
            pictures.append(cut(torch.from_numpy(np.array(pixels))[None], centre_crops(*shape, crop), crop) / 255)
        mean, std = (torch.tensor(parameters[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
        scores: torch.Tensor = self.model(((torch.cat(pictures) - mean) / std).to(self._device))
        return scores

    def _of_texts(self, texts: Sequence[Path | str]) -> torch.Tensor:
        assert self.config.folder is not None  # it was opened from one
        pad = int(self.config.settings.get("pad_token_id") or 0)
        tokenizer = open_tokenizer(
            self.config.folder, max_length=int(str(self.config.protocol.parameters["max_length"])), pad=pad
        )
        encoded = [torch.tensor(ids) for ids in tokenizer.encode([str(text) for text in texts])]
        ids = nn.utils.rnn.pad_sequence(encoded, batch_first=True, padding_value=pad)
        mask = nn.utils.rnn.pad_sequence([torch.ones_like(ids) for ids in encoded], batch_first=True)
        scores: torch.Tensor = self.model(input_ids=ids.to(self._device), attention_mask=mask.to(self._device)).logits
        return scores

    @property
    def _device(self) -> torch.device:
        return device_of(self.model)


def load(folder: Path | str, *, device: str = "cpu", admit: Callable[[Path], None] | None = None) -> Classifier:
    """Opens the classifier of a snapshot folder.

    ``admit`` is called with the folder first and raises where it may not be opened: ``registry.admission`` asks
    whether every byte is as certified by a trusted key, and whether your policy is met.

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
    if admit is not None:
        admit(Path(folder))
    opened = open_snapshot(Path(folder), device=device)
    return Classifier(model=opened.model, config=opened.config)
