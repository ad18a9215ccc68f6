"""Certificates: what is signed is read back as it was, or refused."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.model_cards import (
    Attempt,
    Certificate,
    Claim,
    DamagedError,
    FileEntry,
    Target,
    canonical,
    compare_convergence,
    image_top1,
    series_of,
)
from roadworthy.model_cards.certificate import Start, Training, Upstream, from_statement, to_statement
from roadworthy.model_cards.gate import Gate
from roadworthy.model_cards.waiver import Waiver

FILES = (FileEntry(path="config.json", size=2, sha256="a" * 64), FileEntry(path="x/y.bin", size=0, sha256="b" * 64))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | FLOATS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


def edited(claim: Claim, edit: Callable[[Any], None]) -> bytes:
    """The statement's bytes after ``edit`` changed the document."""
    document = json.loads(to_statement(Certificate(files=FILES, claim=claim)))
    edit(document)
    return canonical.dump(document)


def test_what_is_read_is_what_was_signed(claim: Claim) -> None:
    """Every field, nested ones included."""
    certificate = Certificate(files=FILES, claim=claim)
    assert from_statement(to_statement(certificate)) == certificate


@given(data=st.data())
def test_any_values_survive(data: st.DataObject) -> None:
    """Whole numbers where floats are meant, odd names, recipes of any JSON, absent parts."""
    claim = _any_claim(data)
    certificate = Certificate(files=FILES, claim=claim)
    read = from_statement(to_statement(certificate))
    assert read == certificate
    assert to_statement(read) == to_statement(certificate)


def _any_claim(data: st.DataObject) -> Claim:
    numbers = st.floats(0, 1e9)
    claim = from_statement(_TEMPLATE).claim
    training = claim.training
    assert training is not None
    clocks = dataclasses.replace(
        training.clocks,
        run=data.draw(numbers),
        total=data.draw(numbers),
        samples=data.draw(st.integers(0, 2**50)),
        target_met=data.draw(st.booleans()),
    )
    upstream = st.builds(Upstream, source=TEXT, claim=TEXT | st.none(), licence=TEXT | st.none())
    return dataclasses.replace(
        claim,
        system=data.draw(TEXT),
        metric=dataclasses.replace(claim.metric, value=data.draw(numbers), n=data.draw(st.integers(0, 2**50))),
        target=Target(metric="top1", relation="<=", threshold=data.draw(FLOATS)),
        data=dataclasses.replace(claim.data, labels=tuple(data.draw(st.lists(TEXT, max_size=4)))),
        protocol=image_top1(
            resize=data.draw(st.integers(1, 999)),
            crop=1,
            interpolation="bicubic",
            mean=data.draw(st.lists(FLOATS, min_size=3, max_size=3)),
            std=(1, 1, 1),
        ),
        start=Start(kind="checkpoint", reference=data.draw(TEXT | st.none()), upstream=data.draw(upstream | st.none())),
        training=data.draw(
            st.none()
            | st.dictionaries(TEXT, JSON, max_size=3).map(
                lambda recipe: dataclasses.replace(training, recipe=recipe, clocks=clocks)
            )
        ),
    )


# A complete statement, written by hand.
_METRIC = '{"confidence":0.95,"high":1,"interval":"wilson","low":0.1,"n":2,"name":"top1","protocol":"p@1","value":0.5}'
_MACHINE = (
    '{"accelerators":[],"cores":2,"cpu":"c","libraries":{},"memory_gib":8,"os":"o","precision":"p","python":"3",'
    '"threads":1}'
)
_TARGET = '{"metric":"top1","relation":">=","threshold":1}'
_TEMPLATE = (
    '{"_type":"https://in-toto.io/Statement/v1","predicate":{"architecture":"a","architecture_sha256":"s",'
    '"card_format":1,"data":{"exact_duplicates":null,"labels":["x"],"name":"d","near_duplicates":null,'
    '"split_rule":"r","test":{"fingerprint":"f","n":2},"train":null,"validation":null},'
    f'"environment":{_MACHINE},"evidence_sha256":"e","measured_at":"2026-01-02T03:04:05Z","metric":{_METRIC},'
    '"parameters":4,"parent":null,"protocol":{"family":"image-top1","id":"p","metric":"top1","parameters":{},'
    '"relation":">=","version":1},"start":{"kind":"scratch","reference":null,"upstream":null,'
    f'"weights_sha256":null}},"system":"s","target":{_TARGET},"task":"t","training":{{"clocks":{{"cache":"cold",'
    '"epochs":2,"replayed_seed":false,"resumed":false,"run":7,"samples":80,"target_met":true,"total":8,'
    f'"train_only":4.25}},"environment":{_MACHINE},"recipe":{{"area":[0.6,1]}},"seed":7,"target":{_TARGET},'
    '"validation":null},"verdicts":{"generalises":false,"reproduced":true}},'
    '"predicateType":"urn:roadworthy:certificate:v1","subject":[]}'
).encode()


