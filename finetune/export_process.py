"""What runs in the first clean process of an export: the packaged bytes are opened and written as an artefact."""

import contextlib
import shutil
import sys
import warnings
from pathlib import Path

import torch

from roadworthy.model_cards.performance import subjects_of
from roadworthy.model_cards.snapshot import list_files

from .clean_answer import answer, say
from .export_request import EXPORT_REQUEST, ExportRequest, Written
from .exported_model import write
from .open_model import open_snapshot


def export(request: ExportRequest) -> Written:
    """Writes the artefact, and beside it the config that says how its inputs are made and what its outputs mean."""
    snapshot, folder = Path(request.snapshot), Path(request.folder)
    source = subjects_of(list_files(snapshot))
    opened = open_snapshot(snapshot)
    say("exporting", 0, 1)
    # Exporters print, and warn of what their own dependencies will change one day; stdout is for progress.
    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Two examples: a batch of one would be taken for a constant.
        example = opened.task.example(opened.config, 2, torch.device("cpu"))
        write(opened.task.traceable(opened.model), example, request.format, folder)
    for name in opened.task.config_files:
        if (snapshot / name).is_file():
            shutil.copyfile(snapshot / name, folder / name)
    say("exporting", 1, 1)
    return Written(source=source)


def main(argument: str) -> int:
    """Entry point."""
    request = EXPORT_REQUEST.validate_json(argument)
    return answer(Path(request.out), lambda: export(request))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
