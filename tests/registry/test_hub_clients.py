"""What was pulled opens by name in timm and transformers, offline, with the same answers as before.

Real clients in processes of their own, because they read their settings when they are imported.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from roadworthy.registry import import_draft, open_registry, publish, pull, signing_key, trusted_keys

# Both scripts print what each model says of one fixed input.
_BEGIN = """
import json, sys, warnings
from pathlib import Path
import timm, torch, transformers
torch.manual_seed(0)
image, words = torch.rand(1, 3, 160, 160), torch.arange(8)[None]
said = {}
def ask(name, model, question):
    with torch.inference_mode():
        answer = model.eval()(question)
    answer = answer if isinstance(answer, torch.Tensor) else answer[0]
    said[name] = answer.flatten()[:4].tolist()
"""
MAKE = (
    _BEGIN
    + """
from timm.models import save_for_hf
folder = Path(sys.argv[1])
for name in ("test_resnet", "test_vit"):
    net = timm.create_model(name, num_classes=2)
    labels = {"label_names": ["no", "yes"]}
    save_for_hf(net, folder / name, model_config=labels, safe_serialization=True)
    # timm 1.0.31 notes num_classes among the model's arguments too, and transformers 5.23 would pass it twice.
    config = json.loads((folder / name / "config.json").read_text())
    config.get("model_args", {}).pop("num_classes", None)
    (folder / name / "config.json").write_text(json.dumps(config))
    ask(name, net, image)
bert = transformers.BertConfig(
    hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, vocab_size=32
)
net = transformers.BertModel(bert)
net.save_pretrained(folder / "bert")
ask("bert", net, words)
print(json.dumps(said))
"""
)
OPEN = (
    _BEGIN
    + """
for name in ("test_resnet", "test_vit"):
    ask(f"timm {name}", timm.create_model(f"hf-hub:demo/{name}@v1.0.0", pretrained=True), image)
    wrapped = transformers.AutoModelForImageClassification.from_pretrained(f"demo/{name}", revision="v1.0.0")
    ask(f"transformers {name}", wrapped, image)
ask("transformers bert", transformers.AutoModel.from_pretrained("demo/bert", revision="v1.0.0"), words)
ask("default branch", transformers.AutoModel.from_pretrained("demo/bert"), words)
ask("alias", transformers.AutoModel.from_pretrained("demo/bert", revision="latest"), words)
ask("draft", timm.create_model("hf-hub:demo/draft", pretrained=True), image)
labels = transformers.AutoConfig.from_pretrained("demo/test_resnet", revision="v1.0.0").id2label
print(json.dumps([said, labels]))
"""
)


def _run(code: str, *arguments: str, **environment: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def answers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Any]:
    """What the models said before they were published, after they were opened by name, and their labels."""
    root = tmp_path_factory.mktemp("hub")
    nothing = str(root / "nothing")
    before = _run(MAKE, str(root), HF_HUB_OFFLINE="1", HF_HOME=nothing)
    build = request.getfixturevalue("build_candidate")
    signer, keys = signing_key(root / "home"), trusted_keys(root / "home")
    registry, cache = open_registry(root / "registry"), root / "cache"
    import_draft(registry, root / "test_resnet", "demo/draft")
    pull(registry, "demo/draft@main", keys=(), cache=cache)
    for name in before:
        publish(registry, build(root / name, signer), f"demo/{name}@1.0.0", keys=keys)
        pull(registry, f"demo/{name}", keys=keys, cache=cache)
    after, labels = _run(OPEN, HF_HUB_OFFLINE="1", HF_HUB_CACHE=str(cache), HF_HOME=nothing)
    return before, after, labels


@pytest.mark.slow
@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
@pytest.mark.parametrize("client", ["timm", "transformers"])
def test_an_image_model_opens_by_name_offline(answers: tuple[Any, Any, Any], name: str, client: str) -> None:
    """In timm and, through its wrapper, in transformers: at the version's tag."""
    before, after, _ = answers
    assert after[f"{client} {name}"] == pytest.approx(before[name], abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("revision", ["transformers bert", "default branch", "alias"])
def test_a_transformer_opens_by_name_offline(answers: tuple[Any, Any, Any], revision: str) -> None:
    """At the version's tag, at the default branch, and at the alias that was pulled."""
    before, after, _ = answers
    assert after[revision] == pytest.approx(before["bert"], abs=1e-6)


@pytest.mark.slow
def test_a_draft_opens_at_the_default_branch(answers: tuple[Any, Any, Any]) -> None:
    """As what stock clients push and pull."""
    before, after, _ = answers
    assert after["draft"] == pytest.approx(before["test_resnet"], abs=1e-6)


@pytest.mark.slow
def test_labels_are_kept(answers: tuple[Any, Any, Any]) -> None:
    """They are part of the configuration."""
    _, _, labels = answers
    assert labels == {"0": "no", "1": "yes"}


def test_stock_cache_tools_see_a_whole_cache(registry: Any, candidate: Any, keys: Any, tmp_path: Path) -> None:
    """``hf cache ls`` reads it without a warning."""
    from huggingface_hub import scan_cache_dir, snapshot_download

    made = publish(registry, candidate(), "demo/x@1.0.0", keys=keys).manifest
    snapshot = pull(registry, "demo/x", keys=keys, cache=tmp_path / "cache")
    for revision in ("v1.0.0", "latest", None, made.commit):
        here = snapshot_download("demo/x", revision=revision, cache_dir=tmp_path / "cache", local_files_only=True)
        assert Path(here) == snapshot
    found = scan_cache_dir(tmp_path / "cache")
    assert [str(warning) for warning in found.warnings] == []
    (repo,) = found.repos
    assert (repo.repo_id, repo.size_on_disk) == ("demo/x", made.total)
    assert {ref for revision in repo.revisions for ref in revision.refs} == {"v1.0.0", "latest", "main"}
