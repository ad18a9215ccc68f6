"""What stays as it is while the rest is trained: the lower layers, and batch normalisation's statistics."""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


class Freezing:
    """Freezes the first ``share`` of the layer groups for good; ``apply`` again after each ``model.train()``."""

    def __init__(self, model: nn.Module, groups: list[list[str]], *, share: float, normalisation: bool) -> None:
        """``groups``: names of parameters, from the input to the head."""
        frozen = {name for group in groups[: int(share * len(groups))] for name in group}
        for name, parameter in model.named_parameters():
            # Adapters freeze what they stand beside; that stays so.
            parameter.requires_grad_(parameter.requires_grad and name not in frozen)
        self._still = [
            module
            for name, module in model.named_modules()
            if isinstance(module, _BatchNorm) and (normalisation or f"{name}.weight" in frozen)
        ]

    def apply(self) -> None:
        """Puts the frozen normalisation layers back into evaluation mode."""
        for module in self._still:
            module.eval()
