"""The card of a classification: recalls, calibration and most confident errors, from the evidence and nothing else."""

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import huggingface_hub
import pytest

from roadworthy.model_cards import Claim, Row, card, score, text_accuracy, with_metric
from roadworthy.model_cards.card_classes import CALIBRATION, CLASSES

# Cats 1 of 2 found, dogs 3 of 3; the most confident error is a cat.
ROWS = (
    Row(id="a" * 64, truth=0, prediction=1, confidence=0.97),
    Row(id="b" * 64, truth=0, prediction=0, confidence=0.6),
    *(Row(id=f"{i}" * 64, truth=1, prediction=1, confidence=0.9) for i in range(3)),
)


def rendered(claim: Claim, rows: Sequence[Row] = ROWS, pictures: frozenset[str] = frozenset()) -> dict[str, str]:
    """The card's files as text."""
    files = card.render(card.Proof(claim=claim, rows=rows, curve=(), pictures=pictures))
    return {path: data.decode() for path, data in files.items()}


def many(classes: int, wrong: int = 0) -> tuple[Row, ...]:
    """Two examples of each class; both of the last ``wrong`` classes are missed, ever surer."""
    return tuple(
        Row(id=f"{i:064x}", truth=i // 2, prediction=0 if i // 2 >= classes - wrong else i // 2, confidence=i / 1000)
        for i in range(2 * classes)
    )


def labelled(claim: Claim, n: int) -> Claim:
    """The claim on data of ``n`` classes."""
    labels = tuple(f"kind{i}" for i in range(n))
    return dataclasses.replace(claim, data=dataclasses.replace(claim.data, labels=labels))


def test_every_class_has_its_recall(claim: Claim) -> None:
    """Worst first; Wilson of 1 of 2 is 9.45 to 90.55 %, of 3 of 3 43.85 to 100 % (statsmodels)."""
    text = rendered(claim)["README.md"]
    table = re.findall(r"^\| (cat|dog) \| (.*) \|$", text, re.MULTILINE)
    assert table == [("cat", "2 | 50.00 % | 9.45 % to 90.55 %"), ("dog", "3 | 100.00 % | 43.85 % to 100.00 %")]


def test_balanced_accuracy_is_told(claim: Claim) -> None:
    """(1/2 + 3/3) / 2."""
    text = rendered(claim)["README.md"]
    assert "Balanced accuracy **75.00 %** (95 % " in text
    assert "the mean recall of the 2 classes that occur" in text


def test_the_calibration_error_is_told(claim: Claim) -> None:
    """Five bins of one example: gaps 0.97, 0.4 and thrice 0.1 make 1.67 / 5; on the card and in the plot's title."""
    files = rendered(claim)
    assert "Expected calibration error 33.40 %" in files["README.md"]
    assert f"]({CALIBRATION})" in files["README.md"]
    assert "ECE 33.40 %" in files[CALIBRATION]


def test_confidences_that_are_no_probabilities_are_not_measured(claim: Claim) -> None:
    """Nothing is drawn of them, and nothing invented."""
    files = rendered(claim, [dataclasses.replace(row, confidence=17.5) for row in ROWS])
    assert "Not measured: the confidences in the evidence are no probabilities." in files["README.md"]
    assert CALIBRATION not in files
    assert CALIBRATION not in files["README.md"]


def test_the_most_confident_errors_are_listed(claim: Claim) -> None:
    """Truth and prediction by name; no picture of anybody's data."""
    text = rendered(claim)["README.md"]
    assert "The one wrong answer." in text
    assert "| `aaaaaaaaaaaaaaaa` | cat | dog | 97.00 % |" in text
    assert ".jpg" not in text


def test_ten_errors_at_most(claim: Claim) -> None:
    """Of 24 wrong answers."""
    text = rendered(labelled(claim, 40), many(40, wrong=12))["README.md"]
    errors = re.findall(r"^\| `[0-9a-f]{16}` \| kind\d+ \| kind0 \| (.*) % \|$", text, re.MULTILINE)
    assert "10 of 24 wrong answers." in text
    assert [float(error) for error in errors] == [7.9, 7.8, 7.7, 7.6, 7.5, 7.4, 7.3, 7.2, 7.1, 7.0]


def test_no_error_is_said(claim: Claim) -> None:
    """Instead of an empty table."""
    assert "None: all 3 answers are right." in rendered(claim, ROWS[2:])["README.md"]


def test_a_picture_in_the_snapshot_is_shown_beside_its_row(claim: Claim) -> None:
    """Only that one, and only where the publisher put it there."""
    path = f"evidence/examples/{'a' * 16}.jpg"
    rows = (*ROWS, Row(id="c" * 64, truth=1, prediction=0, confidence=0.5))
    text = rendered(claim, rows, frozenset({path, f"evidence/examples/{'b' * 16}.jpg"}))["README.md"]
    assert re.findall(r"\]\((evidence.*?)\)", text) == [path]
    assert f"| ![example {'a' * 16}]({path}) | `{'a' * 16}` | cat | dog | 97.00 % |" in text
    assert f"|  | `{'c' * 16}` | dog | cat | 50.00 % |" in text


def test_an_id_that_is_no_digest_shows_no_picture(claim: Claim) -> None:
    """So that no id can write a link of its own."""
    identity = "x](javascript:1)"
    rows = [dataclasses.replace(ROWS[0], id=identity), *ROWS[1:]]
    text = rendered(claim, rows, frozenset({f"evidence/examples/{identity}.jpg"}))["README.md"]
    assert "evidence/examples" not in text
    assert f"`{identity}`" in text


def test_a_hundred_classes_show_the_24_worst(claim: Claim) -> None:
    """And count the others."""
    files = rendered(labelled(claim, 100), many(100, wrong=30))
    table = re.findall(r"^\| (kind\d+) \| 2 \| 0\.00 %", files["README.md"], re.MULTILINE)
    assert table == [f"kind{i}" for i in range(70, 94)]
    assert "The 24 worst; 76 more classes are in the evidence." in files["README.md"]
    assert "Recall of the 24 worst of 100 classes" in files[CLASSES]


def test_a_class_that_does_not_occur_is_not_shown(claim: Claim) -> None:
    """Nought of nought is no recall."""
    text = rendered(labelled(claim, 3))["README.md"]
    assert "| kind0 | 2 |" in text
    assert "| kind2 |" not in text


@pytest.mark.parametrize(("truth", "prediction"), [(2, 0), (0, 2), (-1, 0), (0, -1)])
def test_a_class_without_label_is_refused(claim: Claim, truth: int, prediction: int) -> None:
    """Also -1, which Python would count from the end."""
    with pytest.raises(IndexError, match="expected 0 to 1"):
        rendered(claim, [dataclasses.replace(ROWS[0], truth=truth, prediction=prediction)])


def test_other_tasks_have_no_classes(claim: Claim) -> None:
    """Their answers are texts or numbers, and their figures plain numbers."""
    metric = dataclasses.replace(claim.metric, name="bleu", value=23.8, low=22.0, high=25.5)
    protocol = dataclasses.replace(claim.protocol, family="translation-bleu", metric="bleu")
    data = dataclasses.replace(claim.data, labels=())
    other = dataclasses.replace(claim, task="translation", metric=metric, protocol=protocol, data=data)
    files = rendered(other, [Row(id="a", truth="ein Haus", prediction="a house", confidence=-3.5)])
    assert set(files) == {"README.md", card.CURVE, ".eval_results/bleu.yaml"}
    assert "**bleu 23.8000** (95 % 22.0000 to 25.5000, n = 20)" in files["README.md"]
    assert "## Classes" not in files["README.md"]
    assert "classes:" not in files["README.md"]
    loaded: Any = huggingface_hub.ModelCard(files["README.md"]).data
    assert loaded.library_name is None
    assert loaded.eval_results[0].metric_type == "bleu"


def test_a_text_classifier_has_a_card_of_its_library(claim: Claim) -> None:
    """As the Hub's own reader sees it; the metric under the Hub's name."""
    plain = text_accuracy(max_length=128, tokenizer_sha256="a" * 64)
    for protocol, hub in ((plain, "accuracy"), (with_metric(plain, "balanced_accuracy"), "balanced_accuracy")):
        changed = dataclasses.replace(
            claim, task="text-classification", protocol=protocol, metric=score(protocol, ROWS)
        )
        files = rendered(changed)
        loaded: Any = huggingface_hub.ModelCard(files["README.md"]).data
        assert (loaded.library_name, loaded.pipeline_tag) == ("transformers", "text-classification")
        assert loaded.eval_results[0].metric_type == hub
        assert f"`{protocol.name}`" in files["README.md"]
        assert CLASSES in files
