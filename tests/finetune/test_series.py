"""A series of attempts in processes of their own: one dies, one is interrupted with its parent, one is whole."""

import json
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from securesystemslib.signer import CryptoSigner

from roadworthy.finetune import FinetunedSeries, finetune_series, verify
from roadworthy.finetune.run_folder import RunFolder
from roadworthy.finetune.series_folder import SeriesFolder, packaged_in
from roadworthy.model_cards import InputError, audit
from roadworthy.model_cards.clocks import parse, read

# A series is trained, killed twice, and gone on with first.
pytestmark = pytest.mark.slow

SIGNER = CryptoSigner.generate_ed25519()
# Kills the first attempt's process in the middle of its training; says where it stands.
SERIES = """
import json, sys
from pathlib import Path
import psutil
from roadworthy.finetune import finetune_series
start, data, out, settings = sys.argv[1:]
attempt = 0
def report(stage, done, total, **facts):
    global attempt
    if stage == "attempts":
        attempt = done + 1
    children = psutil.Process().children()
    print(json.dumps([attempt, stage, done, [child.pid for child in children]]), flush=True)
    if attempt == 1 and stage == "training":
        children[0].kill()
finetune_series(Path(start), data=data, out=out, report=report, **json.loads(settings))
"""
# Ten evaluations in a row: enough steps to be killed in the middle of.
SETTINGS = {
    "target": "top1>=0.0",
    "runs": 3,
    "recipe": "full:hold=10,evaluations_per_epoch=1,epochs=30,checkpoint_seconds=0",
    "batch_size": 8,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """Data and folder of a series, the log of its first attempt before the series went on, what came of it."""

    start: Path
    data: Path
    out: Path
    orphan: int
    first_log: bytes
    found: FinetunedSeries


@pytest.fixture(scope="module")
def road(
    snapshot: Path, photographs: dict[tuple[str, str], list[Path]], tmp_path_factory: pytest.TempPathFactory
) -> Road:
    """A series whose first attempt was killed, and which was itself killed in its second; then gone on with."""
    root = tmp_path_factory.mktemp("series")
    for part, count in (("train", 24), ("test", 8)):
        for label in ("NORMAL", "PNEUMONIA"):
            folder = root / "xrays" / part / label
            folder.mkdir(parents=True)
            for path in photographs[part, label][:count]:
                shutil.copyfile(path, folder / path.name)
    out, orphan = root / "out", 0
    words = [sys.executable, "-c", SERIES, snapshot, root / "xrays", out, json.dumps(SETTINGS)]
    with subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            attempt, stage, done, children = json.loads(line)
            if attempt == 2 and stage == "training" and done >= 3:
                (orphan,) = children
                process.kill()
                break
    deadline = time.monotonic() + 20
    while psutil.pid_exists(orphan) and psutil.Process(orphan).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "an attempt outlived the series that waited for it"
        time.sleep(0.05)
    first = (out / "attempt-1/events.log").read_bytes()
    assert not (out / "series.json").exists()
    found = finetune_series(snapshot, data=root / "xrays", out=out, **SETTINGS)  # type: ignore[arg-type]
    return Road(start=snapshot, data=root / "xrays", out=out, orphan=orphan, first_log=first, found=found)


def test_an_attempt_that_died_is_kept_as_failed(road: Road) -> None:
    """Not repeated, and not forgotten: it is in the series with what its log says."""
    assert (road.out / "attempt-1/events.log").read_bytes() == road.first_log
    assert road.found.failures.keys() == {1}
    assert "ended with status -9" in road.found.failures[1]
    assert road.found.series.attempts[0].failed
    assert road.found.series.pass_rate == pytest.approx(2 / 3)


def test_an_interrupted_attempt_goes_on_and_is_marked(road: Road) -> None:
    """The second attempt was resumed; the third was not."""
    _, second, third = (attempt.clocks for attempt in road.found.series.attempts)
    assert second is not None
    assert third is not None
    assert (second.resumed, third.resumed) == (True, False)
    assert (second.target_met, third.target_met) == (True, True)


def test_each_attempt_has_a_seed_and_a_cold_start_of_its_own(road: Road) -> None:
    """Seeds from the system's entropy, none a replay; imports on the total clock; data decoded by itself."""
    specs = [RunFolder(road.out / f"attempt-{n}").read_spec() for n in (1, 2, 3)]
    assert len({spec.seed for spec in specs}) == 3
    assert not any(spec.replayed_seed for spec in specs)
    whole = read(parse((road.out / "attempt-3/events.log").read_text())).clocks
    assert whole is not None
    assert whole.cache == "cold"
    assert whole.total > whole.run + 0.5  # torch alone takes longer to import
    assert not list(road.out.glob("attempt-*/cache"))


def test_a_finished_series_answers_from_its_files(road: Road) -> None:
    """The same call trains nothing."""
    before = {path: path.stat().st_mtime_ns for path in road.out.rglob("*")}
    again = finetune_series(road.start, data=road.data, out=road.out, **SETTINGS)  # type: ignore[arg-type]
    assert again == road.found
    assert {path: path.stat().st_mtime_ns for path in road.out.rglob("*")} == before


def test_how_many_attempts_is_decided_beforehand(road: Road) -> None:
    """Two good ones of three are no series of two."""
    with pytest.raises(InputError, match="holds a series begun with runs 3; now it is 2"):
        finetune_series(road.start, data=road.data, out=road.out, **(SETTINGS | {"runs": 2}))  # type: ignore[arg-type]


def test_one_attempt_is_not_picked_by_hand(road: Road) -> None:
    """It might be the luckiest."""
    with pytest.raises(InputError, match="is one attempt of a series"):
        verify(road.out / "attempt-3", data=road.data, signer=SIGNER)


def test_the_series_is_verified_as_one(road: Road) -> None:
    """The attempt nearest the median, with every other one's log beside it; the audit reads them all again."""
    stale = road.found.run / "candidate/log/attempt-9.log"  # of an earlier verification
    stale.write_text("")
    verified = verify(road.out, data=road.data, signer=SIGNER)
    assert verified.ok, verified.reasons
    assert verified.snapshot == packaged_in(road.out) == road.found.run / "candidate"
    assert verified.claim is not None
    assert verified.claim.training is not None
    assert verified.claim.training.series == road.found.series
    assert verified.claim.training.choices["micro_batch"] == 8
    logs = {path.name for path in (verified.snapshot / "log").iterdir()}
    others = {f"attempt-{n}.log" for n in (1, 2, 3) if n != road.found.series.shipped}
    assert logs == {"events.log"} | others
    outcome = audit(verified.snapshot, [SIGNER.public_key])
    assert outcome.ok, outcome.reasons
    assert "series of 3 attempts recomputed from their event logs" in outcome.checks


def test_an_edited_series_is_refused(road: Road, tmp_path: Path) -> None:
    """What is told of the attempts follows from their logs."""
    shutil.copytree(road.out, tmp_path / "copy")
    path = tmp_path / "copy/series.json"
    document = json.loads(path.read_text())
    document["pass_rate"] = 1.0
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match="does not say what the logs of its attempts say"):
        packaged_in(tmp_path / "copy")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seed": 3}, "--seed 3 with --runs 3: replays of one seed are no independent attempts"),
        ({"target": None}, "a series needs a target"),
        ({"runs": 1}, "--runs 1 is no series"),
    ],
)
def test_what_is_no_series(snapshot: Path, tmp_path: Path, changes: dict[str, object], said: str) -> None:
    """Refused before anything is written."""
    asked = SETTINGS | changes
    with pytest.raises(InputError, match=said):
        finetune_series(snapshot, data="x", out=tmp_path / "out", **asked)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_a_folder_with_other_things_is_left_alone(snapshot: Path, tmp_path: Path) -> None:
    """Nothing the user has is overwritten."""
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="is not empty"):
        finetune_series(snapshot, data="x", out=tmp_path, **SETTINGS)  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_bad_data_is_no_failed_attempt(snapshot: Path, tmp_path: Path) -> None:
    """The user's mistake arrives as itself, from another process, and counts against nobody."""
    with pytest.raises(InputError, match="no data folder"):
        finetune_series(snapshot, data=tmp_path / "nowhere", out=tmp_path / "out", **SETTINGS)  # type: ignore[arg-type]
    folder = SeriesFolder(tmp_path / "out")
    assert folder.failure(1) is None
    assert not folder.is_finished
    with pytest.raises(InputError, match="is not a finished series"):
        packaged_in(tmp_path / "out")
