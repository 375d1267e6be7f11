"""``accelnas data``: fetch, check, split and convert measured architectures."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelnas.cli.commands import command
from accelnas.cli.info import new_table, print_fitting, significant
from accelnas.cli.shared import console, progress
from accelnas.errors import DataError
from accelnas.files import write_frame

if TYPE_CHECKING:
    from rich.table import Table

    from accelnas import Space
    from accelnas.fitting.dataset import Dataset

DataArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="DATA",
        help="The Accel-NASBench archive (.tar.gz or folder), or a table (.csv, .parquet, .json, .jsonl) with a "
        "column for each variable (or one named architecture or index) and each metric (or one a seed, NAME_seed0, …).",
        show_default="the archive that `accelnas data fetch` downloaded",
    ),
]
SpaceOption = Annotated[
    Path | None,
    typer.Option(
        "--space",
        metavar="TOML|NAME",
        help="Search space of the data: a space.toml (accelnas space infer writes one), a benchmark's folder, or a "
        "name such as darts (docs/guides/spaces.md).",
        show_default="MnasNet",
    ),
]
MetricsOption = Annotated[
    str | None, typer.Option("--metrics", "-m", metavar="A,B,…", help="Metrics.", show_default="all of the settings")
]
SeedOption = Annotated[int, typer.Option("--seed", "-s", min=0, help="Seed of the draw.")]
FoldsOption = Annotated[int, typer.Option("--folds", min=2, help="Folds of the cross-validation.")]

group = typer.Typer(no_args_is_help=True, help="Fetch, check, split and convert measured data.")


def read(data: Path | None, space: Path | Space | None) -> Dataset:
    """Read the named data, or the public archive in the cache folder."""
    from accelnas.fitting.dataset import read_dataset

    if data is None:
        data = cached_archive()
        if not data.is_file():
            raise DataError(f"no data named and none at {data}; run: accelnas data fetch")
    dataset = read_dataset(data, read_space(space))
    columns = [field.removeprefix("column ") for field in dataset.report.unknown if field.startswith("column ")]
    screen = console(stderr=True)
    if columns:
        screen.print(f"left out, for want of numbers: columns {', '.join(columns)}")
    for field in dataset.report.unknown:
        if field.endswith(")"):  # with its reason
            screen.print(f"left out: {field}")
    return dataset


def cached_archive() -> Path:
    """Give the path of the public archive in the cache folder, which need not be there."""
    from accelnas.fitting.fetch import cache_folder

    return cache_folder() / "anb_dataset_jsons.tar.gz"


def listed(text: str | None) -> list[str] | None:
    """Read names, written as A,B; none are None."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def read_space(given: Path | Space | None) -> Space | None:
    """Read a search space from a file or folder, or by its name; one that is there stays, None too: MnasNet."""
    from accelnas import Space, spaces

    if not isinstance(given, Path):
        return given
    return spaces.load(str(given)) if str(given) in spaces.names() and not given.exists() else Space.from_toml(given)


@command("accelnas data info measured.parquet --space mybench/benchmark.toml", of=group)
def info(data: DataArgument = None, space: SpaceOption = None) -> None:
    """Validate data and show what it holds: repeats, noise, nulls, outliers, unknown fields."""
    dataset = read(data, space)
    report, screen = dataset.report, console()
    known = " (the public Accel-NASBench data)" if dataset.is_public else ""
    screen.print(
        f"[bold]{report.rows:,}[/bold] measurements of {report.architectures:,} architectures of "
        f"{dataset.space.name}; {len(report.repeats)} architectures were measured more than once"
    )
    screen.print(f"content {dataset.sha256}{known}", soft_wrap=True)
    if dataset.file_sha256 is not None:
        screen.print(f"file    {dataset.file_sha256}", soft_wrap=True)
    print_fitting(screen, _metric_table(dataset), "outlying ids", "nulls", "outliers")
    for metric, doubt in report.doubtful.items():
        screen.print(f"[yellow]warning:[/yellow] {metric}: {doubt}")
    for field, count in report.unknown.items():
        screen.print(f"left out: {field}, met {count:,} times")


