"""The catalogue against the table of the design and the references' own counts."""

import pytest

from roadworthy.model_cards import CATALOGUE, InputError
from roadworthy.model_cards.catalogue import find

# Industry targets, in percent Top-1, and the exact parameter counts of the references' models.
IMAGES = {
    "resnet50-v1.5": ("76", 25_557_032),
    "resnext101-32x4d": ("79.2", 44_177_704),
    "se-resnext101-32x4d": ("79.9", 45_251_128),
}

# Targets and counts of the systems of tables; the names of the protocols are their published figures' own.
TABLES = {
    "dlrm": ("auc>=0.8", 4_189_139_585, "click-through-auc@1"),
    "ncf": ("hit_rate_at_10>=0.95", 31_832_577, "recommendation-hit-rate-at-10-100-negatives-seed-0@1"),
    "wide-and-deep": ("legacy_map_at_12>=0.67", 91_777_245, "ranking-legacy-map-at-12-batches-of-131072@1"),
}


@pytest.mark.parametrize("name", IMAGES)
def test_target_and_size_are_the_references(name: str) -> None:
    """Top-1 of at least the industry target, by a model of exactly that size."""
    system = find(name)
    target, parameters = IMAGES[name]
    assert f"{100 * system.target.threshold:g}" == target
    assert (system.target.metric, system.target.relation) == ("top1", ">=")
    assert system.parameters == parameters
    assert system.classes == 1000


@pytest.mark.parametrize("name", TABLES)
def test_systems_of_tables_have_their_targets_and_protocols(name: str) -> None:
    """No classes: they are counted at the tables of their data; the target is on the protocol's metric."""
    system = find(name)
    target, parameters, protocol = TABLES[name]
    assert (str(system.target), system.parameters, system.protocol.name) == (target, parameters, protocol)
    assert system.classes is None
    assert system.data
    assert (system.target.metric, system.target.relation) == (system.protocol.metric, system.protocol.relation)


def test_the_size_of_neumf_is_that_of_its_layers() -> None:
    """138,493 users and 26,744 items in tables of 64 and 128; 256-256-128-64 above them, and one unit on 64 + 64."""
    tables = (138_493 + 26_744) * (64 + 128)
    layers = (256 * 256 + 256) + (256 * 128 + 128) + (128 * 64 + 64) + (64 + 64 + 1)
    assert find("ncf").parameters == tables + layers


def test_every_image_system_is_measured_under_the_protocol_of_the_references() -> None:
    """Bilinear resize to 256, centre crop of 224, ImageNet's channels."""
    for system in map(find, IMAGES):
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
