"""The finders measure without leaving a trace, and find what is there to be found."""

import dataclasses
import time

import pytest
import torch
from torch import nn

from roadworthy.finetune.finders import found_choices
from roadworthy.finetune.micro_batch import fastest_micro_batch
from roadworthy.finetune.probe import better_choices, probe_is_due
from roadworthy.finetune.range_test import below_minimum, learning_rate_found
from roadworthy.finetune.trial import without_trace

from .conftest import Begin
from .lines import Lines


class Slow(Lines):
    """A forward pass of 8 points costs as little for each as any; other sizes cost more."""

    def loss(self, model: nn.Module, batch: list[int]) -> torch.Tensor:
        """A pause of 4 ms a pass, and 2 ms for each point beyond eight."""
        time.sleep(0.004 + 0.002 * max(0, len(batch) - 8))
        return super().loss(model, batch)


def test_the_fastest_micro_batch_is_found(begin: Begin) -> None:
    """Four passes of 8 take 16 ms, two of 16 take 40: more than twice, so 32 is not even tried."""
    state, setting = begin(Slow())
    choices, measured = fastest_micro_batch(state, setting)
    assert choices.micro_batch == 8
    assert measured["8"] < measured["16"]


def test_a_micro_batch_that_does_not_fit_is_not_taken(begin: Begin) -> None:
    """16 is the largest that fits, and 32 is not among the figures."""
    state, setting = begin(Lines(room=16))
    choices, measured = fastest_micro_batch(state, setting)
    assert choices.micro_batch <= 16
    assert set(measured) == {"8", "16"}


def test_the_range_test_leaves_no_trace(begin: Begin) -> None:
    """Weights, optimizer and buffers are afterwards what they were, bit for bit."""
    state, setting = begin(Lines())
    before = {key: value.clone() for key, value in state.model.state_dict().items()}
    learning_rate_found(state, setting)
    assert all(torch.equal(value, before[key]) for key, value in state.model.state_dict().items())
    assert state.optimizer.state_dict()["state"] == {}


def test_the_range_test_on_a_quadratic(begin: Begin) -> None:
    """Plain SGD on the mean squared error of a line, whose curvature is 2: the loss falls faster the larger the rate,
    up to the end of the range at 0.1, far from 1.0, where it would diverge."""
    state, setting = begin(Lines(), optimizer="sgd", momentum=0.0, weight_decay=0.0)
    rate, losses = learning_rate_found(state, setting)
    assert 0.005 <= rate <= 0.01
    assert len(losses) == 40


def test_a_tenth_of_the_rate_of_the_lowest_loss() -> None:
    """By hand: lowest at 1.0; what comes after a divergence does not count."""
    assert below_minimum([0.01, 0.1, 1.0, 10.0], [5.0, 4.0, 2.0, 9.0]) == pytest.approx(0.1)
    assert below_minimum([0.01, 0.1, 1.0], [1.0, 2.0, float("nan")]) == pytest.approx(0.001)


def test_only_what_the_recipe_asks_for_is_measured(begin: Begin) -> None:
    """Without a wish, the recipe is taken as it is."""
    state, setting = begin(Lines())
    decision = found_choices(state, setting)
    assert decision.why == "the recipe"
    assert decision.choices == state.choices


def test_a_trial_puts_statistics_back() -> None:
    """Batch normalisation's running statistics move in training mode; after a trial they stand where they stood."""
    model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4)).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with without_trace(model):
        model(torch.randn(16, 2)).sum().backward()
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_short_run_is_not_probed_for_long(begin: Begin) -> None:
    """Ten steps of a millisecond are left: nothing is tried, and the log can say why."""
    state, setting = begin(Lines())
    state.progress.step, state.progress.train_seconds = 3, 0.003
    setting = dataclasses.replace(setting, plan=dataclasses.replace(setting.plan, total=13))
    assert probe_is_due(state, setting)
    decision = better_choices(state, setting)
    assert decision.why == "too little is left to measure anything"
    assert decision.choices == state.choices
    assert not probe_is_due(state, setting)


def test_a_long_run_is_probed(begin: Begin) -> None:
    """A thousand steps are left: what was tried is timed beside what the run began with."""
    state, setting = begin(Lines())
    state.progress.step, state.progress.train_seconds = 3, 0.003
    setting = dataclasses.replace(setting, plan=dataclasses.replace(setting.plan, total=1003))
    decision = better_choices(state, setting)
    assert decision.why == "measured on the run's next batch"
    assert decision.measured["seconds_left"] == pytest.approx(1.0)
    assert decision.measured["as_begun"] > 0
    # A linear model has no kernels, so memory formats are not tried; a second is too short to compile.
    assert set(decision.measured) <= {"seconds_left", "as_begun", "bfloat16"}
