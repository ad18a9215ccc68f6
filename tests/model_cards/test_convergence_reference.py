"""Which runs may be compared: the same road, and a reference with enough attempts."""

import dataclasses
from typing import Any

import pytest

from roadworthy.model_cards import Attempt, Claim, InputError, Target, series_of
from roadworthy.model_cards.certificate import SplitRecord
from roadworthy.model_cards.convergence_reference import compare_with


def trained(claim: Claim, samples: int, **changes: Any) -> Claim:
    """The claim of a run on three known parts that reached its target after ``samples``."""
    assert claim.training is not None
    parts: dict[str, Any] = {name: SplitRecord(n=10, fingerprint=name * 8) for name in ("train", "validation")}
    clocks = dataclasses.replace(claim.training.clocks, samples=samples)
    return dataclasses.replace(
        claim,
        data=dataclasses.replace(claim.data, **parts),
        training=dataclasses.replace(claim.training, clocks=clocks, **changes),
    )


def reference(claim: Claim, *samples: int, failed: int = 0) -> Claim:
    """A claim whose series took those samples, and so many failures."""
    made = trained(claim, samples[0] if samples else 1)
    assert made.training is not None
    attempts = [
        Attempt(seed=n, clocks=dataclasses.replace(made.training.clocks, samples=one)) for n, one in enumerate(samples)
    ]
    lost = dataclasses.replace(made.training.clocks, target_met=False, samples=5)
    attempts += [Attempt(seed=99, clocks=lost)] * failed
    return dataclasses.replace(made, training=dataclasses.replace(made.training, series=series_of(attempts)))


RUNS = (6400, 7040, 5760, 6400, 8320)


@pytest.mark.parametrize(("samples", "faster"), [(80, True), (6400, False)])
def test_a_run_on_the_same_road_is_compared(claim: Claim, samples: int, faster: bool) -> None:
    """With the reference's own runs; its certificate is named, its failures have no samples to the target."""
    found = compare_with(reference(claim, *RUNS, failed=1), trained(claim, samples), "ab" * 32)
    assert (found.reference, found.samples, found.faster) == (RUNS, samples, faster)
    assert found.certificate_sha256 == "ab" * 32


def _part(name: str) -> Any:
    return lambda c: dataclasses.replace(
        c, data=dataclasses.replace(c.data, **{name: SplitRecord(n=10, fingerprint="other")})
    )


def _training(**changes: Any) -> Any:
    return lambda c: dataclasses.replace(c, training=dataclasses.replace(c.training, **changes))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_part("train"), "the train data"),
        (_part("validation"), "the validation data"),
        (_part("test"), "the test data"),
        (_training(target=Target.parse("top1>=0.5")), r"the target \(top1>=0.5 against top1>=0.7\)"),
        (
            lambda c: dataclasses.replace(c, protocol=dataclasses.replace(c.protocol, family="image-other")),
            "the protocol",
        ),
        (
            lambda c: dataclasses.replace(c, start=dataclasses.replace(c.start, weights_sha256="1")),
            "the start's weights",
        ),
        (lambda c: dataclasses.replace(c, start=dataclasses.replace(c.start, kind="parent")), "the start"),
        (lambda c: dataclasses.replace(c, architecture_sha256="1" * 64), "the architecture"),
        (lambda c: dataclasses.replace(c, training=None), "was not trained here"),
    ],
)
def test_another_road_is_not_compared(claim: Claim, change: Any, said: str) -> None:
    """The message says what differs."""
    with pytest.raises(InputError, match=f"not comparable: .*{said}"):
        compare_with(reference(claim, *RUNS), change(trained(claim, 80)))


def test_a_run_that_never_arrived_is_not_compared(claim: Claim) -> None:
    """Its samples are not samples to the target."""
    run = trained(claim, 80)
    assert run.training is not None
    lost = dataclasses.replace(run.training, clocks=dataclasses.replace(run.training.clocks, target_met=False))
    with pytest.raises(InputError, match="did not reach its target"):
        compare_with(reference(claim, *RUNS), dataclasses.replace(run, training=lost))


@pytest.mark.parametrize(
    ("runs", "failed", "said"),
    [
        (RUNS[:4], 3, "the reference has 4 attempts that reached the target; at least 5 are needed"),
        ((0, *RUNS), 0, "without a step of training"),
    ],
)
def test_a_reference_that_says_too_little(claim: Claim, runs: tuple[int, ...], failed: int, said: str) -> None:
    """Failures do not make up for runs."""
    with pytest.raises(InputError, match=said):
        compare_with(reference(claim, *runs, failed=failed), trained(claim, 80))


def test_a_reference_of_one_run_is_none(claim: Claim) -> None:
    """One seed has no spread."""
    with pytest.raises(InputError, match="holds no series of attempts"):
        compare_with(trained(claim, 80), trained(claim, 80))
