"""Every field of a certificate, edited: without a new signature always refused; with one, as far as it can be replayed.

The table below is kept by hand, so that a field that ceases to be caught, and a field that is new, fail the test.
"""

import base64
import json
from fnmatch import fnmatchcase
from math import isclose
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import Key

from roadworthy.model_cards import audit, canonical
from roadworthy.model_cards.envelope import open_envelope
from roadworthy.model_cards.errors import CheckError, RoadworthyError
from roadworthy.registry import Registry, publish
from roadworthy.registry.gate import decide

from .conftest import Candidate, Road
from .forgery import Fields, Way, certified, leaves, publish_lie, read, refused, sign, statement_of, with_value

# What nothing but the signer's word stands for, though the card tells it too, and why no audit can do better.
# ``*`` stands for everything below.
WORD: dict[str, str] = {
    "architecture_sha256": "shapes of the net, which only whoever builds it knows",
    "parameters": "counted without buffers, which only whoever builds the net can tell apart",
    "card_format": "a card of another format is bound by its digest, and not rendered again; the audit says so",
    "data.name": "a name",
    "data.split_rule": "how the parts were made, before anything was measured",
    "data.train.fingerprint": "data that the snapshot does not hold",
    "data.validation.fingerprint": "data that the snapshot does not hold",
    "data.exact_duplicates": "counted against training data; up or down, but not away from 0 unseen",
    "data.near.method": "how near duplicates were looked for, in data that the snapshot does not hold",
    "data.near.thresholds.*": "how near duplicates were looked for, in data that the snapshot does not hold",
    "environment.*": "the machine that measured",
    "flops.*": "counted on the net that was opened; only whoever builds it can count again",
    "measured_at": "the signer's clock, after the run has ended",
    "parent.reference": "another registry's name; publishing compares where the parent is at hand",
    "parent.certificate_sha256": "publishing compares where the parent is at hand",
    "parent.not_compared": "a reason in words",
    "parent.own_test.protocol.parameters.mean*": "the parent's configuration, which the snapshot does not hold",
    "parent.own_test.protocol.parameters.std*": "the parent's configuration, which the snapshot does not hold",
    "start.kind": "where the weights came from",
    "start.reference": "where the weights came from",
    "start.weights_sha256": "where the weights came from",
    "target.threshold": "any threshold that gives the same verdicts",
    "training.environment.*": "the machine that trained",
    "training.recipe.*": "how it was trained",
    "training.seed": "how it was trained",
    "training.validation.[!v]*": "answers on validation, which the snapshot does not hold; the log has the value",
}

# Fields that take no other words than these.
_WORDS = (
    ["scratch", "checkpoint", "parent", "not measured"],
    ["point", "lower-bound", "non-inferior"],
    ["cold", "warm"],
    [">=", "<="],
)


def edits(value: Any) -> list[Any]:
    """What an adversary puts in the place of a value: another of its kind, and nothing."""
    if isinstance(value, bool):
        return [not value, None]
    if isinstance(value, int | float):
        return [value + 1, value / 2, None]
    if isinstance(value, str) and value.endswith("Z"):
        return ["2099-01-01T00:00:00Z", "2001-01-01T00:00:00Z", None]
    if isinstance(value, str):
        words = next((words for words in _WORDS if value in words), [f"{value}x", ""])
        return [*(word for word in words if word != value), None]
    if isinstance(value, list):
        return [value[:-1], [*value, *(value[-1:] or ["words"])], value[::-1], None]
    return [0, 1, 0.5, "words", True, []]


def name_of(way: Way) -> str:
    """``training.series.attempts.each.seed``: places in a list do not matter."""
    return ".".join("each" if isinstance(step, int) else step for step in way)


def claimed(folder: Path) -> list[tuple[Way, Any]]:
    """Every field of the claim with its value."""
    return list(leaves(statement_of(folder)["predicate"]))