def _metric_table(dataset: Dataset) -> Table:
    import numpy as np

    numbers = ("measured", "nulls", "outliers", "lowest", "median", "highest", "noise")
    table = new_table("metric", *numbers, "outlying ids", numbers=numbers)
    report = dataset.report
    for name in dataset.metrics:
        values = dataset.values(name)
        outliers = report.outliers.get(name, ())
        nulls = report.nulls.get(name, 0)
        noise = report.noise.get(name)
        spread = [significant(float(x), 5) for x in np.nanquantile(values, [0.0, 0.5, 1.0])]
        table.add_row(
            name,
            f"{len(values) - nulls:,}",
            str(nulls),
            str(len(outliers)),
            *spread,
            "" if noise is None else significant(noise, 3),
            " ".join(str(i) for i in outliers[:5]) + (" …" if len(outliers) > 5 else ""),
        )
    return table


@command("accelnas data fetch && accelnas data info", of=group)
def fetch(
    folder: Annotated[Path | None, typer.Option(help="Where to put it.", show_default="the cache folder")] = None,
    url: Annotated[str | None, typer.Option(help="Another address of the archive.", show_default=False)] = None,
    sha256: Annotated[
        str | None, typer.Option(metavar="HEX", help="Its SHA-256.", show_default="that of the public archive")
    ] = None,
    split: Annotated[bool, typer.Option(help="Fetch the published split, too.")] = True,
) -> None:
    """Download the public Accel-NASBench data (1.2 MB)."""
    from accelnas.fitting.fetch import ARCHIVE_SHA256, ARCHIVE_URL, cache_folder, fetch_archive, fetch_split

    target = folder or cache_folder()
    with progress("archive", None, "bytes") as done:
        told = fetch_archive(target, url or ARCHIVE_URL, sha256 or ARCHIVE_SHA256, done)
    typer.echo(told)
    if split:
        typer.echo(fetch_split(target))


class SplitKind(Enum):
    """Ways of dividing a data set."""

    random = "random"
    folds = "folds"


@command("accelnas data split measured.parquet --seed 1 -o split.json", of=group)
def split(
    output: Annotated[Path, typer.Option("--output", "-o", help="JSON file; of folds: a folder, made if needed.")],
    data: DataArgument = None,
    space: SpaceOption = None,
    kind: Annotated[SplitKind, typer.Option(help="One random split, or k folds.")] = SplitKind.random,
    seed: SeedOption = 0,
    val: Annotated[float, typer.Option(min=0, max=1, help="Share of the validation part.")] = 0.1,
    test: Annotated[float, typer.Option(min=0, max=1, help="Share of the test part.")] = 0.1,
    k: Annotated[int, typer.Option(min=2, help="Number of folds.")] = 10,
) -> None:
    """Divide data at random; repeats of an architecture stay in one part."""
    from accelnas.fitting.splits import k_fold, random_split, write_split

    dataset = read(data, space)
    if kind is SplitKind.random:
        write_split(random_split(dataset, (1.0 - val - test, val, test), seed), output)
        return
    output.mkdir(parents=True, exist_ok=True)
    for number, fold in enumerate(k_fold(dataset, k, seed), start=1):
        write_split(fold, output / f"fold_{number:02}.json")


@command("accelnas data convert anb_dataset_jsons.tar.gz -o anb.parquet", of=group)
def convert(
    output: Annotated[Path, typer.Option("--output", "-o", help="A .parquet or .csv file.")],
    data: DataArgument = None,
    space: SpaceOption = None,
) -> None:
    """Write the validated table; reading it gives the same content hash."""
    if output.suffix not in {".parquet", ".csv"}:
        raise DataError(f"{output.name} ends in {output.suffix!r}; choose one of .parquet, .csv")
    dataset = read(data, space)
    write_frame(dataset.table, output, "csv" if output.suffix == ".csv" else "parquet")
