"""Parameter counts are the references'; what a model computes is what its paper says, term by term."""

import numpy as np
import pytest
import torch
from torch import nn

from roadworthy.finetune.tabular.dlrm import Dlrm
from roadworthy.finetune.tabular.neumf import NeuMf
from roadworthy.finetune.tabular.tables import PADDING, Tables
from roadworthy.finetune.tabular.wide_deep import WideDeep

# Criteo at frequency threshold 15, 26 columns, 32,709,138 rows in all. Which column has how many changes no count.
CRITEO_ROWS = 32_709_138

# NVIDIA DeepLearningExamples, TensorFlow2/Recommendation/WideAndDeep: data/outbrain/embedding_sizes.json, and the hash
# buckets of nvtabular/utils/feature_description.py: rows, width, categories of one example.
OUTBRAIN = (
    (300_000, 128, 1),
    (250_000, 128, 1),
    (100_000, 128, 1),
    (5_000, 128, 1),
    (4_000, 64, 1),
    (4_000, 64, 1),
    (2_500, 64, 1),
    (2_500, 64, 1),
    (2_000, 64, 1),
    (1_000, 64, 1),
    (1_000, 64, 1),
    (300, 64, 1),
    (4, 19, 1),
    (350, 64, 3),
    (10_000, 64, 3),
    (100, 64, 3),
)


def count(model: nn.Module) -> int:
    """All parameters."""
    return sum(parameter.numel() for parameter in model.parameters())


