"""Planted label errors are found, with probabilities from scikit-learn rather than from a head of ours."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import cross_val_predict

from roadworthy.finetune.examples import Example
from roadworthy.finetune.held_out import HeldOut, held_out, load, save
from roadworthy.finetune.label_check import LabelCheck, check_labels
from roadworthy.finetune.split import Part

LABELS = [f"digit {number}" for number in range(10)]
Digits = tuple[HeldOut, NDArray[np.int64], NDArray[np.int64]]


@pytest.fixture(scope="module")
def digits() -> Digits:
    """Handwritten digits, ten of them under wrong labels: (answers out of fold, right labels, places of the wrong)."""
    images, right = load_digits(return_X_y=True)
    images, right = images[:800] / 16, right[:800].astype(np.int64)
    wrong = np.random.default_rng(0).choice(len(right), size=10, replace=False)
    given = right.copy()
    given[wrong] = (given[wrong] + 3) % 10
    probabilities = cross_val_predict(LogisticRegression(max_iter=300), images, given, method="predict_proba", cv=5)
    names = tuple(f"{n}.png" for n in range(len(right)))
    parts: tuple[Part, ...] = tuple("train" if n < 600 else "validation" for n in range(800))
    return HeldOut(names=names, parts=parts, truths=given, probabilities=probabilities.astype(np.float32)), right, wrong


@pytest.fixture(scope="module")
def check(digits: Digits) -> LabelCheck:
    """What is found."""
    return check_labels(digits[0], LABELS)


def test_planted_errors_are_found(digits: Digits, check: LabelCheck) -> None:
    """Nine of ten at least, and no more than a few percent of the rest."""
    _, _, wrong = digits
    suspected = {suspect.name for suspect in check.suspects}
    assert len(suspected & {f"{n}.png" for n in wrong}) >= 9
    assert len(suspected) < 50


def test_the_right_label_is_suggested(digits: Digits, check: LabelCheck) -> None:
    """For almost all of them, with the label they were given and how sure the answer is."""
    answers, right, wrong = digits
    found = {suspect.name: suspect for suspect in check.suspects}
    planted = [found[f"{n}.png"] for n in wrong if f"{n}.png" in found]
    suggested = [suspect.suggested == LABELS[right[int(suspect.name[:-4])]] for suspect in planted]
    assert sum(suggested) >= len(planted) - 1
    for suspect in planted:
        row = answers.probabilities[int(suspect.name[:-4])]
        assert suspect.confidence == pytest.approx(row.max())
        assert suspect.given_confidence == pytest.approx(row[LABELS.index(suspect.given)])


def test_accuracy_of_each_part(digits: Digits, check: LabelCheck) -> None:
    """scikit-learn's accuracy on the first 600 and on the rest; a test part that is not there is not told."""
    answers, _, _ = digits
    answered = answers.probabilities.argmax(1)
    assert [(one.part, one.n) for one in check.head_accuracy] == [("train", 600), ("validation", 200)]
    assert check.head_accuracy[0].value == pytest.approx(accuracy_score(answers.truths[:600], answered[:600]))
    assert check.head_accuracy[1].value == pytest.approx(accuracy_score(answers.truths[600:], answered[600:]))
    assert not check.weak


def test_a_head_that_guesses_is_called_weak(digits: Digits) -> None:
    """Always naming the largest class has no skill at all: its contradictions are its own errors."""
    answers, _, _ = digits
    constant = np.full_like(answers.probabilities, 0.05)
    constant[:, np.bincount(answers.truths).argmax()] = 0.55
    guessed = check_labels(
        HeldOut(names=answers.names, parts=answers.parts, truths=answers.truths, probabilities=constant), LABELS
    )
    assert guessed.skill == pytest.approx(0.0)
    assert guessed.weak


def test_answers_survive_a_run_folder(digits: Digits, check: LabelCheck, tmp_path: Path) -> None:
    """Saved in half precision: the same suspects in the end."""
    save(tmp_path / "held-out.npz", digits[0])
    again = load(tmp_path / "held-out.npz")
    assert again is not None
    assert again.names == digits[0].names
    assert again.parts == digits[0].parts
    kept, before = ({suspect.name for suspect in one.suspects} for one in (check_labels(again, LABELS), check))
    assert len(kept ^ before) <= 1
    assert load(tmp_path / "nowhere.npz") is None


def test_scores_become_probabilities() -> None:
    """Softmax by hand: scores of 0 and ln 3 are 25 % and 75 %."""
    example = Example(id="0" * 64, truth=1, part="train", name="a.png", row=0)
    answers = held_out([example], torch.tensor([[0.0, float(np.log(3))]]))
    assert answers.probabilities.tolist() == [pytest.approx([0.25, 0.75])]
    assert (answers.names, answers.truths.tolist(), answers.parts) == (("a.png",), [1], ("train",))
