"""Revoking and finding, as commands: what they say, and how they end."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roadworthy.cli.main import run
from roadworthy.registry import open_registry, publish, signing_key, trusted_keys

from ..registry.conftest import build  # noqa: TID252  # candidates are built in one place

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def roadworthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The commands in this process, with two versions of demo/x and one of demo/y to talk about."""
    for name, place in (("HOME", "home"), ("REGISTRY", "registry")):
        monkeypatch.setenv(f"ROADWORTHY_{name}", str(tmp_path / place))
    monkeypatch.delenv("ROADWORTHY_POLICY", raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    keys: Any = (signing_key().public_key,)
    for number, reference in enumerate(("demo/x@1.0.0", "demo/x@1.0.1", "demo/y@1.0.0")):
        folder = build(tmp_path / f"c{number}", signing_key(), right=95 + number)
        publish(open_registry(), folder, reference, keys=keys)
    assert trusted_keys()

    def call(*words: str) -> tuple[int, str, str]:
        code = run([*words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_the_road_of_a_revoked_version(roadworthy: Run, tmp_path: Path) -> None:
    """Revoked, refused with who, when, why and what instead, seen everywhere, insisted upon, reinstated."""
    code, out, _ = roadworthy(
        "revoke", "demo/x@1.0.0", "--reason", "a patient withdrew", "--superseded-by", "1.0.1", "--json"
    )
    said = json.loads(out)
    assert (code, said["word"], said["superseded_by"]) == (0, "revoked", "demo/x@1.0.1")
    code, out, err = roadworthy("pull", "demo/x@1.0.0")
    assert (code, out) == (1, "")
    for words in ("a patient withdrew", said["when"], said["who"], "Take demo/x@1.0.1", "--allow-revoked"):
        assert words in err
    code, out, err = roadworthy("pull", "demo/x@1.0.0", "--allow-revoked", "--to", str(tmp_path / "plain"))
    assert (code, out.strip()) == (0, str(tmp_path / "plain"))
    assert "WARNING: demo/x@1.0.0 was revoked at" in err
    code, out, _ = roadworthy("show", "demo/x@1.0.0")
    assert code == 0
    assert next(line for line in out.splitlines() if line.startswith("REVOKED")).endswith("take demo/x@1.0.1 instead")
    (row,) = (line for line in roadworthy("models")[1].splitlines() if line.startswith("demo/x@1.0.0"))
    assert "REVOKED" in row
    code, out, _ = roadworthy("audit", "demo/x@1.0.0")
    assert code == 1
    assert "✗ demo/x@1.0.0 was revoked" in out
    assert "no: top1 95.00 %" in out
    code, out, _ = roadworthy("audit", "--all")
    assert (code, "3 versions audited, 3 hold, 0 fail, 1 revoked" in out) == (0, True)
    start = ("finetune", "demo/x@1.0.0", "--data", str(tmp_path), "--out", str(tmp_path / "run"))
    assert "demo/x@1.0.0 was not pulled: it was revoked" in roadworthy(*start)[2]
    assert "WARNING: demo/x@1.0.0 was revoked" in roadworthy(*start, "--allow-revoked")[2]
    assert roadworthy("revoke", "demo/x@1.0.0", "--reason", "it was another's", "--reinstate")[0] == 0
    assert roadworthy("pull", "demo/x@1.0.0")[0] == 0


def test_wrong_revocations(roadworthy: Run) -> None:
    """Exit code 2, what was expected, and nothing stored."""
    code, _, err = roadworthy("revoke", "demo/x@latest", "--reason", "x")
    assert (code, "Expected a version, such as demo/x@1.0.0" in err) == (2, True)
    code, _, err = roadworthy("revoke", "demo/x@3.0.0", "--reason", "x")
    assert (code, "Expected one of: 1.0.1, 1.0.0, latest" in err) == (2, True)
    code, _, err = roadworthy("revoke", "demo/x@1.0.0", "--reason", "\x1b[31mred")
    assert (code, "its reason cannot be read" in err) == (2, True)
    assert roadworthy("pull", "demo/x@1.0.0")[0] == 0


def test_models_page_by_page(roadworthy: Run) -> None:
    """A table says how to go on; JSON has all, or the page that is asked for."""
    code, out, err = roadworthy("models", "--limit", "2")
    assert (code, len(out.splitlines())) == (0, 3)
    assert err.strip() == "showing 1 to 2 of 3: --page 2"
    code, out, err = roadworthy("models", "--limit", "2", "--page", "2")
    assert out.splitlines()[1].startswith("demo/y@1.0.0")
    assert err == ""
    assert roadworthy("models", "--page", "7")[2].startswith("There is no page 7: 3 match")
    assert len(json.loads(roadworthy("models", "--json")[1])) == 3
    (entry,) = json.loads(roadworthy("models", "--json", "--limit", "1", "--sort", "metric")[1])
    assert entry["reference"] == "demo/y@1.0.0"
    code, _, err = roadworthy("models", "--since", "soon")
    assert (code, "Expected a day or a moment in UTC" in err) == (2, True)


def test_an_order_names_what_is_comparable(roadworthy: Run) -> None:
    """Above each group."""
    out = roadworthy("models", "--sort", "tts")[1].splitlines()
    assert any(line.startswith("image-top1-bilinear-256-224@1 · top1>=0.9 · test data") for line in out)
    assert roadworthy("models", "--hardware", "h100")[2].startswith("No model matches")


def test_the_index_says_what_it_has(roadworthy: Run) -> None:
    """And is made anew."""
    code, out, _ = roadworthy("index")
    assert code == 0
    assert "2, with 3 versions and 0 drafts" in out
    state = json.loads(roadworthy("index", "rebuild", "--json")[1])
    assert (state["versions"], state["waiting"], state["damaged"]) == (3, 0, 0)
    assert Path(state["place"]).is_file()
    assert roadworthy("index", "mend")[0] == 2
