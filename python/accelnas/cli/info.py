"""``accelnas info``: what a benchmark holds, and what it predicts for given architectures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from accelnas.cli.shared import BenchmarkOption, console, load_benchmark

if TYPE_CHECKING:
    from rich.table import Table

    from accelnas import Benchmark

EPILOG = """Examples:

  accelnas info

  accelnas info --arch 31415926535

  accelnas sample -n 1 | tail -1 | xargs accelnas info --arch
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("info", epilog=EPILOG)(info)


def info(
    arch: Annotated[
        list[str] | None,
        typer.Option(
            "--arch",
            "-a",
            metavar="ARCHITECTURE",
            help="Predict every metric of this architecture, given as a string or as its index "
            "in the space. May be repeated.",
            show_default=False,
        ),
    ] = None,
    benchmark: BenchmarkOption = None,
) -> None:
    """Show the benchmark's space and metrics, or predictions for single architectures."""
    bench = load_benchmark(benchmark)
    screen = console()
    if not arch:
        screen.print(f"[bold]{bench.name}[/bold]: {len(bench.metrics)} metrics", highlight=False)
        screen.print(space_table(bench), metric_table(bench))
    for text in arch or []:
        screen.print(prediction_table(bench, text))


def new_table(title: str, *columns: str, numbers: tuple[str, ...] = ()) -> Table:
    """Return an empty table in the style of all tables here."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="", box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left")
    return table


def space_table(bench: Benchmark) -> Table:
    """Return the blocks of a benchmark's space with their variables and choices."""
    space = bench.space
    table = new_table(
        f"space {space.name}: {space.size:,} architectures", "block", "states", "choices",
        numbers=("states",),
    )  # fmt: skip
    for block in space.blocks:
        inside = [variable for variable in space.variables if variable.block == block.name]
        choices = (f"{v.name} {', '.join(map(str, v.choices))}" for v in inside)
        table.add_row(block.name, str(block.size), "; ".join(choices))
    return table


def metric_table(bench: Benchmark) -> Table:
    """Return a benchmark's metrics with what there is to know about each."""
    table = new_table(
        "metrics", "metric", "unit", "direction", "noise", "members", "link", "description",
        numbers=("noise", "members"),
    )  # fmt: skip
    for metric in bench.metrics.values():
        noise = "" if metric.noise is None else f"{metric.noise:.3g}"
        members = str(metric.members)
        table.add_row(
            metric.name, metric.unit, metric.direction, noise, members, metric.link,
            metric.description,
        )  # fmt: skip
    return table


def prediction_table(bench: Benchmark, text: str) -> Table:
    """Return the predicted mean and standard deviation of every metric of one architecture.

    Parameters
    ----------
    bench
        The benchmark to ask.
    text
        Architecture as a readable string, or its index in decimal digits.
    """
    space = bench.space
    rows = space.encode([int(text)] if text.isdecimal() else [text])
    title = f"{space.format(rows)[0]}  (index {int(space.index(rows)[0])})"
    table = new_table(title, "metric", "predicted", "±", "unit", numbers=("predicted", "±"))
    for name, (mean, std) in bench.predict(rows, None, return_std=True).items():
        metric = bench.metrics[name]
        spread = significant(float(std[0])) if metric.members > 1 else ""
        table.add_row(name, significant(float(mean[0]), 5), spread, metric.unit)
    return table


def significant(value: float, digits: int = 2) -> str:
    """Format a number with some significant digits, without an exponent where it is readable.

    Examples
    --------
    >>> significant(883.54, 5), significant(0.137), significant(10412.3, 5)
    ('883.54', '0.14', '10412')
    """
    short = f"{value:.{digits}g}"
    return f"{value:.0f}" if "e+" in short else short
