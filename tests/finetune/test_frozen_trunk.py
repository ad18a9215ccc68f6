"""Frozen layers are computed once for each text, and what comes out of both halves is what the whole computes."""

from pathlib import Path

import pytest
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    ModernBertConfig,
    ModernBertForSequenceClassification,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from roadworthy.finetune.frozen_trunk import split_off
from roadworthy.finetune.token_store import TokenStore

SMALL = {"vocab_size": 100, "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64}


def store(count: int = 12) -> TokenStore:
    """Texts of 3 to 20 tokens."""
    lengths = torch.randint(3, 21, (count,), generator=torch.Generator().manual_seed(1))
    offset = torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)])
    ids = torch.randint(5, 100, (int(offset[-1]),), dtype=torch.int32, generator=torch.Generator().manual_seed(2))
    return TokenStore(ids=ids, offset=offset, pad=0)


def model_of(kind: str) -> torch.nn.Module:
    """A small random classifier of that architecture."""
    torch.manual_seed(0)
    made: torch.nn.Module
    if kind == "distilbert":
        shape = {"vocab_size": 100, "dim": 32, "n_heads": 4, "hidden_dim": 64, "n_layers": 4}
        made = DistilBertForSequenceClassification(DistilBertConfig(**shape))
    elif kind == "roberta":
        made = RobertaForSequenceClassification(RobertaConfig(**SMALL, num_hidden_layers=4, pad_token_id=0))
    else:
        made = BertForSequenceClassification(BertConfig(**SMALL, num_hidden_layers=4))
    return made


def freeze(model: torch.nn.Module, layers: int) -> None:
    """Embeddings and the first layers."""
    frozen = tuple(f"layer.{n}." for n in range(layers))
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not ("embeddings." in name or any(f in name for f in frozen)))


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert"])
def test_two_halves_give_the_whole(kind: str) -> None:
    """Logits and gradients of the upper half equal those of the whole model on the same texts."""
    model, tokens = model_of(kind).eval(), store()
    freeze(model, 2)
    trunk = split_off(model, tokens, [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]], "float32")
    assert trunk is not None
    rows = [1, 6, 10]  # from three chunks
    ids, mask = tokens.batch(torch.tensor(rows))
    expected = model(input_ids=ids, attention_mask=mask).logits
    torch.autograd.backward(expected.square().sum())
    wanted = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    found = trunk.logits(trunk.states(rows), mask)
    torch.autograd.backward(found.square().sum())
    assert torch.allclose(found, expected, atol=1e-5)
    got = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    assert got.keys() == wanted.keys()
    assert all(torch.allclose(got[n], wanted[n], atol=1e-4) for n in wanted)


@pytest.mark.parametrize(("kind", "first_alone"), [("bert", True), ("roberta", True), ("distilbert", False)])
def test_the_last_layer_is_computed_for_the_token_that_is_read(kind: str, first_alone: bool) -> None:
    """Where the layer is built as BERT's is; elsewhere the whole layer is, and nothing is lost but time."""
    model, tokens = model_of(kind).eval(), store()
    freeze(model, 2)
    trunk = split_off(model, tokens, [list(range(12))], "float32")
    assert trunk is not None
    lengths: list[int] = []
    last = next(m for n, m in model.named_modules() if n.endswith("layer.3"))
    last.get_submodule("output" if first_alone else "ffn").register_forward_hook(
        lambda module, inputs, output: lengths.append(output.shape[1])
    )
    _, mask = tokens.batch(torch.tensor([0, 1]))
    trunk.logits(trunk.states([0, 1]), mask)
    assert lengths == [1 if first_alone else mask.shape[1]]


def test_a_classifier_that_reads_every_token_is_not_cut_for_the_first() -> None:
    """ModernBERT's may take the mean over the tokens, and it normalises after its last layer."""
    shape = {"vocab_size": 100, "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64, "pad_token_id": 0}
    config = ModernBertConfig(**shape, num_hidden_layers=4, classifier_pooling="mean", reference_compile=False)
    torch.manual_seed(0)
    model, tokens = ModernBertForSequenceClassification(config).eval(), store()
    torch.nn.init.uniform_(model.get_submodule("model.final_norm").get_parameter("weight"), 0.5, 2)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not ("embeddings." in name or "layers.0." in name))
    trunk = split_off(model, tokens, [list(range(12))], "float32")
    # Its lower half would end with the norm that comes after the last layer, so that it cannot be cut at all.
    assert trunk is None


def test_each_text_goes_through_the_frozen_layers_once() -> None:
    """Three epochs of lookups, one pass of the lower half for each chunk."""
    model, tokens = model_of("bert"), store()
    freeze(model, 3)
    chunks = [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]
    trunk = split_off(model, tokens, chunks, "float32")
    assert trunk is not None
    passes: list[int] = []
    trunk.lower.register_forward_hook(lambda module, inputs, output: passes.append(1))
    for _ in range(3):
        for start in range(0, 12, 3):
            trunk.states(list(range(start, start + 3)))
    assert len(passes) == 2


def test_states_do_not_depend_on_what_was_asked_for_first() -> None:
    """The same bits in another order of lookups: what a resumed run needs."""
    tokens, chunks = store(), [[0, 5, 7, 9], [1, 2, 3, 4], [6, 8, 10, 11]]
    seen = []
    for order in ([0, 6, 1], [1, 6, 0], [11, 9, 4, 0]):
        model = model_of("bert")
        freeze(model, 2)
        trunk = split_off(model, tokens, chunks, "float32")
        assert trunk is not None
        for row in order:
            trunk.states([row])
        seen.append(trunk.states([0, 1, 6]))
    assert torch.equal(seen[0], seen[1])
    assert torch.equal(seen[0], seen[2])


@pytest.mark.parametrize("layers", [0, 4])
def test_nothing_or_everything_frozen(layers: int) -> None:
    """Without a frozen layer there is no trunk; with all of them the upper half is the head alone."""
    model, tokens = model_of("bert"), store()
    freeze(model, layers)
    trunk = split_off(model, tokens, [list(range(12))], "float32")
    assert (trunk is None) == (layers == 0)


def test_a_model_that_cannot_be_cut_is_left_whole(tmp_path: Path) -> None:
    """A plain module has no layers that are known."""
    assert split_off(torch.nn.Linear(2, 2), store(), [[0]], "float32") is None
