"""Cards: read by stock tools, rendered from the claim and from nothing else, whatever users call their things."""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

import huggingface_hub
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.model_cards import Certificate, Claim, Row, Target, card
from roadworthy.model_cards.card_classes import CALIBRATION, CLASSES, CONFUSION
from roadworthy.model_cards.card_time import seconds
from roadworthy.model_cards.certificate import (
    Parent,
    SplitRecord,
    Start,
    Upstream,
    Verdicts,
    from_statement,
    to_statement,
)
from roadworthy.model_cards.clocks import Point
from roadworthy.model_cards.draft_card import render_draft
from roadworthy.model_cards.markdown import code, plain
from roadworthy.model_cards.statistics import compare_paired
from roadworthy.model_cards.waiver import Waiver

Answers = Callable[..., tuple[Row, ...]]
CURVE = (Point(seconds=4.0, samples=40, value=0.7), Point(seconds=6.0, samples=80, value=0.95))
HOSTILE = "a|b\nc <script>alert(1)</script> `x` **y** [z](javascript:1) \\ & ![p](q)"


def rendered(claim: Claim, rows: tuple[Row, ...] = ()) -> Mapping[str, str]:
    """The card's files as text."""
    files = card.render(card.Proof(claim=claim, rows=rows, curve=CURVE))
    return {path: data.decode() for path, data in files.items()}


def readme(claim: Claim) -> str:
    """The text of the card."""
    return rendered(claim)["README.md"]


def body(text: str) -> str:
    """The card without its front matter."""
    return text.split("\n---\n", 1)[1]


def with_labels(claim: Claim, *labels: str) -> Claim:
    """The claim on data with other classes."""
    return dataclasses.replace(claim, data=dataclasses.replace(claim.data, labels=labels))


def named(claim: Claim, name: str) -> Claim:
    """The claim on data of another name."""
    return dataclasses.replace(claim, data=dataclasses.replace(claim.data, name=name))


@pytest.mark.parametrize(
    "name", ["photographs", HOSTILE, "yes", "1.0", "---", "photos---", "ü 日本", "a: b # c", "'\"", "*"]
)
def test_the_stock_model_card_reads_the_metric(claim: Claim, name: str) -> None:
    """Whatever the data is called."""
    data: Any = huggingface_hub.ModelCard(readme(named(claim, name))).data
    (result,) = data.eval_results
    assert result.metric_value == 0.9
    assert result.metric_type == "accuracy"
    assert result.dataset_name == name
    assert result.dataset_revision == claim.data.test.fingerprint
    assert data.library_name == "timm"
    assert data.pipeline_tag == "image-classification"
    assert "certified" in data.tags


@pytest.mark.skipif(not hasattr(huggingface_hub, "parse_eval_result_entries"), reason="came with huggingface_hub 2")
@pytest.mark.parametrize("name", ["photographs", HOSTILE])
def test_the_stock_client_reads_the_eval_results(claim: Claim, name: str) -> None:
    """The Hub's own format of evaluation results."""
    text = rendered(named(claim, name))[".eval_results/top1.yaml"]
    (entry,) = huggingface_hub.parse_eval_result_entries(yaml.safe_load(text))
    assert (entry.dataset_id, entry.task_id, entry.value) == (name, "image-classification", 0.9)
    assert entry.date == "2026-01-02T03:04:05Z"


def test_the_headline_says_metric_interval_n_and_protocol(claim: Claim) -> None:
    """18 of 20: 90 %, Wilson 69.90 to 97.21 %."""
    text = body(readme(claim))
    assert "**top1 90.00 %** (95 % 69.90 % to 97.21 %, n = 20)" in text
    assert "`image-top1-bilinear-256-224@1`" in text


def test_the_head_says_how_many_examples_would_tell(claim: Claim) -> None:
    """90 % against 80 % by Wilson: z^2 * 0.8 * 0.2 / 0.1^2 = 3.8415 * 16 = 61.46, so 62; none where it generalises."""
    stated = dataclasses.replace(
        claim, target=Target.parse("top1>=0.8"), verdicts=Verdicts(reproduced=True, generalises=False)
    )
    assert "at this accuracy that takes 62 test examples" in body(readme(stated))
    surely = dataclasses.replace(stated, verdicts=Verdicts(reproduced=True, generalises=True))
    assert "that takes" not in body(readme(surely))


