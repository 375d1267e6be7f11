"""``accelnas predict``: metrics for a table of architectures."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelnas.cli.commands import command
from accelnas.cli.shared import Computed, optional, progress

if TYPE_CHECKING:
    from collections.abc import Callable


@command(
    "accelnas predict archs.csv --metrics accuracy,throughput_a100 --std -o scored.csv",
    "accelnas predict archs.csv --metrics accuracy --interval 0.9 --query 1",
    "accelnas predict archs.csv --metrics accuracy --epochs 4 -b mybench",
    "accelnas predict archs.parquet --metrics throughput_a100 --keep id -o scored.parquet",
    "accelnas predict theirs.csv --rename kernel=block0_k,se=block0_se",
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
    epochs: Annotated[
        int | None,
        optional(
            "--epochs",
            metavar="N",
            text="Predict what metrics are after so many epochs, NAME@N, where that is known.",
            default="all of their epochs",
        ),
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
    rename: Annotated[
        str | None,
        optional("--rename", metavar="THEIRS=OURS,…", text="Columns of other names, and what the space calls them."),
    ] = None,
    keep: Annotated[
        str | None,
        optional("--keep", metavar="A,B,…", text="Columns of the input to write; '' is none.", default="all"),
    ] = None,
    prefix: Annotated[str, typer.Option("--prefix", help="Put before the names of the new columns.")] = "",
    opened: Computed,
) -> None:
    """Predict metrics of a table's architectures; its columns are kept, the metrics follow.

    Files may be larger than memory: they are read, scored and written batch by batch.
    """
    bench = opened.bench
    names = None if metrics is None else chosen_metrics(list(bench.metrics), metrics)
    renamed = dict(_renaming(pair) for pair in rename.split(",")) if rename else None
    with ExitStack() as bars:
        show: Callable[..., None] | None = None

        def tell(done: int, total: int | None, unit: str) -> None:
            nonlocal show
            show = show or bars.enter_context(progress("scoring", total, unit))
            show(done)

        bench.predict_file(
            table,
            output or "-",
            names,
            epochs=epochs,
            return_std=std,
            level=interval,
            seed=query,
            rename=renamed,
            keep=None if keep is None else [name for name in keep.split(",") if name],
            prefix=prefix,
            threads=opened.threads,
            progress=tell,
        )


def _renaming(pair: str) -> tuple[str, str]:
    theirs, _, ours = pair.rpartition("=")
    if not theirs or not ours:
        raise typer.BadParameter(f"--rename {pair!r}; write THEIRS=OURS, such as kernel=block0_k")
    return theirs, ours


def chosen_metrics(known: list[str], text: str | None) -> list[str]:
    """Split a list of metrics separated by commas, and check that all of them are known."""
    names = known if text is None else [name.strip() for name in text.split(",")]
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"no metric {name!r}; choose from {', '.join(known)}")
    return names
