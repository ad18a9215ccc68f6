"""What runs in the second clean process of an export: the artefact is opened and answers the whole test part."""

import dataclasses
import sys
from importlib import metadata
from pathlib import Path

import torch

from roadworthy.model_cards import evidence
from roadworthy.model_cards.certificate import Environment
from roadworthy.model_cards.snapshot import list_files

from .clean_answer import answer, say
from .environment import describe
from .evaluation import predict
from .export_request import ARTEFACT_REQUEST, ArtefactMeasured, ArtefactRequest
from .exported_model import open_exported
from .tasks import task_of


def measure(request: ArtefactRequest) -> ArtefactMeasured:
    """Measures an artefact on the CPU; its own config says how."""
    folder, out, device = Path(request.folder), Path(request.out), torch.device("cpu")
    files = list_files(folder)
    task = task_of(folder)
    config = task.read_config(folder)
    exported = open_exported(request.format, folder)
    data = task.read(
        Path(request.data), config, to_measure=True, options=request.options, cache=out / "cache", report=say
    )
    rows = predict(exported, task.workload(data, config, None, device), "test", device, say)
    (out / "test.jsonl").write_bytes(evidence.dump(rows))
    return ArtefactMeasured(
        opened_by=exported.opened_by,
        files=files,
        system=config.system,
        protocol=config.protocol,
        environment=_environment(request, device),
    )


def _environment(request: ArtefactRequest, device: torch.device) -> Environment:
    found = describe(device, "float32")
    if request.format == "torch-export":
        return found
    runtime = {name: metadata.version(name) for name in ("onnx", "onnxruntime", "onnxscript")}
    return dataclasses.replace(found, libraries=found.libraries | runtime)


def main(argument: str) -> int:
    """Entry point."""
    request = ARTEFACT_REQUEST.validate_json(argument)
    return answer(Path(request.out), lambda: measure(request))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
