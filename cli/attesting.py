"""`roadworthy verify --attest`: a second party measures a published version and signs what it found, beside it."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from .options import is_folder

if TYPE_CHECKING:
    from roadworthy.finetune import Verified
    from roadworthy.registry import Party, Reference


def attest_to(
    subject: str,
    data: Path,
    *,
    device: str | None,
    options: Mapping[str, str | int] | None,
    signed_by: str,
    registry: str | None,
    key: list[Path] | None,
    json: bool,
) -> None:
    """Pulls the version aside, measures it, signs and stores the statement, and tells it; exit code 1 where it
    disagrees with the certificate."""
    from roadworthy.finetune import verify
    from roadworthy.model_cards import InputError
    from roadworthy.registry import attest, open_registry, parties, pull, trusted_keys, without_verifiers
    from roadworthy.registry import signer as signer_of
    from roadworthy.registry.keys import user

    from .output import bytes_report, progress

    if is_folder(subject):
        raise InputError(
            f"--attest adds to a version in a registry, and {subject} is a folder. Give the version's reference, such "
            "as team/name@1.0.0."
        )
    opened, signer = open_registry(registry), signer_of(signed_by)
    keys = trusted_keys(extra=key or ())
    # An alias may move meanwhile; what is pulled, measured and attested is one version.
    manifest = opened.resolve(subject)
    version = manifest.reference
    if manifest.version is None:
        raise InputError(
            f"{version} is an uncertified draft: there is no certificate to attest. Verify and publish it."
        )
    with tempfile.TemporaryDirectory(prefix="roadworthy-attest-") as aside, progress() as report:
        # Aside, not into the cache: a version that still lacks second parties is not to be used, only measured.
        folder = pull(
            opened,
            version,
            to=Path(aside) / "snapshot",
            keys=keys,
            policy=without_verifiers("home"),
            progress=bytes_report(report, f"pulling {version} (MB)"),
        )
        result = verify(
            folder, data=data, signer=signer, device=device, options=options, attest_as=user(), report=report
        )
    # Both are there, because an attestation was asked for.
    assert result.attestation is not None
    assert result.evidence is not None
    name = attest(opened, version, result.attestation, result.evidence, keys)
    ours = [party for party in parties(opened, version, keys) if party.keyid == signer.public_key.keyid]
    _tell(result, version, name, ours[-1], json)
    if not result.ok:
        raise typer.Exit(1)


def _tell(result: "Verified", version: "Reference", name: str, party: "Party", json: bool) -> None:
    from .attestations import answers_text, tolerance_text
    from .output import emit, metric_document, metric_line, note

    if json:
        emit(
            {
                "ok": result.ok,
                "reasons": result.reasons,
                "reference": str(version),
                "metric": metric_document(result.metric),
                "agreement": result.agreement,
                "answers": result.answers,
                "within_tolerance": result.within,
                "attestation": name,
                "independent": party.independent,
            }
        )
        return
    typer.echo(f"{'yes' if result.ok else 'no'}: {metric_line(result.metric)}")
    typer.echo(f"{answers_text(result.answers)}; {tolerance_text(result.within)}")
    for reason in result.reasons:
        typer.echo(f"  {reason}")
    note(f"Attested as {name}: roadworthy show {version}")
    if not party.independent:
        note(
            "Your own key, or one that you rotated, has certified this version: your measurement is kept, not counted."
        )
