"""Fine-tuning steps of ResNet-50 at 224 pixels, a second: the engine over pixels that lie on the device.

    python benchmarks/gpu/resnet50_throughput.py                        # one GPU
    python benchmarks/gpu/resnet50_throughput.py --device cpu --small   # that it runs

Random weights and random pixels: only the speed is measured. All layers are trained, in bfloat16, channels last,
with random resized crops made on the device.
"""

import dataclasses

import numpy as np
import torch
from engine import Size, arguments, breakdown, engine, peak_teraflops, seconds_per_step
from report import Benchmark, leave, row

from roadworthy.finetune.architectures import build
from roadworthy.finetune.examples import Dataset, Example, Examples
from roadworthy.finetune.image_recipes import head_first
from roadworthy.finetune.image_workload import ImageWorkload
from roadworthy.finetune.pixel_store import PixelStore
from roadworthy.finetune.recipe import Recipe
from roadworthy.finetune.split import Split
from roadworthy.model_cards import CATALOGUE, image_top1
from roadworthy.model_cards.catalogue import IMAGENET_MEAN, IMAGENET_STD

# 4.1 GMAC in a forward pass of one image of 224 pixels (He et al. 2016, table 1, has 3.8 for v1; v1.5 moves a
# stride); two FLOP each, and backward takes twice forward's.
FLOPS = 3 * 2 * 4.1e9
CLASSES = 1_000
BENCHMARK = Benchmark(
    stem="gpu-resnet50",
    title="ResNet-50: images a second in fine-tuning",
    unit="images",
    wanted="6,000 images a second on one H200; published with the usual code: 3,079.",
    how=(
        "the engine's own steps over random pixels on the device, 224 px, bfloat16, channels last, all layers "
        "trained, crops made on the device; MFU from 24.6 GFLOP an image, forward and backward."
    ),
    again="python benchmarks/gpu/resnet50_throughput.py",
)


def main() -> None:
    """Measures, prints, leaves the page."""
    asked, size = arguments(__doc__, full=Size(batch=256, steps=100, warmup=20), small=Size(batch=4, steps=2, warmup=1))
    device = torch.device(asked.device)
    crop = 64 if asked.small else 224
    recipe = dataclasses.replace(
        head_first(on_gpu=device.type == "cuda"),
        batch_size=size.batch,
        frozen_share=0.0,
        freeze_normalisation=False,
        epochs=100,
    )
    torch.manual_seed(0)
    model = build(CATALOGUE["resnet50-v1.5"].architecture, num_classes=CLASSES).to(device)
    work = workload(8 * size.batch, crop, recipe, device)
    state, setting = engine(work, model, recipe, device, compiled=asked.compile)
    measured = row(
        f"ResNet-50, {crop} px{', compiled' if asked.compile else ''}",
        batch=size.batch,
        seconds=seconds_per_step(state, setting, size),
        flops=size.batch * FLOPS * (crop / 224) ** 2,
        peak=peak_teraflops(device),
        parts=breakdown(state, setting, size),
    )
    leave(BENCHMARK, [measured], device, asked.results)


def workload(n: int, crop: int, recipe: Recipe, device: torch.device) -> ImageWorkload:
    """``n`` images of random pixels, their short side as long as the protocol has it."""
    side = crop * 256 // 224
    pixels = np.random.default_rng(0).integers(0, 256, n * side * side * 3, dtype=np.uint8)
    examples = Examples(
        labels=tuple(map(str, range(CLASSES))),
        members=tuple(Example(id=str(i), truth=i % CLASSES, part="train", name=f"{i}.jpg", row=i) for i in range(n)),
        split=Split(given=frozenset(), unit="folders", content="pixels'"),
        origin="made up",
        noun="image",
    )
    whole = np.full(n, side, dtype=np.int64)
    store = PixelStore(flat=pixels, offset=np.arange(n, dtype=np.int64) * side * side * 3, height=whole, width=whole)
    protocol = image_top1(resize=side, crop=crop, interpolation="bilinear", mean=IMAGENET_MEAN, std=IMAGENET_STD)
    return ImageWorkload(Dataset(examples=examples, payload=store, warm=True), protocol, recipe, device)


if __name__ == "__main__":
    main()
