"""What training writes down: evaluations, checkpoints and the end, in the log and for whoever watches."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from roadworthy.model_cards import Metric, Protocol, Row, score

from . import checkpoint
from .checkpoint import State
from .choices import Decision
from .event_log import EventLog
from .meter import Meter
from .plan import Plan
from .progress import Report
from .stopping import StoppingRule
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

    def evaluated(self, state: State, rows: Sequence[Row], **metadata: Any) -> Metric:
        """Scores ``rows``, notes the figure, and says in ``state`` whether the target holds now."""
        progress = state.progress
        found = score(self._protocol, rows)
        self._log.event(
            "eval_accuracy",
            found.value,
            **{"samples_count": progress.samples, "epoch_num": self._epoch(state)} | metadata,
        )
        progress.history.append(found.value)
        progress.held = self._rule.holds(progress.history)
        self._report("training", progress.step, self._plan.total, **self._facts(state, found))
        return found

    def evaluating(self, state: State) -> None:
        """The start of an evaluation."""
        self._log.start("eval_start", samples_count=state.progress.samples)

    def stepped(self, state: State) -> None:
        """After a step."""
        self._report("training", state.progress.step, self._plan.total, **self._facts(state))

    def chose(self, state: State, decision: Decision) -> None:
        """Notes a choice with what it was made from, and keeps it, so that a resumed run makes the same."""
        state.choices = decision.choices
        self._log.event("choices", asdict(decision.choices), why=decision.why, measured=decision.measured)
        self.save(state)

    def note(self, key: str, value: Any, **metadata: Any) -> None:
        """Anything else that happened."""
        self._log.event(key, value, **metadata)

    def due(self, seconds: float) -> bool:
        """Whether the last checkpoint is ``seconds`` old, by the leading process's clock."""
        return self._world.same(time.monotonic() - self._saved >= seconds)

    def save(self, state: State) -> None:
        """Writes a checkpoint."""
        if self._world.leads:
            checkpoint.save(self._path, state)
        self._log.event("checkpoint", **self._figures(state))
        self._saved = time.monotonic()
        self._world.wait()

    def ended(self, state: State) -> None:
        """The run clock stops here, and the energy meter with it."""
        status = "success" if state.progress.held else "aborted"
        self._log.end("run_stop", status=status, **self._figures(state))
        self._meter.stop()
        self.save(state)

    def _epoch(self, state: State) -> float:
        return state.progress.step / self._plan.per_epoch

    def _figures(self, state: State) -> dict[str, Any]:
        return {
            "samples_count": state.progress.samples,
            "epoch_num": self._epoch(state),
            "train_seconds": round(state.progress.train_seconds, 3),
        }

    def _facts(self, state: State, found: Metric | None = None) -> dict[str, float | str]:
        progress = state.progress
        facts: dict[str, float | str] = {"seconds": self._log.run_seconds}
        if progress.train_seconds:
            facts["rate"] = progress.samples / progress.train_seconds
        if self._device.type == "cuda":
            facts["memory"] = torch.cuda.max_memory_allocated(self._device)
        if found is not None:
            facts |= {"metric": found.name, "value": found.value}
        if self._rule.target is not None:
            facts["target"] = str(self._rule.target)
        return facts
