"""The catalogue against the table of the design and the references' own counts."""

import pytest

from roadworthy.model_cards import CATALOGUE, InputError
from roadworthy.model_cards.catalogue import find

# Industry targets, in percent Top-1, and the exact parameter counts of the references' models.
REFERENCES = {
    "resnet50-v1.5": ("76", 25_557_032),
    "resnext101-32x4d": ("79.2", 44_177_704),
    "se-resnext101-32x4d": ("79.9", 45_251_128),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_target_and_size_are_the_references(name: str) -> None:
    """Top-1 of at least the industry target, by a model of exactly that size."""
    system = find(name)
    target, parameters = REFERENCES[name]
    assert f"{100 * system.target.threshold:g}" == target
    assert (system.target.metric, system.target.relation) == ("top1", ">=")
    assert system.parameters == parameters
    assert system.classes == 1000


def test_every_system_is_measured_under_the_protocol_of_the_references() -> None:
    """Bilinear resize to 256, centre crop of 224, ImageNet's channels."""
    for system in CATALOGUE.values():
        assert system.protocol.name == "image-top1-bilinear-256-224@1"
        assert system.protocol.parameters["mean"] == (0.485, 0.456, 0.406)
        assert system.protocol.parameters["std"] == (0.229, 0.224, 0.225)


def test_names_are_their_own_keys() -> None:
    """A system is found under the name it has."""
    assert all(name == system.name for name, system in CATALOGUE.items())


def test_every_system_says_where_its_target_was_published() -> None:
    """A target without a source is a rumour."""
    assert all(system.source.startswith("NVIDIA DeepLearningExamples") for system in CATALOGUE.values())


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("resnet50", "resnet50-v1.5"),
        ("resnext-101-32x4d", "resnext101-32x4d"),
        ("se-resnext101", "se-resnext101-32x4d"),
    ],
)
def test_a_near_name_is_suggested(typed: str, meant: str) -> None:
    """The message ends with what was probably meant."""
    with pytest.raises(InputError, match=rf"Did you mean {meant}\?$"):
        find(typed)


def test_a_far_name_is_answered_with_all_names() -> None:
    """And with the other ways to name a start, and no guess."""
    with pytest.raises(InputError) as caught:
        find("zzz")
    message = str(caught.value)
    assert all(name in message for name in CATALOGUE)
    assert "timm:ARCHITECTURE" in message
    assert "Did you mean" not in message
