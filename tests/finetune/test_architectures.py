"""Architectures by name: published parameter counts, fingerprints, heads and layer groups."""

import hashlib
import socket

import pytest
import torch
from torch import nn

from roadworthy.finetune.architectures import (
    build,
    classifier_keys,
    default_classes,
    layer_groups,
    replace_head,
    skeleton,
)
from roadworthy.finetune.fingerprint import Architecture, fingerprint
from roadworthy.model_cards.errors import InputError


@pytest.mark.parametrize(
    ("architecture", "parameters"),
    [
        ("resnet50", 25_557_032),
        ("resnext101_32x4d", 44_177_704),
        ("se_resnext101_32x4d_rd16", 45_251_128),
        ("seresnext101_32x4d", 48_955_416),
    ],
)
def test_an_architecture_has_the_published_parameter_count(architecture: str, parameters: int) -> None:
    """NVIDIA's squeeze-excitation net and timm's of nearly the same name are two nets."""
    assert fingerprint(skeleton(architecture, num_classes=1000)).parameters == parameters


def test_resnet50_is_version_1_5() -> None:
    """The stride of a downsampling block is on the 3x3 convolution, not on the 1x1 before it."""
    block = skeleton("resnet50", num_classes=1000).get_submodule("layer2.0")
    first, second = block.get_submodule("conv1"), block.get_submodule("conv2")
    assert isinstance(first, nn.Conv2d)
    assert isinstance(second, nn.Conv2d)
    assert (first.stride, second.stride) == ((1, 1), (2, 2))


def test_every_block_of_nvidias_net_squeezes_to_16_channels() -> None:
    """33 blocks, 16 channels each, whatever their width."""
    shapes = {
        key: tensor.shape[0]
        for key, tensor in skeleton("se_resnext101_32x4d_rd16", num_classes=10).state_dict().items()
        if key.endswith("se.fc1.weight")
    }
    assert len(shapes) == 33
    assert set(shapes.values()) == {16}


