"""What happens before the first step: a head on frozen features, which may be all that the target needs."""

from roadworthy.model_cards import Metric

from .checkpoint import State
from .evaluation import evaluate
from .setting import Setting
from .task import Batch


def warm_start(state: State, setting: Setting[Batch], *, new_head: bool, answers_at_start: bool) -> Metric | None:
    """Fits a new head where the recipe says so, or measures one that was trained already.

    Each look counts as two evaluations, independent of one another: the training examples, answered by fits that
    had not seen them, and validation. So a target that holds for two evaluations needs both, and the run may
    stop here.

    Returns:
        The last validation metric, if any was measured.
    """
    metric: Metric | None = None
    if new_head and setting.recipe.fit_head_first:
        samples = 0
        for look in setting.work.warm_start(state.model, seed=setting.seed, report=setting.report, world=setting.world):
            samples = look.samples
            setting.journal.evaluating(state)
            seen = {"samples_count": samples, "epoch_num": samples / setting.work.size("train"), "stage": "head"}
            setting.journal.evaluated(state, look.out_of_fold, **seen, look="out-of-fold")
            metric = setting.journal.evaluated(state, look.validation, **seen)
            if state.progress.held:
                break
        if samples:
            setting.world.adopt(state.model)
            setting.journal.note("warm_start", samples)
            state.average.restart(state.model)
    if answers_at_start:
        metric = evaluate(state, setting)
    state.progress.warm_started = True
    return metric
