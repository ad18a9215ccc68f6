"""Audits: a true certificate passes; one byte, or one figure, that does not follow is a no with its reason."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner, Key

from roadworthy.model_cards import InputError, Row, audit, list_files

from .audited import reasons

Answers = Callable[..., tuple[Row, ...]]
Builder = Callable[..., Path]
Keys = tuple[Key, ...]

# Every file of the small snapshot, in the order of their paths.
FILES = [
    ".eval_results/top1.yaml",
    "README.md",
    "certificate.json",
    "config.json",
    "evidence/test.jsonl",
    "log/events.log",
    "model.safetensors",
    "plots/calibration.svg",
    "plots/classes.svg",
    "plots/confusion.svg",
    "plots/curve.svg",
]


def test_a_true_certificate_passes(certified_snapshot: Builder, keys: Keys) -> None:
    """And the outcome lists what was looked at."""
    outcome = audit(certified_snapshot(), keys)
    assert outcome.ok, outcome.reasons
    assert outcome.reasons == ()
    assert outcome.signers == (keys[0].keyid,)
    assert outcome.certificate is not None
    assert outcome.certificate.claim.metric.value == 0.9
    firsts = [check.split(" ")[0] for check in outcome.checks]
    assert firsts[:5] == ["signature", "digests", "top1", "clocks", "target"]
    assert firsts[-1] == "card"
    assert "digests of 10 files match" in outcome.checks
    assert "top1 90.00 % recomputed from 20 rows of evidence" in outcome.checks


def test_a_true_comparison_passes(certified_snapshot: Builder, keys: Keys, answers: Answers) -> None:
    """Parent and child on the same examples."""
    outcome = audit(certified_snapshot(parent_rows=answers(12, 20)), keys)
    assert outcome.ok, outcome.reasons
    assert "comparison with the parent recomputed, example by example" in outcome.checks


def test_the_fixture_has_the_files_that_are_tested(certified_snapshot: Builder) -> None:
    """So that no file is left out below."""
    assert [file.path for file in list_files(certified_snapshot())] == FILES


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("position", ["first", "middle", "last"])
def test_a_changed_byte_is_found_and_the_file_named(
    certified_snapshot: Builder, keys: Keys, path: str, position: str
) -> None:
    """One bit of one byte, in each file of the snapshot."""
    folder = certified_snapshot()
    data = bytearray((folder / path).read_bytes())
    data[{"first": 0, "middle": len(data) // 2, "last": -1}[position]] ^= 1
    (folder / path).write_bytes(data)
    said = reasons(folder, keys)
    if path == "certificate.json":
        assert "certificate" in said
        assert audit(folder, keys).certificate is None
    else:
        assert f"{path} was changed after it was certified" in said


@pytest.mark.parametrize("path", FILES)
def test_no_byte_can_be_flipped_unseen(certified_snapshot: Builder, keys: Keys, path: str) -> None:
    """Every byte of every file (of long ones every eleventh), never a yes and never an exception."""
    folder = certified_snapshot()
    good = (folder / path).read_bytes()
    for at in range(0, len(good), 1 if len(good) < 600 else 11):
        (folder / path).write_bytes(good[:at] + bytes([good[at] ^ 0x20]) + good[at + 1 :])
        assert not audit(folder, keys).ok, at
    (folder / path).write_bytes(good)
    assert audit(folder, keys).ok


@pytest.mark.parametrize("path", [path for path in FILES if path != "certificate.json"])
def test_a_missing_file_is_named(certified_snapshot: Builder, keys: Keys, path: str) -> None:
    """The certificate covers it."""
    folder = certified_snapshot()
    (folder / path).unlink()
    assert reasons(folder, keys) == f"{path} is missing; the certificate covers it"


@pytest.mark.parametrize("path", ["extra.txt", "code/model.py", ".hidden", "certificate.json.bak"])
def test_an_extra_file_is_named(certified_snapshot: Builder, keys: Keys, path: str) -> None:
    """Nothing travels along uncertified."""
    folder = certified_snapshot()
    (folder / path).parent.mkdir(exist_ok=True)
    (folder / path).write_text("x")
    assert reasons(folder, keys) == f"{path} is not covered by the certificate"


def test_swapped_files_are_named(certified_snapshot: Builder, keys: Keys) -> None:
    """A digest belongs to its path."""
    folder = certified_snapshot()
    (folder / "a").write_bytes((folder / "plots/curve.svg").read_bytes())
    (folder / "plots/curve.svg").write_bytes((folder / "plots/confusion.svg").read_bytes())
    (folder / "plots/confusion.svg").write_bytes((folder / "a").read_bytes())
    (folder / "a").unlink()
    said = reasons(folder, keys)
    assert "plots/curve.svg was changed" in said
    assert "plots/confusion.svg was changed" in said


def test_a_link_to_a_folder_is_a_reason(certified_snapshot: Builder, keys: Keys, tmp_path: Path) -> None:
    """And not an exception."""
    folder = certified_snapshot()
    (folder / "more").symlink_to(tmp_path)
    assert "more is a link to a folder" in reasons(folder, keys)


def test_a_draft_is_told_how_to_be_measured(certified_snapshot: Builder, keys: Keys) -> None:
    """There is no certificate."""
    folder = certified_snapshot()
    (folder / "certificate.json").unlink()
    assert "this snapshot is a draft. Measure it: roadworthy verify" in reasons(folder, keys)


def test_what_is_no_folder_is_the_users_error(tmp_path: Path, keys: Keys) -> None:
    """There is nothing to audit."""
    with pytest.raises(InputError, match="no snapshot at"):
        audit(tmp_path / "nowhere", keys)


def test_an_unknown_publisher_tells_how_to_trust(certified_snapshot: Builder, keys: Keys) -> None:
    """Signed again by somebody else."""
    said = reasons(certified_snapshot(signer=CryptoSigner.generate_ed25519()), keys)
    assert "a key you have not trusted" in said
    assert "--key FILE" in said


_AUDIT = """
import json, sys
from pathlib import Path
from securesystemslib.signer import Key
from roadworthy.model_cards import audit
key = Key.from_dict(sys.argv[2], json.loads(sys.argv[3]))
outcome = audit(Path(sys.argv[1]), (key,))
print(json.dumps([outcome.ok, outcome.reasons, outcome.checks, "torch" in sys.modules, "numpy" in sys.modules]))
"""


def _in_a_process(folder: Path, keys: Keys) -> Any:
    key = keys[0]
    command = [sys.executable, "-c", _AUDIT, str(folder), key.keyid, json.dumps(key.to_dict())]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def test_an_audit_needs_no_torch(certified_snapshot: Builder, keys: Keys) -> None:
    """Nor numpy: it answers before torch would have been loaded."""
    ok, why, _, torch, numpy = _in_a_process(certified_snapshot(), keys)
    assert ok, why
    assert not torch
    assert not numpy


def test_fifty_thousand_rows_are_audited(certified_snapshot: Builder, keys: Keys, answers: Answers) -> None:
    """The size of ImageNet's validation set."""
    folder = certified_snapshot(rows=answers(45_000, 50_000))
    ok, why, checks, *_ = _in_a_process(folder, keys)
    assert ok, why
    assert "top1 90.00 % recomputed from 50,000 rows of evidence" in checks