def put(document: Fields, way: Way, value: Any) -> Fields:
    """The statement with one field of its claim edited."""
    return with_value(document, ("predicate", *way), value)


def test_an_edit_without_a_signature_is_always_refused(
    candidate: Candidate, registry: Registry, keys: tuple[Key, ...]
) -> None:
    """Each value of the claim and of the list of files, in each way: the signature does not match its text."""
    folder = candidate()
    whole = statement_of(folder)
    envelope = json.loads((folder / "certificate.json").read_bytes())
    tried = 0
    for way, value in leaves(whole):
        for other in edits(value):
            payload = canonical.dump(with_value(whole, way, other))
            if payload == canonical.dump(whole):
                continue
            forged = envelope | {"payload": base64.b64encode(payload).decode()}
            with pytest.raises(CheckError, match="edited after it was signed"):
                open_envelope(canonical.dump(forged), keys)
            tried += 1
            if tried % 100 == 0:  # and so says everything that opens it
                (folder / "certificate.json").write_bytes(canonical.dump(forged))
                assert audit(folder, keys).certificate is None
                with pytest.raises(CheckError, match="edited after it was signed"):
                    publish(registry, folder, "team/xrays@2.0.0", keys=keys, policy=None)
    assert tried > 500


@pytest.mark.slow
def test_what_a_trusted_liar_can_say(candidate: Candidate, road: Road, keys: tuple[Key, ...]) -> None:
    """Each field that can be edited without being refused stands in the table, and no other does."""
    folder = candidate()
    believed: set[str] = set()
    whole = statement_of(folder)
    for way, value in claimed(folder):
        if name_of(way) in believed:
            continue
        for other in edits(value):
            lie = read(put(whole, way, other))
            if lie is None or lie == read(whole) or _is_rounding(value, other):
                continue
            try:
                publish_lie(folder, lie.claim, road.publisher)
            except (RoadworthyError, ArithmeticError, LookupError, TypeError, ValueError):
                continue  # no card can be drawn of it, so the audit has none to compare
            if not decide(audit(folder, keys), ()):
                believed.add(name_of(way))
                break
    names = {name_of(way) for way, _ in leaves(whole["predicate"])}
    word = {name for name in names if any(fnmatchcase(name, pattern) for pattern in WORD)}
    lost, won = ", ".join(sorted(believed - word)), ", ".join(sorted(word - believed))
    assert not lost, f"no longer caught, or new: mend the audit, or place them in WORD: {lost}"
    assert not won, f"caught now: take them out of WORD: {won}"


def _is_rounding(value: Any, other: Any) -> bool:
    """What took a square root may differ by 1e-9 (decision 5)."""
    numbers = isinstance(value, float) and isinstance(other, float)
    return numbers and isclose(value, other, rel_tol=0, abs_tol=1e-9)


def test_the_table_is_about_a_certificate_with_every_part(candidate: Candidate) -> None:
    """A claim with a training, a parent, its own test and a gate: what is not there could not be edited."""
    claim = read(statement_of(candidate()))
    assert claim is not None
    parts = claim.claim
    assert parts.training is not None
    assert parts.parent is not None
    assert parts.parent.own_test is not None
    assert parts.parent.non_inferior is not None
    assert parts.gate.margin == pytest.approx(0.9)


def test_a_lie_that_only_the_certificate_tells_is_found_on_the_card(
    candidate: Candidate, road: Road, keys: tuple[Key, ...]
) -> None:
    """The careless liar signs again, and leaves the card: whatever the card shows is caught."""
    folder = candidate()
    before = certified(folder).claim
    for part, field, value in (("environment", "cpu", "a faster one"), ("environment", "cores", 96)):
        lie = read(put(statement_of(folder), (part, field), value))
        assert lie is not None
        sign(folder, lie.claim, road.publisher)
        assert any("README.md does not say what the certificate says" in reason for reason in refused(folder, keys))
        sign(folder, before, road.publisher)
    assert not refused(folder, keys)
