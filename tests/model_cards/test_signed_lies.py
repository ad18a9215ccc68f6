"""What a trusted key has signed and does not follow from evidence or log: a no with its reason, never an exception."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner, Key

from roadworthy.model_cards import Claim, Row, audit
from roadworthy.model_cards.certificate import Parent

from .audited import reasons, resign

Answers = Callable[..., tuple[Row, ...]]
Builder = Callable[..., Path]
Keys = tuple[Key, ...]


def _replace(**changes: Any) -> Callable[[Claim], Claim]:
    return lambda claim: dataclasses.replace(claim, **changes)


def _within(part: str, **changes: Any) -> Callable[[Claim], Claim]:
    """Changes fields of one part of a claim."""
    return lambda claim: dataclasses.replace(claim, **{part: dataclasses.replace(getattr(claim, part), **changes)})


def _clocks(**changes: Any) -> Callable[[Claim], Claim]:
    def change(claim: Claim) -> Claim:
        assert claim.training is not None
        slower = dataclasses.replace(claim.training.clocks, **changes)
        return dataclasses.replace(claim, training=dataclasses.replace(claim.training, clocks=slower))

    return change


def _test_data(**changes: Any) -> Callable[[Claim], Claim]:
    return lambda claim: _within("data", test=dataclasses.replace(claim.data.test, **changes))(claim)


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        (
            _within("metric", value=0.95),
            "says top1 0.950000 (0.69",
        ),
        (_within("metric", low=0.89), "says top1 0.900000 (0.890000 to 0.97"),
        (_within("metric", n=2000), "n = 2000); the evidence gives"),
        (_within("metric", protocol="another@1"), "The figure was not made from this evidence"),
        (_within("verdicts", generalises=True), "the verdicts do not follow from top1 0.9000"),
        (_within("verdicts", reproduced=False), "the verdicts do not follow from top1 0.9000"),
        (_within("target", threshold=0.95), "the verdicts do not follow from top1 0.9000 and the target top1>=0.95"),
        (_within("target", metric="top5"), "the target is on 'top5'; the protocol gives 'top1'"),
        (_clocks(run=1.0), "the clocks in the certificate are not those of the event log"),
        (_clocks(total=1.0), "the clocks in the certificate are not those of the event log"),
        (_clocks(resumed=True), "the clocks in the certificate are not those of the event log"),
        (_clocks(cache="warm"), "the clocks in the certificate are not those of the event log"),
        (_test_data(fingerprint="f" * 64), "measured on other data than the certificate's fingerprint says"),
        (_test_data(n=21), "measured on other data than the certificate's fingerprint says"),
        (_replace(evidence_sha256="0" * 64), "is not the evidence that the claim was made from"),
        (_within("protocol", family="speech-wer"), "of the family 'speech-wer', which this release cannot score"),
    ],
)
def test_a_signed_lie_is_found(certified_snapshot: Builder, keys: Keys, lie: Any, reason: str) -> None:
    """Signed by a trusted key, on the card too, and still not what evidence and log say: one reason each."""
    outcome = audit(certified_snapshot(lie=lie), keys)
    assert not outcome.ok
    assert len(outcome.reasons) == 1, outcome.reasons
    assert reason in outcome.reasons[0]
    signature, digests = outcome.checks[:2]
    assert signature == f"signature of key {keys[0].keyid[:16]} holds"
    assert re.fullmatch(r"digests of \d+ files match", digests)


def test_an_edited_accuracy_is_quoted(certified_snapshot: Builder, keys: Keys) -> None:
    """Somebody edits the card's figure: the reason says what stands there and what should."""
    folder = certified_snapshot()
    card = folder / "README.md"
    card.write_text(card.read_text().replace("**top1 90.00 %**", "**top1 99.90 %**"))
    first = audit(folder, keys).reasons[0]
    assert "README.md was edited by hand in line" in first
    assert "the certificate says '**top1 90.00 %**" in first
    assert "the card says '**top1 99.90 %**" in first


