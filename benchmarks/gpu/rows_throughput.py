"""Training steps of DLRM, NeuMF and Wide & Deep at the references' sizes: rows (of NeuMF pairs) a second.

    python benchmarks/gpu/rows_throughput.py                        # one GPU with 80 GB
    python benchmarks/gpu/rows_throughput.py --device cpu --small   # that it runs

Random rows: only the speed is measured. Tables are those of Criteo at frequency threshold 15 (32,709,138 rows),
MovieLens-20M and Outbrain; batches are the references'.
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from engine import Size, arguments, breakdown, engine, peak_teraflops, seconds_per_step
from report import Benchmark, leave, row
from torch import nn

from roadworthy.finetune.examples import Dataset
from roadworthy.finetune.recipe import Recipe
from roadworthy.finetune.tabular import click_recipes, models, rating_recipes
from roadworthy.finetune.tabular.click_workload import ClickWorkload
from roadworthy.finetune.tabular.encoder import Encoder
from roadworthy.finetune.tabular.interactions import Interactions
from roadworthy.finetune.tabular.number_scale import Scale
from roadworthy.finetune.tabular.rating_data import Ratings
from roadworthy.finetune.tabular.rating_workload import NEGATIVES, RatingWorkload
from roadworthy.finetune.tabular.row_examples import Members, RowExamples
from roadworthy.finetune.tabular.row_split import RowSplit
from roadworthy.finetune.tabular.schema import Categorical, Schema
from roadworthy.finetune.tabular.source import RowSource
from roadworthy.finetune.tabular.store import Store
from roadworthy.finetune.tabular.vocabulary import RESERVED, Vocabulary
from roadworthy.model_cards.protocols_of_scores import click_through, sampled_recommendation

BENCHMARK = Benchmark(
    stem="gpu-rows",
    title="DLRM, NeuMF and Wide & Deep: rows a second in training",
    unit="rows",
    wanted=(
        "DLRM 3.9 million rows a second: NVIDIA's reference takes 17:47 minutes on one A100 for 64,014 steps of 65,536 "
        "rows. NeuMF 52 to 70 million pairs a second, published for one H100."
    ),
    how=(
        "the engine's own steps over random rows on the device, tables at the references' sizes (Wide & Deep's "
        "all 64 wide), their batches (65,536 rows, a million pairs, 131,072 rows) and optimizers (SGD, Adam, Adam), "
        "bfloat16; 16 batches, shuffled anew in each epoch. Negatives of NeuMF are drawn in each step. MFU: 6 FLOP for "
        "each weight of a layer and row, and DLRM's products of pairs."
    ),
    again="python benchmarks/gpu/rows_throughput.py",
)
CRITEO = (*[32_709_138 // 26] * 25, 32_709_138 - 25 * (32_709_138 // 26))
MOVIELENS = (138_493, 26_744)
OUTBRAIN = (
    *(300_000, 250_000, 100_000, 5_000, 4_000, 4_000, 2_500, 2_500),
    *(2_000, 1_000, 1_000, 300, 4, 350, 10_000, 100),
)
SMALL = {"dlrm": (500,) * 26, "neumf": (900, 700), "wide_deep": (200,) * 16}
BATCHES = {"dlrm": 65_536, "neumf": 2**20 // (1 + NEGATIVES), "wide_deep": 131_072}


def main() -> None:
    """Measures the three, prints, leaves the page."""
    asked, size = arguments(__doc__, full=Size(batch=0, steps=50, warmup=10), small=Size(batch=64, steps=2, warmup=1))
    device = torch.device(asked.device)
    full = {"dlrm": CRITEO, "neumf": MOVIELENS, "wide_deep": OUTBRAIN}
    measured = [
        one(name, SMALL[name] if asked.small else full[name], size, device, asked)
        for name in ("dlrm", "neumf", "wide_deep")
    ]
    leave(BENCHMARK, measured, device, asked.results)


def one(name: str, sizes: tuple[int, ...], size: Size, device: torch.device, asked: Any) -> dict[str, Any]:
    """One model, from random weights."""
    batch = size.batch or BATCHES[name]
    recipe = dataclasses.replace(_recipe(name, batch), precision="bfloat16" if device.type == "cuda" else "float32")
    torch.manual_seed(0)
    store = rows(sizes, 16 * batch, ratings=name == "neumf")
    with device:
        model = models.build(name, store.encoder, {"width": 8} if asked.small else {})
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    work = _work(store, device)
    state, setting = engine(work, model, recipe, device, compiled=asked.compile)
    counted = batch * (1 + NEGATIVES) if name == "neumf" else batch
    return row(
        f"{name}, tables of {sum(sizes):,} rows{', compiled' if asked.compile else ''}",
        batch=counted,
        seconds=seconds_per_step(state, setting, size),
        flops=counted * _flops(model),
        peak=peak_teraflops(device),
        parts=breakdown(state, setting, size),
    )


def _recipe(name: str, batch: int) -> Recipe:
    if name == "neumf":
        return rating_recipes.reference(on_gpu=True, batch_size=batch)
    made = click_recipes.reference if name == "dlrm" else click_recipes.adam
    return made(on_gpu=True, batch_size=batch)


def _flops(model: nn.Module) -> float:
    """Forward and backward of one row: its layers, and each pair's product where vectors are multiplied."""
    layers = sum(module.weight.numel() for module in model.modules() if isinstance(module, nn.Linear))
    pairs = getattr(model, "pairs", None)
    return 6.0 * (layers + (0 if pairs is None else pairs.shape[1] * model.tables.width))


