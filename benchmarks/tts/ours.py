"""Roadworthy, called as its user calls it: a start, data, a target; nothing else is chosen for this data.

``--hold`` asks for another number of consecutive evaluations than the recipe's. A look at a newly fitted head is two
evaluations: of the training examples, answered by fits that had not seen them, and of validation. With three, the
default, no run ends before validation was met twice in a row, which is the others' rule; with two one look may do.
"""

import json
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import psutil
from answers import MAX_LENGTH
from case import Case, given
from clock import Evaluation, write

from roadworthy.finetune import finetune, load
from roadworthy.model_cards import clocks
from roadworthy.model_cards.clocks import Event

SETTINGS = {"image": {"image_size": 128}, "text": {"max_length": MAX_LENGTH}}


def main() -> None:
    """Fine-tunes until the target holds; reads the clocks off the run's event log."""
    case = given()
    with tempfile.TemporaryDirectory() as folder:
        done = finetune(
            case.snapshot,
            data=case.data,
            out=Path(folder) / "run",
            target=case.goal,
            seed=case.seed,
            device=case.device,
            leave_out_leaked=True,
            process_started=psutil.Process().create_time(),
            epochs=case.epochs,
            hold=case.hold,
            **SETTINGS[case.kind],
        )
        events = clocks.parse((done.run / "events.log").read_text(encoding="utf-8"))
        road = clocks.read(events)
        check_lists(done.run, case)
        assert road.clocks is not None
        before_data = road.clocks.total - road.clocks.run
        write(
            case,
            held=done.target_met,
            total=road.clocks.total,
            from_data=road.clocks.run,
            history=[Evaluation(round(p.seconds + before_data, 3), p.samples, p.value) for p in road.curve],
            model=load(done.run / "candidate", device=case.device).model,
            parts=where_the_time_went(events, road.clocks.total),
        )


def where_the_time_went(events: Sequence[Event], total: float) -> dict[str, float]:
    """Seconds of each part of the run, read off its log; what no event marks is the rest."""
    at = {event.key: event.time for event in reversed(events)}  # the first of each key
    end = next(event for event in events if event.key == "run_stop")
    looks = [event for event in events if event.key in ("eval_start", "eval_accuracy")]
    evaluations = sum(
        after.time - before.time
        for before, after in pairwise(looks)
        if before.key == "eval_start" and after.key == "eval_accuracy" and "stage" not in after.metadata
    )
    # A warm start is over once its samples are noted; without one, what comes next is the first choice.
    prepared = at.get("warm_start", at.get("choices", end.time))
    parts = {
        "start and imports": at["init_start"] - events[0].metadata["process_started"],
        "reading": at["eval_samples"] - at["run_start"],
        "model, features and head": prepared - at["eval_samples"],
        "steps": float(end.metadata["train_seconds"]),
        "evaluation": evaluations,
    }
    parts["rest"] = total - sum(parts.values())
    return {name: round(seconds, 3) for name, seconds in parts.items()}


def check_lists(run: Path, case: Case) -> None:
    """The run chose its own split: it must be the one that the others were given."""
    data = json.loads((run / "data.json").read_text(encoding="utf-8"))["data"]
    found = {part: data[part]["fingerprint"] for part in case.fingerprints}
    assert found == case.fingerprints, f"expected the prepared split {case.fingerprints}, found {found}"


if __name__ == "__main__":
    main()