def test_the_last_bit_of_a_square_root_is_no_lie(certified_snapshot: Builder, keys: Keys) -> None:
    """Interval ends from another machine's mathematics may differ in the last bit; a visible change may not."""

    def moved(by: float) -> Callable[[Claim], Claim]:
        return lambda claim: _within("metric", low=claim.metric.low + by)(claim)

    assert audit(certified_snapshot("near", lie=moved(1e-15)), keys).ok
    assert not audit(certified_snapshot("far", lie=moved(1e-6)), keys).ok


def test_a_protocol_id_that_hides_its_parameters_is_found(certified_snapshot: Builder, keys: Keys) -> None:
    """Measured on 288 pixels and called 224: the id does not follow from the parameters."""

    def hidden(claim: Claim) -> Claim:
        parameters = {**claim.protocol.parameters, "crop": 288}
        return _within("protocol", parameters=parameters)(claim)

    said = reasons(certified_snapshot(lie=hidden), keys)
    assert "image-top1-bilinear-256-224@1 does not follow from its parameters" in said


def test_a_failed_check_is_not_listed_as_passed(certified_snapshot: Builder, keys: Keys) -> None:
    """``checks`` are those that held."""
    outcome = audit(certified_snapshot(lie=_clocks(run=1.0)), keys)
    assert "clocks recomputed from the event log" not in outcome.checks


def test_a_card_of_another_value_is_found(certified_snapshot: Builder, keys: Keys) -> None:
    """The certificate is true; the text and the data on the card were rendered from a better claim."""
    said = reasons(certified_snapshot(card_lie=_within("metric", value=0.99)), keys)
    assert "README.md does not say what the certificate says" in said
    assert ".eval_results/top1.yaml does not say what the certificate says" in said


def test_a_picture_of_another_value_is_found(certified_snapshot: Builder, keys: Keys, signer: CryptoSigner) -> None:
    """Edited, and signed again with the edit."""
    folder = certified_snapshot()
    before = audit(folder, keys).certificate
    assert before is not None
    picture = folder / "plots/curve.svg"
    picture.write_text(picture.read_text().replace("held at 7.0 s", "held at 2.0 s"))
    resign(folder, before.claim, signer)
    assert reasons(folder, keys) == "plots/curve.svg does not say what the certificate says: it was edited by hand"


def test_a_card_of_another_format_is_bound_by_its_digest_only(certified_snapshot: Builder, keys: Keys) -> None:
    """An older release rendered it; its bytes are those that were certified."""
    folder = certified_snapshot(lie=_replace(card_format=0), card_lie=_replace(system="as it was called then"))
    outcome = audit(folder, keys)
    assert outcome.ok, outcome.reasons
    assert "card of format 0: bound by digest, not rendered again" in outcome.checks


def _parent(**changes: Any) -> Callable[[Claim], Claim]:
    def change(claim: Claim) -> Claim:
        assert claim.parent is not None
        return dataclasses.replace(claim, parent=dataclasses.replace(claim.parent, **changes))

    return change


def _comparison(**changes: Any) -> Callable[[Claim], Claim]:
    def change(claim: Claim) -> Claim:
        assert claim.parent is not None
        assert claim.parent.comparison is not None
        return _parent(comparison=dataclasses.replace(claim.parent.comparison, **changes))(claim)

    return change


def _parent_metric(**changes: Any) -> Callable[[Claim], Claim]:
    def change(claim: Claim) -> Claim:
        assert claim.parent is not None
        assert claim.parent.metric is not None
        return _parent(metric=dataclasses.replace(claim.parent.metric, **changes))(claim)

    return change


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        (_comparison(gained=7), "the comparison with the parent does not follow from the evidence"),
        (_comparison(p_value=0.0001), "the comparison with the parent does not follow from the evidence"),
        (_parent_metric(value=0.1), "the comparison says top1 0.100000"),
        (_parent(metric=None), "the comparison with the parent is incomplete"),
        (_parent(comparison=None), "the comparison with the parent is incomplete"),
    ],
)
def test_a_signed_lie_about_the_parent_is_found(
    certified_snapshot: Builder, keys: Keys, answers: Answers, lie: Any, reason: str
) -> None:
    """The parent's evidence travels along."""
    outcome = audit(certified_snapshot(parent_rows=answers(12, 20), lie=lie), keys)
    assert not outcome.ok
    assert [reason in found for found in outcome.reasons] == [True], outcome.reasons


