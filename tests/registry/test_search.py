"""Listing and showing: the figures are the certificates'."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from roadworthy.model_cards.errors import DamagedError, InputError
from roadworthy.registry import Registry, import_draft, layout, models, publish, show, signing_key


@pytest.fixture
def filled(registry: Registry, candidate: Any, keys: Any) -> Registry:
    """Two versions of one model, one of another, and a draft."""
    publish(registry, candidate("a", right=92), "demo/x@1.0.0", keys=keys)
    publish(registry, candidate("b", right=97), "demo/x@1.10.0", keys=keys)
    publish(
        registry,
        candidate("c", trained=False, task="text-classification", system="bert"),
        "team/words@1.0.0",
        keys=keys,
    )
    import_draft(registry, candidate("d"), "demo/x", note={"source": "a package"})
    return registry


def _found(registry: Registry, *arguments: Any, **options: Any) -> list[str]:
    return [entry.reference for entry in models(registry, *arguments, **options)]


def test_every_version_and_the_newest_draft_are_listed(filled: Registry) -> None:
    """The newest version of a model first."""
    assert _found(filled) == ["demo/x@1.10.0", "demo/x@1.0.0", "demo/x@main", "team/words@1.0.0"]


def test_an_entry_is_what_scripts_rely_on(filled: Registry) -> None:
    """As JSON: names and figures; the interval is Wilson's (statsmodels 0.14: 0.9155, 0.9897)."""
    entry = json.loads(json.dumps(dataclasses.asdict(models(filled)[0])))
    assert entry.pop("created").endswith("Z")
    metric = entry.pop("metric")
    assert (round(metric.pop("low"), 4), round(metric.pop("high"), 4)) == (0.9155, 0.9897)
    assert metric == {"name": "top1", "protocol": "image-top1-bilinear-256-224@1", "value": 0.97, "n": 100}
    certificate = show(filled, "demo/x@1.10.0").certificate
    assert certificate is not None
    fingerprint = certificate["data"]["test"]["fingerprint"][:12]
    assert entry == {
        "reference": "demo/x@1.10.0",
        "task": "image-classification",
        "system": "resnet50-v1.5",
        "tts": {"run": 7.0, "total": 8.0, "train_only": 5.5},
        "verdicts": {"reproduced": True, "generalises": True},
        "problem": None,
        "data": "photographs",
        "hardware": "a test, 2 cores",
        "parent": None,
        "note": None,
        "revoked": None,
        "figures": f"top1 under image-top1-bilinear-256-224@1 · test data {fingerprint}",
        "times": f"image-top1-bilinear-256-224@1 · top1>=0.9 · test data {fingerprint}, training data not recorded · "
        "a test, 2 cores · start: scratch",
    }


def test_what_a_file_manager_leaves_is_passed_over(filled: Registry) -> None:
    """Between versions, drafts and moves, and beside them."""
    for stray in ("versions/demo/x/.DS_Store", "versions/demo/1.0.0.json", "drafts/demo/x/00000001.json~"):
        filled.store.create(stray, b"")
    filled.store.create("aliases/demo/x/latest/zzz", b"")
    assert _found(filled) == ["demo/x@1.10.0", "demo/x@1.0.0", "demo/x@main", "team/words@1.0.0"]
    assert filled.resolve("demo/x").version == "1.10.0"


def test_a_draft_has_no_figures(filled: Registry) -> None:
    """What was not measured is not shown."""
    draft = models(filled)[2]
    assert (draft.metric, draft.tts, draft.verdicts) == (None, None, None)
    assert show(filled, "demo/x@main").note == {"source": "a package"}


def test_models_are_found_by_text_task_and_metric(filled: Registry) -> None:
    """All conditions must hold."""
    assert _found(filled, "WORDS") == ["team/words@1.0.0"]
    assert _found(filled, "bert") == ["team/words@1.0.0"]
    assert _found(filled, "photographs") == ["demo/x@1.10.0", "demo/x@1.0.0", "team/words@1.0.0"]
    assert _found(filled, task="text-classification") == ["team/words@1.0.0"]
    assert _found(filled, where="top1>=95%") == ["demo/x@1.10.0", "team/words@1.0.0"]
    assert _found(filled, where=["top1>=0.91", "top1<=0.93"]) == ["demo/x@1.0.0"]
    assert _found(filled, where="f1>=0.1") == []
    with pytest.raises(InputError, match="cannot read the target"):
        models(filled, where="best")


def test_weights_that_were_not_trained_here_have_no_time_to_solution(filled: Registry) -> None:
    """Not measured."""
    assert models(filled, "words")[0].tts is None


def test_details_have_files_certificate_and_signers(filled: Registry) -> None:
    """And all that an entry has."""
    details = show(filled, "demo/x")
    assert details.reference == "demo/x@1.10.0"
    assert {"path", "size", "sha256"} == set(dataclasses.asdict(details)["files"][0])
    assert [file.path for file in details.files] == sorted(file.path for file in details.files)
    assert details.certificate is not None
    assert details.certificate["metric"]["value"] == 0.97
    assert details.certificate["signers"] == [signing_key().public_key.keyid]
    assert details.parent is None
    json.dumps(dataclasses.asdict(details))


def test_a_damaged_version_does_not_hide_the_others(filled: Registry) -> None:
    """It is listed with its problem; showing it is an error."""
    manifest = filled.resolve("demo/x@1.0.0")
    assert manifest.certificate_sha256 is not None
    blob = Path(filled.location) / layout.blob_key(manifest.certificate_sha256)
    blob.chmod(0o644)
    blob.write_bytes(blob.read_bytes()[:-1])
    damaged = {entry.reference: entry.problem for entry in models(filled) if entry.problem}
    assert list(damaged) == ["demo/x@1.0.0"]
    assert "certificate.json of demo/x@1.0.0 is damaged" in damaged["demo/x@1.0.0"]
    assert _found(filled, where="top1>=0.1") == ["demo/x@1.10.0", "team/words@1.0.0"]
    with pytest.raises(DamagedError):
        show(filled, "demo/x@1.0.0")
