"""Fine-tuning steps of BERT-Large for question answering, sequences a second: padded to 384 tokens, and bucketed.

    python benchmarks/gpu/bert_large_squad.py                        # one GPU
    python benchmarks/gpu/bert_large_squad.py --device cpu --small   # that it runs

Random weights and tokens: only the speed is measured. The engine has no task of question answering yet, so this is
transformers' BertForQuestionAnswering in the engine's own steps, over a workload of this folder (``questions.py``).
"""

from typing import Any

import numpy as np
import torch
from engine import Size, arguments, breakdown, engine, peak_teraflops, seconds_per_step
from questions import Questions
from report import Benchmark, leave, row

from roadworthy.finetune.recipe import Recipe

BENCHMARK = Benchmark(
    stem="gpu-bert-large",
    title="BERT-Large: sequences a second in fine-tuning for question answering",
    unit="sequences",
    wanted="600 sequences a second on one H200; published with the usual code, padded to 384 tokens: 350.",
    how=(
        "transformers' model in the engine's own steps, 384 tokens at most, bfloat16, AdamW, gradient clipped; random "
        "weights, tokens and lengths (log-normal, median 150), so the bucketed line depends on lengths that are made "
        "up. MFU: 6 FLOP for each weight of the encoder and token, and 12 · layers · hidden · length for attention; "
        "padding counts as work in the padded line, and does not in the bucketed one."
    ),
    again="python benchmarks/gpu/bert_large_squad.py",
)


def main() -> None:
    """Measures both ways of padding, prints, leaves the page."""
    asked, size = arguments(__doc__, full=Size(batch=32, steps=100, warmup=20), small=Size(batch=2, steps=2, warmup=1))
    device = torch.device(asked.device)
    longest = 64 if asked.small else 384
    measured = [one(bucketed, longest, size, device, asked) for bucketed in (False, True)]
    leave(BENCHMARK, measured, device, asked.results)


def one(bucketed: bool, longest: int, size: Size, device: torch.device, asked: Any) -> dict[str, Any]:
    """One way of padding, from a fresh model."""
    from transformers import BertConfig, BertForQuestionAnswering

    shape = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
    if asked.small:
        shape = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 512}
    torch.manual_seed(0)
    model = BertForQuestionAnswering(BertConfig(**shape)).to(device)
    recipe = plain_recipe(size.batch, on_gpu=device.type == "cuda")
    work = Questions(
        64 * size.batch, longest=longest, vocabulary=model.config.vocab_size, bucketed=bucketed, device=device
    )
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    state, setting = engine(work, model, recipe, device, compiled=asked.compile)
    return row(
        f"{'batches of like length' if bucketed else f'padded to {longest}'}{', compiled' if asked.compile else ''}",
        batch=size.batch,
        seconds=seconds_per_step(state, setting, size),
        flops=size.batch * flops(model, work.lengths if bucketed else np.array([longest])),
        peak=peak_teraflops(device),
        parts=breakdown(state, setting, size),
    )


def flops(model: Any, lengths: np.ndarray) -> float:
    """Forward and backward of one sequence on average, its embeddings left out (arXiv 2001.08361, section 2.1)."""
    of = model.config
    weights = sum(parameter.numel() for parameter in model.bert.encoder.parameters())
    attention = 12 * of.num_hidden_layers * of.hidden_size * lengths
    return float(((6 * weights + attention) * lengths).mean())


def plain_recipe(batch: int, *, on_gpu: bool) -> Recipe:
    """What BERT's authors fine-tune with, all layers trained, nothing averaged."""
    return Recipe(
        name="bert-squad",
        optimizer="adamw",
        learning_rate=3e-5,
        momentum=0.9,
        weight_decay=0.01,
        batch_size=batch,
        epochs=2,
        warmup_epochs=0.2,
        label_smoothing=0.0,
        fit_head_first=False,
        frozen_share=0.0,
        freeze_normalisation=False,
        ema_decay=None,
        evaluations_per_epoch=1,
        hold=2,
        precision="bfloat16" if on_gpu else "float32",
        checkpoint_seconds=1e9,
        clip_norm=1.0,
    )


if __name__ == "__main__":
    main()
