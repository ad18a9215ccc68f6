"""Verification beside a reference: a certified series on the same road, with logs that say how many samples it took."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from roadworthy.finetune import finetune, verify
from roadworthy.finetune.attempt_request import Plan
from roadworthy.finetune.series_folder import SeriesFolder
from roadworthy.model_cards import InputError, audit
from roadworthy.model_cards.clocks import PREFIX
from roadworthy.registry.gate import decide

from .conftest import Lay

SIGNER = CryptoSigner.generate_ed25519()


def with_samples(log: str, change: Callable[[int], int]) -> str:
    """The log with other figures for the samples that were seen."""
    lines = []
    for line in log.splitlines():
        event = json.loads(line.removeprefix(PREFIX))
        if "samples_count" in event["metadata"]:
            event["metadata"]["samples_count"] = change(event["metadata"]["samples_count"])
        lines.append(PREFIX + json.dumps(event) + "\n")
    return "".join(lines)


def series_like(run: Path, root: Path, *factors: float) -> SeriesFolder:
    """A finished series of copies of ``run`` that took so many times its samples."""
    folder = SeriesFolder(root)
    spec = json.loads((run / "run.json").read_text())
    folder.write_plan(
        Plan(
            runs=len(factors), start_folder=spec["start_folder"], named=None, data=spec["data"], target="top1>=0.0",
            device=None, recipe=None, leave_out_leaked=False, reference=None, settings={},
        )
    )  # fmt: skip
    for number, factor in enumerate(factors, start=1):
        shutil.copytree(run, root / f"attempt-{number}")
        for name in ("events.log", "candidate/log/events.log"):
            path = root / f"attempt-{number}" / name
            path.write_text(with_samples(path.read_text(), lambda samples, by=factor: round(samples * by)))  # type: ignore[misc]
    folder.write_series(folder.told())
    return folder


@pytest.mark.slow
def test_convergence_beside_a_reference(snapshot: Path, lay: Lay, tmp_path: Path) -> None:
    """A run that took a tenth of the samples of five others is certified as it is, flagged, and let through no gate."""
    data = lay()
    finetune(snapshot, data=data, out=tmp_path / "run", target="top1>=0.0", recipe="full", batch_size=8)
    slow = series_like(tmp_path / "run", tmp_path / "slow", 9.0, 10.0, 10.5, 11.0, 12.0)
    reference = verify(slow.root, data=data, signer=SIGNER)
    assert reference.ok, reference.reasons
    flagged = verify(tmp_path / "run", data=data, signer=SIGNER, reference=reference.snapshot)
    assert flagged.claim is not None
    assert flagged.claim.training is not None
    found = flagged.claim.training.convergence
    assert found is not None
    samples = flagged.claim.training.clocks.samples
    assert found.reference == tuple(round(samples * by) for by in (9.0, 10.0, 10.5, 11.0, 12.0))
    assert found.faster
    assert not flagged.ok
    assert "faster than its reference converges" in flagged.reasons[0]
    assert "**Faster than its reference converges**" in (flagged.snapshot / "README.md").read_text()
    outcome = audit(flagged.snapshot, [SIGNER.public_key])
    assert outcome.ok, outcome.reasons
    assert "faster than its reference converges" in decide(outcome, ())[0]
    with pytest.raises(InputError, match="--reference is for a run that has no certificate yet"):
        verify(flagged.snapshot, data=data, signer=SIGNER, reference=reference.snapshot)
    # The single run holds no series, so it is no reference; what was measured is certified all the same.
    other = verify(tmp_path / "run", data=data, signer=SIGNER, reference=_kept(flagged.snapshot, tmp_path / "kept"))
    assert other.ok
    assert other.not_compared == "not comparable: the reference's certificate holds no series of attempts."


def _kept(snapshot: Path, aside: Path) -> Path:
    return Path(shutil.copytree(snapshot, aside))
