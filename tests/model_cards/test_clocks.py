"""Clocks: logs with times that are added up by hand."""

from collections.abc import Callable

import pytest

from roadworthy.model_cards import DamagedError
from roadworthy.model_cards.clocks import Point, parse, read

Line = Callable[..., str]


def one_segment(line: Line) -> str:
    """Process from 100, data touched at 103, target held at 120, packaging until 130."""
    return "".join(
        [
            line(101, "init_start", process_started=1_700_000_100.0),
            line(101, "seed", 3, replayed=False),
            line(102, "init_stop"),
            line(103, "run_start"),
            line(104, "cache", "cold"),
            line(110, "eval_accuracy", 0.8, samples_count=320, epoch_num=0.5),
            line(118.5, "eval_accuracy", 0.96, samples_count=640, epoch_num=1.0),
            line(120, "run_stop", status="success", samples_count=640, epoch_num=1.0, train_seconds=9.125),
            line(121, "checkpoint", samples_count=640, epoch_num=1.0, train_seconds=9.125),
            line(129, "eval_accuracy", 0.1, samples_count=999, epoch_num=9.0),
            line(130, "packaged"),
        ]
    )


def test_one_segment(line: Line) -> None:
    """run: 103 to 120. total: 100 to 120. train_only: as the log says."""
    clocks = read(parse(one_segment(line))).clocks
    assert clocks is not None
    assert (clocks.run, clocks.total, clocks.train_only) == (17.0, 20.0, 9.125)
    assert (clocks.samples, clocks.epochs) == (640, 1.0)
    assert (clocks.target_met, clocks.resumed, clocks.replayed_seed, clocks.cache) == (True, False, False, "cold")


def test_the_curve_counts_from_the_first_touch_of_the_data(line: Line) -> None:
    """110 - 103 and 118.5 - 103; what came after run_stop is no part of it."""
    assert read(parse(one_segment(line))).curve == (
        Point(seconds=7.0, samples=320, value=0.8),
        Point(seconds=15.5, samples=640, value=0.96),
    )


def test_an_evaluation_out_of_fold_is_not_on_the_curve(line: Line) -> None:
    """A look at the training part's labels is no validation; its time was spent all the same."""
    looks = line(105, "eval_accuracy", 0.99, samples_count=100, epoch_num=0.1, look="out-of-fold")
    looks += line(106, "eval_accuracy", 0.5, samples_count=200, epoch_num=0.2, look="validation")
    looks += line(107, "labels_looked_at", 17, folds=5)
    head, tail = one_segment(line).split(line(110, "eval_accuracy", 0.8, samples_count=320, epoch_num=0.5))
    road = read(parse(head + looks + line(110, "eval_accuracy", 0.8, samples_count=320, epoch_num=0.5) + tail))
    assert [point.value for point in road.curve] == [0.5, 0.8, 0.96]
    assert road.clocks == read(parse(one_segment(line))).clocks


def test_the_seed_is_told(line: Line) -> None:
    """So that each attempt of a series can be held against its log; a log without one has none."""
    assert read(parse(one_segment(line))).seed == 3
    assert read(parse(line(101, "init_start") + line(103, "run_start"))).seed is None


def killed(line: Line) -> str:
    """Process from 100, data at 102, a checkpoint at 320 samples, an evaluation at 480 that was lost, killed at 113."""
    return "".join(
        [
            line(101, "init_start", process_started=1_700_000_100.0),
            line(102, "run_start"),
            line(103, "cache", "cold"),
            line(107, "eval_accuracy", 0.7, samples_count=320, epoch_num=0.5),
            line(108, "checkpoint", samples_count=320, epoch_num=0.5, train_seconds=4.0),
            line(112, "eval_accuracy", 0.8, samples_count=480, epoch_num=0.75),
            line(113, "eval_stop", samples_count=480),
        ]
    )


def resumed(line: Line) -> str:
    """The next morning: process from 5000, data at 5001, the lost evaluation again, held at 5011."""
    return "".join(
        [
            line(5000.5, "init_start", process_started=1_700_005_000.0),
            line(5001, "run_start"),
            line(5002, "cache", "warm"),
            line(5005, "eval_accuracy", 0.8, samples_count=480, epoch_num=0.75),
            line(5009, "eval_accuracy", 0.97, samples_count=640, epoch_num=1.0),
            line(5011, "run_stop", status="success", samples_count=640, epoch_num=1.0, train_seconds=8.5),
        ]
    )


def test_a_killed_run_that_was_resumed(line: Line) -> None:
    """run: (113 - 102) + (5011 - 5001). total: (113 - 100) + (5011 - 5000). The night between is in neither."""
    clocks = read(parse(killed(line) + resumed(line))).clocks
    assert clocks is not None
    assert (clocks.run, clocks.total, clocks.train_only) == (21.0, 24.0, 8.5)
    assert (clocks.samples, clocks.epochs, clocks.target_met) == (640, 1.0, True)
    assert clocks.resumed
    assert clocks.cache == "warm"


