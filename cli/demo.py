"""`roadworthy demo`: the whole road on real photographs, told as it happens."""

from pathlib import Path
from typing import Annotated

import typer

from .options import RegistryOption


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(demo)


def demo(
    folder: Annotated[
        Path | None,
        typer.Option("--dir", help="Where everything goes; by default ./roadworthy-demo."),
    ] = None,
    registry: RegistryOption = None,
) -> None:
    """Pull, fine-tune, verify, publish: real weights, real photographs, no network, under three minutes."""
    import time

    from roadworthy.model_cards import InputError
    from roadworthy.registry import open_registry

    from .demo_road import MODEL, road
    from .output import progress, write_page

    began = time.perf_counter()
    root = (folder or Path("roadworthy-demo")).resolve()
    if root.exists() and any(root.iterdir()):
        raise InputError(f"{root} is not empty. The demo needs a new folder: give --dir, or remove it.")
    home = registry or root / "registry"
    typer.echo(f"Everything below goes into {root}; nothing leaves this machine.\n")
    ok = True
    for number, step in enumerate(road(root, open_registry(home), progress), start=1):
        mark = "✓" if step.ok else "✗"
        typer.echo(f"{mark} {number:>2}. {step.name:<26}{step.seconds:>6.1f} s  {step.outcome}")
        ok = step.ok
    typer.echo(f"\n{time.perf_counter() - began:.0f} s in all.")
    if not ok:
        raise typer.Exit(1)
    page = root / "card.html"
    write_page(root / "run-2" / "candidate", page)
    typer.echo(
        f"""
The card, rendered from the certificate (open it in a browser):
  {page}

What to type next:
  export ROADWORTHY_REGISTRY={home}
  roadworthy models
  roadworthy show {MODEL}@1.1.0
  roadworthy audit {MODEL}@1.1.0
  roadworthy finetune {MODEL}@1.1.0 --data YOUR_IMAGES --out run --target 'top1>=0.95'"""
    )
