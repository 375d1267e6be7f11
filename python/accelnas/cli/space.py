"""``accelnas space``: search spaces of tables."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelnas.cli.commands import command
from accelnas.cli.data import listed
from accelnas.cli.info import new_table
from accelnas.cli.shared import console, optional
from accelnas.files import write_text

if TYPE_CHECKING:
    from rich.table import Table

    from accelnas.fitting.infer import Inferred

SHOWN = 24  # letters of names and of choices on the screen: 80 in all

group = typer.Typer(no_args_is_help=True, help="Make the search space of a table or of another file.")


@command(
    "accelnas space infer results.csv",
    "accelnas space infer results.parquet --choices width,depth --metrics params -o space.toml",
    of=group,
)
def infer(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE",
            help="One row a measurement: .csv, .parquet, .json (a list of records) or .jsonl.",
            show_default=False,
        ),
    ],
    choices: Annotated[
        str | None, optional("--choices", metavar="A,B", text="Columns that are variables, whatever they look like.")
    ] = None,
    metrics: Annotated[
        str | None,
        optional("--metrics", "-m", metavar="A,B", text="Columns that are metrics, likewise."),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Search space to write.")] = Path("space.toml"),
) -> None:
    """Guess a table's search space: which columns are variables with which choices, and which are metrics.

    What was decided of each column is shown with the reason, and the next command.
    """
    from accelnas.fitting.infer import infer_space
    from accelnas.fitting.table import read_table

    found = infer_space(read_table(data), data.stem, choices=listed(choices) or (), metrics=listed(metrics) or ())
    comment = "# Guessed by accelnas space infer: names, symbols, labels, choices and blocks may be changed.\n"
    write_text(output, comment + found.space.to_toml())
    screen = console()
    screen.print(_table(found))
    whole = "all" if found.complete else f"{found.architectures:,} of"
    screen.print(
        f"{output}: {len(found.space.variables)} variables in {len(found.space.blocks)} blocks; the table has {whole} "
        f"{found.space.size:,} architectures, such as {found.space.format(found.space.sample(1))[0]}",
        soft_wrap=True,
    )
    if not found.metrics:
        screen.print("no column looks like a metric; name one with --metrics")
        return
    screen.print("next, once the directions are right:")
    screen.print(_next(found, data, output), soft_wrap=True)


def _table(found: Inferred) -> Table:
    """Show what was decided; columns of which the same was decided share a line."""
    from rich.markup import escape

    alike: dict[tuple[str, str, tuple[object, ...]], list[str]] = {}
    for column in found.columns:
        alike.setdefault((column.role, column.reason, column.choices), []).append(column.name or "''")
    table = new_table("column", "is", "choices", "because")
    for (role, reason, choices), names in alike.items():
        shown = [str(choice).lower() if isinstance(choice, bool) else str(choice) for choice in choices]
        table.add_row(escape(_some(names)), role, escape(_some(shown)), escape(reason))
    return table


def _some(texts: list[str]) -> str:
    """List texts, or the first and the last where they are many."""
    listing = ", ".join(texts)
    if len(texts) < 3 or len(listing) <= SHOWN:
        return listing
    end = f" ({len(texts)})"
    ends = f"{texts[0]} … {texts[-1]}"
    return (ends if len(ends) + len(end) <= SHOWN + 4 else f"{texts[0]} …") + end


def _next(found: Inferred, data: Path, space: Path) -> str:
    """Give the command that makes a benchmark of the table."""
    from accelnas import _core

    whole = found.complete and found.space.size <= _core.MAX_COMPLETE
    words = ["accelnas", "tabulate" if whole else "fit", str(data), "--space", str(space)]
    for end in ("maximise", "minimise"):
        if names := [name for name, direction in found.metrics.items() if direction == end]:
            words += [f"--{end}", ",".join(names)]
    return shlex.join([*words, *([] if whole else ["--split", "random"]), "-o", f"{data.stem}-benchmark"])