def test_what_was_measured_again_is_on_the_curve_once(line: Line) -> None:
    """At the second time: 11 s of the first segment, and 5005 - 5001 of the next."""
    assert read(parse(killed(line) + resumed(line))).curve == (
        Point(seconds=5.0, samples=320, value=0.7),
        Point(seconds=15.0, samples=480, value=0.8),
        Point(seconds=19.0, samples=640, value=0.97),
    )


def test_an_evaluation_before_the_first_step_is_on_the_curve_once(line: Line) -> None:
    """Killed between the warm start's evaluation and its checkpoint, both at 0 samples."""
    first = line(1, "init_start") + line(2, "run_start")
    first += line(4, "eval_accuracy", 0.5, samples_count=0, epoch_num=0)
    again = line(11, "init_start") + line(12, "run_start")
    again += line(13, "eval_accuracy", 0.5, samples_count=0, epoch_num=0)
    again += line(14, "checkpoint", samples_count=0, epoch_num=0, train_seconds=0)
    assert read(parse(first + again)).curve == (Point(seconds=3.0, samples=0, value=0.5),)


def test_a_process_that_was_killed_before_it_touched_the_data_was_waited_for(line: Line) -> None:
    """total grows by its 4 s, run by nothing; and the run is a resumed one."""
    early = line(11, "init_start", process_started=1_700_000_010.0) + line(14, "init_stop")
    clocks = read(parse(early + one_segment(line))).clocks
    assert clocks is not None
    assert (clocks.run, clocks.total, clocks.resumed) == (17.0, 24.0, True)


def test_a_run_that_is_still_going_shows_what_it_measured(line: Line) -> None:
    """Up to its last event, also beyond its last checkpoint."""
    road = read(parse(killed(line)))
    assert [point.samples for point in road.curve] == [320, 480]
    assert road.clocks is not None
    assert (road.clocks.run, road.clocks.samples, road.clocks.target_met) == (11.0, 320, False)


def test_a_missed_target_is_no_success(line: Line) -> None:
    """The epochs were over."""
    log = one_segment(line).replace('"success"', '"aborted"')
    clocks = read(parse(log)).clocks
    assert clocks is not None
    assert not clocks.target_met
    assert clocks.run == 17.0


def test_without_process_started_the_first_event_counts(line: Line) -> None:
    """101 to 120."""
    log = line(101, "init_start") + "".join(one_segment(line).splitlines(keepends=True)[1:])
    clocks = read(parse(log)).clocks
    assert clocks is not None
    assert clocks.total == 19.0


def test_a_replayed_seed_is_told(line: Line) -> None:
    """A run that replays another's seed proves less."""
    clocks = read(parse(one_segment(line).replace('"replayed": false', '"replayed": true'))).clocks
    assert clocks is not None
    assert clocks.replayed_seed


def test_nothing_trained_is_no_time(line: Line) -> None:
    """``None``, so that a card says "not measured" and not 0.0 s."""
    road = read(parse(line(101, "init_start") + line(103, "run_start")))
    assert road.clocks is None
    assert road.curve == ()


@pytest.mark.parametrize("log", ["", "hello\n"])
def test_an_empty_log_is_no_time(log: str) -> None:
    """Nothing is invented."""
    assert read(parse(log)).clocks is None


def test_events_outside_a_run_are_no_time(line: Line) -> None:
    """A stop without a start measures nothing."""
    stop = line(120, "run_stop", status="success", samples_count=640, epoch_num=1.0, train_seconds=9.0)
    assert read(parse(stop)).clocks is None


def test_lines_of_other_programs_are_passed_over(line: Line) -> None:
    """A log that other programs wrote into gives the same clocks."""
    noisy = "".join(f"{other}progress 12%\n\n:::MLPERF old\n" for other in one_segment(line).splitlines(keepends=True))
    assert read(parse(noisy)) == read(parse(one_segment(line)))


@pytest.mark.parametrize(
    "bad",
    [
        ":::MLLOG ",
        ":::MLLOG {",
        ":::MLLOG []",
        ":::MLLOG null",
        ':::MLLOG {"time_ms": 1}',
        ':::MLLOG {"time_ms": "1", "event_type": "P", "key": "k", "value": null, "metadata": {}}',
        ':::MLLOG {"time_ms": 1, "event_type": "P", "key": "k", "value": null, "metadata": null}',
        ':::MLLOG {"time_ms": 1, "event_type": "P", "key": "k", "value": null, "metadata": []}',
        f':::MLLOG {{"time_ms": 1{"0" * 400}, "event_type": "P", "key": "k", "value": null, "metadata": {{}}}}',
        ":::MLLOG " + "[" * 100_000,
    ],
)
def test_an_unreadable_line_is_named_by_its_number(line: Line, bad: str) -> None:
    """A log with a gap proves nothing."""
    with pytest.raises(DamagedError, match="line 2 of the event log cannot be read"):
        parse(line(1, "init_start") + bad + "\n")


def test_a_half_written_last_line_is_unreadable(line: Line) -> None:
    """The process died while it wrote."""
    with pytest.raises(DamagedError, match="line 11 "):
        parse(one_segment(line)[:-20])
