"""Opened only as certified: the check that `finetune.load` makes before it reads a weight."""

from pathlib import Path
from typing import Any

import pytest

from roadworthy.finetune import load
from roadworthy.model_cards.errors import CheckError, InputError
from roadworthy.registry import Manifest, Policy, Registry, Rule, admission, home, pull, signing_key


@pytest.fixture
def pulled(registry: Registry, version: Manifest, keys: Any, tmp_path: Path) -> Path:
    """A published version in a folder of the user's."""
    return pull(registry, "demo/x@1.0.0", keys=keys, to=tmp_path / "pulled")


def test_what_was_pulled_is_admitted(pulled: Path, keys: Any) -> None:
    """Unchanged, by a key that is trusted here, and without a policy."""
    admission("demo/x@1.0.0")(pulled)
    admission("demo/x@1.0.0", keys=keys)(pulled)


def test_a_byte_that_changed_since_the_pull_is_found(pulled: Path) -> None:
    """The pull checked the bytes that it wrote; what lies there today may be others."""
    weights = pulled / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.chmod(0o644)
    weights.write_bytes(content)
    with pytest.raises(CheckError, match=r"was not opened as demo/x@1\.0\.0: model\.safetensors was changed after"):
        load(pulled, admit=admission("demo/x@1.0.0"))


def test_the_policy_is_asked_before_a_weight_is_read(pulled: Path) -> None:
    """The home's, or one that is given; the weights of this snapshot are no model's, and it never comes to that."""
    (home() / "policy.toml").write_text('schema = "roadworthy/policy/1"\n[[rule]]\nnamespace = "demo"\nmin_n = 101\n')
    with pytest.raises(CheckError, match="measured on 100 examples: expected at least 101") as caught:
        load(pulled, admit=admission("demo/x@1.0.0"))
    assert len(caught.value.reasons) == 1
    with pytest.raises(CheckError, match="no rule of"):
        admission("other/x@1.0.0")(pulled)
    lenient = Policy(rules=(Rule(namespace="demo", min_n=100),), source="given")
    admission("demo/x@1.0.0", policy=lenient)(pulled)
    with pytest.raises(InputError, match=r"no snapshot|config|architecture"):
        load(pulled, admit=admission("demo/x@1.0.0", policy=lenient))


def test_a_stranger_signed_it(pulled: Path, tmp_path: Path) -> None:
    """Whoever trusts only another key admits nothing of this one."""
    other = signing_key(tmp_path / "other").public_key
    with pytest.raises(CheckError, match="was not opened"):
        admission("demo/x@1.0.0", keys=[other])(pulled)


def test_drafts_are_admitted_only_where_a_rule_says_so(pulled: Path) -> None:
    """Taking the certificate away makes no way in."""
    (pulled / "certificate.json").unlink()
    with pytest.raises(CheckError, match="this snapshot is a draft"):
        admission("demo/x@1.0.0")(pulled)
    closed = Policy(rules=(Rule(namespace="demo"),), source="given")
    with pytest.raises(CheckError, match="is an uncertified draft"):
        admission("demo/x@main", policy=closed)(pulled)
    opened = Policy(rules=(Rule(namespace="*", drafts=True),), source="given")
    admission("demo/x@main", policy=opened)(pulled)
    with pytest.raises(CheckError, match="this snapshot is a draft"):
        admission("demo/x@1.0.0", policy=opened)(pulled)
