"""The claim is held against the packaged configuration, where that says something of ours."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from roadworthy.model_cards import Claim, text_accuracy
from roadworthy.model_cards.config_audit import config_checks

# As fine-tuning writes them, by hand.
_TIMM: dict[str, Any] = {
    "architecture": "resnet50",
    "label_names": ["cat", "dog"],
    "pretrained_cfg": {"mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0], "interpolation": "bilinear"},
    "roadworthy": {
        "task": "image-classification",
        "system": "resnet50-v1.5",
        "protocol": "image-top1-bilinear-256-224@1",
        "resize": 256,
    },
}


def said(folder: Path, document: Any, claim: Claim) -> list[str]:
    """What speaks against the claim."""
    (folder / "config.json").write_text(json.dumps(document))
    return [reason for _, reasons in config_checks(folder, claim) for reason in reasons]


def test_a_configuration_that_agrees(tmp_path: Path, claim: Claim) -> None:
    """The check is told, and nothing speaks against it."""
    assert said(tmp_path, _TIMM, claim) == []
    assert len(list(config_checks(tmp_path, claim))) == 1


@pytest.mark.parametrize("document", [{"architecture": "another"}, {}, []])
def test_a_configuration_that_says_nothing_of_ours(tmp_path: Path, claim: Claim, document: Any) -> None:
    """Another writer's is not judged."""
    assert said(tmp_path, document, claim) == []
    assert list(config_checks(tmp_path, claim)) == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"architecture": "resnet18"}, "architecture"),
        ({"label_names": ["dog", "cat"]}, "classes"),
        ({"label_names": ["cat", "dog", "cow"]}, "classes"),
        ({"pretrained_cfg": {"mean": [0.5, 0.5, 0.5]}}, "mean"),
        ({"pretrained_cfg": {"interpolation": "bicubic"}}, "interpolation"),
        ({"roadworthy": {**_TIMM["roadworthy"], "system": "another"}}, "system"),
        ({"roadworthy": {**_TIMM["roadworthy"], "resize": 288}}, "resize"),
        ({"roadworthy": {**_TIMM["roadworthy"], "protocol": "image-top1-bilinear-288-224@1"}}, "protocol"),
    ],
)
def test_a_configuration_of_another_model(tmp_path: Path, claim: Claim, changes: Any, named: str) -> None:
    """One reason, which names what differs and both values."""
    (reason,) = said(tmp_path, _TIMM | changes, claim)
    assert reason.startswith(f"config.json says that its {named} is ")
    assert "the certificate says" in reason


def test_a_tokenizer_of_another_text_model(tmp_path: Path, claim: Claim) -> None:
    """The protocol pins it by its digest, of which its name shows twelve digits."""
    (tmp_path / "tokenizer.json").write_bytes(b"{}")
    digest = hashlib.sha256(b"{}").hexdigest()
    document = {
        "model_type": "bert",
        "id2label": {"1": "dog", "0": "cat"},
        "roadworthy": {"task": "text-classification", "max_length": 64},
    }
    protocol = text_accuracy(max_length=64, tokenizer_sha256=digest)
    text = dataclasses.replace(claim, task="text-classification", architecture="bert", protocol=protocol)
    assert said(tmp_path, document, text) == []
    other = dataclasses.replace(
        text, protocol=text_accuracy(max_length=64, tokenizer_sha256=digest[:12] + digest[12:][::-1])
    )
    (reason,) = said(tmp_path, document, other)
    assert "tokenizer_sha256" in reason
