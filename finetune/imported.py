"""What an import came to."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The snapshot, the checkpoint's layout, and what of it was left out."""

    snapshot: Path
    layout: str
    parameters: int
    dropped: tuple[str, ...]
