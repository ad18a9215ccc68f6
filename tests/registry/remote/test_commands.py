"""The command line on a served registry: what it prints, and its exit codes."""

import json
from pathlib import Path
from typing import Any

import pytest

from roadworthy.cli.main import NO, STORAGE, YES, run
from roadworthy.model_cards.snapshot import list_files
from roadworthy.registry import Registry


def test_the_road_with_nothing_but_an_address_and_a_token(
    served: Any,
    registry: Registry,
    candidate: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    impatient: None,
) -> None:
    """Published, listed, promoted, pulled, audited; refused twice; and nothing without a token."""
    folder = candidate()
    monkeypatch.setenv("ROADWORTHY_REGISTRY", served.url)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    assert run(["publish", str(folder), "demo/x@1.0.0"]) == STORAGE
    assert "Set ROADWORTHY_TOKEN to a token of that server" in capsys.readouterr().err
    monkeypatch.setenv("ROADWORTHY_TOKEN", served.token("promote", "demo"))
    assert run(["publish", str(folder), "demo/x@1.0.0"]) == YES
    assert capsys.readouterr().out.startswith("published demo/x@1.0.0")
    assert run(["publish", str(folder), "demo/x@1.0.0", "--json"]) == NO
    assert json.loads(capsys.readouterr().out)["reasons"] == ["demo/x@1.0.0 exists"]
    assert run(["alias", "demo/x@production", "1.0.0"]) == YES
    assert run(["models", "--where", "top1>=0.9"]) == YES
    assert "demo/x@1.0.0" in capsys.readouterr().out
    assert run(["pull", "demo/x@production", "--to", str(tmp_path / "out")]) == YES
    assert list_files(tmp_path / "out") == list_files(folder)
    assert run(["audit", "demo/x"]) == YES
    assert run(["audit", "--all"]) == YES
    assert run(["show", "demo/x"]) == YES
    monkeypatch.setenv("ROADWORTHY_REGISTRY", "http://127.0.0.1:9")
    capsys.readouterr()
    assert run(["show", "demo/x"]) == STORAGE
    assert "cannot reach http://127.0.0.1:9" in capsys.readouterr().err
