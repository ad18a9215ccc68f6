"""`roadworthy audit --all`: what holds, what fails and why, as text and as JSON lines; how far an interruption got."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from roadworthy.cli.main import run
from roadworthy.registry import audit_registry, open_registry, publish, trusted_keys

from .conftest import Answer, Place

# A registry of several versions is fine-tuned and published first.
pytestmark = pytest.mark.slow

Audit = Callable[..., Answer]


@pytest.fixture
def registry(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three versions of the run that the command tests verified."""
    shutil.copytree(place.root / "home/keys", tmp_path / "home/keys")
    monkeypatch.setenv("ROADWORTHY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ROADWORTHY_REGISTRY", str(tmp_path / "registry"))
    monkeypatch.delenv("ROADWORTHY_POLICY", raising=False)
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        publish(open_registry(), place.run / "candidate", f"team/xrays@{version}", keys=trusted_keys())
    return tmp_path / "registry"


@pytest.fixture
def roadworthy(registry: Path, capsys: pytest.CaptureFixture[str]) -> Audit:
    """The command, in this process."""

    def call(*words: str | Path) -> Answer:
        code = run([*map(str, words)])
        out, err = capsys.readouterr()
        return Answer(code=code, out=out, err=err)

    return call


def damage(registry: Path) -> None:
    """Another manifest, put in the place of one."""
    path = registry / "versions/team/xrays/1.1.0.json"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"1.1.0", b"1.2.0"))


def test_a_registry_that_holds(roadworthy: Audit) -> None:
    """The log, and a line that sums up."""
    answer = roadworthy("audit", "--all")
    assert answer.code == 0, answer.out + answer.err
    assert "✓ log of 6 entries is one chain, 6 of them signed by keys you trust" in answer.out
    assert answer.out.splitlines()[-1].startswith("yes: 3 versions audited, 3 hold, 0 fail, ")


def test_a_version_that_fails_is_told_with_its_reason(roadworthy: Audit, registry: Path) -> None:
    """And the others are audited all the same; exit 1."""
    damage(registry)
    answer = roadworthy("audit", "--all")
    assert answer.code == 1
    assert "✗ team/xrays@1.1.0  the manifest of team/xrays@1.1.0 is damaged" in answer.out
    assert answer.out.splitlines()[-1].startswith("no: 3 versions audited, 2 hold, 1 fails, ")


def test_json_is_a_line_for_each_version(roadworthy: Audit, registry: Path) -> None:
    """And one for the whole."""
    damage(registry)
    answer = roadworthy("audit", "--all", "--json")
    assert answer.code == 1
    *versions, whole = map(json.loads, answer.out.splitlines())
    assert {one["reference"]: one["ok"] for one in versions} == {
        "team/xrays@1.0.0": True,
        "team/xrays@1.1.0": False,
        "team/xrays@2.0.0": True,
    }
    assert (whole["ok"], whole["versions"], whole["failed"], whole["log"]["ok"]) == (False, 3, 1, False)


def test_an_interruption_says_how_far_it_got(roadworthy: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 130, and no yes."""

    def interrupted(*arguments: Any, **named: Any) -> Any:
        log, versions = audit_registry(*arguments, **named)

        def one_and_no_more() -> Iterator[Any]:
            yield next(versions)
            raise KeyboardInterrupt

        return log, one_and_no_more()

    monkeypatch.setattr("roadworthy.registry.audit_registry", interrupted)
    answer = roadworthy("audit", "--all")
    assert answer.code == 130
    assert answer.err.strip() == "stopped: 1 version audited, 1 holds, 0 fail until then; the rest was not audited."
    assert answer.out == ""


@pytest.mark.parametrize("words", [(), ("team/xrays", "--all")])
def test_what_to_audit_has_to_be_said_once(roadworthy: Audit, words: tuple[str, ...]) -> None:
    """Neither nothing nor two things."""
    answer = roadworthy("audit", *words)
    assert answer.code == 2
    assert "say what to audit: a folder, a reference, or --all." in answer.err


def test_one_version_tells_its_entry_and_policy(roadworthy: Audit, tmp_path: Path) -> None:
    """A policy that is not met is a reason beside what holds."""
    answer = roadworthy("audit", "team/xrays@1.0.0")
    assert answer.code == 0, answer.out
    assert "✓ announced in log entry 1 of 6, signed by " in answer.out
    (tmp_path / "home/policy.toml").write_text(
        'schema = "roadworthy/policy/1"\n[[rule]]\nnamespace = "team"\nmin_n = 1000\n'
    )
    answer = roadworthy("audit", "team/xrays@1.0.0")
    assert answer.code == 1
    assert "✓ signature of key " in answer.out
    assert "policy.toml is not met: " in answer.out
