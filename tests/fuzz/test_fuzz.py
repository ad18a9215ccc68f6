"""Every parser of foreign bytes: what was kept is replayed, and valid documents are edited as an adversary would."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from .mutations import mutations
from .targets import TARGETS, corpus

# Enough to notice what breaks today; `run_hypothesis` and `run_atheris` look for an hour.
_SLOW = {"audit": 25, "front-matter": 25, "config": 40, "table": 40, "image": 40, "checkpoint": 40, "tokenizer": 40}


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds_are_accepted(name: str) -> None:
    """So that what is edited below is a valid document, and the laws are looked at."""
    seeds = [path for path in corpus(name) if path.name.startswith("seed")]
    assert seeds
    for path in seeds:
        assert TARGETS[name].accepts(path.read_bytes()), path.name


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_is_answered(name: str) -> None:
    """Accepted, or refused with an error of ours: what once crashed is among it."""
    for path in corpus(name):
        TARGETS[name].accepts(path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_edited_documents_are_answered(name: str) -> None:
    """The same every time: this is a test; the search is in `run_hypothesis`."""
    target = TARGETS[name]
    seeds = [path.read_bytes() for path in corpus(name) if path.name.startswith("seed")]

    @settings(
        max_examples=_SLOW.get(name, 80),
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def answered(data: st.DataObject) -> None:
        target.accepts(data.draw(mutations(seeds, as_json=target.json)))

    answered()
