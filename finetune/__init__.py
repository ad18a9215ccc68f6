"""What needs torch: fine-tuning, evaluation in a clean process, opening a model.

A start and a data folder in, a run folder out; then a measurement that knows nothing of the run::

    from pathlib import Path
    from roadworthy.finetune import finetune, load, verify
    from roadworthy.registry import signing_key

    run = finetune(Path("snapshot"), data="xrays", out="run", target="top1>=0.92")
    verified = verify(run.run, data="xrays", signer=signing_key())
    if verified.ok:
        model = load(verified.snapshot)
        print(model.classify([Path("xrays/test/NORMAL/1.jpeg")]))

Names are imported when they are first used, because torch takes seconds and `verify` does without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .artefact import Exported, export
    from .classifier import Classifier, load
    from .data_report import DataReport
    from .data_survey import survey
    from .import_file import import_checkpoint
    from .imported import Imported
    from .racing import Raced, race
    from .run import Finetuned, finetune
    from .series import FinetunedSeries, finetune_series
    from .speed import bench
    from .verification import Verified, verify
    from .weight_changes import WeightChanges, compare_weights

__all__ = [
    "Classifier",
    "DataReport",
    "Exported",
    "Finetuned",
    "FinetunedSeries",
    "Imported",
    "Raced",
    "Verified",
    "WeightChanges",
    "bench",
    "compare_weights",
    "export",
    "finetune",
    "finetune_series",
    "import_checkpoint",
    "load",
    "race",
    "survey",
    "verify",
]

_HOME = {
    "Classifier": "classifier",
    "DataReport": "data_report",
    "Exported": "artefact",
    "Finetuned": "run",
    "FinetunedSeries": "series",
    "Imported": "imported",
    "Raced": "racing",
    "Verified": "verification",
    "WeightChanges": "weight_changes",
    "bench": "speed",
    "compare_weights": "weight_changes",
    "export": "artefact",
    "finetune": "run",
    "finetune_series": "series",
    "import_checkpoint": "import_file",
    "load": "classifier",
    "race": "racing",
    "survey": "data_survey",
    "verify": "verification",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