def test_a_statement_written_by_hand_is_read() -> None:
    """So that the format is this, and not whatever the writer writes."""
    claim = from_statement(_TEMPLATE).claim
    assert claim.metric.value == 0.5
    assert claim.target == Target(metric="top1", relation=">=", threshold=1.0)
    assert claim.training is not None
    assert claim.training.clocks.run == 7.0


def test_it_is_an_in_toto_statement(claim: Claim) -> None:
    """With the files as subjects, as the in-toto attestation framework has them."""
    document = json.loads(to_statement(Certificate(files=FILES, claim=claim)))
    assert document["_type"] == "https://in-toto.io/Statement/v1"
    assert document["predicateType"] == "urn:roadworthy:certificate:v1"
    assert document["subject"][0] == {
        "name": "config.json",
        "digest": {"sha256": "a" * 64},
        "annotations": {"size": 2},
    }


def _set(*path: Any, to: Any) -> Callable[[Any], None]:
    def edit(document: Any) -> None:
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = to

    return edit


@pytest.mark.parametrize(
    "path",
    [
        ("predicate", "praise"),
        ("predicate", "metric", "median"),
        ("predicate", "training", "clocks", "nap"),
        ("predicate", "data", "test", "folder"),
        ("subject", 0, "uri"),
        ("subject", 0, "digest", "md5"),
        ("subject", 0, "annotations", "mode"),
    ],
)
def test_an_unknown_field_is_refused(claim: Claim, path: tuple[Any, ...]) -> None:
    """Nothing that this release would overlook is believed."""
    with pytest.raises(DamagedError, match=r"does not know. Upgrade roadworthy"):
        from_statement(edited(claim, _set(*path, to=1)))


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (("predicate", "metric", "value"), "high", "metric.value"),
        (("predicate", "metric", "n"), 1.5, "metric.n"),
        (("predicate", "target", "relation"), ">", "target.relation"),
        (("predicate", "data", "labels"), "cat", "data.labels"),
        (("predicate", "training", "clocks", "cache"), "hot", "training.clocks.cache"),
        (("predicate", "environment"), None, "environment"),
        (("predicate",), [], ""),
        (("subject",), {}, ""),
        (("subject", 0), "config.json", "0"),
        (("subject", 0, "digest"), {}, "0.digest.sha256"),
        (("subject", 0, "annotations"), {}, "0.annotations.size"),
        (("subject", 0, "annotations", "size"), "big", "0.annotations.size"),
    ],
)
def test_a_wrong_type_is_refused_with_its_place(claim: Claim, path: tuple[Any, ...], value: Any, place: str) -> None:
    """The message names the field."""
    with pytest.raises(DamagedError, match=f"the certificate's field '{place}' is wrong"):
        from_statement(edited(claim, _set(*path, to=value)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("predicate", "metric", "n"), "20"),
        (("predicate", "metric", "n"), True),
        (("predicate", "metric", "value"), "0.9"),
        (("predicate", "verdicts", "reproduced"), "yes"),
        (("predicate", "verdicts", "reproduced"), 1),
        (("subject", 0, "annotations", "size"), "2"),
        (("predicate", "metric"), {"value": 1}),
    ],
)
def test_a_value_is_not_converted_in_passing(claim: Claim, path: tuple[Any, ...], value: Any) -> None:
    """ "20" is not 20, and 1 is not true: what was signed has one reading."""
    with pytest.raises(DamagedError):
        from_statement(edited(claim, _set(*path, to=value)))


