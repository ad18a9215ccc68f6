"""`roadworthy bench` and what `show` tells of it."""

import shutil
from pathlib import Path

import pytest

from .conftest import Answer, Command, Place

QUICK = ("--batch-sizes", "1,2", "--precisions", "float32", "--seconds", "0.05")
ROW = {"precision", "batch_size", "warmup", "n", "p50_ms", "p99_ms", "per_second", "problem"}


@pytest.fixture(scope="module")
def benched(place: Place) -> Answer:
    """One recorded measurement of the published version, in a registry of this module's own."""
    from .conftest import call

    shutil.copytree(place.root / "registry", place.root / "benched")
    return call(
        place.root, "bench", "team/xrays@latest", "--data", place.data, *QUICK, "--json", "--registry",
        place.root / "benched",
    )  # fmt: skip


def test_bench_answers_and_records(benched: Answer) -> None:
    """Subject, number, rows and accuracies; the alias stands for its version."""
    assert benched.code == 0, benched.err
    assert set(benched.json) == {"subject", "recorded", "performance"}
    assert (benched.json["subject"], benched.json["recorded"]) == ("team/xrays@1.0.0", 1)
    performance = benched.json["performance"]
    assert [row["batch_size"] for row in performance["latencies"]] == [1, 2]
    assert all(set(row) == ROW and row["p99_ms"] >= row["p50_ms"] > 0 for row in performance["latencies"])
    (accuracy,) = performance["accuracies"]
    assert (accuracy["keeps"], accuracy["agreement"]["same"]) == ("99.9 %", 1.0)
    assert performance["test"]["n"] == 30
    assert "Recorded as performance record 1 of team/xrays@1.0.0" in benched.err


def test_show_tells_the_record(roadworthy: Command, place: Place, benched: Answer) -> None:
    """As JSON, and as tables that are cut off nowhere; the certificate's own figure beside the measured one."""
    where = ("--registry", place.root / "benched")
    shown = roadworthy("show", "team/xrays@1.0.0", "--json", *where).json
    (recorded,) = shown["performance"]
    assert (recorded["number"], recorded["problem"]) == (1, None)
    assert recorded["performance"] == benched.json["performance"]
    (accuracy,) = recorded["performance"]["accuracies"]
    assert accuracy["metric"] == shown["certificate"]["metric"]
    text = roadworthy("show", "team/xrays@1.0.0", *where).out
    assert "performance record 1, signed by " in text
    assert "precision   batch   p50 ms   p99 ms   per second   calls" in text
    assert "100.00 % of answers" in text
    assert "…" not in text


def test_a_damaged_record_is_told_and_the_rest_is_shown(
    roadworthy: Command, place: Place, benched: Answer, tmp_path: Path
) -> None:
    """One flipped byte: its record does not count; the version's own figures are whole."""
    shutil.copytree(place.root / "benched", tmp_path / "registry")
    log = tmp_path / "registry/performance/team/xrays/1.0.0"
    data = bytearray((log / "00000001.json").read_bytes())
    (log / "00000002.json").write_bytes(data)
    data[len(data) // 2] ^= 1
    (log / "00000001.json").chmod(0o644)
    (log / "00000001.json").write_bytes(data)
    answer = roadworthy("show", "team/xrays@1.0.0", "--registry", tmp_path / "registry")
    assert answer.code == 0
    assert "performance record 1 does not count: " in answer.out
    assert "performance record 2, signed by " in answer.out
    assert answer.out.startswith("reference         team/xrays@1.0.0")


@pytest.mark.slow
def test_a_folder_or_no_record_only_prints(roadworthy: Command, place: Place) -> None:
    """Without --data accuracy reads "not measured"; nothing is written, neither for a run nor with --no-record."""
    answer = roadworthy("bench", place.run, *QUICK)
    assert answer.code == 0, answer.err
    assert "float32     as stored   not measured   not measured       not measured" in answer.out
    assert "accuracy: no --data was given" in answer.out
    assert roadworthy("bench", "team/xrays@1.0.0", "--no-record", *QUICK, "--json").json["recorded"] is None
    assert not (place.root / "registry/performance").exists()


def test_what_cannot_be_timed_is_exit_code_2(roadworthy: Command, place: Place) -> None:
    """One line that says what was expected."""
    for words, said in (
        (("team/xrays", "--batch-sizes", "1,many"), "cannot read the batch sizes '1,many'. Expected numbers"),
        (("team/xrays", "--batch-sizes", "0"), "batches of at least 1"),
        (("team/nothing",), "no model is called team/nothing"),
    ):
        answer = roadworthy("bench", *words)
        assert (answer.code, answer.out) == (2, "")
        assert said in answer.err
        assert "Traceback" not in answer.err