def test_the_gate_and_what_was_waived_stay_on_the_card(claim: Claim) -> None:
    """By whom, with which key, why, and what it was that spoke against it."""
    assert "Gate `point`, stated before it was measured: passed." in body(readme(claim))
    leaked = dataclasses.replace(claim, data=dataclasses.replace(claim.data, exact_duplicates=2))
    assert "stated before it was measured: **not passed**." in body(readme(leaked))
    waiver = Waiver(kind="leak", reason=HOSTILE.replace("\n", " "), by="ana", keyid="ab" * 32)
    text = body(readme(dataclasses.replace(leaked, waivers=(waiver,))))
    assert "passed by waiver" in text
    assert "2 of 20 test examples were also trained on" in text
    assert "ana, key `abababababababab`" in text
    assert "<script>" not in text


def test_the_three_clocks_are_shown(claim: Claim) -> None:
    """From the log of the fixture: 7 s, 8 s and 4.25 s."""
    text = body(readme(claim))
    assert "| run | **7.0 s** |" in text
    assert "| total | 8.0 s |" in text
    assert re.search(r"\| train_only \| 4\.[23] s \|", text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "not measured"),
        (0.04, "0.0 s"),
        (119.94, "119.9 s"),
        (150, "2.5 min"),
        (7200, "2.00 h"),
        (9000, "2.50 h"),
    ],
)
def test_durations_are_for_people(value: float | None, text: str) -> None:
    """Seconds up to two minutes, minutes up to two hours."""
    assert seconds(value) == text


def test_what_was_not_measured_says_so(claim: Claim) -> None:
    """Never a blank, a nought or a dash."""
    bare = dataclasses.replace(
        claim, training=None, data=dataclasses.replace(claim.data, exact_duplicates=None, train=None, validation=None)
    )
    text = body(readme(bare))
    assert "Not measured: these weights were not trained here." in text
    assert "| validation | not measured | |" in text
    assert "| train | not measured | |" in text
    assert "Exact duplicates between train and test: not measured; near duplicates: not measured." in text
    assert " None" not in text
    curve = card.render(card.Proof(claim=bare, rows=(), curve=()))[card.CURVE].decode()
    assert "not measured" in curve


def test_what_was_counted_is_shown(claim: Claim) -> None:
    """With its fingerprint's beginning."""
    data = dataclasses.replace(claim.data, train=SplitRecord(n=12345, fingerprint="f" * 64), near_duplicates=3)
    text = body(readme(dataclasses.replace(claim, data=data)))
    assert f"| train | 12,345 | `{'f' * 16}` |" in text
    assert "Exact duplicates between train and test: 0; near duplicates: 3." in text


def test_every_figure_of_the_metric_comes_from_the_claim(claim: Claim) -> None:
    """Another value in the claim is another value everywhere on the card, and the old one nowhere."""
    metric = dataclasses.replace(claim.metric, value=0.43217, low=0.31416, high=0.57721, n=777)
    before, after = rendered(claim), rendered(dataclasses.replace(claim, metric=metric))
    for shown in ("43.22 %", "31.42 %", "57.72 %", "n = 777", "value: 0.43217"):
        assert shown in after["README.md"]
    assert "value: 0.43217" in after[".eval_results/top1.yaml"]
    for gone in ("90.00 %", "69.90 %", "97.21 %", "n = 20", "value: 0.9\n"):
        assert gone in before["README.md"]
        assert gone not in after["README.md"]
        assert gone not in after[".eval_results/top1.yaml"]


def test_every_clock_comes_from_the_claim(claim: Claim) -> None:
    """Text and picture."""
    assert claim.training is not None
    slower = dataclasses.replace(claim.training.clocks, run=91.3, total=92.6, train_only=55.5)
    after = rendered(dataclasses.replace(claim, training=dataclasses.replace(claim.training, clocks=slower)))
    for shown in ("**91.3 s**", "92.6 s", "55.5 s"):
        assert shown in after["README.md"]
    assert "held at 91.3 s" in after[card.CURVE]
    assert "7.0 s" not in after["README.md"]


