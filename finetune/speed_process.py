"""What runs in the clean process of a benchmark: answers at each precision first, then the stopwatch."""

import sys
from functools import partial
from pathlib import Path

import torch
from torch import nn

from roadworthy.model_cards import Latency, PrecisionAccuracy, evidence
from roadworthy.model_cards.latency import not_timed, summarise
from roadworthy.model_cards.performance import subjects_of
from roadworthy.model_cards.snapshot import list_files

from .clean_answer import answer, say
from .environment import choose_device, describe
from .evaluation import predict
from .memory import bound_memory, is_out_of_memory
from .open_model import Opened, open_snapshot
from .precision import AtPrecision, check_precisions, method
from .speed_request import SPEED_REQUEST, SpeedMeasured, SpeedRequest, answers_file
from .timing import time_calls, waiter


def measure(request: SpeedRequest) -> SpeedMeasured:
    """Measures one snapshot at every precision and batch size that was asked for."""
    device = choose_device(request.device)
    check_precisions(request.precisions, device)
    files = subjects_of(list_files(Path(request.snapshot)))
    opened = open_snapshot(Path(request.snapshot), device=device.type)
    models = {precision: AtPrecision(opened.model, precision, device) for precision in request.precisions}
    if request.data is not None:
        _answer(models, opened, request, Path(request.data), device)
    if device.type == "cpu":
        bound_memory()
    return SpeedMeasured(
        files=files,
        system=opened.config.system,
        protocol=opened.config.protocol,
        example=opened.task.example(opened.config, 1, device).example,
        latencies=_time_all(models, opened, request, device),
        accuracies=tuple(PrecisionAccuracy(precision=name, method=method(name)) for name in models),
        environment=describe(device, ", ".join(request.precisions)),
    )


def _answer(
    models: dict[str, AtPrecision], opened: Opened, request: SpeedRequest, folder: Path, device: torch.device
) -> None:
    """Writes the evidence of the test part at each precision."""
    out, config = Path(request.out), opened.config
    data = opened.task.read(folder, config, to_measure=True, options=request.options, cache=out / "cache", report=say)
    work = opened.task.workload(data, config, None, device)
    for precision, model in models.items():
        rows = predict(model, work, "test", device, partial(_say_at, precision))
        (out / answers_file(precision)).write_bytes(evidence.dump(rows))


def _say_at(precision: str, stage: str, done: int, total: int, **facts: float | str) -> None:
    say(f"{stage}, {precision}", done, total)


def _time_all(
    models: dict[str, AtPrecision], opened: Opened, request: SpeedRequest, device: torch.device
) -> tuple[Latency, ...]:
    cells = [(precision, size) for precision in models for size in request.batch_sizes]
    found = []
    for number, (precision, size) in enumerate(cells, start=1):
        found.append(_time(models[precision], precision, size, opened, request.seconds, device))
        say("timing", number, len(cells))
    return tuple(found)


@torch.inference_mode()
def _time(model: nn.Module, precision: str, size: int, opened: Opened, seconds: float, device: torch.device) -> Latency:
    try:
        tensors = opened.task.example(opened.config, size, device).tensors
        traced = opened.task.traceable(model)
        times, warmup = time_calls(lambda: traced(*tensors), waiter(device), seconds=seconds)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return not_timed("out of memory", precision=precision, batch_size=size)
    return summarise(times, precision=precision, batch_size=size, warmup=warmup)


def main(argument: str) -> int:
    """Entry point."""
    request = SPEED_REQUEST.validate_json(argument)
    return answer(Path(request.out), lambda: measure(request))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
