"""The test, off the clock: every contender's weights answer the same examples, read by the same code."""

from collections.abc import Callable
from typing import Any

from case import Case

# Images float32 [B, 3, 128, 128] in, logits [B, C] out; or a text classifier of transformers.
Model = Callable[..., Any]
_BATCH = 64
MAX_LENGTH = 64  # tokens


def correct_on_test(case: Case, model: Model) -> int:
    """How many test examples ``model`` gets right."""
    import torch

    right = 0
    batches = _images(case) if case.kind == "image" else _texts(case)
    with torch.inference_mode():
        for inputs, truth in batches:
            found = model(inputs.to(case.device)) if case.kind == "image" else model(**inputs.to(case.device)).logits
            right += int((found.float().argmax(1).cpu() == truth).sum())
    return right


def _images(case: Case) -> Any:
    import torch
    from image_files import evaluation_image

    for batch in _batches(case):
        yield torch.stack([evaluation_image(path) for path, _ in batch]), torch.tensor([label for _, label in batch])


def _texts(case: Case) -> Any:
    import torch
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(case.snapshot)
    for batch in _batches(case):
        inputs = tokenizer(
            [text for text, _ in batch], truncation=True, max_length=MAX_LENGTH, padding=True, return_tensors="pt"
        )
        yield inputs, torch.tensor([label for _, label in batch])


def _batches(case: Case) -> Any:
    return (case.test[start : start + _BATCH] for start in range(0, len(case.test), _BATCH))
