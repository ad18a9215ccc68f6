"""References and versions."""

import pytest
from huggingface_hub.utils._validators import validate_repo_id
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.model_cards.errors import InputError
from roadworthy.registry import Reference, Version
from roadworthy.registry.reference import check_alias

_names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?", fullmatch=True).filter(
    lambda name: "--" not in name and ".." not in name and not name.endswith(".git")
)
_numbers = st.integers(0, 999_999_999)
_selectors = st.one_of(
    st.from_regex(r"[a-z][a-z0-9-]{0,62}", fullmatch=True),
    st.builds("{}.{}.{}".format, _numbers, _numbers, _numbers),
)


@given(st.builds(Reference, _names, _names, _selectors))
def test_every_reference_is_read_back_as_it_was_written(reference: Reference) -> None:
    """``parse(str(r)) == r``."""
    assert Reference.parse(str(reference)) == reference


@given(_names, _names)
def test_every_name_is_one_that_hub_clients_accept(namespace: str, name: str) -> None:
    """Otherwise a pulled model could not be opened by its name."""
    validate_repo_id(Reference.parse(f"{namespace}/{name}").model)


@given(st.text(max_size=40))
def test_any_text_is_a_reference_or_an_input_error(text: str) -> None:
    """Nothing else comes out of parsing."""
    try:
        Reference.parse(text)
    except InputError:
        return
    assert "/" in text


def test_no_selector_means_the_latest_version() -> None:
    """``team/model`` is ``team/model@latest``."""
    assert str(Reference.parse("team/model")) == "team/model@latest"


def test_the_hub_tag_form_is_the_same_version() -> None:
    """``v1.2.0`` is accepted and normalised."""
    assert Reference.parse("team/model@v1.2.0") == Reference.parse("team/model@1.2.0")


@pytest.mark.parametrize(
    "text",
    [
        "", "model", "a/b/c", "/b", "a/", "a/b@", "a--b/c", "a/b..c", "../b", "a/.b", "a/b.", "-a/b", "a/b.git",
        "a/b@1.0", "a/b@01.0.0", "a/b@1.0.0-rc1", "a/b@V1.0.0", "a/b@Latest", "a/b@1.0.0@x", "a/b@١.0.0",
        "a" * 97 + "/b", "a/b@1.0.0\n", "a/b@" + "9" * 10 + ".0.0",
    ],
)  # fmt: skip
def test_what_is_no_reference_is_refused_with_what_was_expected(text: str) -> None:
    """The message shows the text and the form."""
    with pytest.raises(InputError, match="Expected"):
        Reference.parse(text)


def test_versions_are_ordered_as_numbers() -> None:
    """1.10.0 comes after 1.9.0."""
    assert Version.parse("1.10.0") > Version.parse("1.9.0")
    assert str(Version.parse("1.9.0").next_patch()) == "1.9.1"


def test_the_name_of_the_drafts_cannot_be_moved() -> None:
    """``main`` always names the newest draft."""
    with pytest.raises(InputError, match="newest draft"):
        check_alias("main")
