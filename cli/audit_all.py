"""`roadworthy audit --all`: every version of a registry and its log, in one run."""

import json as json_
import os
import time
from typing import TYPE_CHECKING

import typer

from .tame import tame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from securesystemslib.signer import Key

    from roadworthy.registry import LogAudit, Registry, VersionAudit
    from roadworthy.registry.policy_file import Asked


def audit_all(registry: "Registry", keys: "Sequence[Key]", policy: "Asked", *, json: bool) -> None:
    """Audits everything; tells what fails and why, and what it came to. With ``json``, a line for each version.

    Raises:
        typer.Exit: 1 where anything failed; 130 where it was interrupted, after saying how far it got.
    """
    from roadworthy.registry import audit_registry

    from .output import note, progress

    began = time.monotonic()
    done: list[VersionAudit] = []
    try:
        with progress() as report:

            def tell(stage: str, at: int, total: int) -> None:
                rate = len(done) / max(time.monotonic() - began, 1e-9)
                report(stage, at, total, **({"pace": f"{rate:,.0f} versions/s"} if done else {}))

            log, versions = audit_registry(
                registry, keys=keys, policy=policy, processes=os.cpu_count() or 1, progress=tell
            )
            for version in versions:
                done.append(version)
                if json:
                    typer.echo(tame(json_.dumps(_document(version), ensure_ascii=False)))
    except KeyboardInterrupt:
        note(f"stopped: {_summary(done)} until then; the rest was not audited.")
        raise typer.Exit(130) from None
    failed = [version for version in done if not version.ok]
    if json:
        ended = {"versions": len(done), "failed": len(failed), "log": {"ok": log.ok, "reasons": log.reasons}}
        typer.echo(tame(json_.dumps({"ok": log.ok and not failed, **ended}, ensure_ascii=False)))
    else:
        _print(log, done, time.monotonic() - began)
    if failed or not log.ok:
        raise typer.Exit(1)


def _print(log: "LogAudit", done: "list[VersionAudit]", seconds: float) -> None:
    for line in log.checks:
        typer.echo(tame(f"  ✓ {line}"))
    for line in log.reasons:
        typer.echo(tame(f"  ✗ {line}"))
    failed = [version for version in done if not version.ok]
    width = max((len(version.reference) for version in failed), default=0)
    for version in failed:
        first, *rest = version.reasons
        typer.echo(tame(f"  ✗ {version.reference:<{width}}  {first}"))
        for reason in rest:
            typer.echo(tame(f"    {'':<{width}}  {reason}"))
    for version in done:
        if version.revoked is not None:
            typer.echo(tame(f"  · {version.revoked}"))
    verdict = "yes" if log.ok and not failed else "no"
    typer.echo(f"{verdict}: {_summary(done)}, {seconds:.1f} s")


def _summary(done: "list[VersionAudit]") -> str:
    failed = sum(not version.ok for version in done)
    revoked = sum(version.revoked is not None for version in done)
    return f"{_count(len(done), 'version')} audited, {_do(len(done) - failed, 'hold')}, {_do(failed, 'fail')}" + (
        f", {revoked:,} revoked" if revoked else ""
    )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _do(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' if number == 1 else ''}"


def _document(version: "VersionAudit") -> dict[str, object]:
    return {
        "reference": version.reference,
        "ok": version.ok,
        "reasons": version.reasons,
        "revoked": version.revoked and str(version.revoked),
    }
