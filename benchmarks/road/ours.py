"""Roadworthy, called as the demo calls it."""

import json
import tempfile
from pathlib import Path

import psutil
from referee import Evaluation, given, write

from roadworthy.finetune import finetune, load
from roadworthy.model_cards import clocks


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
            epochs=case.epochs,
            device=case.device,
            image_size=128,
            leave_out_leaked=True,
            process_started=psutil.Process().create_time(),
        )
        road = clocks.read(clocks.parse((done.run / "events.log").read_text()))
        check_lists(done.run, case.fingerprints)
        assert road.clocks is not None
        before_data = road.clocks.total - road.clocks.run
        write(
            case,
            held=done.target_met,
            total=road.clocks.total,
            from_data=road.clocks.run,
            history=[Evaluation(round(p.seconds + before_data, 3), p.samples, p.value) for p in road.curve],
            model=load(done.run / "candidate", device=case.device).model,
        )


def check_lists(run: Path, fingerprints: dict[str, str]) -> None:
    """The run chose its own split: it must be the one that the others were given."""
    data = json.loads((run / "data.json").read_text())["data"]
    found = {part: data[part]["fingerprint"] for part in fingerprints}
    assert found == fingerprints, f"expected the prepared split {fingerprints}, found {found}"


if __name__ == "__main__":
    main()
