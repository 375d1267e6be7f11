"""``accelnas-training scheme``: look at training schemes, check one of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from accelnas.cli.info import new_table
from accelnas.cli.shared import console
from accelnas_training.schemes import SHIPPED, load_scheme, to_toml

EPILOG = """Examples:

  accelnas-training scheme list

  accelnas-training scheme show p_star > mine.toml

  accelnas-training scheme check mine.toml
"""

app = typer.Typer(no_args_is_help=True, epilog=EPILOG)


@app.command("list")
def list_schemes() -> None:
    """List the schemes that are shipped."""
    for name in SHIPPED:
        scheme = load_scheme(name)
        resolutions = dict.fromkeys(scheme.resolution(epoch) for epoch in range(scheme.epochs))
        pixels = ", ".join(str(each) for each in resolutions)
        typer.echo(f"{name}: {scheme.epochs} epochs of {pixels} pixels, batches of {scheme.batch_size}")


@app.command()
def show(name: Annotated[str, typer.Argument(help="Scheme: p_star, reference, or a TOML file.")]) -> None:
    """Write a scheme in full, as TOML: what a file leaves out is there."""
    scheme = load_scheme(name)
    typer.echo(f"# digest {scheme.digest}\n{to_toml(scheme)}", nl=False)


@app.command()
def check(path: Annotated[Path, typer.Argument(metavar="FILE", help="TOML file.")]) -> None:
    """Check a scheme, its optimizer included; show resolution and learning rate of each epoch."""
    from accelnas_training.train.learner import learning_rates  # PyTorch takes seconds to import

    scheme = load_scheme(path)
    screen = console()
    screen.print(f"{path}: {scheme.name}, digest {scheme.digest}", soft_wrap=True)
    table = new_table("epoch", "resolution", "first lr", "last lr")
    step = max(1, scheme.epochs // 32)  # of a long training not every epoch is shown
    for epoch, (first, last) in enumerate(learning_rates(scheme)):
        if epoch % step == 0 or epoch + 1 == scheme.epochs:
            table.add_row(str(epoch), str(scheme.resolution(epoch)), f"{first:.4g}", f"{last:.4g}")
    screen.print(table)
