"""Scorers of other packages: found as an installed distribution announces them, and never in place of our own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from roadworthy.model_cards import InputError, Protocol, Row, image_top1, score

WER = Protocol(
    family="speech-wer", id="speech-wer-16000", version=1, metric="wer", relation="<=", parameters={"rate": 16000}
)
ROWS = [Row(id="a", truth="one two", prediction="one to", confidence=1.0)]
GOOD = """
from roadworthy.model_cards import Metric

def wer(protocol, rows):
    wrong = sum(t != p for row in rows for t, p in zip(row.truth.split(), row.prediction.split()))
    n = sum(len(row.truth.split()) for row in rows)
    return Metric(name=protocol.metric, protocol=protocol.name, value=wrong / n, low=0.0, high=1.0, n=len(rows),
                  confidence=0.95, interval="none")
"""
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Lays out a distribution as an installer does, on a folder of the import path."""

    def lay(name: str, source: str, family: str = "speech-wer", value: str | None = None) -> None:
        folder = tmp_path / name
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (folder / f"{name}.py").write_text(source)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[roadworthy.scorers]\n{family} = {value or name + ':wer'}\n")
        monkeypatch.syspath_prepend(folder)

    return lay


def test_a_package_scores_its_own_family(install: Install) -> None:
    """One of two words is wrong."""
    install("speech_scorer_good", GOOD)
    metric = score(WER, ROWS)
    assert (metric.name, metric.protocol, metric.value, metric.n) == ("wer", "speech-wer-16000@1", 0.5, 1)


def test_without_the_package_the_message_asks_for_it() -> None:
    """Nothing is installed here."""
    with pytest.raises(InputError, match=r"'speech-wer', which this release cannot score.*install the package"):
        score(WER, ROWS)


def test_a_built_in_family_cannot_be_taken_over(install: Install) -> None:
    """A package that announces image-top1 is not even loaded."""
    install("speech_scorer_thief", "raise SystemExit('loaded')", family="image-top1")
    protocol = image_top1(resize=256, crop=224, interpolation="bilinear", mean=(0, 0, 0), std=(1, 1, 1))
    assert score(protocol, [Row(id="a", truth=0, prediction=1, confidence=1.0)]).value == 0.0


def test_two_packages_for_one_family_are_named(install: Install) -> None:
    """Which of them an audit would use must not depend on the import path."""
    install("speech_scorer_one", GOOD)
    install("speech_scorer_two", GOOD)
    with pytest.raises(InputError, match="speech_scorer_one:wer, speech_scorer_two:wer"):
        score(WER, ROWS)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import not_there_at_all", "cannot be imported"),
        ("x = 1", "cannot be imported"),
        ("def wer(protocol, rows): raise KeyError('rate')", "failed on this evidence: KeyError"),
        ("def wer(protocol, rows): return 0.5", r"returned 0\.5; expected a Metric"),
        (GOOD.replace("name=protocol.metric", "name='cer'"), "returned .*'cer'"),
        (GOOD.replace("n=len(rows)", "n=99"), "returned .*99"),
    ],
)
def test_a_broken_package_is_named(install: Install, source: str, said: str, request: pytest.FixtureRequest) -> None:
    """Its failure is the user's to act on, and no stack trace of an audit."""
    name = f"speech_scorer_broken_{abs(hash(request.node.name))}"
    install(name, source)
    with pytest.raises(InputError, match=said):
        score(WER, ROWS)
