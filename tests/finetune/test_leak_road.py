"""Leaks from end to end: a near copy, a parted patient, and a child tested on what its parent was trained on."""

import shutil
from pathlib import Path

import pytest
from PIL import Image
from securesystemslib.signer import CryptoSigner

from roadworthy.finetune import Verified, finetune, survey, verify
from roadworthy.finetune.leak_record import read_sketch
from roadworthy.model_cards import DamagedError, InputError, audit, evidence, near
from roadworthy.registry.intake import inspect

SIGNER = CryptoSigner.generate_ed25519()
PATTERN = r"(patient\d)"


@pytest.fixture(scope="module")
def road(
    snapshot: Path, photographs: dict[tuple[str, str], list[Path]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Verified]:
    """(data, verified run): a patient in both parts, and a training picture encoded again in the test part."""
    root = tmp_path_factory.mktemp("leak")
    for part, count in (("train", 24), ("test", 8)):
        for label in ("NORMAL", "PNEUMONIA"):
            folder = root / "xrays" / part / label
            folder.mkdir(parents=True)
            for number, path in enumerate(photographs[part, label][:count]):
                name = "patient1" if label == "NORMAL" and number == 0 else f"scan{number}"
                shutil.copyfile(path, folder / f"{name}-{part}.jpeg")
    _copy_again(root / "xrays", _trained(root / "xrays"))
    finetune(
        snapshot,
        data=root / "xrays",
        out=root / "run",
        target="top1>=0.0",
        epochs=1,
        image_size=48,
        group_pattern=PATTERN,
    )
    return root / "xrays", verify(root / "run", data=root / "xrays", signer=SIGNER)


def _trained(data: Path) -> Path:
    """A picture of the train part that is trained on, not stopped on."""
    from roadworthy.finetune.image_folder import list_folder
    from roadworthy.finetune.near_images import SIDE
    from roadworthy.finetune.pixels import decode

    split = list_folder(data).split
    for path in sorted((data / "train/PNEUMONIA").iterdir()):
        if split.part_of("train", decode(path, resize=SIDE, interpolation="bilinear").identity) == "train":
            return path
    raise AssertionError("no picture is trained on")


def _copy_again(data: Path, path: Path) -> None:
    with Image.open(path) as image:
        image.save(data / "test/PNEUMONIA/encoded-again.jpeg", quality=50)


def test_the_near_copy_is_reported_with_the_figure_without_it(road: tuple[Path, Verified]) -> None:
    """By hand from the evidence: the rows that are left, right ones over all."""
    claim = road[1].claim
    assert claim is not None
    found = near.load((road[1].snapshot / "evidence/near.jsonl").read_bytes())
    rows = evidence.load((road[1].snapshot / "evidence/test.jsonl").read_bytes())
    left = [row for row in rows if row.id not in {one.id for one in found}]
    assert claim.data.near is not None
    assert claim.data.near.metric is not None
    assert 1 <= claim.data.near_duplicates == claim.data.near.n == len(rows) - len(left) < len(rows) == 17  # type: ignore[operator]
    assert claim.data.near.metric.value == sum(row.truth == row.prediction for row in left) / len(left)
    sketch = read_sketch(road[1].snapshot)
    assert sketch is not None
    assert all(sketch.own.holds(one.nearest) for one in found)
    card = (road[1].snapshot / "README.md").read_text()
    assert f"{len(found)} of 17 test examples have a near duplicate in the training data; top1 with: " in card


def test_a_parted_patient_blocks(road: tuple[Path, Verified]) -> None:
    """The only thing against it: a near copy is none."""
    verified = road[1]
    assert verified.reasons == (
        "1 of 17 test examples share a group (pattern '(patient\\\\d)') with what was trained or stopped on: expected "
        "0. Keep each group in one part, train and measure again",
    )
    assert verified.claim is not None
    assert verified.claim.data.groups is not None
    assert verified.claim.data.groups.n == 1


def test_it_passes_its_audit_and_may_be_stored(road: tuple[Path, Verified]) -> None:
    """With its sketch: 48 different examples at most, 512 bytes of bits."""
    outcome = audit(road[1].snapshot, [SIGNER.public_key])
    assert outcome.ok, outcome.reasons
    assert any(check.startswith("near duplicates: ") for check in outcome.checks)
    assert inspect(road[1].snapshot) == ()
    assert (road[1].snapshot / "data/train.sketch").stat().st_size == 12 + 18 + 512


def test_nothing_of_a_patient_is_published(road: tuple[Path, Verified]) -> None:
    """Neither a file's name nor a group's."""
    for path in road[1].snapshot.rglob("*"):
        if path.is_file() and path.suffix != ".safetensors":
            assert b"patient1" not in path.read_bytes(), path


@pytest.mark.slow
def test_a_child_tested_on_what_its_parent_saw(road: tuple[Path, Verified], tmp_path: Path) -> None:
    """A training picture of the parent among the child's test pictures: counted, refused, and audited.

    The child publishes no sketch, so that nothing can be held against it.
    """
    data, parent = road
    shutil.copytree(data, tmp_path / "data")
    moved = _trained(data)
    shutil.move(tmp_path / "data/train/PNEUMONIA" / moved.name, tmp_path / "data/test/PNEUMONIA/seen.jpeg")
    finetune(parent.snapshot, data=tmp_path / "data", out=tmp_path / "run", epochs=1, reference="team/x@1.0.0")
    child = verify(tmp_path / "run", data=tmp_path / "data", signer=SIGNER, target="top1>=0.0", publish_sketch=False)
    assert child.claim is not None
    overlap = child.claim.data.parent_overlap
    assert overlap is not None
    assert (overlap.n, overlap.filters) == (1, 1)
    assert "1 of 18 test examples are in the sketch of what its parent" in "\n".join(child.reasons)
    assert child.claim.data.sketch is None
    assert not (child.snapshot / "data").exists()
    assert audit(child.snapshot, [SIGNER.public_key]).ok
    with pytest.raises(InputError, match="has no sketch of its training data"):
        survey(tmp_path / "data", against=child.snapshot)


def test_data_held_against_a_version(road: tuple[Path, Verified]) -> None:
    """All that it was trained or stopped on, and nothing of its test part; without the data it would be the same."""
    found = survey(road[0], against=road[1].snapshot, against_name="team/x@1.0.0").against
    assert found is not None
    assert found.name == "team/x@1.0.0"
    assert found.found["train"] + found.found["validation"] == 48
    assert found.found["test"] == 0


def test_another_sketch_than_the_certificates(road: tuple[Path, Verified], tmp_path: Path) -> None:
    """Exchanged or taken away, so that an overlap would not show."""
    copy = tmp_path / "copy"
    shutil.copytree(road[1].snapshot, copy)
    path = copy / "data/train.sketch"
    path.write_bytes(path.read_bytes()[::-1])
    with pytest.raises(DamagedError, match="is not the sketch that the certificate"):
        survey(road[0], against=copy)
    path.unlink()
    with pytest.raises(DamagedError, match="is not the sketch that the certificate"):
        read_sketch(copy)


def test_groups_that_the_run_did_not_keep_apart(road: tuple[Path, Verified]) -> None:
    """Asked for at verify alone they could not be known; nothing is measured."""
    run = road[1].snapshot.parent
    with pytest.raises(InputError, match=r"begun with groups by pattern '\(patient"):
        verify(run, data=road[0], signer=SIGNER, options={"group_pattern": r"(x)"})
