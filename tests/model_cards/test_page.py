"""The page: the card for people who would rather look, with nothing in it that runs."""

import base64
import dataclasses
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from roadworthy.model_cards import Claim, Row, card
from roadworthy.model_cards.card_classes import CALIBRATION, CLASSES, CONFUSION
from roadworthy.model_cards.page import render_page

Answers = Callable[..., tuple[Row, ...]]


class Tags(HTMLParser):
    """Collects the tags of a page, the sources of its pictures and the text of its title."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.sources: list[str] = []
        self.links: list[str] = []
        self.title = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes the tag."""
        self.tags.add(tag)
        self.sources += [value or "" for name, value in attrs if name == "src"]
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        """Notes the title."""
        if self.lasttag == "title" and not self.title:
            self.title = data


def page_of(claim: Claim, rows: tuple[Row, ...]) -> tuple[Tags, str]:
    """The page of a claim's card."""
    files = card.render(card.Proof(claim=claim, rows=rows, curve=()))
    pictures = {path: data for path, data in files.items() if path.endswith(".svg")}
    page = render_page(files["README.md"].decode(), pictures)
    return Tags(page), page


def test_the_pictures_are_inside(claim: Claim, answers: Answers) -> None:
    """The page is one file; its pictures are the card's, byte for byte."""
    files = card.render(card.Proof(claim=claim, rows=answers(18, 20), curve=()))
    found, _ = page_of(claim, answers(18, 20))
    inside = [base64.b64decode(source.removeprefix("data:image/svg+xml;base64,")) for source in found.sources]
    assert inside == [files[path] for path in (card.CURVE, CLASSES, CONFUSION, CALIBRATION)]


def test_the_page_says_what_the_card_says(claim: Claim, answers: Answers) -> None:
    """The headline, in a page without the card's metadata."""
    found, page = page_of(claim, answers(18, 20))
    assert "<strong>top1 90.00 %</strong>" in page
    assert "library_name" not in page
    assert found.title == "resnet50-v1.5 on photographs"


@pytest.mark.parametrize(
    "name", ["photos---", "---", "a_b_", "R&D", "x\n---\ny", "<script>alert(1)</script>", "[z](javascript:1)"]
)
def test_any_name_is_text_on_the_page(claim: Claim, answers: Answers, name: str) -> None:
    """In the title as it is, without markup, and the metadata left out."""
    named = dataclasses.replace(claim, data=dataclasses.replace(claim.data, name=name))
    found, page = page_of(named, answers(18, 20))
    assert found.title == " ".join(f"resnet50-v1.5 on {name}".split())
    assert "script" not in found.tags
    assert found.links == []
    assert "library_name" not in page


def test_a_picture_of_an_example_is_inside_too() -> None:
    """As the JPEG that it is."""
    path = f"evidence/examples/{'a' * 16}.jpg"
    page = render_page(f"# x\n\n![example]({path})\n", {path: b"\xff\xd8\xff"})
    assert 'src="data:image/jpeg;base64,/9j/"' in page
