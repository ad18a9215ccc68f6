"""What runs in the clean process: open the packaged bytes, answer the test examples, write evidence.

Started by ``verify`` as ``python -I -m roadworthy.finetune.clean_process REQUEST`` with an environment
that holds nothing of the training. It knows the snapshot, the data, and where to write; no target, no
expected figure. Progress goes to stdout, one JSON list a line.
"""

import dataclasses
import sys
from pathlib import Path
from typing import Any

import torch

from roadworthy.model_cards import InputError, Row, evidence
from roadworthy.model_cards.evidence import fingerprint_of
from roadworthy.model_cards.snapshot import EXAMPLES, list_files

from .clean_answer import answer, say
from .clean_request import REQUEST, Measured, NearFound, Request
from .environment import choose_device, describe, make_deterministic
from .evaluation import predict
from .example_pictures import check_can_show, write_examples
from .examples import Dataset
from .fingerprint import fingerprint
from .flops import count_flops
from .groups import without_groups
from .leak_search import find_near, leave_groups
from .open_model import Opened, open_snapshot
from .tasks import task_of


def measure(request: Request) -> Measured:
    """Measures a snapshot (and its parent, where it has the same classes) on the test part of the data."""
    out, snapshot = Path(request.out), Path(request.snapshot)
    device = choose_device(request.device)
    make_deterministic(device)
    files = list_files(snapshot)
    opened = open_snapshot(snapshot, device=device.type)
    config = opened.config
    check_can_show(config.task, request.show_examples)
    data = opened.task.read(
        Path(request.data), config, to_measure=True, options=request.options, cache=out / "cache", report=say
    )
    rows = _answers(opened, data, device)
    (out / "test.jsonl").write_bytes(evidence.dump(rows))
    leave_groups(data.examples, out)
    if request.show_examples:
        names = {example.id: example.name for example in data.examples.part("test")}
        write_examples(rows, names, Path(request.data), out / EXAMPLES, most=request.show_examples)
    reason = _measure_parent(request, opened, data, device) if request.parent else None
    if request.parent and request.parent_data:
        _measure_parent_test(request, opened, device)
    near = find_near(request, opened, say)
    identity = fingerprint(opened.model)
    return Measured(
        task=config.task,
        system=config.system,
        architecture=config.architecture,
        parameters=identity.parameters,
        architecture_sha256=identity.shapes_sha256,
        protocol=config.protocol,
        labels=config.labels,
        split_rule=data.examples.split.rule,
        n=len(rows),
        fingerprint=fingerprint_of(rows),
        files=files,
        environment=describe(device, "float32"),
        parent_not_compared=reason,
        flops=count_flops(opened, device),
        near=near if isinstance(near, NearFound) else None,
        near_not_measured=None if isinstance(near, NearFound) else near,
    )


def _answers(opened: Opened, data: Dataset[Any], device: torch.device) -> list[Row]:
    work = opened.task.workload(data, opened.config, None, device)
    return predict(opened.model, work, "test", device, say)


def _measure_parent(request: Request, child: Opened, data: Dataset[Any], device: torch.device) -> str | None:
    """Writes the parent's evidence; or says why it cannot answer these examples."""
    parent = open_snapshot(Path(str(request.parent)), device=device.type)
    ours, theirs = child.config, parent.config
    if set(theirs.labels) != set(ours.labels):
        return f"it has other classes ({len(theirs.labels)} against {len(ours.labels)})"
    if theirs.protocol != ours.protocol:
        return f"it is measured under another protocol ({theirs.protocol.name})"
    rows = _answers(parent, data, device)
    if theirs.labels != ours.labels:
        # The truths have this version's numbers, by which the parent's scores were read: wrongly, in another order.
        place = {number: ours.labels.index(label) for number, label in enumerate(theirs.labels)}
        rows = [dataclasses.replace(row, prediction=place[row.prediction], log_likelihood=None) for row in rows]
    (Path(request.out) / "parent.jsonl").write_bytes(evidence.dump(rows))
    return None


def _measure_parent_test(request: Request, child: Opened, device: torch.device) -> None:
    """Writes this version's evidence on the parent's own test data, under its protocol, by its class numbers."""
    folder = Path(str(request.parent))
    theirs = task_of(folder).read_config(folder)
    if set(theirs.labels) != set(child.config.labels):
        raise InputError(
            f"this version cannot answer its parent's test data: its {len(child.config.labels)} classes are not the "
            f"parent's {len(theirs.labels)}. Leave --parent-data out."
        )
    asked = dataclasses.replace(child, config=dataclasses.replace(child.config, protocol=theirs.protocol))
    data = asked.task.read(
        Path(str(request.parent_data)),
        asked.config,
        to_measure=True,
        options=without_groups(request.options),
        cache=Path(request.out) / "parent-cache",
        report=say,
    )
    rows = _answers(asked, data, device)
    if theirs.labels != child.config.labels:
        number = [theirs.labels.index(label) for label in child.config.labels]
        rows = [dataclasses.replace(row, truth=number[row.truth], prediction=number[row.prediction]) for row in rows]
    (Path(request.out) / "parent-test.jsonl").write_bytes(evidence.dump(rows))


def main(argument: str) -> int:
    """Entry point."""
    request = REQUEST.validate_json(argument)
    return answer(Path(request.out), lambda: measure(request))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
