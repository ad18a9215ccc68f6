"""Fine-tuning as a user calls it: options, systems, starts, and what goes wrong."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from timm import create_model

from roadworthy.finetune import finetune, load
from roadworthy.finetune.pixels import decode
from roadworthy.finetune.run_folder import RunFolder
from roadworthy.finetune.timm_snapshot import read_config as read
from roadworthy.model_cards import CATALOGUE, InputError, StorageError

from .conftest import Lay


def test_a_target_that_holds_stops_the_run(snapshot: Path, lay: Lay, tmp_path: Path) -> None:
    """Three evaluations in a row meet the target: stopped there, not at the last epoch."""
    result = finetune(snapshot, data=lay(), out=tmp_path / "run", target="top1>=0.0", epochs=50)
    assert result.target_met
    assert result.tts is not None
    assert result.tts.epochs < 2


def test_a_target_that_never_holds(snapshot: Path, lay: Lay, tmp_path: Path) -> None:
    """The budget is used up, the answer is no, the candidate is there to look at."""
    result = finetune(snapshot, data=lay(), out=tmp_path / "run", target="top1>=1.1", epochs=2, batch_size=8)
    assert not result.target_met
    assert result.tts is not None
    assert not result.tts.target_met
    assert (tmp_path / "run/candidate/model.safetensors").is_file()


def test_new_classes_get_a_new_head_and_keep_their_names(snapshot: Path, lay: Lay, tmp_path: Path) -> None:
    """Three classes before, two after; the trunk's stem is frozen and stays what it was."""
    finetune(snapshot, data=lay(), out=tmp_path / "run", epochs=1)
    opened = load(tmp_path / "run/candidate")
    assert opened.config.labels == ("NORMAL", "PNEUMONIA")
    before, after = load(snapshot).model.state_dict(), opened.model.state_dict()
    assert after["classifier.weight"].shape[0] == 2
    assert torch.equal(before["conv_stem.weight"], after["conv_stem.weight"])


def test_the_same_classes_keep_their_order(snapshot: Path, lay: Lay, tmp_path: Path) -> None:
    """A parent that numbers its classes otherwise keeps its numbers, so that its head stays right."""
    finetune(snapshot, data=lay(), out=tmp_path / "first", epochs=1)
    parent = tmp_path / "parent"
    shutil.copytree(tmp_path / "first/candidate", parent)
    config = (parent / "config.json").read_text()
    (parent / "config.json").write_text(config.replace('"NORMAL",\n    "PNEUMONIA"', '"PNEUMONIA",\n    "NORMAL"'))
    assert read(parent).labels == ("PNEUMONIA", "NORMAL")
    finetune(parent, data=tmp_path / "xrays", out=tmp_path / "second", epochs=1)
    assert read(tmp_path / "second/candidate").labels == ("PNEUMONIA", "NORMAL")


def test_timm_opens_the_candidate_and_gives_the_same_logits(snapshot: Path, lay: Lay, tmp_path: Path) -> None:
    """Plain timm, from the folder, computes what our loader computes."""
    finetune(snapshot, data=lay(), out=tmp_path / "run", epochs=1)
    folder = tmp_path / "run/candidate"
    theirs = create_model(f"local-dir:{folder}", pretrained=True).eval()
    ours = load(folder).model
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.allclose(theirs(x), ours(x), atol=1e-5)
    assert theirs.pretrained_cfg["crop_pct"] == pytest.approx(32 / 36, abs=1e-2)


@pytest.mark.parametrize("system", ["resnet50-v1.5", "resnext101-32x4d", "se-resnext101-32x4d"])
def test_systems_train_from_scratch(system: str, lay: Lay, tmp_path: Path) -> None:
    """A step of the reference recipe on each net, at a small size; the protocol is the catalogue's, scaled."""
    result = finetune(system, data=lay(train=6, test=2), out=tmp_path / "run", epochs=1, batch_size=4, image_size=32)
    assert result.tts is not None
    assert result.tts.samples >= 4
    spec = RunFolder(tmp_path / "run").read_spec()
    assert spec.start.kind == "scratch"
    assert spec.recipe["optimizer"] == "sgd"
    assert spec.recipe["weight_decay"] == 1 / 32768
    assert spec.recipe["learning_rate"] == pytest.approx(0.256 * 4 / 256)
    opened = load(tmp_path / "run/candidate")
    assert opened.config.system == system
    # The head of two classes instead of a thousand is all that differs from the reference's count.
    parameters = sum(p.numel() for p in opened.model.parameters())
    assert parameters == CATALOGUE[system].parameters - 998 * (2048 + 1)