def test_a_parent_measured_on_other_examples_is_found(
    certified_snapshot: Builder, keys: Keys, answers: Answers, signer: CryptoSigner
) -> None:
    """Its own metric follows from its evidence, and the comparison compares nothing."""
    folder = certified_snapshot(parent_rows=[dataclasses.replace(r, id=r.id[::-1]) for r in answers(12, 20)])
    assert reasons(folder, keys) == "the parent was measured on other examples than this version"


def test_a_parent_that_was_not_compared_is_no_reason(certified_snapshot: Builder, keys: Keys) -> None:
    """Whether that may be published is the gate's business."""
    parent = Parent(reference="demo/p@1.0.0", certificate_sha256=None, metric=None, comparison=None, not_compared="why")
    assert audit(certified_snapshot(lie=_replace(parent=parent)), keys).ok


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("evidence/test.jsonl", b""),
        ("evidence/test.jsonl", b"\xff\xfe\n"),
        ("evidence/test.jsonl", b"[]\n"),
        ("evidence/test.jsonl", b'{"confidence":1,"id":"a","prediction":"x","truth":"y"}\n'),
        ("evidence/test.jsonl", b'{"confidence":1,"id":"a","prediction":99,"truth":0}\n'),
        ("evidence/test.jsonl", b'{"confidence":1,"id":"a","prediction":{"a":[]},"truth":null}\n'),
        ("log/events.log", b""),
        ("log/events.log", b"\xff\xfe\n"),
        ("log/events.log", b":::MLLOG {}\n"),
    ],
)
def test_signed_nonsense_is_a_reason(
    certified_snapshot: Builder, keys: Keys, signer: CryptoSigner, path: str, data: bytes
) -> None:
    """A trusted publisher's broken file is a no, never an exception."""
    folder = certified_snapshot()
    before = audit(folder, keys).certificate
    assert before is not None
    (folder / path).write_bytes(data)
    resign(folder, before.claim, signer)
    reasons(folder, keys)


@pytest.mark.parametrize(
    ("key", "value", "metadata"),
    [
        ("init_start", None, {"process_started": "yesterday"}),
        ("init_start", None, {"process_started": [1]}),
        ("eval_accuracy", None, {"samples_count": 1}),
        ("eval_accuracy", "high", {"samples_count": 1}),
        ("eval_accuracy", 1e400, {"samples_count": 1}),
        ("eval_accuracy", 0.5, {}),
        ("eval_accuracy", 0.5, {"samples_count": "many"}),
        ("run_stop", None, {}),
        ("run_stop", None, {"status": "success", "train_seconds": 1, "samples_count": 1e400, "epoch_num": 1}),
        ("run_stop", None, {"status": "success", "train_seconds": "1 s", "samples_count": 1, "epoch_num": 1}),
    ],
)
def test_a_signed_log_of_nonsense_is_a_reason(
    certified_snapshot: Builder,
    keys: Keys,
    signer: CryptoSigner,
    line: Callable[..., str],
    key: str,
    value: Any,
    metadata: dict[str, Any],
) -> None:
    """Lines of the right form that hold no times."""
    folder = certified_snapshot()
    before = audit(folder, keys).certificate
    assert before is not None
    good = (folder / "log/events.log").read_text().splitlines(keepends=True)
    bad = [line(8.5, key, value, **metadata), line(8.6, "run_start")]
    (folder / "log/events.log").write_text("".join([*good[:-1], *bad, good[-1]]))
    resign(folder, before.claim, signer)
    reasons(folder, keys)


@pytest.mark.parametrize("path", ["evidence/test.jsonl", "log/events.log", "README.md", "plots/curve.svg"])
def test_a_signed_omission_is_a_reason(
    certified_snapshot: Builder, keys: Keys, signer: CryptoSigner, path: str
) -> None:
    """The certificate covers every file that is there, and one that must be is not."""
    folder = certified_snapshot()
    before = audit(folder, keys).certificate
    assert before is not None
    (folder / path).unlink()
    resign(folder, before.claim, signer)
    reasons(folder, keys)
