"""Finding: conditions, orders that rank only what is comparable, and pages."""

import dataclasses
from typing import Any

import pytest
from securesystemslib.signer import Key

from roadworthy.model_cards.certificate import Claim, Verdicts, from_statement
from roadworthy.model_cards.envelope import payload_of
from roadworthy.model_cards.errors import InputError
from roadworthy.model_cards.target import Target
from roadworthy.registry import (
    Registry,
    find,
    models,
    namespaces,
)
from roadworthy.registry.index_file import ask

from .synthetic import counting, listed, measured, write

Keys = tuple[Key, ...]


@pytest.fixture
def claim(candidate: Any) -> Claim:
    """What a real certificate says."""
    return from_statement(payload_of((candidate("real") / "certificate.json").read_bytes())).claim


@pytest.fixture
def varied(claim: Claim) -> Registry:
    """Versions that differ in what they may be found by."""
    registry, _ = counting("counting:varied")
    training = claim.training
    assert training is not None
    gpus = dataclasses.replace(training.environment, accelerators=("NVIDIA H100",) * 8)

    def timed(run: float, **changes: Any) -> Any:
        return dataclasses.replace(
            training, clocks=dataclasses.replace(training.clocks, run=run, **changes.pop("clocks", {})), **changes
        )

    for number, made in enumerate(
        [
            measured(claim, 0.91, training=timed(30.0), measured_at="2026-01-01T10:00:00Z"),
            measured(claim, 0.95, training=timed(10.0), measured_at="2026-01-02T10:00:00Z"),
            measured(claim, 0.97, training=timed(1.0, environment=gpus), measured_at="2026-02-01T00:00:00Z"),
            measured(claim, 0.99, training=timed(5.0, clocks={"resumed": True}), measured_at="2026-03-01T00:00:00Z"),
            measured(claim, 0.40, training=timed(2.0, target=Target.parse("top1>=0.1")), system="bert"),
            measured(claim, 0.50, training=None, verdicts=Verdicts(reproduced=False, generalises=False)),
        ]
    ):
        write(registry, made, f"demo/x@1.0.{number}")
    return registry


def numbers(registry: Registry, **asked: Any) -> str:
    """The patch numbers of what is found, in its order."""
    return "".join(entry.reference[-1] for entry in find(registry, **asked).entries)


def test_conditions(varied: Registry) -> None:
    """Each by itself, and several at once; counted by hand."""
    assert numbers(varied) == "543210"
    assert numbers(varied, hardware="h100") == "2"
    assert numbers(varied, hardware="2 CORES", where="tts<=20") == "431"
    assert numbers(varied, where=["top1>=0.9", "tts<=20"]) == "321"
    assert numbers(varied, system="bert") == "4"
    assert numbers(varied, since="2026-02", until="2026-03-01T00:00:00Z") == "32"
    assert numbers(varied, until="2026-01-01") == "0"
    assert numbers(varied, protocol="image-top1-bilinear-256-224") == "543210"
    assert numbers(varied, protocol="image-*@1", limit=2) == "54"
    assert (
        numbers(varied, protocol="text-*") == numbers(varied, parent="demo/y") == numbers(varied, namespace="d") == ""
    )
    assert numbers(varied, namespace=["other", "demo"], limit=1) == "5"
    assert numbers(varied, namespace=[]) == ""
    assert namespaces(varied) == ("demo",)
    assert numbers(varied, newest=True) == "5"


def test_orders_rank_only_what_is_comparable(varied: Registry) -> None:
    """Within one protocol, target, data, machine and start; a resumed run and one without times come last."""
    page = find(varied, sort="tts")
    groups = [entry.times for entry in page.entries]
    assert page.ranked == 3
    assert groups[-2:] == [None, None]
    assert {entry.reference[-1] for entry in page.entries[-2:]} == {"3", "5"}
    by_group = {group: [e.reference[-1] for e in page.entries if e.times == group] for group in groups if group}
    assert sorted(by_group.values()) == [["1", "0"], ["2"], ["4"]]
    assert all("start: scratch" in group for group in by_group)
    assert numbers(varied, sort="tts", hardware="cores", system="resnet50-v1.5")[:2] == "10"
    assert numbers(varied, sort="metric") == "321054"
    assert find(varied, sort="metric").ranked == 1
    assert numbers(varied, sort="metric", reverse=True) == "450123"
    assert numbers(varied, sort="created", since="2026-01-01", limit=3)[0] == "3"


def test_what_cannot_be_asked(varied: Registry) -> None:
    """An error, and what was expected."""
    for asked, message in (
        ({"sort": "size"}, "Expected one of name, created, metric, tts"),
        ({"limit": 0}, "a page of at least one"),
        ({"offset": -1}, "a page of at least one"),
        ({"since": "yesterday"}, "cannot read since 'yesterday'"),
        ({"until": "2026-02-30"}, "cannot read until '2026-02-30'"),
        ({"where": "best"}, "cannot read the target"),
        ({"parent": "x"}, "cannot read the reference"),
    ):
        with pytest.raises(InputError, match=message):
            find(varied, **asked)


def test_many_matches_are_walked_and_counted_so_far(claim: Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the bounds the answers are the same, but for the count."""
    registry, _ = counting("counting:many")
    for number in range(30):
        write(registry, measured(claim, number / 100), f"demo/m{number % 5}@1.{number}.0")
    whole = [find(registry, "demo", where="top1>=0.05", sort=sort) for sort in ("name", "created", "metric", "tts")]
    for name, bound in (("_TEXTS", 3), ("COUNTED", 10)):
        monkeypatch.setattr(f"roadworthy.registry.index_query.{name}", bound)
    again = [find(registry, "demo", where="top1>=0.05", sort=sort) for sort in ("name", "created", "metric", "tts")]
    assert [page.entries for page in again] == [page.entries for page in whole]
    assert [(page.total, page.more) for page in again] == [(10, True)] * 4
    assert [(page.total, page.more) for page in whole] == [(25, False)] * 4


def test_without_full_text_search(claim: Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    """An SQLite that was built without it reads every text."""
    registry, _ = counting("counting:plain")
    write(registry, claim, "demo/x@1.0.0")
    monkeypatch.setattr("roadworthy.registry.index_rows._FULL_TEXT", "CREATE VIRTUAL TABLE texts USING none (text)")
    assert models(registry, "photographs") == listed(registry)
    assert models(registry, "photographz") == []
    assert ask(registry, lambda c: c.execute("SELECT sql FROM sqlite_master WHERE name = 'texts'").fetchone()[0]) == (
        "CREATE TABLE texts (text TEXT)"
    )
