"""What training writes down: evaluations, checkpoints and the end, in the log and for whoever watches."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from roadworthy.model_cards import Metric, Protocol, Row, Target, score
from roadworthy.model_cards.stopping import StoppingRule

from . import checkpoint, held_out
from .checkpoint import State
from .choices import Decision
from .event_log import EventLog
from .meter import Meter
from .optimizer import schedule
from .plan import Plan
from .progress import Report
from .run_folder import HELD_OUT
from .table_parts import write_together
from .table_state import shares_of
from .task import Look
from .world import World


class Journal:
    """Writes for one run; in a world of many processes only the leading one leaves anything on disk."""

    def __init__(
        self,
        *,
        log: EventLog,
        meter: Meter,
        plan: Plan,
        rule: StoppingRule,
        protocol: Protocol,
        path: Path,
        report: Report,
        world: World,
        device: torch.device,
    ) -> None:
        self._log, self._meter, self._plan, self._rule, self._protocol = log, meter, plan, rule, protocol
        self._path, self._report, self._world, self._device = path, report, world, device
        self._saved = time.monotonic()
        self._rate: float | None = None  # examples a second, as of the last evaluation
        self.answers: Sequence[Row] = ()  # to the last evaluation on validation

    @property
    def target(self) -> Target | None:
        """What the run is to reach."""
        return self._rule.target

    def continued(self, state: State) -> None:
        """The run goes on with this world's processes; where the last steps were taken by more or fewer, it says so."""
        before = state.progress.processes
        if before not in (0, self._world.size):
            # Sums are added up in another order and dropout is drawn anew: as good, but not the same bits.
            self._log.event("processes_changed", self._world.size, before=before, exact=False)
        state.progress.processes = self._world.size

    def evaluated(self, state: State, rows: Sequence[Row], *, look: str | None = None, **metadata: Any) -> Metric:
        """Scores ``rows``, notes the figure, and says in ``state`` whether the target holds now.

        ``look``: what was looked at, where it was not validation.
        """
        progress = state.progress
        found = self._world.same(score(self._protocol, rows))
        if look is None:
            self.answers = rows
        else:
            metadata["look"] = look
        self._log.event(
            "eval_accuracy", found.value, samples_count=progress.samples, epoch_num=self._epoch(state), **metadata
        )
        progress.history.append(found.value)
        progress.held = self._rule.holds(progress.history)
        if progress.train_seconds:  # the stopwatch stands while an evaluation is noted
            self._rate = progress.step * self._plan.batch / progress.train_seconds
        facts = self._facts(state) | self._memory()
        facts |= {"metric": found.name, "value": found.value, "look": look or "validation"}
        facts |= {"phase": metadata.get("stage", "training")}
        facts |= {"met": self._rule.met(progress.history), "hold": self._rule.hold} if self._rule.target else {}
        self._report("training", progress.step, self._plan.total, **facts)
        return found

    def evaluating(self, state: State) -> None:
        """The start of an evaluation."""
        self._log.start("eval_start", samples_count=state.progress.samples)

    def stepped(self, state: State, loss: float | None) -> None:
        """After a step; ``loss``: the mean of those that were looked at since the last one, where any were."""
        step = state.progress.step
        facts = self._facts(state)
        if loss is not None:
            share = schedule(step - 1, self._plan.total, self._plan.warmup)
            facts |= {"loss": loss, "learning_rate": state.choices.learning_rate * share}
        self._report("training", step, self._plan.total, **facts)

    def chose(self, state: State, decision: Decision) -> None:
        """Notes a choice with what it was made from, and keeps it, so that a resumed run makes the same."""
        state.choices = decision.choices
        self._log.event("choices", asdict(decision.choices), why=decision.why, measured=decision.measured)
        self.save(state)

    def keep(self, look: Look) -> None:
        """Leaves what a fitted head says of the labels with the run, for its report."""
        if self._world.leads and look.held_out is not None:
            held_out.save(self._path.with_name(HELD_OUT), look.held_out)

    def note(self, key: str, value: Any, **metadata: Any) -> None:
        """Anything else that happened."""
        self._log.event(key, value, **metadata)

    def due(self, seconds: float) -> bool:
        """Whether the last checkpoint is ``seconds`` old, by the leading process's clock."""
        return self._world.any(self._world.leads and time.monotonic() - self._saved >= seconds)

    def save(self, state: State) -> None:
        """Writes a checkpoint."""
        held = shares_of(state.model, state.optimizer, state.average)
        parts = write_together(self._path.parent, held, self._world)
        with self._world.together():
            checkpoint.save(self._path, state, writes=self._world.leads, parts=parts)
        self._log.event("checkpoint", **self._figures(state))
        self._saved = time.monotonic()

    def ended(self, state: State) -> None:
        """The run clock stops here, and the energy meter with it."""
        status = "success" if state.progress.held else "aborted"
        self._log.end("run_stop", status=status, **self._figures(state))
        self._meter.stop()
        self.save(state)

    def _epoch(self, state: State) -> float:
        return state.progress.samples / self._plan.examples

    def _figures(self, state: State) -> dict[str, Any]:
        return {
            "samples_count": state.progress.samples,
            "epoch_num": self._epoch(state),
            "train_seconds": round(state.progress.train_seconds, 3),
        }

    def _facts(self, state: State) -> dict[str, float | str]:
        progress = state.progress
        facts: dict[str, float | str] = {
            "seconds": self._log.run_seconds,
            "samples": progress.samples,
            "epoch": self._epoch(state),
        }
        if self._rate is not None:
            facts["rate"] = self._rate
        if self._rule.target is not None:
            facts["target"] = str(self._rule.target)
        return facts

    def _memory(self) -> dict[str, float | str]:
        """Not for every step: torch gathers all its figures to tell one."""
        if self._device.type != "cuda":
            return {}
        return {
            "memory": torch.cuda.max_memory_allocated(self._device),
            "memory_total": torch.cuda.get_device_properties(self._device).total_memory,
        }