def test_an_unknown_system(lay: Lay, tmp_path: Path) -> None:
    """The nearest name is offered, and nothing was made."""
    with pytest.raises(InputError, match=r"no system is called 'resnet50-v15'.*Did you mean resnet50-v1\.5\?"):
        finetune("resnet50-v15", data=lay(), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_no_gpu(snapshot: Path, lay: Lay, tmp_path: Path) -> None:
    """Asking for a GPU that is not there says so and what to do."""
    if torch.cuda.is_available():
        finetune(snapshot, data=lay(), out=tmp_path / "run", epochs=1, device="cuda")
        return
    with pytest.raises(InputError, match=r"--device cuda was asked for, but torch .* sees no GPU"):
        finetune(snapshot, data=lay(), out=tmp_path / "run", device="cuda")


def test_a_class_that_lost_all_its_training_images(
    snapshot: Path, lay: Lay, photographs: dict[tuple[str, str], list[Path]], tmp_path: Path
) -> None:
    """A class whose only picture the split puts into the test part is refused before training."""
    data = lay(parts=False)
    only = next(
        path
        for path in photographs["train", "NORMAL"][30:]
        if int(decode(path, resize=32, interpolation="bilinear").identity[:2], 16) < 0.14 * 256
    )
    (data / "RARE").mkdir()
    shutil.copyfile(only, data / "RARE/only.jpeg")
    with pytest.raises(InputError, match=r"class 'RARE' in .* has no image in the train part"):
        finetune(snapshot, data=data, out=tmp_path / "run", epochs=1)


def test_data_that_was_mended_starts_a_run_of_its_own(snapshot: Path, lay: Lay, tmp_path: Path) -> None:
    """The same command after the bad file is gone: a whole run, not a resumed one."""
    data = lay()
    (data / "train/NORMAL/words.jpg").write_text("not a picture")
    with pytest.raises(InputError, match="1 of the files"):
        finetune(snapshot, data=data, out=tmp_path / "run", epochs=1)
    (data / "train/NORMAL/words.jpg").unlink()
    result = finetune(snapshot, data=data, out=tmp_path / "run", epochs=1)
    assert result.tts is not None
    assert not result.tts.resumed


def test_a_snapshot_whose_weights_are_another_models(snapshot: Path, lay: Lay, tmp_path: Path) -> None:
    """Weights that do not fit are named tensor by tensor, with both shapes."""
    mixed = tmp_path / "mixed"
    shutil.copytree(snapshot, mixed)
    config = (mixed / "config.json").read_text()
    (mixed / "config.json").write_text(config.replace("test_efficientnet", "test_resnet"))
    with pytest.raises(InputError, match=r"does not fit its config: tensor '.*' expected .*, found .*"):
        finetune(mixed, data=lay(), out=tmp_path / "run")


FULL = """
import sys, shutil
from pathlib import Path
from roadworthy.finetune import checkpoint
from roadworthy.finetune.average import Average
from roadworthy.finetune.checkpoint import Progress, State
from roadworthy.finetune.choices import Choices
import torch
def state(step, size):
    model = torch.nn.Linear(size, 1)
    choices = Choices(precision="float32", channels_last=True, compiled=False, micro_batch=1, learning_rate=1.0)
    return State(model=model, optimizer=torch.optim.SGD(model.parameters(), lr=1.0), average=Average(model, None),
                 choices=choices, progress=Progress(step=step))
path = Path(sys.argv[1])
checkpoint.save(path, state(1, 10))
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    checkpoint.save(path, state(2, 100_000))
except Exception as error:
    print(type(error).__name__, error)
last = state(0, 10)
checkpoint.restore(path, last)
print(last.progress.step, sorted(p.name for p in path.parent.iterdir()))
"""


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path: Path) -> None:
    """A checkpoint that does not fit leaves the one before it whole, and no half file."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "checkpoint.pt")], capture_output=True, text=True, check=True
    )
    said, state = done.stdout.strip().splitlines()[0], done.stdout.strip().splitlines()[-1]
    assert said.startswith("StorageError cannot write the checkpoint")
    assert state == "1 ['checkpoint.pt']"


def test_no_permission(snapshot: Path, lay: Lay, tmp_path: Path) -> None:
    """A run folder that cannot be made is named, before anything else is done."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match=r"cannot write .*run\.json: Not a directory"):
        finetune(snapshot, data=lay(), out=tmp_path / "file/run")
