"""A task that is only measured: no augmentation, no loss of its own, nothing to fit."""

import torch

from roadworthy.model_cards import Protocol

from .augment import Augmentation
from .image_classification import ImageClassification
from .image_data import ImageData


def measured_task(images: ImageData, protocol: Protocol, device: torch.device) -> ImageClassification:
    """The image task with everything switched off that belongs to training."""
    still = Augmentation(area=(1.0, 1.0), ratio=(1.0, 1.0), flip=0.0)
    return ImageClassification(images, protocol, augmentation=still, label_smoothing=0.0, device=device)