def test_a_missed_target_is_told(claim: Claim) -> None:
    """In the verdict, at the clocks, and by no mark on the curve."""
    assert claim.training is not None
    missed = dataclasses.replace(claim.training.clocks, target_met=False)
    claim = dataclasses.replace(
        claim,
        training=dataclasses.replace(claim.training, clocks=missed),
        verdicts=dataclasses.replace(claim.verdicts, reproduced=False),
    )
    files = rendered(claim)
    assert "| reproduced | **no** |" in files["README.md"]
    assert "the target was not reached" in files["README.md"]
    assert "held at" not in files[card.CURVE]


def test_rendering_is_deterministic(claim: Claim, answers: Answers) -> None:
    """The same bytes each time: an audit compares them."""
    assert rendered(claim, answers(18, 20)) == rendered(claim, answers(18, 20))


@given(
    recipe=st.dictionaries(
        st.text("abc", min_size=1), st.floats(-10, 10) | st.integers(-9, 9) | st.lists(st.floats(0, 2)), max_size=4
    )
)
def test_a_claim_that_was_read_back_renders_the_same(recipe: dict[str, Any]) -> None:
    """Though JSON gives back 1 for 1.0."""
    claim = _CLAIMS[0]
    assert claim.training is not None
    claim = dataclasses.replace(claim, training=dataclasses.replace(claim.training, recipe=recipe))
    again = from_statement(to_statement(Certificate(files=(), claim=claim))).claim
    assert rendered(again) == rendered(claim)


_CLAIMS: list[Claim] = []


@pytest.fixture(autouse=True)
def _for_hypothesis(claim: Claim) -> None:
    # Hypothesis wants no fixture that lives for one example only.
    _CLAIMS[:] = [claim]


def test_two_classes_have_a_confusion_matrix(claim: Claim, answers: Answers) -> None:
    """A file, and a link to it."""
    files = rendered(claim, answers(18, 20))
    assert CONFUSION in files
    assert f"]({CONFUSION})" in files["README.md"]


def test_a_thousand_classes_have_none(claim: Claim, answers: Answers) -> None:
    """And a text of readable length: twenty names and a count."""
    many = with_labels(claim, *(f"class{i}" for i in range(1000)))
    files = rendered(many, answers(18, 20))
    assert CONFUSION not in files
    assert "confusion" not in files["README.md"].lower()
    assert "1000 classes: class0, " in files["README.md"]
    assert "class19 and 980 more." in files["README.md"]
    assert "class20" not in files["README.md"]


def test_every_file_that_the_text_shows_exists(claim: Claim, answers: Answers) -> None:
    """No picture is missing from the page."""
    files = rendered(claim, answers(18, 20))
    shown = re.findall(r"!\[[^]]*\]\(([^)]*)\)", files["README.md"])
    assert shown == [card.CURVE, CLASSES, CONFUSION, CALIBRATION]
    assert set(shown) <= set(files)


def _everything_hostile(claim: Claim) -> Claim:
    compared = compare_paired([True, True, False], [True, False, False])
    assert claim.training is not None
    return dataclasses.replace(
        claim,
        system=HOSTILE,
        architecture=HOSTILE,
        data=dataclasses.replace(claim.data, name=HOSTILE, labels=(HOSTILE, "dog"), split_rule=HOSTILE),
        start=Start(
            kind="parent", reference=HOSTILE, upstream=Upstream(source=HOSTILE, claim=HOSTILE, licence=HOSTILE)
        ),
        parent=Parent(reference=HOSTILE, certificate_sha256=None, metric=claim.metric, comparison=compared),
        environment=dataclasses.replace(claim.environment, cpu=HOSTILE, libraries={HOSTILE: HOSTILE}),
        training=dataclasses.replace(claim.training, recipe={HOSTILE: HOSTILE, "list": [HOSTILE]}),
    )


def test_markup_in_names_stays_text(claim: Claim, answers: Answers) -> None:
    """No tag, no link, no line of its own: the card has the same lines as with plain names."""
    plainly = dataclasses.replace(
        claim,
        start=Start(kind="parent", reference="r", upstream=Upstream(source="s", claim="c", licence="l")),
        parent=Parent(
            reference="r",
            certificate_sha256=None,
            metric=claim.metric,
            comparison=compare_paired([True, True, False], [True, False, False]),
        ),
    )
    text = body(rendered(_everything_hostile(claim), answers(18, 20))["README.md"])
    expected = body(rendered(plainly, answers(18, 20))["README.md"])
    assert "<script" not in text
    assert "javascript:1" in text  # told, as text
    assert not re.search(r"(?<!\\)\]\(javascript", text)
    assert [row.count("|") - row.count("\\|") for row in text.splitlines()] == [
        row.count("|") for row in expected.splitlines()
    ]


