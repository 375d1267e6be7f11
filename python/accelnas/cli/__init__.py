"""The command line: ``accelnas info|sample|predict|best|front|count|rank|distribution|verify|merge|data|fit|…``."""

from __future__ import annotations

from typing import Annotated

import typer

from accelnas.cli import compile as compile_command
from accelnas.cli import (
    data,
    devices,
    evaluate,
    fit,
    importances,
    info,
    neighbourhood,
    predict,
    proofs,
    questions,
    reproduce,
    sample,
    search,
    simulate,
    tune,
)
from accelnas.cli.shared import ErrorGroup, run

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
        from accelnas import __version__

        typer.echo(f"accelnas {__version__}")
        raise typer.Exit


@app.callback(
    epilog="Commands read and write plain tables, so they join into pipes:  "
    "accelnas sample -n 1000 | accelnas predict - --metrics accuracy > scored.csv",
)
def _accelnas(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Query a neural architecture search benchmark compiled to small exact tables."""


_QUERIES = (info, sample, predict, importances, neighbourhood)
_EXACT = (questions, proofs)
for command in (*_QUERIES, *_EXACT, search, simulate, devices, data, fit, tune, evaluate, reproduce, compile_command):
    command.register(app)


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    run(app, "accelnas")
