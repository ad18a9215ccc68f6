"""`roadworthy verify`: measure again in a clean process."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import (
    DeviceOption,
    GateOption,
    GroupColumnOption,
    GroupPatternOption,
    JsonOption,
    KeyOption,
    LabelColumnOption,
    RegistryOption,
    SignerOption,
    TextColumnOption,
    is_folder,
    pulled,
    stated,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from roadworthy.finetune import Verified
    from roadworthy.model_cards import Convergence
    from roadworthy.model_cards.waiver import Waiver


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(verify)


def verify(
    subject: Annotated[
        str, typer.Argument(metavar="RUN|DIR|REF", help="A run, a series, a snapshot folder, or a reference.")
    ],
    data: Annotated[Path, typer.Option(help="The data; its test part is measured on.")],
    target: Annotated[str | None, typer.Option(help="The target, where the run has none.")] = None,
    show_examples: Annotated[
        int,
        typer.Option(
            min=0, max=10, help="Publish pictures of so many of the surest test errors on the card; by default none."
        ),
    ] = 0,
    device: DeviceOption = None,
    reference: Annotated[
        str | None,
        typer.Option(metavar="REF|DIR", help="Compare how soon it converged with this version's series of attempts."),
    ] = None,
    gate: GateOption = None,
    waive: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHAT=REASON",
            help="Publish it in spite of target, lower-bound, non-inferior, classes, leak, convergence or parent: "
            "signed, and on the card for good. May be repeated.",
        ),
    ] = None,
    parent_data: Annotated[
        Path | None, typer.Option(help="The parent's data: what was forgotten of its own test part?")
    ] = None,
    attest: Annotated[
        bool,
        typer.Option("--attest", help="Sign what was measured of a published version, as a second party, beside it."),
    ] = False,
    no_sketch: Annotated[
        bool,
        typer.Option(
            "--no-sketch",
            help="Publish no sketch of the training data. With it, whoever has an example can ask whether it was "
            "trained on; nobody can read examples out of it.",
        ),
    ] = False,
    text_column: TextColumnOption = None,
    label_column: LabelColumnOption = None,
    group_column: GroupColumnOption = None,
    group_pattern: GroupPatternOption = None,
    signed_by: SignerOption = "ed25519",
    registry: RegistryOption = None,
    key: KeyOption = None,
    json: JsonOption = False,
) -> None:
    """Measure the packaged model on the test data in a clean process, and certify it."""
    from roadworthy.finetune import verify as measure
    from roadworthy.model_cards import InputError
    from roadworthy.model_cards.waiver import Waiver
    from roadworthy.registry import open_registry, trusted_keys
    from roadworthy.registry import signer as signer_of
    from roadworthy.registry.keys import user

    from .attestations import tolerance_text
    from .attesting import attest_to
    from .output import emit, metric_document, metric_line, note, progress

    options = stated(
        text_column=text_column, label_column=label_column, group_column=group_column, group_pattern=group_pattern
    )
    if attest:
        if target or gate or waive or reference or parent_data or show_examples:
            raise InputError(
                "--attest states what a published version was measured as, and its certificate says under what. Leave "
                "out --target, --gate, --waive, --reference, --parent-data and --show-examples."
            )
        return attest_to(
            subject, data, device=device, options=options, signed_by=signed_by, registry=registry, key=key, json=json
        )
    folder = Path(subject)
    if not is_folder(subject):
        folder = pulled(open_registry(registry), subject, trusted_keys(extra=key or ()))
        if not (folder / "certificate.json").is_file():
            raise InputError(
                f"{subject} is a draft, and a registry's files are never changed. Pull it to a folder of yours "
                f"(roadworthy pull {subject} --to DIR) and verify that."
            )
    signer = signer_of(signed_by)
    waivers = [Waiver.parse(text, by=user(), keyid=signer.public_key.keyid) for text in waive or ()]
    with progress() as report:
        result = measure(
            folder,
            data=data,
            signer=signer,
            target=target,
            device=device,
            options=options,
            show_examples=show_examples,
            reference=_audited(reference, registry, key) if reference else None,
            gate=gate,
            waivers=waivers,
            parent_data=parent_data,
            publish_sketch=not no_sketch,
            report=report,
        )
    if json:
        emit(
            {
                "ok": result.ok,
                "reasons": result.reasons,
                "metric": metric_document(result.metric),
                "snapshot": result.snapshot,
                "certified": result.certified,
                "agreement": result.agreement,
                "answers": result.answers,
                "within_tolerance": result.within,
                "convergence": _convergence(result),
                "not_compared": result.not_compared,
                "gate": str(result.claim.gate) if result.claim else None,
                "waivers": result.claim.waivers if result.claim else (),
            }
        )
    else:
        typer.echo(f"{'yes' if result.ok else 'no'}: {metric_line(result.metric)}")
        if result.agreement is not None:
            share, kept = 100 * result.agreement, tolerance_text(result.within)
            typer.echo(f"agrees with its certificate on {share:.2f} % of the examples: {kept}")
        if (found := _convergence(result)) is not None and not found.faster:
            typer.echo(
                f"converges as expected: {found.samples:,} samples to the target, not fewer than {found.bound:,.0f}"
            )
        if result.not_compared is not None:
            typer.echo(f"convergence {result.not_compared}")
        for reason in result.reasons:
            typer.echo(f"  {reason}")
        if result.certified and result.claim is not None:
            _tell_waivers(result.claim.waivers, waivers)
            note(f"Card: {result.snapshot / 'README.md'}")
    if not result.ok:
        raise typer.Exit(1)


def _tell_waivers(needed: "Sequence[Waiver]", asked: "Sequence[Waiver]") -> None:
    from .output import note

    for waiver in needed:
        typer.echo(f"  waived, and on the card for good: {waiver.kind}: {waiver.reason}")
    for waiver in asked:
        if waiver not in needed:
            note(f"Nothing of the kind {waiver.kind!r} speaks against it: that waiver was left out.")


def _convergence(result: "Verified") -> "Convergence | None":
    training = result.claim.training if result.claim is not None else None
    return training.convergence if training is not None and result.certified else None


def _audited(reference: str, registry: str | None, key: list[Path] | None) -> Path:
    """The snapshot of a reference, or a folder, once its certificate was found true and signed by a trusted key."""
    from roadworthy.finetune.series_folder import packaged_in
    from roadworthy.model_cards import CheckError, audit
    from roadworthy.registry import open_registry, trusted_keys

    keys = trusted_keys(extra=key or ())
    if is_folder(reference):
        folder = packaged_in(Path(reference))
    else:
        # It is only looked at beside the child, which publish refuses.
        folder = pulled(open_registry(registry), reference, keys, allow_revoked=True)
    outcome = audit(folder, keys)
    if not outcome.ok:
        raise CheckError(
            f"the reference {reference} does not pass its audit: {outcome.reasons[0]}. Expected a certified version; "
            "nothing was measured.",
            outcome.reasons,
        )
    return folder
