"""`roadworthy audit`: replay everything that can be checked without data, GPU or torch."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import JsonOption, KeyOption, RegistryOption, is_folder, policy_of, pulled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from securesystemslib.signer import Key

    from roadworthy.registry import Attested, Reference


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(audit)


def audit(
    subject: Annotated[
        str, typer.Argument(metavar="DIR|REF", help="A snapshot folder, a run, a series, an export, or a reference.")
    ],
    # Not from ROADWORTHY_POLICY: that one is in force on every pull, and a folder cannot be asked it without --as.
    policy: Annotated[Path | None, typer.Option(help="Whether this policy (TOML) is met, too.")] = None,
    as_: Annotated[
        str | None,
        typer.Option("--as", metavar="REF", help="Which version a folder is to be; policies go by namespace."),
    ] = None,
    registry: RegistryOption = None,
    key: KeyOption = None,
    json: JsonOption = False,
) -> None:
    """Check digests, signature, metric, clocks and card of a snapshot, or those of an export."""
    from roadworthy.finetune.series_folder import packaged_in
    from roadworthy.model_cards import InputError
    from roadworthy.model_cards import audit as check
    from roadworthy.registry import attestations, open_registry, trusted_keys, unmet

    from .attestations import audited_attestation
    from .output import emit, metric_document, metric_line

    keys = trusted_keys(extra=key or ())
    reference = _named(subject, as_, policy)
    found: Sequence[Attested] = ()
    if is_folder(subject):
        folder = packaged_in(Path(subject))
    else:
        opened = open_registry(registry)
        folder = pulled(opened, subject, keys, policy_of(policy))
        found = attestations(opened, subject, keys)
    if (folder / "verification.json").is_file():
        if policy is not None:
            raise InputError(f"{folder} is an export, and a policy is about versions. Leave --policy out.")
        _audit_export(folder, keys, json)
        return
    result = check(folder, keys)
    checks, reasons = list(result.checks), list(result.reasons)
    if reference is not None and result.certificate is not None:
        missing = unmet(policy_of(policy), reference, result.certificate, result.signers, keys)
        reasons += missing
        checks += [] if missing else [f"the policy {policy} is met by {reference}"]
    told = [audited_attestation(one) for one in found]
    checks += [line for sign, line in told if sign == "✓"]
    reasons += [line for sign, line in told if sign == "✗"]
    strangers = [line for sign, line in told if sign == "·"]
    ok = not reasons
    metric = result.certificate.claim.metric if result.certificate else None
    if json:
        emit(
            {
                "ok": ok,
                "reasons": reasons,
                "checks": checks,
                "not_counted": strangers,
                "metric": metric_document(metric),
                "signers": result.signers,
            }
        )
    else:
        for line in checks:
            typer.echo(f"  ✓ {line}")
        for line in reasons:
            typer.echo(f"  ✗ {line}")
        for line in strangers:
            typer.echo(f"  · {line}")
        typer.echo(f"{'yes' if ok else 'no'}: {metric_line(metric) if metric else 'nothing is proven'}")
    if not ok:
        raise typer.Exit(1)


def _named(subject: str, as_: str | None, policy: Path | None) -> "Reference | None":
    """What the subject is called, where a policy is asked about it."""
    from roadworthy.model_cards import InputError
    from roadworthy.registry import Reference

    if policy is None:
        if as_ is not None:
            raise InputError("--as says which rule of a policy is asked. Give the policy too: --policy FILE")
        return None
    local = is_folder(subject)
    if not local and as_ is not None:
        raise InputError(f"{subject} has a name already. Leave --as out, or audit a folder.")
    if local and as_ is None:
        raise InputError(
            f"{subject} is a folder, and a policy goes by namespace. Say which version it is to be: "
            "--as team/name@1.0.0"
        )
    return Reference.parse(as_ or subject)


def _audit_export(folder: Path, keys: "Sequence[Key]", json: bool) -> None:
    from roadworthy.model_cards.artefact import check

    from .output import emit, metric_document, metric_line

    record = check(folder, keys)  # what does not hold is an error with its reason, and exit code 1
    metric = record.artefact.metric
    if json:
        emit({"ok": True, "reasons": (), "metric": metric_document(metric), "opened_by": record.artefact.opened_by})
    else:
        typer.echo(
            f"yes: {metric_line(metric)}, run by {record.artefact.opened_by}; {len(record.files)} files as signed"
        )
