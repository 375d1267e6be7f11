"""The command line: ``accelnas info|sample|predict|best|front|count|rank|distribution|verify|merge|data|fit|…``."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

from accelnas.cli.commands import app
from accelnas.cli.shared import run

__all__ = ["app", "main"]

# as --help lists their commands
_QUERIES = (
    "info",
    "sample",
    "predict",
    "importances",
    "neighbourhood",
    "questions",
    "proofs",
    "search",
    "simulate",
    "report",
)
for module in (*_QUERIES, "fit", "tabulate", "tune", "evaluate", "studies", "compile", "serve"):
    import_module(f"accelnas.cli.{module}")
for module in ("leaderboard", "devices", "hardware", "space", "data"):
    app.add_typer(import_module(f"accelnas.cli.{module}").group, name=module)
import_module("accelnas.cli.configspace")  # a command of space


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


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    run(app, "accelnas")
