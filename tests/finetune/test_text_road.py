"""Text classification from end to end on a small real encoder and real film reviews."""

import json
from pathlib import Path

import pytest
import torch
from securesystemslib.signer import CryptoSigner
from sklearn.metrics import accuracy_score
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from roadworthy.finetune import Verified, finetune, load, verify
from roadworthy.finetune.text_table import read_table
from roadworthy.finetune.weights import read_tensors
from roadworthy.model_cards import InputError, audit, evidence

from .conftest import Review, write_reviews

SIGNER = CryptoSigner.generate_ed25519()


@pytest.fixture(scope="module")
def data(reviews: list[Review], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """64 reviews to train on, 32 to stop on, 32 to test on."""
    return write_reviews(tmp_path_factory.mktemp("data") / "reviews", reviews)


@pytest.fixture(scope="module")
def parent(encoder: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Verified:
    """A run on them, verified."""
    out = tmp_path_factory.mktemp("parent") / "run"
    finetune(encoder, data=data, out=out, target="accuracy>=0.0", epochs=1, max_length=24)
    return verify(out, data=data, signer=SIGNER)


def test_the_metric_is_that_of_plain_transformers(parent: Verified, data: Path) -> None:
    """The certified accuracy is scikit-learn's of plain transformers' own answers, tokenised by transformers."""
    model = AutoModelForSequenceClassification.from_pretrained(parent.snapshot).eval()
    tokenizer = AutoTokenizer.from_pretrained(parent.snapshot)
    rows = [row for row in read_table(data).rows if row.part == "test"]
    tokens = tokenizer([r.text for r in rows], truncation=True, max_length=24, padding=True, return_tensors="pt")
    with torch.inference_mode():
        best = model(**tokens).logits.argmax(1).tolist()
    theirs = [model.config.id2label[n] for n in best]
    assert parent.metric.value == pytest.approx(accuracy_score([r.label for r in rows], theirs))
    assert parent.metric.n == len(rows) == 32
    assert [label for label, _ in load(parent.snapshot).classify([r.text for r in rows])] == theirs


def test_what_the_certificate_says_of_texts(parent: Verified) -> None:
    """It passes its audit; task, protocol with the tokenizer's digest, and an evidence row for each text."""
    assert parent.reasons == ()
    assert audit(parent.snapshot, [SIGNER.public_key]).reasons == ()
    assert parent.claim is not None
    assert parent.claim.task == "text-classification"
    assert parent.claim.protocol.name.startswith("text-accuracy-24-")
    assert len(evidence.load((parent.snapshot / "evidence/test.jsonl").read_bytes())) == 32
    assert parent.claim.data.near is not None
    assert (parent.claim.data.near.method, parent.claim.data.near_duplicates) == ("minhash-128@1", 0)
    assert "library_name: transformers" in (parent.snapshot / "README.md").read_text()


@pytest.mark.slow
def test_a_child_keeps_its_parents_head(parent: Verified, data: Path, tmp_path: Path) -> None:
    """The same classes: no new head is fitted, and both are compared on the same texts."""
    finetune(parent.snapshot, data=data, out=tmp_path / "run", epochs=1, reference="team/first@1.0.0")
    assert '"warm_start"' not in (tmp_path / "run/events.log").read_text()
    done = verify(tmp_path / "run", data=data, signer=SIGNER, target="accuracy>=0.0")
    assert done.claim is not None
    assert done.claim.parent is not None
    assert done.claim.parent.comparison is not None
    assert done.claim.parent.comparison.n == 32


def test_low_rank_adapters_are_merged(encoder: Path, data: Path, tmp_path: Path) -> None:
    """A LoRA run leaves a plain model: transformers' own names, every layer's weights moved, embeddings not."""
    finetune(encoder, data=data, out=tmp_path / "run", epochs=1, max_length=16, lora_rank=4, fit_head_first=False)
    before, after = read_tensors(encoder), read_tensors(tmp_path / "run/candidate")
    plain = AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=2).state_dict()
    assert set(after) == set(plain)
    name = "encoder.layer.0.attention.self.query.weight"
    change = after[f"bert.{name}"] - before[name]
    assert 0 < torch.linalg.matrix_rank(change, atol=1e-6) <= 4
    assert torch.equal(after["bert.embeddings.word_embeddings.weight"], before["embeddings.word_embeddings.weight"])


def test_balanced_accuracy_as_the_target(encoder: Path, reviews: list[Review], tmp_path: Path) -> None:
    """Nine of ten reviews are of one class: each class counts the same in the loss, the protocol and the config."""
    good = [text for text, label in reviews if label == "positive"][:180]
    bad = [text for text, label in reviews if label == "negative"][:20]
    lines = [{"text": t, "label": "good"} for t in good] + [{"text": t, "label": "bad"} for t in bad]
    data = tmp_path / "skewed.jsonl"
    data.write_text("\n".join(map(json.dumps, lines)))
    finetune(encoder, data=data, out=tmp_path / "run", target="balanced_accuracy>=0.0", epochs=1, max_length=16)
    assert json.loads((tmp_path / "run/run.json").read_text())["recipe"]["class_weights"] == "balanced"
    protocol = load(tmp_path / "run/candidate").config.protocol
    assert protocol.metric == "balanced_accuracy"
    assert protocol.name.startswith("text-balanced-accuracy-16-")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"image_size": 64}, "--image-size means nothing for text-classification"),
        ({"max_length": 4}, "a length of 4 tokens is out of range. Expected 8 to 512"),
        ({"epochs": 0}, "the recipe's epochs is 0"),
        ({"target": "top1>=0.9"}, "do not measure 'top1'; expected one of: accuracy, balanced_accuracy"),
    ],
)
def test_settings_that_texts_do_not_have(
    encoder: Path, data: Path, tmp_path: Path, settings: dict[str, object], said: str
) -> None:
    """Refused before anything is read or written, by the option's name."""
    with pytest.raises(InputError, match=said):
        finetune(encoder, data=data, out=tmp_path / "run", **settings)  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


def test_an_encoder_without_a_fast_tokenizer(encoder: Path, data: Path, tmp_path: Path) -> None:
    """What is missing is named, with the line that makes it."""
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "config.json").write_bytes((encoder / "config.json").read_bytes())
    with pytest.raises(InputError, match=r"no tokenizer\.json in .*save_pretrained"):
        finetune(bare, data=data, out=tmp_path / "run")
