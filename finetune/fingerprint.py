"""Which architecture weights fit.

A name is not enough to say which net it is: two nets of one name can hold weights that do not interchange.
"""

import hashlib
from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """What weights must look like to fit a net: its parameter count and the digest of its state dict's shapes.

    Strides and padding leave no trace in a state dict, so equal fingerprints mean that weights load,
    not that the nets compute the same.
    """

    parameters: int
    shapes_sha256: str


def fingerprint(model: nn.Module) -> Architecture:
    """The architecture fingerprint of ``model``; its weights' values do not matter, their dtypes do.

    ``shapes_sha256`` digests the sorted lines ``<name> <d0>x<d1>… <dtype>`` of the state dict, each ended by
    a newline; a scalar has an empty shape.
    """
    lines = sorted(
        f"{name} {'x'.join(map(str, tensor.shape))} {str(tensor.dtype).removeprefix('torch.')}\n"
        for name, tensor in model.state_dict().items()
    )
    return Architecture(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        shapes_sha256=hashlib.sha256("".join(lines).encode()).hexdigest(),
    )
