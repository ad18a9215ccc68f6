"""Pictures of a test part's surest errors, for a card whose publisher asked for them. By default there are none."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from roadworthy.model_cards import InputError, Row
from roadworthy.model_cards.classification import most_confident_errors

from .showing import thumbnail
from .timm_snapshot import TASK

MOST = 10  # as many as a card tells of


def check_can_show(task: str, number: int) -> None:
    """Refuses what cannot be shown.

    Raises:
        InputError: the examples of ``task`` are no pictures, or the card has no room for so many.
    """
    if not 0 <= number <= MOST:
        raise InputError(f"{number} examples to show; expected 0 to {MOST}: a card tells of {MOST} errors at most.")
    if number and task != TASK:
        raise InputError(f"examples of {task} are no pictures, and its texts are never published. Show none.")


def write_examples(rows: Sequence[Row], names: Mapping[str, str], data: Path, folder: Path, *, most: int) -> None:
    """Writes a thumbnail of each of the surest errors into ``folder``, as the card looks for it."""
    errors = most_confident_errors(rows, most)
    if errors:
        folder.mkdir(parents=True, exist_ok=True)
    for row in errors:
        (folder / f"{row.id[:16]}.jpg").write_bytes(thumbnail(data / names[row.id]))
