"""``accelnas-training export``: from a store to the data set that ``accelnas fit`` reads."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from accelnas_training.cli.options import StoreArgument, TableArgument
from accelnas_training.collect.reader import StoreReader
from accelnas_training.collect.summary import export as write
from accelnas_training.schemes import load_scheme

EPILOG = """Examples:

  accelnas-training export digits.db measured.parquet && accelnas fit measured.parquet --space space.toml -o mybench

  accelnas-training export imagenet.db means.csv --scheme p_star --seeds mean
"""

app = typer.Typer()


@app.command(epilog=EPILOG)
def export(
    store: StoreArgument,
    output: TableArgument,
    scheme: Annotated[
        str | None,
        typer.Option("--scheme", "-s", help="Name, digest or file of the scheme.", show_default="the only one"),
    ] = None,
    seeds: Annotated[
        Literal["all", "mean"], typer.Option("--seeds", help="A row a training, or means over an architecture's seeds.")
    ] = "all",
) -> None:
    """Write a store's results as a table; OUTPUT.json says beside it how they were made."""
    if scheme is not None and scheme.endswith(".toml"):
        scheme = load_scheme(scheme).digest
    with StoreReader.opened(store) as reader:
        table = write(reader, output, scheme, seeds)
    typer.echo(f"{table.height:,} rows in {output}; where they come from in {output}.json")