def test_the_front_matter_of_hostile_names_is_read(claim: Claim) -> None:
    """As exactly those names."""
    data: Any = huggingface_hub.ModelCard(readme(_everything_hostile(claim))).data
    assert data.model_name == f"{HOSTILE} on {HOSTILE}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("golden_retriever", "golden_retriever"),
        ("_cat_", "\\_cat\\_"),
        ("a|b", "a\\|b"),
        ("a\r\nb\tc", "a b c"),
        ("<b>", "&lt;b&gt;"),
        ("R&D", "R&amp;D"),
        ("`*~[]", "\\`\\*\\~\\[\\]"),
        ("\\|", "\\\\\\|"),
        ("98 %\u202e1 %", "98 % 1 %"),
        ("日本", "日本"),
    ],
)
def test_plain_text_is_escaped_for_markdown(text: str, expected: str) -> None:
    """By CommonMark's rules for backslashes; what would reverse or break a line becomes a blank."""
    assert plain(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("top1>=0.9", "`top1>=0.9`"), ("my model.pt", "`my model.pt`"), ("a`b", "a\\`b"), ("a|b", "a\\|b"), ("", "")],
)
def test_a_code_span_holds_only_what_it_can(text: str, expected: str) -> None:
    """A back quote or a bar would end it."""
    assert code(text) == expected


def test_a_parent_is_compared_on_the_card(claim: Claim) -> None:
    """In points, with the interval and the p-value; 2 gained and 1 lost of 5, exact p = 1."""
    compared = compare_paired([True, True, False, True, False], [True, False, True, False, False])
    metric = dataclasses.replace(claim.metric, value=0.875)
    parent = Parent(reference="demo/p@1.0.0", certificate_sha256=None, metric=metric, comparison=compared)
    text = body(readme(dataclasses.replace(claim, parent=parent)))
    assert "| top1 | 87.50 % | 90.00 % |" in text
    assert "Difference in right answers +20.00 points" in text
    assert "2 examples gained, 1 lost; exact McNemar p = 1." in text


def test_an_uncompared_parent_says_why(claim: Claim) -> None:
    """The reason is the certificate's."""
    parent = Parent(
        reference="demo/p@1.0.0", certificate_sha256=None, metric=None, comparison=None, not_compared="other labels"
    )
    text = body(readme(dataclasses.replace(claim, parent=parent)))
    assert "Not compared with `demo/p@1.0.0`: other labels." in text


def test_upstream_is_quoted_and_not_believed(claim: Claim) -> None:
    """With its source and licence."""
    start = Start(kind="checkpoint", upstream=Upstream(source="timm", claim="top-1 81 %", licence=None))
    text = body(readme(dataclasses.replace(claim, start=start)))
    assert "Its upstream (timm; licence: not stated) claims top-1 81 %: **not verified here**." in text


def test_a_draft_measures_nothing() -> None:
    """And says so, in a card that stock tools read."""
    upstream = Upstream(source="a|b\nc", claim="<i>81 %</i>", licence=None)
    text = render_draft(system="resnet50", task="image-classification", parameters=25_557_032, upstream=upstream)
    data: Any = huggingface_hub.ModelCard(text.decode()).data
    assert "uncertified-draft" in data.tags
    assert not data.eval_results
    assert b"Accuracy: not measured. Time-to-solution: not measured." in text
    assert "| a\\|b c (licence: not stated) | &lt;i&gt;81 %&lt;/i&gt; | **not verified here** |" in text.decode()


@pytest.mark.parametrize(
    ("task", "library"),
    [("image-classification", "timm"), ("text-classification", "transformers"), ("translation", None)],
)
def test_a_draft_names_the_library_of_its_task(task: str, library: str | None) -> None:
    """None, where none is known to open it."""
    text = render_draft(system="x", task=task, parameters=4, upstream=None)
    data: Any = huggingface_hub.ModelCard(text.decode()).data
    assert (data.library_name, data.pipeline_tag) == (library, task)


def test_a_draft_without_upstream_claims_nothing() -> None:
    """Nothing is invented."""
    text = render_draft(system="resnet50", task="image-classification", parameters=4, upstream=None)
    assert b"makes no claim that was recorded" in text