def rows(sizes: tuple[int, ...], count: int, *, ratings: bool) -> Store:
    """``count`` rows of random numbers and categories, as a table that was read."""
    draw = np.random.default_rng(0)
    numeric = 0 if ratings else 13
    schema = Schema(
        shape="ratings" if ratings else "clicks",
        label=None if ratings else "label",
        numeric=tuple(f"n{n}" for n in range(numeric)),
        categorical=tuple(Categorical(name=f"c{n}") for n in range(len(sizes))),
        user="c0" if ratings else None,
        item="c1" if ratings else None,
    )
    # A vocabulary of the size, whose words nobody reads.
    words = tuple(Vocabulary(values=pa.nulls(size - RESERVED, pa.string())) for size in sizes)
    scales = tuple(Scale(mean=0.0, deviation=1.0, log=False, indicator=False) for _ in range(numeric))
    ids = np.stack([draw.integers(0, size, count, dtype=np.int32) for size in sizes], axis=1)
    return Store(
        folder=Path("unused"),
        encoder=Encoder(schema=schema, vocabularies=words, scales=scales),
        split=RowSplit(given=frozenset(), unit="files", content="row's"),
        files=("rows",),
        numeric=draw.standard_normal((count, numeric), dtype=np.float32),
        ids=ids,
        label=None if ratings else draw.integers(0, 2, count, dtype=np.uint8),
        part=np.zeros(count, np.uint8),
        digest=np.zeros((count, 16), np.uint8),
        place=np.zeros(count, np.int64),
        time=None,
        group=None,
        user=None,
        item=None,
    )


def _work(store: Store, device: torch.device) -> ClickWorkload | RatingWorkload:
    source = RowSource(store=store)
    examples = RowExamples(
        labels=(),
        members=Members(source, np.arange(len(store), dtype=np.int32)),
        split=store.split,
        origin="made up",
        noun="row",
    )
    if store.schema.shape == "clicks":
        return ClickWorkload(
            Dataset(examples=examples, payload=store, warm=True), click_through(), store.encoder, device
        )
    nothing = Interactions(indptr=np.zeros(store.encoder.sizes[0] + 1, np.int64), items=np.empty(0, np.int32))
    ratings = Ratings(store=store, taken=nothing, fields={})
    return RatingWorkload(
        Dataset(examples=examples, payload=ratings, warm=True), sampled_recommendation(), store.encoder, device
    )


if __name__ == "__main__":
    main()
