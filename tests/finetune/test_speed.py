"""Speed with its accuracy, on a small model and real photographs."""

import time
from pathlib import Path

import pytest
import torch
from sklearn.metrics import accuracy_score

from roadworthy.finetune import bench, load
from roadworthy.finetune.image_task import ImageTask
from roadworthy.finetune.precision import AtPrecision, check_precisions
from roadworthy.model_cards import InputError, PerformanceRecord
from roadworthy.model_cards.performance import from_statement, to_statement
from roadworthy.model_cards.snapshot import sha256_of

from .conftest import Lay

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def record(certified: tuple[Path, Path]) -> PerformanceRecord:
    """Both precisions, three batch sizes of which one fits into no memory."""
    data, snapshot = certified
    return bench(snapshot, data=data, batch_sizes=(1, 4, 10**8), seconds=0.2)


def test_every_cell_is_there(record: PerformanceRecord) -> None:
    """In the order of the wish; what was timed has calls enough and figures that belong together."""
    cells = record.performance.latencies
    assert [(c.precision, c.batch_size) for c in cells] == [
        (precision, size) for precision in ("float32", "bfloat16") for size in (1, 4, 10**8)
    ]
    for cell in cells:
        if cell.problem is None:
            assert cell.n >= 2  # ten, where ten calls do not take too long
            assert cell.p50_ms is not None
            assert cell.p99_ms is not None
            assert cell.per_second is not None
            assert 0 < cell.p50_ms <= cell.p99_ms
            # A mean lies between the fastest and the slowest call.
            assert cell.per_second < cell.batch_size * 1000 * cell.n / cell.p50_ms


def test_a_batch_that_does_not_fit_is_said_and_the_rest_goes_on(record: PerformanceRecord) -> None:
    """A hundred million images are 2.8 TB."""
    problems = {(c.batch_size, c.problem) for c in record.performance.latencies}
    assert problems == {(1, None), (4, None), (10**8, "out of memory")}


def test_the_latency_is_of_the_order_of_a_plain_stopwatch(
    certified: tuple[Path, Path], record: PerformanceRecord
) -> None:
    """The fastest of some plain calls here is not slower than ten times the record's median, nor a tenth of it."""
    opened = load(certified[1])
    inputs = ImageTask().example(opened.config, 4, CPU).tensors
    times = []
    with torch.inference_mode():
        for _ in range(30):
            began = time.perf_counter()
            opened.model(*inputs)
            times.append(1000 * (time.perf_counter() - began))
    measured = next(c.p50_ms for c in record.performance.latencies if (c.precision, c.batch_size) == ("float32", 4))
    assert measured is not None
    assert min(times) / 10 < measured < 10 * max(times)


def test_the_accuracy_is_what_the_opened_model_answers(certified: tuple[Path, Path], record: PerformanceRecord) -> None:
    """scikit-learn's accuracy of the opened model's own answers, file by file; autocast around it for bfloat16."""
    data, snapshot = certified
    files = sorted((data / "test").rglob("*.jpeg"))
    opened = load(snapshot)
    for precision in ("float32", "bfloat16"):
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            answers = [label for label, _ in opened.classify(files)]
        (found,) = [a for a in record.performance.accuracies if a.precision == precision]
        assert found.metric is not None
        assert found.metric.value == pytest.approx(accuracy_score([f.parent.name for f in files], answers))
        assert found.metric.n == len(files) == 24
    assert [a.method for a in record.performance.accuracies] == ["as stored", "autocast"]


def test_float32_agrees_with_the_certificate(record: PerformanceRecord) -> None:
    """The same bytes on the same data: the same answers, and their probabilities within rounding."""
    float32, bfloat16 = record.performance.accuracies
    assert float32.agreement is not None
    assert bfloat16.agreement is not None
    assert (float32.agreement.n, float32.agreement.same) == (24, 1.0)
    assert float32.agreement.largest_difference < 1e-4
    assert bfloat16.agreement.largest_difference > float32.agreement.largest_difference
    assert record.performance.band("float32") == "99.9 %"


def test_the_record_names_its_files_data_and_machine(certified: tuple[Path, Path], record: PerformanceRecord) -> None:
    """Digests of weights and certificate, the test part's fingerprint, what it ran on; and it can be signed."""
    _, snapshot = certified
    assert {file.path: file.sha256 for file in record.files} == {
        name: sha256_of(snapshot / name) for name in ("certificate.json", "model.safetensors")
    }
    assert record.performance.test is not None
    assert record.performance.test.n == 24
    assert record.performance.environment.libraries["torch"] == torch.__version__.partition("+")[0]
    assert record.performance.example == "48 x 48 pixels"
    assert from_statement(to_statement(record)).files == record.files


def test_without_data_accuracy_is_not_measured(snapshot: Path) -> None:
    """Speed alone, of a folder without a certificate; none of its files changes."""
    before = {path: path.stat().st_mtime_ns for path in snapshot.rglob("*")}
    record = bench(snapshot, batch_sizes=(2,), precisions=("float32",), seconds=0.05)
    (accuracy,) = record.performance.accuracies
    assert (accuracy.metric, accuracy.agreement, record.performance.test) == (None, None, None)
    assert record.performance.band("float32") is None
    assert [file.path for file in record.files] == ["model.safetensors"]
    assert {path: path.stat().st_mtime_ns for path in snapshot.rglob("*")} == before


def test_what_cannot_be_timed(snapshot: Path, lay: Lay, tmp_path: Path) -> None:
    """Each with what was expected; refusals of the clean process arrive as the errors they are."""
    for options, said in (
        ({"batch_sizes": ()}, "nothing to time"),
        ({"batch_sizes": (0,)}, "at least 1"),
        ({"precisions": ("float32", "float32")}, "twice"),
        ({"data": lay()}, "has a class the model was not trained on: 'NORMAL'"),
    ):
        with pytest.raises(InputError, match=said):
            bench(snapshot, **{"batch_sizes": (1,), "seconds": 0.05} | options)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no snapshot at"):
        bench(tmp_path / "nothing")
    with pytest.raises(InputError, match=r"precision 'int8' is not known\. Expected one of: float32"):
        check_precisions(["float32", "int8"], CPU)
    with pytest.raises(InputError, match="float16 runs on a GPU only"):
        check_precisions(["float16"], CPU)
    check_precisions(["float16"], torch.device("cuda"))


def test_a_precision_outlives_the_callers_autocast(snapshot: Path) -> None:
    """Evidence is collected under an autocast that is switched off; the model's own precision still counts."""
    opened = load(snapshot)
    inputs = ImageTask().example(opened.config, 2, CPU).tensors
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=False):
        low = AtPrecision(opened.model, "bfloat16", CPU)(*inputs)
        full = AtPrecision(opened.model, "float32", CPU)(*inputs)
        assert torch.equal(full, opened.model(*inputs))
    assert low.dtype == torch.bfloat16
    assert full.dtype == torch.float32
    assert torch.allclose(low.float(), full, atol=0.1)
