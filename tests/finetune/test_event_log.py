"""The event log: MLLOG lines that mlperf-logging's own reader understands, and nothing of this machine."""

import json
from pathlib import Path

from mlperf_logging.mllog import constants

from roadworthy.finetune.event_log import EventLog


def test_lines_are_mllog(tmp_path: Path) -> None:
    """Namespace, time in milliseconds, kind, key, value, metadata, as the format has them."""
    with EventLog(tmp_path / "events.log") as log:
        log.start("run_start")
        log.event("eval_accuracy", 0.9, samples_count=32)
        log.end("run_stop", status="success")
    lines = (tmp_path / "events.log").read_text().splitlines()
    events = [json.loads(line.removeprefix(":::MLLOG ")) for line in lines]
    assert [e["event_type"] for e in events] == [
        constants.INTERVAL_START,
        constants.POINT_IN_TIME,
        constants.INTERVAL_END,
    ]
    assert [e["key"] for e in events] == [constants.RUN_START, constants.EVAL_ACCURACY, constants.RUN_STOP]
    assert events[1]["value"] == 0.9
    assert events[1]["metadata"]["samples_count"] == 32
    assert all(isinstance(e["time_ms"], int) for e in events)


def test_half_a_line_is_dropped_and_the_log_goes_on(tmp_path: Path) -> None:
    """A power cut in the middle of a line does not spoil what was recorded before it."""
    path = tmp_path / "events.log"
    with EventLog(path) as log:
        log.event("seed", 1)
    whole = path.read_text()
    path.write_text(whole + ':::MLLOG {"namespace": "roadw')
    with EventLog(path) as log:
        log.event("seed", 2)
    assert path.read_text().startswith(whole)
    assert len(path.read_text().splitlines()) == 2
