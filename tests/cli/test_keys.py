"""`roadworthy keys`, and policies on the command line, in one process."""

from collections.abc import Callable
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from roadworthy.cli.main import run
from roadworthy.registry import export_key, import_draft, open_registry, signing_key

from .conftest import Answer

Keys = Callable[..., Answer]


@pytest.fixture
def roadworthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Keys:
    """The command, with a home and a registry of its own."""
    monkeypatch.setenv("ROADWORTHY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ROADWORTHY_REGISTRY", str(tmp_path / "registry"))
    monkeypatch.delenv("ROADWORTHY_POLICY", raising=False)

    def call(*words: str | Path) -> Answer:
        code = run([*map(str, words)])
        out, err = capsys.readouterr()
        return Answer(code=code, out=out, err=err)

    return call


@pytest.fixture
def alice(tmp_path: Path) -> tuple[CryptoSigner, Path]:
    """Somebody else's key, and the file that they hand out."""
    signer = signing_key(tmp_path / "alice")
    (tmp_path / "alice.pub").write_text(export_key(home_folder=tmp_path / "alice"))
    return signer, tmp_path / "alice.pub"


def test_a_key_from_its_making_to_its_end(roadworthy: Keys, alice: tuple[CryptoSigner, Path], tmp_path: Path) -> None:
    """Every command in turn, as people read it."""
    signer, file = alice
    assert "roadworthy keys new" in roadworthy("keys", "list").out
    made = roadworthy("keys", "new")
    assert (made.code, made.out.split()[0]) == (0, "own")
    assert roadworthy("keys", "new").code == 2
    assert roadworthy("keys", "export").out.startswith("-----BEGIN PUBLIC KEY-----\n")
    trusted = roadworthy("keys", "trust", file)
    assert trusted.code == 0, trusted.err
    assert signer.public_key.keyid in trusted.out
    rotated = roadworthy("keys", "rotate")
    assert [line.split()[0] for line in rotated.out.splitlines()] == ["retired", "own", "Who"]
    gone = roadworthy("keys", "distrust", signer.public_key.keyid[:8], "--reason", "laptop stolen")
    assert gone.out.rstrip().endswith("laptop stolen")
    lines = roadworthy("keys", "list").out.splitlines()
    assert [line.split()[0] for line in lines] == ["own", "retired", "distrusted"]
    refused = roadworthy("keys", "trust", file)
    assert refused.code == 1
    assert "laptop stolen" in refused.err


def test_scripts_read_json(roadworthy: Keys, alice: tuple[CryptoSigner, Path]) -> None:
    """Whole key ids, and the same fields for every key."""
    signer, file = alice
    roadworthy("keys", "new", "--json")
    trusted = roadworthy("keys", "trust", file, "--name", "al", "--json").json
    assert (trusted["keyid"], trusted["name"], trusted["status"]) == (signer.public_key.keyid, "al", "trusted")
    known = roadworthy("keys", "list", "--json").json
    assert {frozenset(record) for record in known} == {frozenset({"keyid", "status", "since", "name", "reason", "pem"})}
    assert roadworthy("keys", "export", "al", "--json").json["pem"] == file.read_text()
    rotated = roadworthy("keys", "rotate", "--json").json
    assert Path(rotated["statement"]).is_file()
    assert (rotated["old"]["status"], rotated["new"]["status"]) == ("retired", "own")
    assert roadworthy("keys", "distrust", "al", "--reason", "left", "--json").json["reason"] == "left"


def test_a_pem_can_be_given_as_text(roadworthy: Keys, alice: tuple[CryptoSigner, Path]) -> None:
    """Though it begins as an option does."""
    signer, file = alice
    answer = roadworthy("keys", "trust", file.read_text(), "--name", "alice", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["keyid"] == signer.public_key.keyid
    assert roadworthy("keys", "trust", file, "--nam", "alice").code == 2


def test_an_exported_file_is_never_overwritten(roadworthy: Keys, tmp_path: Path) -> None:
    """It may be somebody's key."""
    roadworthy("keys", "new")
    out = tmp_path / "mine.pub"
    assert roadworthy("keys", "export", "--out", out).out.strip() == str(out)
    (tmp_path / "mine.pub").write_text("other")
    answer = roadworthy("keys", "export", "--out", out)
    assert (answer.code, out.read_text()) == (2, "other")
    assert "is not overwritten" in answer.err


def test_exit_codes(roadworthy: Keys, tmp_path: Path) -> None:
    """2 for usage, 3 for what cannot be read, 1 for a no."""
    assert roadworthy("keys", "export").code == 2
    assert roadworthy("keys", "export", "nobody").code == 2
    assert roadworthy("keys", "trust", tmp_path / "nothing.pub").code == 3
    assert roadworthy("keys", "distrust", "alice").code == 2
    assert roadworthy("keys", "rotate").code == 2


def test_a_pull_under_a_policy_that_is_not_met_is_refused(roadworthy: Keys, tmp_path: Path) -> None:
    """By option and by environment: exit 1, the reason, and what helps."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"architecture": "none"}')
    (folder / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    import_draft(open_registry(), folder, "team/base")
    policy = tmp_path / "policy.toml"
    policy.write_text('schema = "roadworthy/policy/1"\n[[rule]]\nnamespace = "team"\n')
    answer = roadworthy("pull", "team/base@main", "--to", tmp_path / "here", "--policy", policy)
    assert answer.code == 1
    assert "is an uncertified draft: expected a certificate" in answer.err
    assert "roadworthy verify DIR --data DIR" in answer.err
    assert not (tmp_path / "here").exists()
    missing = roadworthy("pull", "team/base@main", "--to", tmp_path / "here", "--policy", tmp_path / "no.toml")
    assert missing.code == 3
    assert roadworthy("pull", "team/base@main", "--to", tmp_path / "here").code == 0


def test_an_audit_says_whether_a_policy_is_met(roadworthy: Keys, tmp_path: Path) -> None:
    """Of a folder only once it is said which version it is to be."""
    folder = tmp_path / "model"
    folder.mkdir()
    policy = tmp_path / "policy.toml"
    policy.write_text('schema = "roadworthy/policy/1"\n[[rule]]\nnamespace = "team"\n')
    answer = roadworthy("audit", folder, "--policy", policy)
    assert answer.code == 2
    assert "--as team/name@1.0.0" in answer.err
    assert roadworthy("audit", folder, "--as", "team/x@1.0.0").code == 2
