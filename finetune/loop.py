"""The training loop: top to bottom, for every task.

Nothing in it is random: the order of the data, the crops and the dropout masks are functions of the
seed and the step, so that a run goes on from a checkpoint with the same bits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from roadworthy.model_cards import Metric, Row, score

from .checkpoint import Progress, State
from .evaluation import evaluate, validate
from .finders import found_choices
from .layout import lay_out
from .probe import better_choices, probe_is_due
from .setting import Setting
from .step import take
from .task import Batch
from .warm_start import warm_start


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How training ended: the last validation metric with the answers it was made of, and whether the target held."""

    progress: Progress
    metric: Metric
    held: bool
    answers: Sequence[Row]


def train(state: State, setting: Setting[Batch], *, new_head: bool, answers_at_start: bool) -> Outcome:
    """Trains until the target holds or the epochs are over; ``state`` may be that of a checkpoint.

    ``new_head``: the head was not trained yet, so it may be fitted first. ``answers_at_start``: it was, and fits
    the data, so that the model is worth measuring as it is.
    """
    journal, plan = setting.journal, setting.plan
    metric: Metric | None = None
    lay_out(state.model, state.choices)
    if not state.progress.warm_started:
        metric = warm_start(state, setting, new_head=new_head, answers_at_start=answers_at_start)
        if not state.progress.held:
            journal.chose(state, found_choices(state, setting))
    while state.progress.step < plan.total and not state.progress.held:
        setting.watch.start()
        step = setting.order.step(state.progress.step)
        setting.losses.note(step, take(state, setting, step))
        journal.stepped(state, setting.losses.fresh())
        if probe_is_due(state, setting):
            setting.watch.stop(state.progress)
            journal.chose(state, better_choices(state, setting))
            lay_out(state.model, state.choices)
        if state.progress.step % plan.every == 0 or state.progress.step == plan.total:
            metric = evaluate(state, setting)
        if journal.due(setting.recipe.checkpoint_seconds):
            setting.watch.stop(state.progress)
            setting.losses.check()
            journal.save(state)
    journal.ended(state)
    state.average.adopt(state.model)
    if metric is None:  # gone on from a checkpoint that was already at the end
        rows = validate(state, setting)
        return Outcome(
            progress=state.progress, metric=score(setting.work.protocol, rows), held=state.progress.held, answers=rows
        )
    return Outcome(progress=state.progress, metric=metric, held=state.progress.held, answers=journal.answers)
