"""A second party's answers beside the first, against scikit-learn and numpy."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score

from roadworthy.model_cards import InputError, Protocol, Row, image_top1
from roadworthy.model_cards.agreement import Agreement, agreement
from roadworthy.model_cards.clicks import click_row
from roadworthy.model_cards.grouped import group_row
from roadworthy.model_cards.protocols_of_scores import click_through, ranking, sampled_recommendation
from roadworthy.model_cards.recommendation import user_row
from roadworthy.model_cards.second_answers import second_answers

PROTOCOL = image_top1(resize=256, crop=224, interpolation="bilinear", mean=(0, 0, 0), std=(1, 1, 1))
CLASS = st.integers(0, 2)
ANSWERS = st.lists(st.tuples(CLASS, CLASS, CLASS, st.floats(0, 1), st.floats(0, 1)), min_size=1)


def rows(answers: list[tuple[int, int, float]]) -> list[Row]:
    """One row for each (truth, prediction, confidence)."""
    return [Row(id=f"{i:03}", truth=t, prediction=p, confidence=c) for i, (t, p, c) in enumerate(answers)]


@given(answers=ANSWERS)
def test_counts(answers: list[tuple[int, int, int, float, float]]) -> None:
    """What is gained less what is lost is the difference of scikit-learn's two accuracies."""
    first = rows([(t, p, c) for t, p, _, c, _ in answers])
    again = rows([(t, q, d) for t, _, q, _, d in answers])
    found = second_answers(PROTOCOL, again, first)
    truth, ours, theirs, before, now = (np.array(column) for column in zip(*answers, strict=True))
    assert found.same == pytest.approx(accuracy_score(ours, theirs))
    assert found.lost is not None
    assert found.gained is not None
    assert found.gained - found.lost == accuracy_score(truth, theirs, normalize=False) - accuracy_score(
        truth, ours, normalize=False
    )
    assert found.lost + found.gained <= found.differing == int((ours != theirs).sum())
    assert found.largest_difference == pytest.approx(np.abs(before - now).max(), abs=1e-6)
    apart = np.concatenate([before[ours != theirs], now[ours != theirs]])
    assert found.surest_differing == (apart.max() if len(apart) else None)


def test_other_examples_are_refused() -> None:
    """Neither another picture, nor another truth, nor fewer of them; nor nothing."""
    first = rows([(0, 0, 0.5)] * 3)
    for other in (first[:2], [*first[:2], replace(first[2], id="d")], [*first[:2], replace(first[2], truth=1)], []):
        with pytest.raises(InputError, match="not to the same examples"):
            second_answers(PROTOCOL, other, first)


def test_where_nothing_is_right_or_wrong_nothing_is_lost() -> None:
    """A family of another package: answers differ or not, and that is all that is known."""
    foreign = Protocol(family="boxes", id="boxes-map", version=1, metric="map", relation=">=", parameters={})
    found = second_answers(foreign, rows([(0, 1, 0.5)]), rows([(0, 0, 0.5)]))
    assert (found.differing, found.lost, found.gained) == (1, None, None)


def test_a_group_answers_with_an_order() -> None:
    """Scores that moved and kept their order are the same answer; the furthest that any moved is told."""

    def group(*scores: float) -> list[Row]:
        return [group_row(id="aa", labels=[0, 1, 0], scores=scores)]

    first = group(0.25, 0.75, 0.5)
    near = second_answers(ranking(), group(0.375, 0.75, 0.5), first)
    assert (near.differing, near.largest_difference, near.surest_differing) == (0, 0.125, None)
    other = second_answers(ranking(), group(0.625, 0.75, 0.5), first)
    assert (other.differing, other.lost, other.gained, other.largest_difference) == (1, None, None, 0.375)
    assert other.surest_differing is None
    assert agreement(group(0.625, 0.75, 0.5), first) == Agreement(n=1, same=0.0, largest_difference=0.375)
    assert second_answers(ranking(), group(0.25, 0.75), first).largest_difference > 1


def test_a_user_answers_with_a_rank() -> None:
    """However sure the model is of the item: a near tie among the candidates is not a matter of its probability."""

    def user(above: int, score: float) -> list[Row]:
        return [user_row(id="aa", candidates=99, pool="0" * 16, seen=1, above=above, equal=0, score=score)]

    found = second_answers(sampled_recommendation(), user(4, 0.9375), user(3, 0.875))
    assert (found.differing, found.largest_difference, found.surest_differing) == (1, 0.0625, None)


def test_a_click_answers_with_yes_or_no() -> None:
    """One that tipped over was nearly even on both sides."""

    def click(probability: float) -> list[Row]:
        return [click_row(id="aa", clicked=True, probability=probability)]

    found = second_answers(click_through(), click(0.4375), click(0.5625))
    assert (found.differing, found.lost, found.surest_differing) == (1, None, 0.5625)
