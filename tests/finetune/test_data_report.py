"""Facts counted by hand over a handful of examples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.finetune.data_report import count_classes, distribution, find_copies, imbalance, sentence
from roadworthy.finetune.examples import Example, Examples
from roadworthy.finetune.split import Part, Split

SPLIT = Split(given=frozenset(), unit="folders", content="pixels'")


def examples(*members: tuple[str, int, Part, str]) -> Examples:
    """Examples of two classes from (id, class, part, name)."""
    return Examples(
        labels=("cat", "dog"),
        members=tuple(
            Example(id=digest, truth=truth, part=part, name=name, row=row)
            for row, (digest, truth, part, name) in enumerate(members)
        ),
        split=SPLIT,
        origin="photos",
        noun="image",
    )


def test_classes_are_counted_by_part() -> None:
    """Three cats and a dog to train on: three to one; a class without an example counts as well."""
    found = examples(*((str(n), 0, "train", f"{n}") for n in range(3)), ("d", 1, "train", "d"), ("t", 1, "test", "t"))
    cat, dog = count_classes(found)
    assert (cat.label, cat.train, cat.validation, cat.test, cat.total) == ("cat", 3, 0, 0, 3)
    assert (dog.train, dog.test, dog.total) == (1, 1, 2)
    assert imbalance((cat, dog)) == 3.0
    assert imbalance(count_classes(examples(("a", 0, "train", "a")))) is None


def test_copies_are_told_apart() -> None:
    """A plain copy, a leak and a contradiction, the worst first; what occurs once is none."""
    found = find_copies(
        examples(
            ("plain", 0, "train", "1"),
            ("plain", 0, "train", "2"),
            ("leak", 0, "validation", "3"),
            ("leak", 0, "test", "4"),
            ("contradiction", 0, "train", "5"),
            ("contradiction", 1, "train", "6"),
            ("single", 1, "test", "7"),
        )
    )
    assert [(one.id, one.leak, one.contradiction) for one in found] == [
        ("contradiction", False, True),
        ("leak", True, False),
        ("plain", False, False),
    ]
    assert [(place.name, place.part, place.label) for place in found[0].places] == [
        ("5", "train", "cat"),
        ("6", "train", "dog"),
    ]


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=200))
def test_a_distribution_holds_every_value(values: list[int]) -> None:
    """Each value lies in one bin; the quantiles are NumPy's percentiles."""
    found = distribution("width", values)
    assert sum(found.counts) == len(values)
    assert len(found.edges) == len(found.counts) + 1
    assert (found.low, found.high) == (min(values), max(values))
    assert [found.p5, found.median, found.p95] == pytest.approx(list(np.percentile(values, [5, 50, 95])))


def test_the_sentence_says_what_matters() -> None:
    """Counts, imbalance, scarce classes, copies and leaks, in words."""
    found = examples(
        *((f"c{n}", 0, "train", f"c{n}") for n in range(30)),
        *((f"d{n}", 1, "train", f"d{n}") for n in range(3)),
        ("c0", 0, "test", "copy"),
        ("v", 0, "validation", "v"),
    )
    assert sentence(found) == (
        "35 images in 2 classes: 33 to train on, 1 for validation, 1 to test on (by content: the pixels' SHA-256 puts "
        "15% into test and 15% into validation). The largest class has 10.0 training images for each of the smallest. "
        "Fewer than 10 training images: dog. 1 is a copy of others, 1 of them in the test part too, which blocks "
        "publishing."
    )
