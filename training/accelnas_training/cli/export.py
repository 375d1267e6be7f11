"""``accelnas-training export``: from a store to the data set that ``accelnas fit`` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

EPILOG = """Examples:

  accelnas-training export digits.db measured.parquet && accelnas fit measured.parquet --space space.toml -o mybench

  accelnas-training export imagenet.db means.csv --scheme p_star --seeds mean
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("export", epilog=EPILOG)(export)


def export(
    store: Annotated[Path, typer.Argument(help="Store that `collect` filled.")],
    output: Annotated[Path, typer.Argument(help="File to write: .parquet or .csv.")],
    scheme: Annotated[
        str | None,
        typer.Option("--scheme", "-s", help="Name, digest or file of the scheme.", show_default="the only one"),
    ] = None,
    seeds: Annotated[
        Literal["all", "mean"], typer.Option("--seeds", help="A row a training, or means over an architecture's seeds.")
    ] = "all",
) -> None:
    """Write a store's results as a table; OUTPUT.json says beside it how they were made."""
    from accelnas_training.collect.export import export as write
    from accelnas_training.collect.reader import StoreReader

    if scheme is not None and scheme.endswith(".toml"):
        from accelnas_training.schemes import load_scheme

        scheme = load_scheme(scheme).digest
    with StoreReader.opened(store) as reader:
        table = write(reader, output, scheme, seeds)
    typer.echo(f"{table.height:,} rows in {output}; where they come from in {output}.json")
