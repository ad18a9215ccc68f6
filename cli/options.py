"""Options that several commands share, and how a word on the command line finds its snapshot."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from roadworthy.registry import Registry
    from roadworthy.registry.policy_file import Asked

RegistryOption = Annotated[
    str | None,
    typer.Option(
        "--registry",
        envvar="ROADWORTHY_REGISTRY",
        help="Folder of the registry, s3://bucket/prefix, or https://host.",
        show_default="user data",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
KeyOption = Annotated[
    list[Path] | None,
    typer.Option("--key", help="A public key (PEM) to trust besides your own. May be repeated."),
]
SignerOption = Annotated[
    str,
    typer.Option("--signer", envvar="ROADWORTHY_SIGNER", metavar="BACKEND", help="What signs: ed25519, or sigstore."),
]
PolicyOption = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        envvar="ROADWORTHY_POLICY",
        help="What a version must prove (TOML).",
        show_default="policy.toml of the user data, if there is one",
    ),
]
GateOption = Annotated[
    str | None,
    typer.Option(
        metavar="GATE",
        help="What the figures must show: point, lower-bound, or non-inferior=0.005 (to the parent).",
        show_default="point",
    ),
]
EndpointOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="Another Hub than the public one.", show_default="HF_ENDPOINT, else the public Hub"
    ),
]
DeviceOption = Annotated[str | None, typer.Option(help="cpu or cuda; by default a GPU where there is one.")]
TextColumnOption = Annotated[str | None, typer.Option(help="The column with the texts, where its name does not tell.")]
LabelColumnOption = Annotated[
    str | None, typer.Option(help="The column with the labels, where its name does not tell.")
]
GroupColumnOption = Annotated[
    str | None,
    typer.Option(help="The column that names the patient, user, document, or the list that rows are ranked in."),
]
GroupPatternOption = Annotated[
    str | None,
    typer.Option(metavar="REGEX", help="The same in file names, as the first group: 'person(\\d+)_'."),
]


def stated(**values: Any) -> dict[str, Any]:
    """The options that the user gave."""
    return {name: value for name, value in values.items() if value is not None}


def is_folder(word: str) -> bool:
    """Whether a word names a folder on this disk rather than a reference."""
    return Path(word).is_dir()


def policy_of(file: Path | None) -> "Asked":
    """The policy in a file, or that of this home."""
    from roadworthy.registry import load_policy

    return load_policy(file) if file is not None else "home"


def pulled(
    registry: "Registry", word: str, keys: Any, policy: "Asked" = "home", *, allow_revoked: bool = False
) -> Path:
    """A verified snapshot of a reference that meets the policy, in the Hub cache."""
    from roadworthy.registry import pull

    from .output import bytes_report, progress
    from .revoked import warned

    with warned(), progress() as report:
        return pull(
            registry,
            word,
            keys=keys,
            policy=policy,
            allow_revoked=allow_revoked,
            progress=bytes_report(report, f"pulling {word} (MB)"),
        )


def origin_of(
    start: str, registry: str | None, keys: list[Path] | None, *, allow_revoked: bool = False
) -> tuple[Path | str, str | None]:
    """(what training starts from, what the registry calls it) for a reference, a folder, a system or timm:NAME."""
    from roadworthy.model_cards import CATALOGUE
    from roadworthy.registry import open_registry, trusted_keys

    if is_folder(start):
        return Path(start), None
    if start not in CATALOGUE and not start.startswith("timm:") and "/" in start:
        trusted = trusted_keys(extra=keys or ())
        return pulled(open_registry(registry), start, trusted, allow_revoked=allow_revoked), start
    return start, None
