"""The README's file map is what somebody reads first: it names every module, and none that is gone."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def named(room: str) -> set[str]:
    """The modules that the map names below the line of a room."""
    rows = (ROOT / "README.md").read_text(encoding="utf-8").split("## File map")[1].splitlines()
    begin = next(n for n, row in enumerate(rows) if row.startswith(f"| **{room}/**"))
    end = next(n for n in range(begin + 1, len(rows)) if rows[n].startswith("| **"))
    files = [word for row in rows[begin:end] for word in re.findall(r"\w+\.py", row.split("|")[1])]
    # ``main.py`` and ``one_voice.py`` stand in the line of their room.
    return set(files) | set(re.findall(r"`(\w+\.py)", rows[begin]))


def lying_in(room: str) -> set[str]:
    """The modules that are there."""
    return {path.name for path in (ROOT / room).rglob("*.py") if path.name != "__init__.py"}


@pytest.mark.parametrize("room", ["model_cards", "registry", "finetune"])
def test_every_module_is_in_the_map(room: str) -> None:
    """By name, in the section of its room."""
    assert named(room) == lying_in(room)


def test_the_map_of_the_commands() -> None:
    """One file for each command goes without saying; what is named is there, and what is not named is a command."""
    from roadworthy.cli.main import app

    commands = {
        str(command.callback.__module__.split(".")[-1]) for command in app.registered_commands if command.callback
    }
    assert named("cli") <= lying_in("cli")
    assert lying_in("cli") - named("cli") <= {f"{name}.py" for name in commands}