def test_dlrm_has_the_references_count() -> None:
    """At Criteo's cardinalities 16.7 GB: counted, not allocated."""
    sizes = [CRITEO_ROWS // 26] * 25
    sizes.append(CRITEO_ROWS - sum(sizes))
    with torch.device("meta"):
        assert count(Dlrm(numeric=13, sizes=sizes)) == 4_189_139_585


def test_neumf_has_the_references_count() -> None:
    """At MovieLens-20M's users and items."""
    with torch.device("meta"):
        assert count(NeuMf(users=138_493, items=26_744)) == 31_832_577


def test_wide_and_deep_has_the_references_count() -> None:
    """At Outbrain's tables, three of them with several categories, and 13 numbers."""
    sizes, widths, hotness = zip(*OUTBRAIN, strict=True)
    with torch.device("meta"):
        model = WideDeep(numeric=13, sizes=sizes, widths=widths, hotness=hotness)
    assert sum(widths) == 1235
    assert count(model) == 91_777_245


@pytest.fixture
def rows() -> tuple[torch.Tensor, torch.Tensor]:
    """Five rows of three numbers and two categories, of 7 and of 4."""
    dice = torch.Generator().manual_seed(1)
    numeric = torch.randn(5, 3, generator=dice)
    ids = torch.stack([torch.randint(0, n, (5,), generator=dice) for n in (7, 4)], dim=1)
    return numeric, ids


def _network(layers: nn.Sequential, x: np.ndarray) -> np.ndarray:
    for layer in layers:
        if isinstance(layer, nn.Linear):
            x = layer.weight.detach().double().numpy() @ x + layer.bias.detach().double().numpy()
        elif isinstance(layer, nn.ReLU):
            x = np.maximum(x, 0)
    return x


def test_dlrm_term_by_term(rows: tuple[torch.Tensor, torch.Tensor]) -> None:
    """arXiv 1906.00091, figure 1: the products of all pairs of vectors, beside what the bottom made of the numbers."""
    torch.manual_seed(0)
    model = Dlrm(numeric=3, sizes=(7, 4), bottom=(6, 5), top=(9, 8)).eval()
    table = model.tables.weight.detach().double().numpy()
    expected = []
    for numeric, (first, second) in zip(rows[0].double().numpy(), rows[1].tolist(), strict=True):
        dense = _network(model.bottom, numeric)
        a, b = table[first], table[7 + second]
        joined = np.concatenate([dense, [a @ dense, b @ dense, b @ a]])
        assert model.padding == 0, "5 + 3 is a multiple of eight"
        expected.append(_network(nn.Sequential(*model.top, model.score), joined)[0])
    np.testing.assert_allclose(model(*rows).detach().numpy(), expected, atol=1e-5)


def test_dlrm_of_categories_alone(rows: tuple[torch.Tensor, torch.Tensor]) -> None:
    """A table without a single number is a table too; its interactions are padded."""
    model = Dlrm(numeric=0, sizes=(7, 4), bottom=(6, 4), top=(9, 8))
    assert model.padding == 1
    scores = model(rows[0][:, :0], rows[1])
    scores.sum().backward()
    assert scores.shape == (5,)
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_neumf_term_by_term() -> None:
    """arXiv 1708.05031, figure 3."""
    torch.manual_seed(0)
    model = NeuMf(users=6, items=9, factors=3, layers=(8, 5, 4)).eval()
    pairs = torch.tensor([[0, 8], [5, 0], [3, 3]])
    factors, inputs = (t.weight.detach().double().numpy() for t in (model.factors, model.inputs))
    expected = []
    for user, item in pairs.tolist():
        product = factors[user] * factors[6 + item]
        hidden = _network(model.layers, np.concatenate([inputs[user], inputs[6 + item]]))
        expected.append(_network(nn.Sequential(model.score), np.concatenate([product, hidden]))[0])
    found = model(torch.empty(3, 0), pairs).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_wide_and_deep_term_by_term() -> None:
    """arXiv 1606.07792, figure 1: several categories are averaged for the network, and added up in the linear model."""
    torch.manual_seed(0)
    model = WideDeep(numeric=2, sizes=(7, 4, 5), widths=(3, 2, 3), hotness=(1, 1, 2), layers=(6, 5)).eval()
    with torch.no_grad():
        for parameter in (model.wide.weight, model.wide_numeric, model.wide_bias):
            parameter.normal_()
    numeric = torch.tensor([[0.5, -1.0], [2.0, 0.0], [0.0, 3.0]])
    ids = torch.tensor([[6, 0, 1, 4], [0, 3, 2, PADDING], [3, 1, PADDING, PADDING]])
    wide = model.wide.weight.detach().double().numpy()[:, 0]
    threes = model.deep["3"].weight.detach().double().numpy()  # type: ignore[operator]
    twos = model.deep["2"].weight.detach().double().numpy()  # type: ignore[operator]
    expected = []
    for numbers, (a, b, *several) in zip(numeric.double().numpy(), ids.tolist(), strict=True):
        there = [c for c in several if c != PADDING]
        linear = wide[a] + wide[7 + b] + sum(wide[11 + c] for c in there)
        linear += numbers @ model.wide_numeric.detach().double().numpy() + model.wide_bias.item()
        mean = np.mean([threes[7 + c] for c in there], axis=0) if there else np.zeros(3)
        joined = np.concatenate([threes[a], mean, twos[b], numbers])
        expected.append(linear + _network(nn.Sequential(*model.layers, model.score), joined)[0])
    np.testing.assert_allclose(model(numeric, ids).detach().numpy(), expected, atol=1e-5)


def test_a_lookup_touches_the_rows_it_names() -> None:
    """Its gradient is that of separate `nn.Embedding`s, and as long as what was looked up."""
    torch.manual_seed(0)
    tables = Tables((1000, 2000), 4)
    with torch.no_grad():
        tables.weight.normal_()
    ids = torch.tensor([[7, 7], [999, 1999], [7, 0]])
    vectors = tables(ids)
    (vectors**2).sum().backward()
    gradient = tables.weight.grad
    assert gradient is not None
    assert gradient.is_sparse
    assert gradient.coalesce().indices().tolist() == [[7, 999, 1000, 1007, 2999]]
    apart = [table.detach().clone().requires_grad_() for table in torch.split(tables.weight, list(tables.sizes))]
    torch.stack([table[ids[:, f]] for f, table in enumerate(apart)], dim=1).square().sum().backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(gradient.to_dense(), torch.cat([t.grad for t in apart if t.grad is not None]))
