"""Writing a model as ONNX or as a torch.export program, and opening such a file again. The batch may have any size."""

from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import nn

from roadworthy.model_cards import CheckError
from roadworthy.model_cards.artefact import Format

from .inputs import Inputs

FILES: dict[Format, str] = {"onnx": "model.onnx", "torch-export": "model.pt2"}
_ONE_FILE = 1 << 30  # bytes of weights; protobuf, and so an ONNX file, ends at 2 GiB
_PROVIDER = "CPUExecutionProvider"


class ExportedModel(nn.Module):
    """An opened artefact that answers like the model it was written from: a batch of inputs in, logits out."""

    def __init__(self, run: Callable[..., torch.Tensor], opened_by: str) -> None:
        super().__init__()
        self._run = run
        self.opened_by = opened_by

    def forward(self, *inputs: torch.Tensor, **named: torch.Tensor) -> torch.Tensor:
        """The logits; named inputs in the order in which the model was traced."""
        return self._run(*inputs, *named.values())


def write(model: nn.Module, inputs: Inputs, format: Format, folder: Path) -> None:
    """Writes ``model`` in evaluation mode, traced on ``inputs``, into ``folder``.

    Raises:
        CheckError: torch cannot trace this model.
    """
    # A channels-last weight would be stored in an order that other runtimes have to undo.
    model = model.eval().to(memory_format=torch.contiguous_format)
    tensors = tuple(tensor.contiguous() for tensor in inputs.tensors)
    path = folder / FILES[format]
    try:
        if format == "torch-export":
            _write_program(model, tensors, inputs, path)
        else:
            _write_onnx(model, tensors, inputs, path)
    except (RuntimeError, ValueError) as error:  # what torch.export and torch.onnx raise has no root of its own
        raise CheckError(
            f"this model cannot be exported as {format}: {str(error).splitlines()[0]} Try the other format."
        ) from error


def _write_program(model: nn.Module, tensors: tuple[torch.Tensor, ...], inputs: Inputs, path: Path) -> None:
    program = torch.export.export(model, tensors, dynamic_shapes=inputs.dynamic())
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # paths of this machine
    torch.export.save(program, path)


def _write_onnx(model: nn.Module, tensors: tuple[torch.Tensor, ...], inputs: Inputs, path: Path) -> None:
    program = torch.onnx.export(
        model,
        tensors,
        dynamo=True,
        dynamic_shapes=inputs.dynamic(),
        input_names=list(inputs.names),
        output_names=["logits"],
        verbose=False,
    )
    if program is None:  # only the older exporter returns nothing; for the type checker
        raise RuntimeError("torch.onnx.export returned no program.")
    for node in program.model.graph.all_nodes():
        node.metadata_props.pop("pkg.torch.onnx.stack_trace", None)  # paths of this machine
    program.save(path, external_data=sum(tensor.nbytes for tensor in model.state_dict().values()) > _ONE_FILE)


def open_exported(format: Format, folder: Path) -> ExportedModel:
    """Opens the artefact in ``folder`` on the CPU, with nothing but its own files."""
    path = folder / FILES[format]
    if format == "torch-export":
        program: Any = torch.export.load(path).module()
        return ExportedModel(lambda *tensors: program(*tensors), f"torch.export.load, torch {torch.__version__}")
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=[_PROVIDER])
    names = [one.name for one in session.get_inputs()]

    def run(*tensors: torch.Tensor) -> torch.Tensor:
        feeds = {name: tensor.contiguous().numpy() for name, tensor in zip(names, tensors, strict=True)}
        return torch.from_numpy(session.run(None, feeds)[0])

    return ExportedModel(run, f"onnxruntime {metadata.version('onnxruntime')}, {_PROVIDER}")
