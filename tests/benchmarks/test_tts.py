"""The referee of benchmarks/tts: how medians count runs that did not reach the target, and what of a mail is text."""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parents[2] / "benchmarks" / "tts"


@pytest.fixture(scope="module")
def benchmark() -> Iterator[Any]:
    """Imports a module of the folder, which is a folder of scripts and no package."""
    sys.path.insert(0, str(HERE))
    yield import_module
    sys.path.remove(str(HERE))


def reached(seconds: float) -> dict[str, Any]:
    """A run that held the target."""
    return {"held": True, "seconds": seconds, "gave_up_after": None}


def given_up(after: float) -> dict[str, Any]:
    """A run that did not."""
    return {"held": False, "seconds": None, "gave_up_after": after}


def test_a_run_that_was_given_up_counts_as_longer_than_all_that_reached_the_target(benchmark: Any) -> None:
    """30 s was reached, so it is the median of {10, 30, more than 20}, though 20 lies below it."""
    table = benchmark("table")
    assert table.median_run([reached(10), given_up(20), reached(30)]) == reached(30)


def test_where_most_runs_were_given_up_the_ratio_is_a_lower_bound(benchmark: Any) -> None:
    """Of {12, more than 100, more than 110} the median is at least 100 s: ten times our 10 s or more."""
    table = benchmark("table")
    assert table.ratio([reached(12), given_up(100), given_up(110)], [reached(10)]) == (10.0, True)


def test_a_ratio_of_measured_medians_is_told_as_measured(benchmark: Any) -> None:
    """25 s to our 10 s, though one run was given up early, after 21 s."""
    table = benchmark("table")
    assert table.ratio([reached(20), reached(25), given_up(21)], [reached(10)]) == (2.5, False)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"Subject: =?utf-8?q?caf=C3=A9?=\nX-Spam-Flag: YES\n\nhello\n  there\n", "café hello there"),
        (b"Subject: A\nContent-Transfer-Encoding: base64\n\naGVsbG8=\n", "A hello"),
        (b"Subject: A\nContent-Type: text/html\n\n<style>p {}</style><p>1 &lt; 2</p>", "A 1 < 2"),
        (b"Subject: A\nContent-Type: text/plain; charset=no-such\n\nb\xe9", "A bé"),
        (b"Subject: =?no-such?q?x?=\n\nbody", "=?no-such?q?x?= body"),
        (
            b'Content-Type: multipart/alternative; boundary="b"\nSubject: S\n\n'
            b"--b\nContent-Type: text/html\n\n<b>no</b>\n--b\nContent-Type: text/plain\n\nyes\n--b--\n",
            "S yes",
        ),
    ],
)
def test_a_mail_is_its_subject_and_its_body(benchmark: Any, raw: bytes, text: str) -> None:
    """Decoded, without headers and tags, whatever the sender claims about encodings."""
    assert benchmark("mails").text_of(raw) == text
