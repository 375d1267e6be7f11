"""``accelnas-training scheme``: look at training schemes, check one of your own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelnas.cli.shared import ErrorGroup, console

if TYPE_CHECKING:
    from rich.table import Table

    from accelnas_training.schemes import Scheme

EPILOG = """Examples:

  accelnas-training scheme list

  accelnas-training scheme show p_star > mine.toml

  accelnas-training scheme check mine.toml
"""


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer(cls=ErrorGroup, no_args_is_help=True, rich_markup_mode="rich", epilog=EPILOG)
    group.command("list")(list_schemes)
    group.command("show")(show)
    group.command("check")(check)
    app.add_typer(group, name="scheme", help="Look at training schemes, check one of your own.")


def list_schemes() -> None:
    """List the schemes that are shipped."""
    from accelnas_training.schemes import SHIPPED, load_scheme

    for name in SHIPPED:
        scheme = load_scheme(name)
        resolutions = dict.fromkeys(scheme.resolution(epoch) for epoch in range(scheme.epochs))
        pixels = ", ".join(str(each) for each in resolutions)
        typer.echo(f"{name}: {scheme.epochs} epochs of {pixels} pixels, batches of {scheme.batch_size}")


def show(name: Annotated[str, typer.Argument(help="Scheme: p_star, reference, or a TOML file.")]) -> None:
    """Write a scheme in full, as TOML: what a file leaves out is there."""
    from accelnas_training.schemes import load_scheme, to_toml

    scheme = load_scheme(name)
    typer.echo(f"# digest {scheme.digest}\n{to_toml(scheme)}", nl=False)


def check(path: Annotated[Path, typer.Argument(metavar="FILE", help="TOML file.")]) -> None:
    """Check a scheme, its optimizer included; show resolution and learning rate of each epoch."""
    from accelnas_training.schemes import load_scheme

    scheme = load_scheme(path)
    screen = console()
    screen.print(f"{path}: {scheme.name}, digest {scheme.digest}", soft_wrap=True)
    screen.print(_table(scheme))


def _table(scheme: Scheme) -> Table:
    """Give a row an epoch, or every so many epochs of a long training."""
    from rich.table import Table

    from accelnas_training.train.learner import learning_rates

    table = Table("epoch", "resolution", "first lr", "last lr")
    step = max(1, scheme.epochs // 32)
    for epoch, (first, last) in enumerate(learning_rates(scheme)):
        if epoch % step == 0 or epoch + 1 == scheme.epochs:
            table.add_row(str(epoch), str(scheme.resolution(epoch)), f"{first:.4g}", f"{last:.4g}")
    return table
