"""What is known of an operation under way: its stages, its last figures and its curve, in words."""

import math
from dataclasses import dataclass, field

from roadworthy.model_cards.metric import kind_of
from roadworthy.model_cards.target import Target

Facts = dict[str, float | str]
MAIN = "training"  # the stage that goes on while others come and go
MEGABYTES = "(MB)"  # ends the name of a stage that counts them


@dataclass(slots=True, kw_only=True)
class Stage:
    """``began``: when anything was done for the last time before its bar moved; ``first``: what was done by then."""

    done: int
    total: int
    began: float
    first: int

    def left(self, now: float) -> float | None:
        """Seconds until it is all done, if it goes on as it went; ``None`` while nothing tells."""
        if self.done <= self.first:
            return None
        return (self.total - self.done) * (now - self.began) / (self.done - self.first)

    def rate(self, now: float) -> float | None:
        """How much is done in a second, so far; ``None`` while nothing tells."""
        return (self.done - self.first) / (now - self.began) if self.done > self.first and now > self.began else None


@dataclass(slots=True, kw_only=True)
class Watched:
    """Takes reports and says what they come to. ``curve``: (seconds, value) of each evaluation on validation."""

    stages: dict[str, Stage] = field(default_factory=dict)
    facts: Facts = field(default_factory=dict)
    curve: list[tuple[float, float]] = field(default_factory=list)
    current: str = ""

    def take(self, stage: str, done: int, total: int, facts: Facts, now: float) -> None:
        """One report, at the time ``now``."""
        known = self.stages.get(stage)
        if known is None or done < known.done:
            self.stages[stage] = Stage(done=done, total=total, began=now, first=done)
        else:
            known.done, known.total = done, total
            if done == known.first:  # what came before, such as fitting a head, says nothing of its pace
                known.began = now
        self.current = stage
        self.facts |= facts
        if facts.get("look") == "validation" and math.isfinite(float(facts["value"])):
            self.curve.append((float(facts["seconds"]), float(facts["value"])))

    @property
    def target(self) -> Target | None:
        """The target, once it was told."""
        return Target.parse(str(self.facts["target"])) if "target" in self.facts else None

    def shown_stages(self) -> dict[str, Stage]:
        """The stage under way, and training while that is not over."""
        names = [name for name in (MAIN, self.current) if name in self.stages]
        return {n: self.stages[n] for n in names if n == self.current or self.stages[n].done < self.stages[n].total}

    def standing(self) -> str:
        """The last metric and what is missing: ``top1 91.9 %, 0.1 points to go``; empty before an evaluation."""
        if "value" not in self.facts:
            return ""
        metric, value = str(self.facts["metric"]), float(self.facts["value"])
        where = " out of fold" if self.facts.get("look") == "out-of-fold" else ""
        return f"{metric}{where} {tell(metric, value)}{self._distance(metric, value)}"

    def _distance(self, metric: str, value: float) -> str:
        target, met, hold = self.target, self.facts.get("met"), self.facts.get("hold")
        if target is None:
            return ""
        if not target.met_by(value):
            missing = abs(target.threshold - value)
            told = f"{_digits(100 * missing)} points" if kind_of(metric).share else _digits(missing)
            return f", {told} to go to {tell(metric, target.threshold)}"
        return f", held {met} of {hold}" if hold else ", target met"

    def pace(self, now: float) -> list[str]:
        """Run clock, time left, speed, loss, epoch and memory, each only where it is known."""
        facts, words = self.facts, []
        if "seconds" in facts:
            words.append(clock(float(facts["seconds"])))
        stage = self.stages.get(MAIN)
        if stage is not None and (left := stage.left(now)) is not None:
            words.append(f"{clock(left)} left at most")
        if "rate" in facts:
            words.append(f"{_digits(float(facts['rate']))} examples/s")
        if "loss" in facts:
            words.append(f"loss {float(facts['loss']):.3f}")
        if "epoch" in facts:
            words.append(f"epoch {float(facts['epoch']):.2f}")
        if "pace" in facts:
            words.append(str(facts["pace"]))
        if "memory" in facts:
            most, whole = float(facts["memory"]) / 2**30, float(facts["memory_total"]) / 2**30
            words.append(f"{most:.1f} of {whole:.0f} GiB on the device")
        return words

    def line(self) -> str:
        """One evaluation for a log file: ``12.3 s  epoch 0.50  top1 91.9 %  (target 92.0 %)``."""
        facts, metric = self.facts, str(self.facts["metric"])
        notes = ["out of fold"] if facts.get("look") == "out-of-fold" else []
        if (target := self.target) is not None:
            notes.append(f"target {tell(metric, target.threshold)}")
            if facts.get("met"):
                notes.append(f"held {facts['met']} of {facts['hold']}")
        after = f"  ({', '.join(notes)})" if notes else ""
        epoch = f"  epoch {float(facts['epoch']):.2f}" if "epoch" in facts else ""
        return f"{float(facts['seconds']):.1f} s{epoch}  {metric} {tell(metric, float(facts['value']))}{after}"


def tell(metric: str, value: float) -> str:
    """A figure with one decimal for a share, three otherwise: what the eye can follow while it changes."""
    return f"{100 * value:.1f} %" if kind_of(metric).share else f"{value:.3f}"


def clock(seconds: float) -> str:
    """``0:42``, ``12:05`` or ``3:04:05``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _digits(value: float) -> str:
    """Two digits that say something, at least: 0.034, 1.1, 1,234."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 0.95 else f"{value:.2g}"
