"""``accelnas predict``: metrics for a table of architectures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelnas.cli.commands import command
from accelnas.cli.shared import Computed, optional, progress
from accelnas.errors import AccelnasError, DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from accelnas import Space


@command(
    "accelnas predict archs.csv --metrics accuracy,throughput_a100 --std -o scored.csv",
    "accelnas predict archs.csv --metrics accuracy --interval 0.9 --query 1",
    "accelnas predict archs.parquet -o scored.parquet",
    "accelnas sample -n 1000 | accelnas predict - --metrics accuracy",
    "accelnas predict archs.csv --derive 'time_a100 [ms] = 1000 / throughput_a100' --metrics time_a100",
)
def predict(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="CSV, .parquet, .json, .jsonl, or [cyan]-[/cyan] for CSV from stdin. Columns: every "
            "variable of the space, or architecture (strings), or index. A plain list of "
            "strings without a header is read too.",
            show_default=False,
        ),
    ],
    *,
    metrics: Annotated[
        str | None,
        typer.Option("--metrics", "-m", metavar="A,B,…", help="Metrics to predict.", show_default="all"),
    ] = None,
    std: Annotated[
        bool,
        typer.Option("--std", help="Add the standard deviation of a measurement around every prediction, NAME_std."),
    ] = False,
    interval: Annotated[
        float | None,
        optional(
            "--interval",
            metavar="LEVEL",
            text="Add the ends of intervals that hold a measurement with this probability, NAME_lower and NAME_upper.",
        ),
    ] = None,
    query: Annotated[
        int | None,
        optional("--query", metavar="SEED", text="Add one simulated noisy measurement of every metric, NAME_measured."),
    ] = None,
    output: Annotated[
        Path | None,
        optional(
            "--output",
            "-o",
            text="CSV, or Parquet if the name ends in .parquet; replaced only when complete.",
            default="CSV to stdout",
        ),
    ] = None,
    prefix: Annotated[str, typer.Option("--prefix", help="Put before the names of the new columns.")] = "",
    opened: Computed,
) -> None:
    """Predict metrics of a table's architectures; its columns are kept, the metrics follow.

    Files may be larger than memory: they are read, scored and written batch by batch.
    """
    from accelnas.cli.tables import open_reader, write_table
    from accelnas.fitting.columns import ColumnEncoder

    bench = opened.bench
    names = chosen_metrics(list(bench.metrics), metrics)

    def is_architecture(text: str) -> bool:
        return parses(bench.space, text)

    with open_reader(table, is_architecture) as reader:
        encode = ColumnEncoder(bench.space, reader.names, reader.name)
        asked = {"": True, "_std": std, "_lower": interval, "_upper": interval, "_measured": query}
        suffixes = [suffix for suffix, value in asked.items() if value is not None and value is not False]
        check_new_columns(reader.names, [prefix + name + suffix for name in names for suffix in suffixes])
        with progress("scoring", reader.total, reader.unit) as show:

            def scored() -> Iterator[Mapping[str, Sequence[Any]]]:
                for batch in reader.batches():
                    archs = encode(batch.columns, batch.locate)
                    values = bench.predict(archs, names, return_std=std, threads=opened.threads)
                    new: dict[str, Any] = {}
                    for name in names:
                        found = list(values[name]) if std else [values[name]]
                        if interval is not None:
                            found += bench.predict_interval(archs, name, level=interval, threads=opened.threads)
                        if query is not None:
                            found.append(bench.query(archs, name, seed=query, threads=opened.threads))
                        new |= zip((prefix + name + suffix for suffix in suffixes), found, strict=True)
                    yield {**batch.columns, **new}
                    show(reader.position())

            write_table(output, scored())


def chosen_metrics(known: list[str], text: str | None) -> list[str]:
    """Split a list of metrics separated by commas, and check that all of them are known."""
    names = known if text is None else [name.strip() for name in text.split(",")]
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"no metric {name!r}; choose from {', '.join(known)}")
    return names


def check_new_columns(present: list[str], new: list[str]) -> None:
    """Refuse to overwrite a column of the input."""
    for column in new:
        if column in present:
            raise DataError(f"the input already has a column {column}; name the new one with --prefix")


def parses(space: Space, text: str) -> bool:
    """Tell whether a text is an architecture of the space."""
    try:
        space.parse([text])
    except AccelnasError:
        return False
    return True
