"""What no machine can have done in the time is refused; what is not known refuses nobody. Figures by hand."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import Key

from roadworthy.model_cards import Claim, audit
from roadworthy.model_cards.certificate import Environment, SplitRecord
from roadworthy.model_cards.flops import Flops, told
from roadworthy.model_cards.peak_flops import peak_of

Builder = Callable[..., Path]
Keys = tuple[Key, ...]

RESNET50 = Flops(example=8_178_000_000, least=8_178_000_000)


def claimed(
    *, flops: Flops | None, accelerators: tuple[str, ...] = (), train: int = 60, validation: int = 20, **recipe: Any
) -> Callable[[Claim], Claim]:
    """A run of 80 samples in 7 s (the fixture's log) on ``train`` examples."""

    def change(claim: Claim) -> Claim:
        assert claim.training is not None
        machine = dataclasses.replace(claim.training.environment, accelerators=accelerators)
        clocks = claim.training.clocks
        return dataclasses.replace(
            claim,
            flops=flops,
            data=dataclasses.replace(
                claim.data,
                train=SplitRecord(n=train, fingerprint="a" * 64),
                validation=SplitRecord(n=validation, fingerprint="b" * 64),
            ),
            training=dataclasses.replace(
                claim.training, environment=machine, recipe=recipe, clocks=dataclasses.replace(clocks)
            ),
        )

    return change


def log_of(samples: int, train: int, run: float, line: Callable[..., str]) -> str:
    """A run that met its target at once, after so many samples and seconds."""
    return "".join(
        [
            line(1, "init_start", process_started=1_700_000_000.5),
            line(2, "run_start"),
            line(2 + run, "eval_accuracy", 0.9, samples_count=samples),
            line(
                2 + run, "run_stop", status="success", samples_count=samples, epoch_num=samples / train, train_seconds=0
            ),
        ]
    )


# 90 epochs of ImageNet on one H100: 115,305,030 samples, twice 8.178 GFLOPs each (forward, and the weights' gradients),
# and 50,000 validation images once are 1.886e18 FLOPs. Four times its peak is 3.958e15 a second: 476.5 s at least.
IMAGENET: dict[str, Any] = {"train": 1_281_167, "validation": 50_000, "frozen_share": 0.0, "fit_head_first": False}
EPOCHS_90 = 90 * 1_281_167
H100 = ("NVIDIA H100 80GB HBM3",)


@pytest.mark.parametrize(("seconds", "ok"), [(500.0, True), (460.0, False), (1.0, False)])
def test_ninety_epochs_of_imagenet_take_eight_minutes_at_least(
    certified_snapshot: Builder, keys: Keys, line: Callable[..., str], seconds: float, ok: bool
) -> None:
    """On one H100, were it to do nothing else and waste nothing."""
    log = log_of(EPOCHS_90, IMAGENET["train"], seconds, line)
    outcome = audit(certified_snapshot(log=log, lie=claimed(flops=RESNET50, accelerators=H100, **IMAGENET)), keys)
    assert outcome.ok is ok, outcome.reasons
    if not ok:
        assert outcome.reasons[0].startswith("the time is implausible: 230,660,060 passes of 8.18 GFLOPs or more in")
        assert "at most 3.96 PFLOPs/s (1 x NVIDIA H100 80GB HBM3; times 4" in outcome.reasons[0]


def test_eight_of_them_are_eight_times_as_fast(
    certified_snapshot: Builder, keys: Keys, line: Callable[..., str]
) -> None:
    """476.5 / 8 is 59.6 s."""
    change = claimed(flops=RESNET50, accelerators=8 * H100, **IMAGENET)
    assert audit(certified_snapshot("slow", log=log_of(EPOCHS_90, 1_281_167, 60.0, line), lie=change), keys).ok
    assert not audit(certified_snapshot("fast", log=log_of(EPOCHS_90, 1_281_167, 59.0, line), lie=change), keys).ok


def test_what_a_recipe_keeps_is_computed_once(
    certified_snapshot: Builder, keys: Keys, line: Callable[..., str]
) -> None:
    """With layers frozen only a pass of each distinct example is certain: 1,331,167 passes, 1.0886e16 FLOPs, 2.75 s."""
    frozen = IMAGENET | {"frozen_share": 0.5, "fit_head_first": True}
    change = claimed(flops=RESNET50, accelerators=H100, **frozen)
    assert audit(certified_snapshot("slow", log=log_of(EPOCHS_90, 1_281_167, 2.9, line), lie=change), keys).ok
    reasons = audit(certified_snapshot("fast", log=log_of(EPOCHS_90, 1_281_167, 2.6, line), lie=change), keys).reasons
    assert "1,331,167 passes of 8.18 GFLOPs" in reasons[0]


@pytest.mark.parametrize(
    ("flops", "accelerators", "check"),
    [
        (None, (), "time against arithmetic not checked: the FLOPs of a pass were not counted"),
        (RESNET50, ("Abacus 3000",), "time against arithmetic not checked: peak rate of Abacus 3000 is unknown"),
    ],
)
def test_what_is_not_known_refuses_nobody(
    certified_snapshot: Builder,
    keys: Keys,
    line: Callable[..., str],
    flops: Flops | None,
    accelerators: tuple[str, ...],
    check: str,
) -> None:
    """However fast; the audit says that it was not checked."""
    log = log_of(EPOCHS_90, 1_281_167, 1.0, line)
    outcome = audit(certified_snapshot(log=log, lie=claimed(flops=flops, accelerators=accelerators, **IMAGENET)), keys)
    assert outcome.ok, outcome.reasons
    assert check in outcome.checks


MACHINE = Environment(
    os="Linux", python="3.11", cpu="any", cores=2, memory_gib=8.0, accelerators=(), libraries={}, precision="float32",
    threads=2,
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("NVIDIA H200", 989.5e12),
        ("NVIDIA GH200 480GB", 989.5e12),
        ("NVIDIA H100 80GB HBM3", 989.5e12),
        ("NVIDIA H100 PCIe", 756.5e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA A100 80GB PCIe", 312e12),
        ("NVIDIA L40S", 366.5e12),
        ("NVIDIA L4", 121e12),
        ("Tesla T4", 65e12),
        ("Tesla V100-SXM2-16GB", 130e12),
        ("NVIDIA GeForce RTX 4090", 330.4e12),
        ("NVIDIA GeForce GT 430", None),
    ],
)
def test_the_rates_of_the_data_sheets(name: str, rate: float | None) -> None:
    """By the names that torch gives them."""
    found = peak_of(dataclasses.replace(MACHINE, accelerators=(name,)), precision="bfloat16")
    assert (found.rate if found else None) == rate


@pytest.mark.parametrize(
    ("precision", "processes", "rate"), [("float32", 1, 793.6e9), ("bfloat16", 1, 12_697.6e9), ("float32", 3, 2380.8e9)]
)
def test_the_bound_of_a_processor(precision: str, processes: int, rate: float) -> None:
    """2 cores x 6.2 GHz x 64; sixteen times as many in bfloat16; three times, as if on three machines."""
    found = peak_of(MACHINE, precision=precision, processes=processes)
    assert found is not None
    assert found.rate == pytest.approx(rate)


@pytest.mark.parametrize(
    ("value", "text"),
    [(8.178e9, "8.18 GFLOPs"), (3.958e15, "3.96 PFLOPs"), (12.0, "12 FLOPs"), (4e20, "400,000 PFLOPs")],
)
def test_how_they_are_told(value: float, text: str) -> None:
    """Three digits and a unit."""
    assert told(value) == text
