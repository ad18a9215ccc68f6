"""Models of rows as artefacts and on the stopwatch: batches of any size, lists, no numbers; then one whole road."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from securesystemslib.signer import CryptoSigner
from sklearn.metrics import roc_auc_score
from torch import nn

from roadworthy.finetune import bench, export, finetune, load
from roadworthy.finetune.exported_model import open_exported, write
from roadworthy.finetune.inputs import Inputs
from roadworthy.finetune.tabular.dlrm import Dlrm
from roadworthy.finetune.tabular.neumf import NeuMf
from roadworthy.finetune.tabular.wide_deep import WideDeep
from roadworthy.model_cards import evidence
from roadworthy.model_cards.artefact import Format

SIZES, HOTNESS = (9, 5, 30), (1, 3, 1)  # three columns, one of up to three categories


def models() -> dict[str, tuple[nn.Module, int, tuple[int, ...]]]:
    """Each with its numbers, and for each place of its categories the size of the table."""
    torch.manual_seed(0)
    lists = tuple(size for size, several in zip(SIZES, HOTNESS, strict=True) for _ in range(several))
    small = {"bottom": (8, 4), "top": (16,)}
    made: dict[str, tuple[nn.Module, int, tuple[int, ...]]] = {
        "dlrm": (Dlrm(numeric=2, sizes=SIZES, **small), 2, SIZES),
        "dlrm of lists": (Dlrm(numeric=2, sizes=SIZES, hotness=HOTNESS, **small), 2, lists),
        "dlrm without numbers": (Dlrm(numeric=0, sizes=SIZES, **small), 0, SIZES),
        "neumf": (NeuMf(users=9, items=30, factors=4, layers=(16, 8, 4)), 0, (9, 30)),
        "wide and deep of lists": (
            WideDeep(numeric=2, sizes=SIZES, hotness=HOTNESS, widths=(4, 4, 4), layers=(16, 8)),
            2,
            lists,
        ),
    }
    return made


def rows(count: int, numeric: int, sizes: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Drawn ones; where a table occurs several times, the last places of a list are empty now and then."""
    dice = torch.Generator().manual_seed(count)
    ids = torch.stack([torch.randint(size, (count,), generator=dice) for size in sizes], dim=1)
    if len(sizes) > len(SIZES):
        ids[::2, 3] = -1
    return torch.randn(count, numeric, generator=dice), ids


# torch.onnx's: the inputs have one batch in common.
@pytest.mark.filterwarnings("ignore:# The axis name")
@pytest.mark.parametrize("to", ["torch-export", pytest.param("onnx", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", list(models()))
def test_an_artefact_answers_as_the_model_does(name: str, to: Format, tmp_path: Path) -> None:
    """Batches of any size, though it was traced with two rows."""
    model, numeric, sizes = models()[name]
    model.eval()
    traced = Inputs(tensors=rows(2, numeric, sizes), names=("numeric", "ids"), example="", variable={0: "batch"})
    write(model, traced, to, tmp_path)
    exported = open_exported(to, tmp_path)
    for count in (1, 2, 7):
        given = rows(count, numeric, sizes)
        with torch.inference_mode():
            torch.testing.assert_close(exported(*given).detach(), model(*given), atol=1e-5, rtol=1e-5)


@pytest.mark.slow
def test_flights_are_benched_and_exported(flights: pd.DataFrame, tmp_path: Path) -> None:
    """The exported model's AUC is scikit-learn's of its evidence, and bfloat16 has an accuracy of its own."""
    data, out = tmp_path / "data", tmp_path / "run"
    data.mkdir()
    flights.drop(columns=["time_hour", "year"]).to_csv(data / "flights.csv", index=False)
    finetune("dlrm", data=data, out=out, target="auc>=0.5", seed=1, epochs=2, batch_size=256, width=4)
    snapshot = out / "candidate"
    record = bench(snapshot, data=data, batch_sizes=(1, 64), seconds=0.05)
    assert [cell.problem for cell in record.performance.latencies] == [None] * 4
    full, half = record.performance.accuracies
    exported = export(
        snapshot,
        to="onnx",
        out=tmp_path / "onnx",
        data=data,
        signer=CryptoSigner.generate_ed25519(),
        target="auc>=0.5",
    )
    answers = evidence.load((exported.folder / "evidence.jsonl").read_bytes())
    auc = roc_auc_score([row.truth for row in answers], [row.confidence for row in answers])
    assert exported.record.artefact.metric.value == pytest.approx(auc, abs=1e-12)
    assert full.metric is not None
    assert half.metric is not None
    assert full.metric.value == pytest.approx(auc, abs=1e-4)
    assert half.metric.value == pytest.approx(auc, abs=0.02)
    assert half.metric.value != full.metric.value
    assert load(snapshot).score(flights).shape == (len(flights),)
