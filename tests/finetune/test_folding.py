"""Folded networks compute the same; what cannot be folded is left as it is."""

import pytest
import timm
import torch
from torch import nn

from roadworthy.finetune.folding import folded


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "resnet18", "test_resnet"])
def test_a_folded_network_gives_the_same_logits(name: str) -> None:
    """Within float32's rounding, and with fewer normalisation layers than before."""
    torch.manual_seed(0)
    model = timm.create_model(name).train()
    with torch.no_grad():
        model(torch.randn(8, 3, 64, 64))  # running statistics of their own
    light = folded(model, torch.randn(2, 3, 64, 64))
    assert light is not model
    x = torch.randn(4, 3, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(light(x), model.eval()(x), atol=1e-4)

    def norms(net: nn.Module) -> int:
        return sum(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in net.modules())

    assert norms(light) < norms(model)


def test_the_model_itself_is_not_touched() -> None:
    """Its weights are the same before and after."""
    model = timm.create_model("resnet18").eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    folded(model, torch.randn(1, 3, 64, 64))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


class Misleading(nn.Module):
    """Defines a normalisation after a convolution and applies it before."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalises first."""
        out: torch.Tensor = self.conv(self.norm(x))
        return out


def test_a_wrong_guess_is_noticed() -> None:
    """Where folding would change the outputs, the network comes back unfolded."""
    model = Misleading().eval()
    nn.init.constant_(model.norm.running_mean, 0.7)  # type: ignore[arg-type]
    assert folded(model, torch.randn(2, 3, 8, 8)) is model


def test_nothing_to_fold() -> None:
    """A network without normalisation is returned as it is."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval()
    assert folded(model, torch.randn(1, 3, 8, 8)) is model
