"""The commands on a registry in a bucket: what they do in a folder they do there."""

import json
from pathlib import Path

import pytest

from roadworthy.cli.main import run
from roadworthy.registry import signing_key

from ..registry import s3_servers  # noqa: TID252  # servers are started in one place
from ..registry.conftest import build  # noqa: TID252  # candidates are built in one place


def test_every_command_works_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Publish, draft, list, show, alias, pull, audit, bundle, revoke, index; and refusals end as storage errors."""
    monkeypatch.setenv("ROADWORTHY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ROADWORTHY_POLICY", raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    folders = [build(tmp_path / f"c{number}", signing_key(), right=95 + number) for number in range(2)]
    with s3_servers.moto() as server:
        place = server.bucket(monkeypatch) + "/models"

        def call(*words: str | Path, code: int = 0) -> str:
            assert run([*map(str, words), "--registry", place]) == code, capsys.readouterr().err
            said = capsys.readouterr()
            return said.out if code == 0 else said.err

        for folder, version in zip(folders, ("1.0.0", "1.0.1"), strict=True):
            call("publish", folder, f"demo/x@{version}")
        assert "versions never change" in call("publish", folders[0], "demo/x@1.0.0", code=1)
        assert [one["reference"] for one in json.loads(call("models", "--json"))] == [
            "demo/x@1.0.1",
            "demo/x@1.0.0",
        ]
        assert "demo/x@1.0.1" in call("show", "demo/x")
        call("alias", "demo/x@production", "1.0.0")
        call("pull", "demo/x@production", "--to", tmp_path / "pulled")
        assert (tmp_path / "pulled" / "model.safetensors").read_bytes() == (
            folders[0] / "model.safetensors"
        ).read_bytes()
        call("audit", "demo/x@1.0.0")
        call("bundle", "demo/x@1.0.0", tmp_path / "x.tar")
        call("revoke", "demo/x@1.0.0", "--reason", "wrong labels")
        assert "wrong labels" in call("pull", "demo/x@1.0.0", "--to", tmp_path / "again", code=1)
        call("audit", "--all")
        call("index", "rebuild")
        assert "demo/x" in call("models", "demo")
        place = "s3://not-there/models"
        assert "Make it first" in call("models", code=3)
