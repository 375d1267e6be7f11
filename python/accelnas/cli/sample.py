"""``accelnas sample``: random architectures as a table."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelnas.cli.commands import command
from accelnas.cli.data import SeedOption
from accelnas.cli.shared import BenchmarkOption, load_benchmark, optional

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import numpy.typing as npt

    from accelnas import Space

ROWS_A_BATCH = 65_536


class Form(Enum):
    """Ways of writing an architecture in a table."""

    string = "string"
    index = "index"
    choices = "choices"


@command(
    "accelnas sample -n 5",
    "accelnas sample -n 100000 --unique --form choices -o archs.parquet",
    "accelnas sample -n 1000 --seed 1 | accelnas predict - --metrics accuracy",
)
def sample(
    count: Annotated[int, typer.Option("--count", "-n", min=0, help="How many.")] = 10,
    seed: SeedOption = 0,
    unique: Annotated[bool, typer.Option("--unique", help="Draw without repetition.")] = False,
    form: Annotated[
        Form,
        typer.Option(
            "--form",
            "-f",
            help="Columns: one readable [cyan]string[/cyan], one 64-bit [cyan]index[/cyan], "
            "or the [cyan]choices[/cyan] of every variable.",
        ),
    ] = Form.string,
    output: Annotated[
        Path | None,
        optional("--output", "-o", text="CSV, or Parquet if the name ends in .parquet.", default="CSV to stdout"),
    ] = None,
    benchmark: BenchmarkOption = None,
) -> None:
    """Draw architectures uniformly from the space; the same seed gives the same table."""
    from accelnas.fitting.writers import write_table

    space = load_benchmark(benchmark).space
    archs = space.sample(count, seed=seed, unique=unique)
    columns = form_columns(space, form)

    def batches() -> Iterator[dict[str, Sequence[object]]]:
        for start in range(0, max(count, 1), ROWS_A_BATCH):
            rows = archs[start : start + ROWS_A_BATCH]
            yield dict(zip(columns, form_values(space, form, rows), strict=True))

    write_table(output, batches())


def form_columns(space: Space, form: Form) -> list[str]:
    """Return the names of the columns that hold an architecture in this form."""
    if form is Form.choices:
        return [variable.name for variable in space.variables]
    return ["architecture" if form is Form.string else "index"]


def form_values(space: Space, form: Form, archs: npt.NDArray[np.uint8]) -> list[Sequence[object]]:
    """Return one column of values a name of `form_columns`."""
    if form is Form.string:
        return [space.format(archs)]
    if form is Form.index:
        return [space.index(archs).tolist()]
    return [[variable.choices[i] for i in archs[:, column].tolist()] for column, variable in enumerate(space.variables)]
