"""One measurement of a snapshot under one condition, in a process of its own: what ``tolerance.py`` starts.

    python benchmarks/remeasure.py SNAPSHOT DATA CACHE OUT CONDITION

CONDITION is the JSON of a `Condition`; OUT receives evidence, as the clean process writes it.
"""

import contextlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from roadworthy.finetune.environment import make_deterministic
from roadworthy.finetune.open_model import open_snapshot
from roadworthy.finetune.precision import autocast
from roadworthy.model_cards import evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What differs from the clean process.

    One thread, unless more are asked for, so that what else the machine does costs little. ``batch``: examples at
    once, by default as the task packs them. ``layout`` of the weights, and of images.
    ``variables`` are of the environment, read when torch is imported.
    """

    name: str
    arithmetic: str = "float32 on CPUs"
    tasks: tuple[str, ...] = ("image", "text", "clicks", "ratings", "catalogue", "rankings")
    threads: int = 1
    batch: int | None = None
    precision: str = "float32"
    weights: str = "float32"
    layout: str | None = None
    compiled: bool = False
    deterministic: bool = False
    onednn: bool = True
    attention: str | None = None
    variables: dict[str, str] = field(default_factory=dict)


LAYOUTS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}


def main(snapshot: str, data: str, cache: str, out: str, condition: str) -> None:
    """Answers the test part and writes the evidence."""
    asked = Condition(**json.loads(condition))
    torch.set_num_threads(asked.threads)
    make_deterministic(torch.device("cpu"))
    torch.use_deterministic_algorithms(asked.deterministic)
    opened = open_snapshot(Path(snapshot))
    told = opened.task.read(
        Path(data), opened.config, to_measure=True, options={}, cache=Path(cache), report=lambda *_, **__: None
    )
    work = opened.task.workload(told, opened.config, None, torch.device("cpu"))
    model = prepared(opened.model, asked)
    rows = []
    with torch.inference_mode(), torch.backends.mkldnn.flags(enabled=asked.onednn), attention(asked.attention):
        for numbers in batches(work, asked.batch):
            batch = shaped(work.plain_batch("test", numbers), asked)
            with autocast(asked.precision, torch.device("cpu")):
                rows += work.answers(model, batch)
    Path(out).write_bytes(evidence.dump(rows))


def batches(work: Any, size: int | None) -> Iterator[list[int]]:
    """The test part in the order in which the clean process takes it, ``size`` at once."""
    packed = work.plain_batches("test")
    if size is None:
        yield from packed
        return
    numbers = [number for batch in packed for number in batch]
    yield from (numbers[start : start + size] for start in range(0, len(numbers), size))


def prepared(model: nn.Module, asked: Condition) -> nn.Module:
    """The model with its weights as the condition has them."""
    if asked.weights == "bfloat16":
        model = model.to(torch.bfloat16)
    if asked.layout is not None:
        model = model.to(memory_format=LAYOUTS[asked.layout])
    if asked.compiled:
        model = torch.compile(model)  # type: ignore[assignment]
    return model


def shaped(batch: Any, asked: Condition) -> Any:
    """The batch in the condition's layout and type."""
    if asked.weights == "bfloat16" and hasattr(batch, "numeric"):
        return replace(batch, numeric=batch.numeric.to(torch.bfloat16))
    if asked.weights == "bfloat16" and hasattr(batch, "inputs"):
        numeric, ids = batch.inputs
        return replace(batch, inputs=(numeric.to(torch.bfloat16), ids))
    if not hasattr(batch, "images"):
        return batch
    images = batch.images
    if asked.layout is not None:
        images = images.contiguous(memory_format=LAYOUTS[asked.layout])
    return replace(batch, images=images.to(torch.bfloat16) if asked.weights == "bfloat16" else images)


def attention(kernel: str | None) -> contextlib.AbstractContextManager[Any]:
    """Only this kernel of scaled dot-product attention."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    return sdpa_kernel(getattr(SDPBackend, kernel)) if kernel else contextlib.nullcontext()


if __name__ == "__main__":
    main(*sys.argv[1:])
