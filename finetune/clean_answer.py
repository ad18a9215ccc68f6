"""The clean process's side of its seam (`clean_call` is the other): progress lines, and an answer or a refusal."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from roadworthy.model_cards import RoadworthyError

from .clean_call import RESULT


def say(stage: str, done: int, total: int, **facts: float | str) -> None:
    """Progress goes to stdout, one JSON list a line, not more often than a bar can show."""
    if done % 16 == 0 or done == total or total < 64:
        print(json.dumps([stage, done, total]), flush=True)


def answer(out: Path, measure: Callable[[], Any]) -> int:
    """Writes the dataclass that ``measure`` returns to ``out``; or its refusal, for the caller to raise as its own."""
    try:
        result: dict[str, Any] = {"measured": dataclasses.asdict(measure())}
    except RoadworthyError as error:
        result = {"error": type(error).__name__, "message": str(error)}
    (out / RESULT).write_text(json.dumps(result), encoding="utf-8")
    return 0