@pytest.mark.parametrize("field", ["metric", "verdicts", "training", "evidence_sha256"])
def test_a_missing_field_is_refused(claim: Claim, field: str) -> None:
    """Also one that has a default: what is signed is complete."""
    with pytest.raises(DamagedError, match="the certificate"):
        from_statement(edited(claim, lambda document: document["predicate"].pop(field)))


def test_another_predicate_is_refused_by_name(claim: Claim) -> None:
    """A later release's certificate says so instead of failing somewhere inside."""
    with pytest.raises(DamagedError, match=r"is a 'urn:roadworthy:certificate:v2'; expected 'urn:.*:v1'. Upgrade"):
        from_statement(edited(claim, _set("predicateType", to="urn:roadworthy:certificate:v2")))


def test_another_statement_type_is_refused(claim: Claim) -> None:
    """In-toto v0.1 had other rules."""
    with pytest.raises(DamagedError, match="Upgrade roadworthy, or publish the version again"):
        from_statement(edited(claim, _set("_type", to="https://in-toto.io/Statement/v0.1")))


@pytest.mark.parametrize("data", [b"[]", b"{}", b'"text"', b"null", b'{"_type":1}'])
def test_what_is_no_statement_is_refused(data: bytes) -> None:
    """Valid JSON of another shape."""
    with pytest.raises(DamagedError, match="is not an in-toto statement"):
        from_statement(data)


def test_a_stray_blank_is_refused() -> None:
    """Signed bytes have one spelling."""
    with pytest.raises(DamagedError, match="canonical form"):
        from_statement(_TEMPLATE + b"\n")


SERIES = series_of([Attempt(seed=7, clocks=None), Attempt(seed=8, clocks=None)])


@pytest.mark.parametrize(
    "changes",
    [
        {"series": SERIES},
        {"convergence": compare_convergence([10, 11, 12, 13, 14], 9)},
        {"energy_joules": 12.5},
        {"choices": {"precision": "bfloat16", "micro_batch": 32, "compile": False}},
    ],
)
def test_what_later_releases_record_is_read_back(claim: Claim, changes: dict[str, Any]) -> None:
    """One field at a time, beside the defaults of the others."""
    assert claim.training is not None
    changed = dataclasses.replace(claim, training=dataclasses.replace(claim.training, **changes))
    certificate = Certificate(files=FILES, claim=changed)
    assert from_statement(to_statement(certificate)) == certificate


@pytest.mark.parametrize(("field", "default"), [("series", None), ("energy_joules", None), ("choices", {})])
def test_a_later_field_has_one_spelling(claim: Claim, field: str, default: Any) -> None:
    """Absent at its default, as in certificates that are older than the field; spelt out it is refused."""
    assert field.encode() not in to_statement(Certificate(files=FILES, claim=claim))
    with pytest.raises(DamagedError, match="does not know"):
        from_statement(edited(claim, _set("predicate", "training", field, to=default)))


@pytest.mark.parametrize(("field", "default"), [("gate", {"kind": "point", "margin": None}), ("waivers", [])])
def test_a_later_field_of_the_claim_has_one_spelling(claim: Claim, field: str, default: Any) -> None:
    """The same for what the claim itself came to say."""
    assert field.encode() not in to_statement(Certificate(files=FILES, claim=claim))
    with pytest.raises(DamagedError, match="does not know"):
        from_statement(edited(claim, _set("predicate", field, to=default)))


def test_gate_and_waivers_are_read_back(claim: Claim) -> None:
    """As they were signed."""
    waiver = Waiver(kind="leak", reason="the copy is a control", by="ana", keyid="ab" * 32)
    changed = dataclasses.replace(claim, gate=Gate(kind="non-inferior", margin=0.005), waivers=(waiver,))
    certificate = Certificate(files=FILES, claim=changed)
    assert from_statement(to_statement(certificate)) == certificate


def test_a_training_without_target_is_a_training(claim: Claim) -> None:
    """The whole budget was used: ``None`` is a value, not a gap."""
    assert isinstance(claim.training, Training)
    changed = dataclasses.replace(claim, training=dataclasses.replace(claim.training, target=None))
    certificate = Certificate(files=FILES, claim=changed)
    assert from_statement(to_statement(certificate)) == certificate
