"""The room's public list."""

import doctest
import re

import roadworthy.model_cards as room


def _ruff_order(name: str) -> tuple[int, str]:
    """RUF022's order: CONSTANTS, then Classes, then functions; each by the alphabet."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def test_the_list_is_sorted() -> None:
    """So that two people add at the same place."""
    assert list(room.__all__) == sorted(room.__all__, key=_ruff_order)


def test_every_name_exists_once() -> None:
    """A star import raises nothing."""
    assert all(hasattr(room, name) for name in room.__all__)
    assert len(set(room.__all__)) == len(room.__all__)


def test_every_public_name_is_listed() -> None:
    """What the room imports for others is on the list; its modules are not."""
    exported = {n for n, v in vars(room).items() if not n.startswith("_") and type(v).__name__ != "module"}
    # The function `audit` hides the module of its name.
    assert exported == set(room.__all__)


def test_every_export_has_a_docstring() -> None:
    """One sentence at least; constants and aliases have none of their own."""
    silent = [n for n in room.__all__ if callable(getattr(room, n)) and not re.search(r"\w", getattr(room, n).__doc__)]
    assert silent == []


def test_the_example_runs() -> None:
    """As it stands in the module's docstring."""
    outcome = doctest.testmod(room)
    assert outcome.attempted > 0
    assert outcome.failed == 0
