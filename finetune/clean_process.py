"""What runs in the clean process: open the packaged bytes, answer the test examples, write evidence.

Started by ``verify`` as ``python -I -m roadworthy.finetune.clean_process REQUEST`` with an environment
that holds nothing of the training. It knows the snapshot, the data, and where to write; no target, no
expected figure. Progress goes to stdout, one JSON list a line.
"""

import dataclasses
import sys
from pathlib import Path

import torch

from roadworthy.model_cards import Protocol, Row, evidence
from roadworthy.model_cards.evidence import fingerprint_of
from roadworthy.model_cards.snapshot import list_files

from . import model_config
from .architectures import fingerprint
from .clean_answer import answer, say
from .clean_request import REQUEST, Measured, Request
from .environment import choose_device, describe, make_deterministic
from .image_data import ImageData, read_images
from .image_folder import list_folder
from .loop import predict
from .measured_task import measured_task
from .open_model import load


def measure(request: Request) -> Measured:
    """Measures a snapshot (and its parent, where it has the same classes) on the test part of the data."""
    out, snapshot = Path(request.out), Path(request.snapshot)
    device = choose_device(request.device)
    make_deterministic(device)
    files = list_files(snapshot)
    opened = load(snapshot, device=device.type)
    config = opened.config
    listing = list_folder(Path(request.data), labels=config.labels)
    images = read_images(listing, config.protocol, out / "cache", say)
    rows = _answers(opened.model, images, config.protocol, device)
    (out / "test.jsonl").write_bytes(evidence.dump(rows))
    reason = _measure_parent(request, config, images, device) if request.parent else None
    identity = fingerprint(opened.model)
    return Measured(
        task=model_config.TASK,
        system=config.system,
        architecture=config.architecture,
        parameters=identity.parameters,
        architecture_sha256=identity.shapes_sha256,
        protocol=config.protocol,
        labels=config.labels,
        split_rule=listing.split_rule,
        n=len(rows),
        fingerprint=fingerprint_of(rows),
        files=files,
        environment=describe(device, "float32"),
        parent_not_compared=reason,
    )


def _answers(model: torch.nn.Module, images: ImageData, protocol: Protocol, device: torch.device) -> list[Row]:
    task = measured_task(images, protocol, device)
    return predict(model, task, "test", None, device, say)


def _measure_parent(
    request: Request, config: model_config.ModelConfig, images: ImageData, device: torch.device
) -> str | None:
    """Writes the parent's evidence; or says why it cannot answer these examples."""
    parent = load(Path(str(request.parent)), device=device.type)
    if set(parent.config.labels) != set(config.labels):
        return f"it has other classes ({len(parent.config.labels)} against {len(config.labels)})"
    if parent.config.protocol != config.protocol:
        return f"it is measured under another protocol ({parent.config.protocol.name})"
    place = {number: config.labels.index(label) for number, label in enumerate(parent.config.labels)}
    rows = _answers(parent.model, images, config.protocol, device)
    renamed = [dataclasses.replace(row, prediction=place[row.prediction]) for row in rows]
    (Path(request.out) / "parent.jsonl").write_bytes(evidence.dump(renamed))
    return None


def main(argument: str) -> int:
    """Entry point."""
    request = REQUEST.validate_json(argument)
    return answer(Path(request.out), lambda: measure(request))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
