"""What runs in the clean process of a benchmark: answers at each precision first, then the stopwatch."""

import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

from roadworthy.model_cards import Latency, PrecisionAccuracy, evidence
from roadworthy.model_cards.latency import not_timed, summarise
from roadworthy.model_cards.performance import subjects_of
from roadworthy.model_cards.snapshot import list_files

from .clean_answer import answer, say
from .environment import choose_device, describe
from .loop import predict
from .measured_inputs import inputs_of, task_of
from .memory import bound_memory, is_out_of_memory
from .model_config import ModelConfig
from .open_model import load
from .precision import AtPrecision, check_precisions, method
from .speed_request import SPEED_REQUEST, SpeedMeasured, SpeedRequest, answers_file
from .timing import time_calls, waiter


def measure(request: SpeedRequest) -> SpeedMeasured:
    """Measures one snapshot at every precision and batch size that was asked for."""
    device = choose_device(request.device)
    check_precisions(request.precisions, device)
    files = subjects_of(list_files(Path(request.snapshot)))
    opened = load(Path(request.snapshot), device=device.type)
    models = {precision: AtPrecision(opened.model, precision, device) for precision in request.precisions}
    if request.data is not None:
        _answer(models, opened.config, Path(request.data), Path(request.out), device)
    if device.type == "cpu":
        bound_memory()
    return SpeedMeasured(
        files=files,
        system=opened.config.system,
        protocol=opened.config.protocol,
        example=inputs_of(opened.config, 1, device).example,
        latencies=_time_all(models, opened.config, request, device),
        accuracies=tuple(PrecisionAccuracy(precision=name, method=method(name)) for name in models),
        environment=describe(device, ", ".join(request.precisions)),
    )


def _answer(models: dict[str, AtPrecision], config: ModelConfig, data: Path, out: Path, device: torch.device) -> None:
    """Writes the evidence of the test part at each precision."""
    task = task_of(config, data, out / "cache", device, say)
    for precision, model in models.items():

        def report(stage: str, done: int, total: int, precision: str = precision) -> None:
            say(f"{stage}, {precision}", done, total)

        rows = predict(model, task, "test", None, device, report)
        (out / answers_file(precision)).write_bytes(evidence.dump(rows))


def _time_all(
    models: dict[str, AtPrecision], config: ModelConfig, request: SpeedRequest, device: torch.device
) -> tuple[Latency, ...]:
    cells = [(precision, size) for precision in models for size in request.batch_sizes]
    found = []
    for number, (precision, size) in enumerate(cells, start=1):
        found.append(_time(models[precision], precision, size, config, request.seconds, device))
        say("timing", number, len(cells))
    return tuple(found)


@torch.inference_mode()
def _time(
    model: nn.Module, precision: str, size: int, config: ModelConfig, seconds: float, device: torch.device
) -> Latency:
    try:
        inputs: tuple[Any, ...] = inputs_of(config, size, device).tensors
        times, warmup = time_calls(lambda: model(*inputs), waiter(device), seconds=seconds)
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
