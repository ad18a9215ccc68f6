"""What the clean process looks for besides answers: near duplicates of the test part in the train part, and groups.

It leaves the neighbours in ``near.jsonl`` and the test examples' groups, by their digests, in ``groups.json``.
"""

import json
from pathlib import Path

from roadworthy.model_cards import InputError, StorageError
from roadworthy.model_cards.certificate import SplitRecord
from roadworthy.model_cards.near import Neighbour, dump

from .clean_request import NearFound, Request
from .examples import Examples
from .groups import digest
from .near import look_alikes, method_of
from .open_model import Opened
from .progress import Report


def find_near(request: Request, opened: Opened, report: Report) -> NearFound | str:
    """How near duplicates were looked for, what was found in ``near.jsonl``; or why there was no looking."""
    if request.train is None:
        return "it was measured without a training run"
    method, cache = method_of(opened.task), Path(request.out) / "near"
    if method is None:
        return f"there is no method for {opened.config.task} yet"
    try:
        printed = method.read(Path(request.data), opened.config, request.options, report)
        trained = _as_trained(printed.examples, request.train)
        if trained is None:
            return "the training data was not at hand: this folder's train part is another"
        embed = method.embed(printed, opened, cache, report)
        found = look_alikes(method, printed, trained.part("test"), trained.part("train"), embed, report)
    except (InputError, StorageError):
        # What was asked for is the measurement. The message may name a folder of this machine, which is not published.
        return "the training data could not be read again"
    neighbours = [
        Neighbour(id=one.test.id, nearest=one.train.id, distance=one.distance, similarity=one.similarity or 0.0)
        for one in found
    ]
    (Path(request.out) / "near.jsonl").write_bytes(dump(neighbours))
    return NearFound(method=method.name, thresholds=dict(method.thresholds))


def _as_trained(examples: Examples, train: SplitRecord) -> Examples | None:
    """The examples as the run had them: all, or without what leaked."""
    return next((one for one in (examples, examples.without_leaked()) if one.record("train") == train), None)


def leave_groups(examples: Examples, out: Path) -> None:
    """Writes the group of each test example that has one."""
    groups = [digest(e.group) for e in examples.part("test") if e.group is not None]
    (out / "groups.json").write_text(json.dumps(groups), encoding="utf-8")
