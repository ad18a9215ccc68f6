"""Options that several commands share, and how a word on the command line finds its snapshot."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

if TYPE_CHECKING:
    from roadworthy.registry import Registry

RegistryOption = Annotated[
    Optional[str],  # noqa: UP007, UP045 - typer reads the annotation at run time
    typer.Option("--registry", envvar="ROADWORTHY_REGISTRY", help="Folder of the registry.", show_default="user data"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
KeyOption = Annotated[
    Optional[list[Path]],  # noqa: UP007, UP045
    typer.Option("--key", help="A public key (PEM) to trust besides your own. May be repeated."),
]
DeviceOption = Annotated[Optional[str], typer.Option(help="cpu or cuda; by default a GPU where there is one.")]  # noqa: UP007, UP045


def is_folder(word: str) -> bool:
    """Whether a word names a folder on this disk rather than a reference."""
    return Path(word).is_dir()


def pulled(registry: "Registry", word: str, keys: Any) -> Path:
    """A verified snapshot of a reference, in the Hub cache."""
    from roadworthy.registry import pull

    from .output import bytes_report, progress

    with progress() as report:
        return pull(registry, word, keys=keys, progress=bytes_report(report, f"pulling {word} (MB)"))
