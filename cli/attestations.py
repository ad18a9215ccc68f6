"""Who measured a version, for people, as a table, and for scripts, as plain values."""

from typing import TYPE_CHECKING, Any

import typer

from .output import metric_document, metric_line, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from roadworthy.model_cards.certificate import Environment
    from roadworthy.model_cards.second_answers import SecondAnswers
    from roadworthy.registry import Attested, Party

_HEAD = ("who", "is", "trusted", "independent", "measured", "as its certificate", "tolerance", "on", "when")


def parties_document(found: "Sequence[Party]") -> dict[str, Any]:
    """Every measurement, how many independent parties agree, and the least and greatest value that counts."""
    from dataclasses import asdict

    from roadworthy.registry import agreeing, spread

    return {
        "parties": [
            {**asdict(party), "metric": metric_document(party.metric), "agrees": party.agrees} for party in found
        ],
        "independent_verifiers": len(agreeing(found)),
        "spread": spread(found),
    }


def tell_parties(found: "Sequence[Party]") -> None:
    """Prints who measured the version, on what, and how far they lie apart."""
    from roadworthy.model_cards.metric import told
    from roadworthy.registry import agreeing, spread

    print_table(_HEAD, [_row(party) for party in found], left=len(_HEAD), wrap=True)
    for party in found:
        if party.problem is not None:
            typer.echo(f"{party} does not count: {party.problem}")
        for reason in party.apart or ():
            typer.echo(f"{party} disagrees: {reason}")
    agree, ends = len(agreeing(found)), spread(found)
    if ends is not None:
        name = next(party.metric.name for party in found if party.metric is not None)
        low, high = (told(name, value) for value in ends)
        typer.echo(f"{name} {low if low == high else f'{low} to {high}'} over all that count")
    typer.echo(f"{agree} independent {'verifier agrees' if agree == 1 else 'verifiers agree'}")


def audited_attestation(one: "Attested") -> tuple[str, str]:
    """What an audit says of an attestation, behind ✓; behind ✗ where somebody whose key counts has measured otherwise,
    or what they said was changed; behind · where nobody who counts here has said it."""
    what = f"attestation {one.name}"
    if one.attestation is None:
        return ("✗" if one.contradicts else "·"), f"{what} does not count: {one.problem}"
    measured = metric_line(one.attestation.metric, with_protocol=False)
    if one.apart:
        return "✗", f"{what} disagrees, with {measured}: {one.apart[0]}"
    kept = tolerance_text(None if one.apart is None else True)
    return "✓", f"{what}: {measured} and its agreement recomputed from its own evidence; {kept}"


def tolerance_text(within: bool | None) -> str:
    """``within tolerance``, ``beyond tolerance``, or that none is known."""
    if within is None:
        return "no tolerance is known for its protocol"
    return "within tolerance" if within else "beyond tolerance"


def answers_text(answers: "SecondAnswers | None") -> str:
    """``99.84 % of answers (1 lost, 0 gained), ±0.0081``."""
    if answers is None:
        return ""
    turned = (
        f" ({answers.lost} lost, {answers.gained} gained)" if answers.differing and answers.lost is not None else ""
    )
    return f"{100 * answers.same:.2f} % of answers{turned}, ±{answers.largest_difference:.6f}"


def _row(party: "Party") -> tuple[str, ...]:
    second = party.role == "verifier"
    counts = party.metric is not None
    kept = None if party.apart is None else not party.apart
    return (
        party.name or party.keyid[:16],
        party.role,
        "yes" if party.trusted else "no",
        ("yes" if party.independent else "no") if second and party.trusted else "",
        metric_line(party.metric, with_protocol=False) if party.metric is not None else "does not count",
        answers_text(party.answers),
        tolerance_text(kept) if second and counts else "",
        _machine(party.environment) if party.environment is not None else "",
        party.measured_at or "",
    )


def _machine(on: "Environment") -> str:
    return ", ".join([*(on.accelerators or (on.cpu,)), f"torch {on.libraries.get('torch', 'unknown')}", on.precision])
