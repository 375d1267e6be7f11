"""``accelnas hardware``: networks and accelerators designed together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelnas.cli.commands import command
from accelnas.cli.info import new_table
from accelnas.cli.shared import BenchmarkOption, console, load_benchmark, optional
from accelnas.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelnas.hardware import Accelerator

group = typer.Typer(no_args_is_help=True, help="Design networks and accelerators together.")

AcceleratorArgument = Annotated[
    str,
    typer.Argument(metavar="ACCELERATOR", help="dpu, eyeriss, tpu, or a TOML file.", show_default=False),
]
FixOption = Annotated[
    list[str] | None,
    optional(
        "--fix",
        metavar="NAME=VALUE,…",
        text="Fix a parameter, or restrict it to some of its choices; may be given several times.",
    ),
]


def restricted(accelerator: str, fix: Sequence[str] | None) -> Accelerator:
    """Give an accelerator with what is fixed of it."""
    from accelnas.hardware import load_accelerator

    found = load_accelerator(accelerator)
    within = {}
    for text in fix or ():
        name, sign, values = text.partition("=")
        if not sign:
            raise ParameterError(f"--fix is {text!r}; give a parameter and its value, such as clock=200")
        choices = {str(choice): choice for choice in found.parameters.get(name, ())}
        within[name] = [choices.get(value, value) for value in values.split(",")]
    return found.restricted(within)


@command("accelnas hardware show dpu", "accelnas hardware show mine.toml", of=group)
def show(accelerator: AcceleratorArgument, fix: FixOption = None) -> None:
    """Show what an accelerator's configurations choose among, and which metrics it has."""
    from accelnas.hardware.engines import ENGINES

    found = restricted(accelerator, fix)
    engine, screen = ENGINES[found.engine], console()
    screen.print(f"{found.name}: {found.description}", soft_wrap=True, markup=False)
    table = new_table("parameter", "choices")
    for name, choices in found.parameters.items():
        table.add_row(name, ", ".join(map(str, choices)))
    screen.print(table)
    metrics = new_table("metric", "unit", "what it is")
    for name, cost in {**engine.layer_costs, **engine.own_costs}.items():
        metrics.add_row(name, cost.unit, cost.description)
    screen.print(metrics)
    screen.print(f"{found.space.size:,} configurations, engine {found.engine}")


@command(
    "accelnas hardware join dpu -o pairs",
    "accelnas hardware join eyeriss --fix clock=200 -m accuracy -b mine -o pairs",
    of=group,
)
def join(
    accelerator: AcceleratorArgument,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="New folder for the benchmark.", show_default=False)],
    fix: FixOption = None,
    metrics: Annotated[
        str | None,
        optional("--metrics", "-m", metavar="A,B", text="Metrics of the networks to take; all unless given."),
    ] = None,
    precision: Annotated[
        str | None,
        optional("--precision", metavar="NAME", text="Bits of every block as variables, too: digits, or a TOML file."),
    ] = None,
    benchmark: BenchmarkOption = None,
) -> None:
    """Write the benchmark of all pairs of a network and a configuration of an accelerator.

    It is one like any other: `accelnas best`, `front`, `count`, `simulate`, `report` and all others take it by `-b`.
    """
    from accelnas.hardware import join as joined

    bench = load_benchmark(benchmark)
    options: dict[str, Any] = {"metrics": [name.strip() for name in metrics.split(",")]} if metrics else {}
    pairs = joined(bench, restricted(accelerator, fix), output, precision=precision, **options)
    console().print(
        f"{output}: {pairs.space.size:,} pairs of {bench.space.size:,} networks and "
        f"{pairs.space.size // bench.space.size:,} configurations{'' if precision is None else ' with bits'}; "
        f"metrics {', '.join(pairs.metrics)}",
        soft_wrap=True,
    )
