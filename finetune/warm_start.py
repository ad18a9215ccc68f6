"""What happens before the first step: a head on frozen features, which may be all that the target needs."""

import math
from collections.abc import Sequence

from roadworthy.model_cards import Metric, Target

from .checkpoint import State
from .evaluation import evaluate
from .setting import Setting
from .task import Batch, Look


def warm_start(state: State, setting: Setting[Batch], *, new_head: bool, answers_at_start: bool) -> Metric | None:
    """Fits a new head where the recipe says so, or measures one that was trained already.

    Returns:
        The last validation metric, if any was measured.
    """
    metric: Metric | None = None
    if new_head and setting.recipe.fit_head_first:
        metric = _fit_head(state, setting)
    if answers_at_start:
        metric = evaluate(state, setting)
    state.progress.warm_started = True
    return metric


def _fit_head(state: State, setting: Setting[Batch]) -> Metric | None:
    """Looks at a head fitted on more and more examples, until the target holds or is out of reach.

    Each look counts as two evaluations, independent of one another: the training examples, answered by fits that
    had not seen them, and validation. So a target that holds for three evaluations needs validation twice.
    """
    journal, metric = setting.journal, None
    last: Look | None = None
    looks: list[float] = []
    for look in setting.work.warm_start(state.model, seed=setting.seed, report=setting.report, world=setting.world):
        last, state.progress.samples = look, look.samples
        journal.evaluating(state)
        inside = journal.evaluated(state, look.out_of_fold, stage="head", look="out-of-fold")
        metric = journal.evaluated(state, look.validation, stage="head")
        looks.append((inside.value + metric.value) / 2)
        if state.progress.held:
            break
        if out_of_reach(looks, look.samples, setting.work.size("train"), journal.target):
            break
    if last is not None:
        setting.world.adopt(state.model)
        journal.keep(last)
        journal.note("warm_start", last.samples)
        state.average.restart(state.model)
    return metric


def out_of_reach(looks: Sequence[float], samples: int, total: int, target: Target | None) -> bool:
    """Whether a head alone will not meet the target, however many of the examples it is fitted on.

    ``looks`` are shares, one for each doubling. Each doubling to come is granted the last one's gain and a standard
    error more: sqrt(p (1 - p) / n) of a share of n examples, so that bad luck is no reason to give up.
    """
    if target is None or target.relation != ">=" or len(looks) < 2:
        return False
    share = min(max(looks[-1], 0.0), 1.0)
    gain = max(looks[-1] - looks[-2], 0.0) + math.sqrt(share * (1 - share) / samples)
    return looks[-1] + gain * math.log2(max(1.0, total / samples)) < target.threshold
