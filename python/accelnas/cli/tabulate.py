"""``accelnas tabulate``: a complete table of measured architectures into a benchmark."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelnas.cli.commands import command
from accelnas.cli.data import read
from accelnas.cli.directed import Directed, FidelitiesOption, show_agreements
from accelnas.cli.fit import BudgetOption, metric_bars, seconds_of, show_attempts
from accelnas.cli.info import new_table
from accelnas.cli.shared import ThreadsOption, console, optional
from accelnas.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable


@command(
    "accelnas tabulate macro.csv --space macro.toml --maximise accuracy --minimise params -o macro",
    "accelnas tabulate nb201.parquet --space nb201.toml --maximise cifar10,cifar100 --unit cifar10=% -o nb201",
    "accelnas tabulate curves.csv --space macro.toml --maximise accuracy --fidelities 1,4,16 -o macro",
    "accelnas tabulate half.json --space macro.toml --maximise accuracy --missing surrogate -o macro",
    "accelnas tabulate macro.csv --space macro.toml --maximise accuracy --fit 0.1 -o macro-from-a-tenth",
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
        Path,
        typer.Option(
            metavar="TOML|NAME",
            help="Search space of the table: a space.toml, a benchmark's folder, or a name such as nasbench201.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Benchmark directory to create or update.")],
    metrics: Directed,
    fidelities: FidelitiesOption = None,
    missing: Annotated[
        str,
        typer.Option(
            metavar="refuse|exclude|worst|surrogate",
            help="What to do where an architecture has no value: refuse the table, exclude it from the space, take the "
            "metric's worst, or what models say that are chosen from the others.",
        ),
    ] = "refuse",
    fraction: Annotated[
        float | None,
        optional(
            "--fit",
            metavar="FRACTION",
            text="Write surrogates, of models chosen from this share of the architectures, and judge them on the rest; "
            "figures are also written to fit.json beside them.",
        ),
    ] = None,
    budget: BudgetOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Which share is fitted.")] = 0,
    threads: ThreadsOption = None,
) -> None:
    """Write a benchmark whose predictions are the very numbers of a complete table.

    Columns NAME_seed0, NAME_seed1, and so on are repeats of the metric NAME, and so are rows of one architecture:
    predictions are their mean, and simulated measurements scatter as they do. In .json, a list of records or records
    by architecture, lists of numbers are repeats, too.
    """
    from accelnas.fitting.tabulate import tabulate as write

    if not metrics.specs():
        raise DataError("no metrics are named; give --maximise or --minimise with columns of the table")
    dataset = read(data, space)
    specs = metrics.specs(fidelities, dataset.measurable)
    screen, seconds = console(), seconds_of(budget)
    if budget is not None and fraction is None and missing != "surrogate":
        raise DataError("--budget is for choosing models; give --fit or --missing surrogate, too")
    if fraction is not None:
        if missing != "refuse":
            raise DataError(f"--fit judges by what is measured, --missing {missing} adds what isn't; choose one")
        from accelnas.fitting.partial import fit_table

        with ExitStack() as bars:
            results = fit_table(
                dataset, specs, output, fraction, budget=seconds, seed=seed, threads=threads, progress=_shares(bars)
            )
        show_attempts(screen, results, next((result.figures.rows for result in results if result.figures), 0))
        show_agreements(dataset, specs)
        screen.print(f"{output}: surrogates of {dataset.space.name}, fitted to {fraction:g} of the table")
        return
    counts = ("values", "seeds", "noise", "filled", "left-out MAE")
    table = new_table("metric", *counts, numbers=counts)
    excluded = 0
    with ExitStack() as bars:
        found = write(dataset, specs, output, missing=missing, budget=seconds, threads=threads, progress=_shares(bars))
    for made in found:
        excluded = made.excluded
        least, most = made.repeats
        seeds = str(least) if least == most else f"{least} to {most}"
        noise, error = ("–" if number is None else f"{number:.4g}" for number in (made.noise, made.error))
        table.add_row(made.name, f"{made.values:,}", seeds, noise, f"{made.filled:,}", error)
    screen.print(table)
    show_agreements(dataset, specs)
    without = f", without {excluded:,} that have no values" if excluded else ""
    screen.print(f"{output}: {dataset.space.size - excluded:,} architectures of {dataset.space.name}{without}")


def _shares(bars: ExitStack) -> Callable[[str, float], None]:
    """Show the share of the budget that is used, one bar a metric."""
    tell = metric_bars(bars)
    return lambda metric, share: tell(metric, round(100 * share), 100)
