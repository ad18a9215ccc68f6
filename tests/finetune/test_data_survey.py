"""A look at real data with everything planted that can be wrong with it."""

import csv
import random
import shutil
from pathlib import Path

import pytest
from PIL import Image

from roadworthy.cli.demo_data import WEIGHTS, carried
from roadworthy.finetune import DataReport, import_checkpoint, survey
from roadworthy.model_cards import InputError

from .conftest import Lay, Review, write_reviews


@pytest.fixture
def messy(lay: Lay) -> Path:
    """X-rays with two files that are no images, a contradiction, a leak and a plain copy."""
    data = lay()
    normal, ill, test = (sorted((data / p).iterdir()) for p in ("train/NORMAL", "train/PNEUMONIA", "test/NORMAL"))
    whole = normal[0].read_bytes()
    (data / "train/NORMAL/cut.jpeg").write_bytes(whole[: len(whole) // 2])
    (data / "train/PNEUMONIA/words.png").write_text("not a picture")
    shutil.copyfile(normal[1], data / "train/PNEUMONIA/contradiction.jpeg")
    shutil.copyfile(test[0], data / "train/NORMAL/leak.jpeg")
    shutil.copyfile(ill[2], data / "train/PNEUMONIA/copy.jpeg")
    return data


@pytest.fixture
def report(messy: Path) -> DataReport:
    """Its report, without a start."""
    return survey(messy)


def test_every_unreadable_file_is_named_and_the_rest_comes(report: DataReport) -> None:
    """Both, with what was found; the other images are counted."""
    assert {one.name for one in report.unreadable} == {"train/NORMAL/cut.jpeg", "train/PNEUMONIA/words.png"}
    assert any("truncated" in one.found for one in report.unreadable)
    assert report.n == 2 * 24 + 2 * 8 + 3
    assert report.blocking == ("not everything can be read (2); replace or remove it",)


def test_planted_copies_are_found(report: DataReport) -> None:
    """Each for what it is, with both its places."""
    (contradiction,) = report.contradictions
    assert "train/PNEUMONIA/contradiction.jpeg" in {place.name for place in contradiction.places}
    assert {place.label for place in contradiction.places} == {"NORMAL", "PNEUMONIA"}
    (leak,) = report.leaks
    assert "train/NORMAL/leak.jpeg" in {place.name for place in leak.places}
    plain = [one for one in report.copies if not one.leak and not one.contradiction]
    assert ["train/PNEUMONIA/copy.jpeg" in {place.name for place in one.places} for one in plain] == [True]


def test_sizes_are_those_of_the_files(report: DataReport, messy: Path) -> None:
    """Width, height and their ratio as Pillow reads them off the readable files."""
    sizes = []
    for path in messy.rglob("*.jpeg"):
        if path.name != "cut.jpeg":
            with Image.open(path) as image:
                sizes.append(image.size)
    width, height, ratio = report.sizes
    assert (width.low, width.high) == (min(w for w, _ in sizes), max(w for w, _ in sizes))
    assert (height.low, height.high) == (min(h for _, h in sizes), max(h for _, h in sizes))
    assert (ratio.low, ratio.high) == (min(w / h for w, h in sizes), max(w / h for w, h in sizes))


def test_nothing_is_changed(messy: Path) -> None:
    """The folder is as it was, to the nanosecond."""
    before = {p: p.stat().st_mtime_ns for p in messy.rglob("*")}
    survey(messy)
    assert {p: p.stat().st_mtime_ns for p in messy.rglob("*")} == before


def test_an_empty_class_blocks_and_is_counted(lay: Lay) -> None:
    """A folder without images: named among what blocks, and in the table with none."""
    data = lay()
    (data / "train/RARE").mkdir()
    report = survey(data)
    assert [(one.label, one.total) for one in report.classes][-1] == ("RARE", 0)
    assert report.scarce == ("RARE",)
    assert report.imbalance is None
    assert len(report.blocking) == 1
    assert "class 'RARE'" in report.blocking[0]
    assert "0 images" in report.blocking[0]


def test_no_data_at_all(tmp_path: Path) -> None:
    """Where nothing lies there is nothing to report."""
    with pytest.raises(InputError, match="no data"):
        survey(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="0 images"):
        survey(tmp_path / "empty")


def test_planted_label_errors_among_photographs(lay: Lay, tmp_path: Path) -> None:
    """Ten healthy lungs filed as ill, found by real ImageNet features: most of them, and the report says how sure."""
    data = lay(train=130, test=30)
    chance = random.Random(3)
    for path in chance.sample(sorted((data / "train/NORMAL").iterdir()), 10):
        path.rename(data / "train/PNEUMONIA" / f"planted-{path.name}")
    start = tmp_path / "start"
    import_checkpoint(carried(WEIGHTS, ".pth")[0], system="timm:tf_efficientnet_lite0", out=start)
    report = survey(data, start=start, options={"image_size": 96})
    check = report.label_check
    assert check is not None, report.not_checked
    assert check.n == report.n == 320
    assert [one.part for one in check.head_accuracy] == ["train", "validation", "test"]
    planted = [suspect for suspect in check.suspects if "planted" in suspect.name]
    assert len(planted) >= 7
    assert len(check.suspects) <= 40
    assert all((one.given, one.suggested) == ("PNEUMONIA", "NORMAL") for one in planted)
    assert all(0.5 < one.confidence <= 1 for one in planted)


def test_without_cleanlab_the_report_says_how_to_get_it(
    lay: Lay, snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything else is there."""
    monkeypatch.setattr("roadworthy.finetune.data_survey.can_check", lambda: False)
    report = survey(lay(), start=snapshot)
    assert report.label_check is None
    assert report.not_checked is not None
    assert "pip install 'roadworthy[report]'" in report.not_checked
    assert report.n == 64


def test_texts(reviews: list[Review], tmp_path: Path) -> None:
    """Reviews with an empty row, a file in another encoding and a copy in other letters."""
    data = write_reviews(tmp_path / "reviews", reviews, train=40, val=10, test=10)
    with (data / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    with (data / "train.csv").open("a", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("", "positive"), (rows[1][0].upper(), rows[1][1])])
    (data / "test.csv").write_bytes("text,label\ncaf\u00e9,positive\n".encode("latin-1"))
    report = survey(data)
    assert [one.name for one in report.unreadable] == ["test.csv", "row 41 of train.csv"]
    assert "is not UTF-8" in report.unreadable[0].found
    assert [{place.name for place in one.places} for one in report.copies] == [{"train.csv:1", "train.csv:42"}]
    assert [one.name for one in report.sizes] == ["characters", "words"]
    lengths = [len(text) for text, _ in rows[1:]]
    assert report.sizes[0].high >= max(lengths)
    assert any("the test part" in reason for reason in report.blocking)


def test_labels_of_texts(reviews: list[Review], tmp_path: Path, encoder: Path) -> None:
    """A real encoder answers every text, each once, whatever its part."""
    data = write_reviews(tmp_path / "reviews", reviews, train=60, val=10, test=10)
    report = survey(data, start=encoder, options={"max_length": 32})
    assert report.label_check is not None, report.not_checked
    assert report.label_check.n == 80
    assert [(one.part, one.n) for one in report.label_check.head_accuracy] == [
        ("train", 60),
        ("validation", 10),
        ("test", 10),
    ]
