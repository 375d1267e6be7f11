"""``accelnas info``: what a benchmark holds, and what it predicts for given architectures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from accelnas.cli.commands import command
from accelnas.cli.shared import Opened, console, optional

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from rich.console import Console
    from rich.table import Table

    from accelnas import Benchmark


@command(
    "accelnas info",
    "accelnas info --arch 31415926535",
    "accelnas info --arch 31415926535 --derive 'time_a100 [ms] = 1000 / throughput_a100'",
    "accelnas sample -n 1 | tail -1 | xargs accelnas info --arch",
)
def info(
    *,
    arch: Annotated[
        list[str] | None,
        optional(
            "--arch",
            "-a",
            metavar="ARCHITECTURE",
            text="Predict every metric of this architecture, given as a string or as its index "
            "in the space. May be repeated.",
        ),
    ] = None,
    opened: Opened,
) -> None:
    """Show the benchmark's space and metrics, or predictions for single architectures."""
    from accelnas import benchmarks

    bench = opened.bench
    screen = console()
    if not arch:
        space = bench.space
        screen.print(
            f"[bold]{bench.name}[/bold]: {len(bench.metrics)} metrics of the {space.size:,} "
            f"architectures of {space.name}"
        )
        screen.print(space_table(bench), metric_table(bench), meaning_table(bench))
        for name in bench.metrics:
            if ladder := bench.fidelities(name):
                screen.print(f"{name} after {', '.join(map(str, ladder))} epochs: {', '.join(ladder.values())}")
        screen.print(f"ready made, by name (-b): {', '.join(benchmarks())}")
    for text in arch or []:
        rows = bench.space.encode([int(text)] if text.isdecimal() else [text])
        screen.print(f"[bold]{bench.space.format(rows)[0]}[/bold]", soft_wrap=True)
        screen.print(f"index {int(bench.space.index(rows)[0])}")
        screen.print(prediction_table(bench, rows))


def new_table(*columns: str, numbers: tuple[str, ...] = ()) -> Table:
    """Return an empty table in the style of all tables here."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        justify: Literal["left", "right"] = "right" if column in numbers else "left"
        last = column == columns[-1]
        table.add_column(column, justify=justify, no_wrap=not last, overflow="fold" if last else "ellipsis")
    return table


def print_fitting(screen: Console, table: Table, *dispensable: str) -> None:
    """Print a table without the columns that can be spared, one by one, where the screen is too narrow for all."""
    from rich.measure import Measurement

    for name in dispensable:
        if Measurement.get(screen, screen.options.update(max_width=10_000), table).maximum <= screen.width:
            break
        table.columns = [column for column in table.columns if column.header != name]
    screen.print(table)


def space_table(bench: Benchmark) -> Table:
    """Return the blocks of a benchmark's space with their variables and choices."""
    table = new_table("block", "states", "choices", numbers=("states",))
    for block in bench.space.blocks:
        table.add_row(block.name, str(block.size), "; ".join(bench.space._choices(block.name)))
    return table


def metric_table(bench: Benchmark) -> Table:
    """Return a benchmark's metrics with what there is to know about each."""
    from rich.markup import escape

    columns = ("metric", "unit", "direction", "noise", "members", "link")
    table = new_table(*columns, numbers=("noise", "members"))
    for metric in bench.metrics.values():
        noise = f"{metric.noise:.3g}".lstrip("0") if metric.noise else ""  # fits 80 columns
        table.add_row(
            metric.name,
            escape(metric.unit),
            metric.direction,
            noise,
            str(metric.members),
            (metric.link if metric.limit is None else f"{metric.link} {metric.limit:g}") if metric.exact else "",
        )
    return table


def meaning_table(bench: Benchmark) -> Table:
    """Return what each metric of a benchmark is."""
    from rich.markup import escape

    table = new_table("metric", "what it is")
    for metric in bench.metrics.values():
        description = metric.description
        if metric.expression is not None:
            how = "" if metric.exact else ", evaluated on predictions"
            description = f"{description} = {metric.expression}{how}".lstrip()
        table.add_row(metric.name, escape(description))
    return table


def prediction_table(bench: Benchmark, archs: npt.NDArray[np.uint8]) -> Table:
    """Return the predicted mean and standard deviation of every metric of one architecture.

    Parameters
    ----------
    bench
        The benchmark to ask.
    archs
        Choice indices, uint8 (1, variables).
    """
    table = new_table("metric", "predicted", "±", "unit", numbers=("predicted", "±"))
    for name, (mean, std) in bench.predict(archs, None, return_std=True).items():
        metric = bench.metrics[name]
        spread = significant(float(std[0])) if metric.members > 1 or metric.calibrated else ""
        table.add_row(name, significant(float(mean[0]), 5), spread, metric.unit)
    return table


def with_unit(bench: Benchmark, name: str) -> str:
    """Head a column of a metric, or of something else, with its unit."""
    unit = bench.metrics[name].unit if name in bench.metrics else ""
    return f"{name} \\[{unit}]" if unit else name


def significant(value: float, digits: int = 2) -> str:
    """Format a number with some significant digits, without an exponent where it is readable.

    Examples
    --------
    >>> significant(883.54, 5), significant(0.137), significant(10412.3, 5), significant(1002, 5)
    ('883.54', '0.14', '10412', '1002.0')
    """
    short = f"{value:#.{digits}g}".rstrip(".")
    return f"{value:.0f}" if "e+" in short else short
