"""docs/threats.md and the attack suite say the same: every test that is named exists, and every attack is named."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def named() -> set[tuple[str, str]]:
    """(file, test) of every row of the tables, by the file in the heading above it."""
    found: set[tuple[str, str]] = set()
    file = ""
    for line in (ROOT / "docs/threats.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            file = next(iter(re.findall(r"`(test_\w+\.py)`", line)), "")
        elif file and line.startswith("|"):
            found |= {(file, test) for test in re.findall(r"`(test_\w+)`", line)}
    return found


def written() -> set[tuple[str, str]]:
    """(file, test) of every test in tests/attacks."""
    return {
        (path.name, node.name)
        for path in (ROOT / "tests/attacks").glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_named_test_exists_and_every_attack_is_named() -> None:
    """Both ways; a hundred attacks at least, so that an empty page is not right."""
    assert named() == written()
    assert len(named()) > 80


def test_every_function_that_catches_something_exists() -> None:
    """`module.function` in the second column: in one of the rooms."""
    sources: dict[str, str] = {}
    for room in ("model_cards", "registry", "finetune", "cli"):
        for path in (ROOT / room).glob("*.py"):  # two rooms may have a file of one name
            sources[path.stem] = sources.get(path.stem, "") + path.read_text(encoding="utf-8")
    text = (ROOT / "docs/threats.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in text.splitlines() if line.startswith("|") and "`test_" in line]
    places = {place for row in rows for place in re.findall(r"`(\w+\.\w+)`", row[2])}
    assert len(places) > 20
    for place in sorted(places):
        module, _, name = place.partition(".")
        if module == "registry" or module == "cli":
            assert name in sources, place
        else:
            assert re.search(rf"\b{name}\b", sources[module]), place
