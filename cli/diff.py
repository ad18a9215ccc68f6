"""`roadworthy diff`: two versions beside each other: figures, tensors, configuration."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import JsonOption, KeyOption, RegistryOption, is_folder, pulled
from .tame import tame

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from roadworthy.finetune import WeightChanges
    from roadworthy.model_cards.difference import Change, FigureChange

_NAMED = 12  # tensors named in the terminal; --json has all of them


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(diff)


def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A reference, or a snapshot folder.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="What it is compared with.")],
    registry: RegistryOption = None,
    key: KeyOption = None,
    json: JsonOption = False,
) -> None:
    """Compare two versions: metric (paired, where both answered the same examples), each tensor, configuration."""
    from roadworthy.finetune.series_folder import packaged_in
    from roadworthy.model_cards.difference import changes
    from roadworthy.registry import open_registry, trusted_keys

    from .output import emit, progress

    keys = trusted_keys(extra=key or ())
    before, after = (
        packaged_in(Path(word)) if is_folder(word) else pulled(open_registry(registry), word, keys, allow_revoked=True)
        for word in (old, new)
    )
    figures, problem = _figures({old: before, new: after}, keys)
    with progress() as report:
        from roadworthy.finetune import compare_weights

        weights = compare_weights(before, after, report=report)
    settings = tuple(changes(_config(before), _config(after)))
    if json:
        emit({"figures": figures, "not_compared": problem, "weights": weights, "config": settings})
        return
    typer.echo(f"{old} → {new}")
    for line in (*_tell_figures(figures, problem), *_tell_weights(weights), *_tell_config(settings)):
        typer.echo(tame(f"  {line}"))


def _config(folder: Path) -> Any:
    import json

    from roadworthy.model_cards import InputError
    from roadworthy.model_cards.snapshot import CONFIG

    try:
        return json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"cannot read {folder / CONFIG}: {error}. Expected a snapshot folder.") from error


def _figures(folders: dict[str, Path], keys: "Sequence[Any]") -> "tuple[FigureChange | None, str | None]":
    """The two metrics, each only where its certificate holds; or why there is no pair of them."""
    from roadworthy.model_cards import audit, evidence
    from roadworthy.model_cards.difference import figure_change
    from roadworthy.model_cards.snapshot import EVIDENCE

    found = []
    for word, folder in folders.items():
        outcome = audit(folder, keys)
        if not outcome.ok or outcome.certificate is None:
            return None, f"{word}: {outcome.reasons[0]}"
        found.append((outcome.certificate.claim, evidence.load((folder / EVIDENCE).read_bytes())))
    (old, old_rows), (new, new_rows) = found[0], found[-1]  # one, where a version is compared with itself
    return figure_change(old, new, old_rows, new_rows), None


def _tell_figures(figures: "FigureChange | None", problem: str | None) -> "Iterator[str]":
    from roadworthy.model_cards.metric import told_change
    from roadworthy.model_cards.score_comparison import ScoreComparison

    from .output import metric_line

    if figures is None:
        yield f"metric   not compared: {problem}"
        return
    yield f"metric   {metric_line(figures.old)}"
    yield f"      →  {metric_line(figures.new)}"
    c = figures.comparison
    if c is None:
        yield f"         not paired: {figures.not_comparable}"
    elif isinstance(c, ScoreComparison):
        low_end, high_end = told_change(c.metric, c.low), told_change(c.metric, c.high)
        yield (
            f"         {told_change(c.metric, c.difference)} on the same examples (95 % {low_end} to {high_end}): "
            f"{c.n:,} units, p = {c.p_value:.3g}"
        )
    else:
        low, high = 100 * c.low, 100 * c.high
        yield (
            f"         {100 * c.difference:+.2f} points on the same examples (95 % {low:+.2f} to {high:+.2f}): "
            f"{c.gained} gained, {c.lost} lost, McNemar p = {c.p_value:.3g}"
        )


def _tell_weights(found: "WeightChanges") -> "Iterator[str]":
    total = len(found.unchanged) + len(found.moved) + len(found.reshaped)
    yield f"tensors  {total:,} in both: {len(found.unchanged):,} unchanged, {len(found.moved):,} moved"
    for one in found.moved[:_NAMED]:
        far = (
            f"by {100 * one.change:.3g} % of its norm" if one.change is not None else "from 0, or to what is no number"
        )
        form = "x".join(map(str, one.shape)) or "scalar"
        yield f"         {one.name}  {form} {one.dtype}: moved {far}"
    if len(found.moved) > _NAMED:
        yield f"         and {len(found.moved) - _NAMED:,} more that moved less (--json has all)"
    for other in found.reshaped:
        yield f"         {other.name}: {other.old} → {other.new}"
    for word, names in (("only in the old one", found.only_old), ("only in the new one", found.only_new)):
        for name in names[:_NAMED]:
            yield f"         {name}: {word}"
        if len(names) > _NAMED:
            yield f"         and {len(names) - _NAMED:,} more {word}"


def _tell_config(found: "Sequence[Change]") -> "Iterator[str]":
    yield f"config   {len(found)} field{'' if len(found) == 1 else 's'} changed" if found else "config   the same"
    for one in found:
        yield f"         {one.path}: {_short(one.old)} → {_short(one.new)}"


def _short(value: Any) -> str:
    import json

    text = value if value == "absent" else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}…"
