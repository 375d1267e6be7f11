"""``accelnas tabulate``: a complete table of measured architectures into a benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from accelnas.cli.commands import command
from accelnas.cli.data import read
from accelnas.cli.directed import Directed
from accelnas.cli.info import new_table
from accelnas.cli.shared import console
from accelnas.errors import DataError


@command(
    "accelnas tabulate macro.csv --space macro.toml --maximise accuracy --minimise params -o macro",
    "accelnas tabulate nb201.parquet --space nb201.toml --maximise cifar10,cifar100 --unit cifar10=% -o nb201",
)
def tabulate(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE",
            help="Every architecture of the space: .csv, .parquet, .json or .jsonl, as for accelnas fit.",
        ),
    ],
    space: Annotated[
        Path, typer.Option(metavar="TOML", help="Search space of the table: a space.toml, or a benchmark's folder.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Benchmark directory to create or update.")],
    metrics: Directed,
    missing: Annotated[
        str, typer.Option(metavar="refuse|worst", help="What to do where an architecture has no value.")
    ] = "refuse",
) -> None:
    """Write a benchmark whose predictions are the very numbers of a complete table.

    Columns NAME_seed0, NAME_seed1, and so on are repeats of the metric NAME, and so are rows of one architecture:
    predictions are their mean, and simulated measurements scatter as they do.
    """
    from accelnas.fitting.tabulate import tabulate as write

    specs = metrics.specs()
    if not specs:
        raise DataError("no metrics are named; give --maximise or --minimise with columns of the table")
    dataset = read(data, space)
    table = new_table("metric", "values", "seeds", "noise", "filled", numbers=("values", "seeds", "noise", "filled"))
    for made in write(dataset, specs, output, missing=missing):
        least, most = made.repeats
        seeds = str(least) if least == most else f"{least} to {most}"
        noise = "–" if made.noise is None else f"{made.noise:.4g}"
        table.add_row(made.name, f"{made.values:,}", seeds, noise, f"{made.filled:,}")
    screen = console()
    screen.print(table)
    screen.print(f"{output}: {dataset.space.size:,} architectures of {dataset.space.name}")