def test_building_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random weights are made here: no name is resolved and no connection opened."""

    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    outputs = build("tf_efficientnet_lite0", num_classes=7).eval()(torch.zeros(1, 3, 64, 64))
    assert outputs.shape == (1, 7)


def test_weights_are_random() -> None:
    """Two builds differ, and a seed makes them equal."""
    torch.manual_seed(0)
    first, second = (build("resnet18", num_classes=2).get_parameter("conv1.weight") for _ in range(2))
    torch.manual_seed(0)
    again = build("resnet18", num_classes=2).get_parameter("conv1.weight")
    assert not torch.equal(first, second)
    assert torch.equal(first, again)


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("resnet-50", "resnet50"),
        ("ResNet50", "resnet50"),
        ("resnet50.tv_in1k", "resnet50"),
        ("se-resnext101-32x4d", "se_resnext101_32x4d_rd16"),
    ],
)
def test_an_unknown_name_is_answered_with_near_ones(wrong: str, near: str) -> None:
    """Spelling of other projects, capitals and names of weights all lead to the architecture."""
    with pytest.raises(InputError, match=rf"Did you mean.*\b{near}\b"):
        build(wrong, num_classes=10)


@pytest.mark.parametrize("name", ["hf-hub:timm/resnet50.a1_in1k", "local-dir:/tmp", "", "zzzzzzzz"])
def test_a_name_that_would_fetch_something_is_unknown(name: str) -> None:
    """timm resolves such names over the network or from a folder; here they are no architecture."""
    with pytest.raises(InputError, match="is not known"):
        build(name, num_classes=10)


@pytest.mark.parametrize("num_classes", [0, -1])
def test_a_head_has_at_least_one_class(num_classes: int) -> None:
    """timm would build a net without a head for 0 classes."""
    with pytest.raises(InputError, match="1 or more"):
        build("resnet18", num_classes=num_classes)
    with pytest.raises(InputError, match="1 or more"):
        replace_head(skeleton("resnet18", num_classes=2), num_classes)


@pytest.mark.parametrize(
    ("architecture", "classes"),
    [
        ("resnet50", 1000),
        ("focalnet_huge_fl3", 21_842),
        ("aimv2_1b_patch14_224", 1000),
        ("se_resnext101_32x4d_rd16", 1000),
    ],
)
def test_default_classes_are_those_of_the_published_weights(architecture: str, classes: int) -> None:
    """ImageNet-1k, ImageNet-22k, weights without a head, and a net that timm does not know."""
    assert default_classes(architecture) == classes


def test_a_fingerprint_digests_sorted_lines_of_name_shape_and_dtype() -> None:
    """The digest is computed again by hand for a model of three tensors."""

    class Tiny(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(2, 3))
            self.narrow = nn.Parameter(torch.zeros(4, dtype=torch.float16))
            self.register_buffer("count", torch.tensor(0))

    by_hand = hashlib.sha256(b"count  int64\nnarrow 4 float16\nweight 2x3 float32\n").hexdigest()
    assert fingerprint(Tiny()) == Architecture(parameters=10, shapes_sha256=by_hand)


def test_a_fingerprint_ignores_values_and_sees_shapes() -> None:
    """Two random inits agree; another head or another squeeze width do not."""
    names = ("se_resnext101_32x4d_rd16", "seresnext101_32x4d")
    ours, theirs = (fingerprint(skeleton(name, num_classes=5)) for name in names)
    assert fingerprint(build("resnet18", num_classes=5)) == fingerprint(build("resnet18", num_classes=5))
    assert fingerprint(skeleton("resnet18", num_classes=5)) != fingerprint(skeleton("resnet18", num_classes=6))
    assert ours.shapes_sha256 != theirs.shapes_sha256


@pytest.mark.parametrize(
    ("architecture", "keys"),
    [
        ("resnet50", ("fc.weight", "fc.bias")),
        ("tf_efficientnet_lite0", ("classifier.weight", "classifier.bias")),
        ("vit_tiny_patch16_224", ("head.weight", "head.bias")),
        ("convnext_atto", ("head.fc.weight", "head.fc.bias")),
        (
            "deit_tiny_distilled_patch16_224",
            ("head.weight", "head.bias", "head_dist.weight", "head_dist.bias"),
        ),
    ],
)
def test_classifier_keys_name_the_head(architecture: str, keys: tuple[str, ...]) -> None:
    """One head, a nested head, or the two heads of a distilled net."""
    assert classifier_keys(skeleton(architecture, num_classes=10)) == keys


def test_a_model_without_a_known_head_is_refused() -> None:
    """Which keys are the head of a bare module is a guess, and is not made."""
    with pytest.raises(InputError, match="no classifier head"):
        classifier_keys(nn.Linear(2, 2))


def test_replacing_the_head_changes_the_head_alone() -> None:
    """All other tensors are the same bits, and the new head keeps the model's dtype."""
    model = build("resnet18", num_classes=1000).to(torch.float64)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    replace_head(model, 3)
    after = model.state_dict()
    assert after["fc.weight"].shape == (3, 512)
    assert after["fc.weight"].dtype == torch.float64
    assert {key for key in before if not torch.equal(before[key], after[key])} == {"fc.weight", "fc.bias"}
    assert model.eval()(torch.zeros(2, 3, 64, 64, dtype=torch.float64)).shape == (2, 3)


@pytest.mark.parametrize(
    "architecture",
    [
        "resnet50",
        "se_resnext101_32x4d_rd16",
        "tf_efficientnet_lite0",
        "vit_tiny_patch16_224",
        "convnext_atto",
        "mobilenetv3_small_100",
        "rdnet_tiny",
    ],
)
def test_layer_groups_run_from_stem_to_head(architecture: str) -> None:
    """Each parameter is in one group, the stem's are first and the classifier's last."""
    model = skeleton(architecture, num_classes=10)
    groups = layer_groups(model)
    parameters = [name for name, _ in model.named_parameters()]
    assert sorted(name for group in groups for name in group) == sorted(parameters)
    assert len(groups) >= 5
    assert next(name for name in parameters if "weight" in name) in groups[0]
    assert set(classifier_keys(model)) <= set(groups[-1])


def test_resnet50s_groups_are_its_stem_its_four_stages_and_its_head() -> None:
    """The depths by which people speak of freezing a ResNet."""
    groups = layer_groups(skeleton("resnet50", num_classes=10))
    stages = [{name.split(".")[0] for name in group} for group in groups]
    assert stages == [{"conv1", "bn1"}, {"layer1"}, {"layer2"}, {"layer3"}, {"layer4"}, {"fc"}]


def test_a_model_that_is_not_timms_is_grouped_by_its_children() -> None:
    """In the order in which the children were made."""
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1)))
    assert layer_groups(model) == [
        ["0.weight", "0.bias"],
        ["2.0.weight", "2.0.bias", "2.1.weight", "2.1.bias"],
    ]
