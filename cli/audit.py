"""`roadworthy audit`: replay everything that can be checked without data, GPU or torch."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import JsonOption, KeyOption, RegistryOption, is_folder, policy_of
from .tame import tame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from securesystemslib.signer import Key

    from roadworthy.model_cards.audit import Audit
    from roadworthy.registry import Reference, Revocation


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(audit)


def audit(
    subject: Annotated[
        str | None,
        typer.Argument(metavar="DIR|REF", help="A snapshot folder, a run, a series, an export, or a reference."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every version of the registry, and its log.")] = False,
    # A folder is not asked ROADWORTHY_POLICY or the home's: it has no namespace without --as.
    policy: Annotated[
        Path | None, typer.Option(help="Whether this policy (TOML) is met; of versions, by default the one in force.")
    ] = None,
    as_: Annotated[
        str | None,
        typer.Option("--as", metavar="REF", help="Which version a folder is to be; policies go by namespace."),
    ] = None,
    registry: RegistryOption = None,
    key: KeyOption = None,
    json: JsonOption = False,
) -> None:
    """Check digests, signature, metric, times, card and log of a version, of all of them, or those of a folder."""
    from roadworthy.finetune.series_folder import packaged_in
    from roadworthy.model_cards import InputError
    from roadworthy.registry import audit_version, open_registry, trusted_keys

    from .audit_all import audit_all

    keys = trusted_keys(extra=key or ())
    if every == (subject is not None):
        raise InputError("say what to audit: a folder, a reference, or --all.")
    if subject is None:
        audit_all(open_registry(registry), keys, policy_of(policy), json=json)
        return
    reference = _named(subject, as_, policy)
    if not is_folder(subject):
        done = audit_version(open_registry(registry), subject, keys=keys, policy=policy_of(policy))
        _tell(done.audit, done.checks, done.reasons, done.not_counted, json, done.revoked)
        return
    folder = packaged_in(Path(subject))
    if (folder / "verification.json").is_file():
        if policy is not None:
            raise InputError(f"{folder} is an export, and a policy is about versions. Leave --policy out.")
        _audit_export(folder, keys, json)
        return
    _audit_folder(folder, reference, policy, keys, json)


def _audit_folder(
    folder: Path, reference: "Reference | None", policy: Path | None, keys: "Sequence[Key]", json: bool
) -> None:
    from roadworthy.model_cards import audit as check
    from roadworthy.registry import unmet

    result = check(folder, keys)
    checks, reasons = list(result.checks), list(result.reasons)
    if reference is not None and result.certificate is not None:
        missing = unmet(policy_of(policy), reference, result.certificate, result.signers, keys)
        reasons += missing
        checks += [] if missing else [f"the policy {policy} is met by {reference}"]
    _tell(result, checks, reasons, (), json)


def _tell(
    result: "Audit | None",
    checks: "Sequence[str]",
    reasons: "Sequence[str]",
    not_counted: "Sequence[str]",
    json: bool,
    revoked: "Revocation | None" = None,
) -> None:
    from .output import emit, metric_document, metric_line

    ok = not reasons and revoked is None
    metric = result.certificate.claim.metric if result is not None and result.certificate else None
    if json:
        emit(
            {
                "ok": ok,
                "reasons": reasons,
                "checks": checks,
                "not_counted": not_counted,
                "metric": metric_document(metric),
                "signers": result.signers if result is not None else (),
                "revoked": revoked,
            }
        )
    else:
        for line in checks:
            typer.echo(tame(f"  ✓ {line}"))
        for line in reasons:
            typer.echo(tame(f"  ✗ {line}"))
        for line in not_counted:
            typer.echo(tame(f"  · {line}"))
        if revoked is not None:
            typer.echo(tame(f"  ✗ {revoked}; what was measured stays as it was"))
        typer.echo(tame(f"{'yes' if ok else 'no'}: {metric_line(metric) if metric else 'nothing is proven'}"))
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
