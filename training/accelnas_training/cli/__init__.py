"""The command line: ``accelnas-training network | scheme | cache | train | proxy | collect | store | export | …``."""

from __future__ import annotations

from typing import Annotated

import typer

from accelnas.cli.shared import ErrorGroup, run
from accelnas_training.cli import (
    cache,
    collect,
    estimate,
    export,
    lstm_reinforce,
    measure,
    network,
    proxy,
    scheme,
    store,
    train,
    transfer,
    zero_cost,
)

__all__ = ["app", "main"]

app = typer.Typer(
    cls=ErrorGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from accelnas_training import __version__

        typer.echo(f"accelnas-training {__version__}")
        raise typer.Exit


@app.callback()
def _accelnas_training(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Make an architecture benchmark of your own space, data and device."""


# in the order of their use
for command in (
    network,
    scheme,
    cache,
    train,
    proxy,
    collect,
    store,
    export,
    measure,
    transfer,
    estimate,
    zero_cost,
    lstm_reinforce,
):
    command.register(app)


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    run(app, "accelnas-training")
