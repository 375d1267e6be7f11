"""``accelnas reproduce``: published results, computed again and set beside the published numbers."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelnas.cli.data import cached_archive, listed, read
from accelnas.cli.fit import read_parts
from accelnas.cli.info import new_table, significant
from accelnas.cli.shared import ThreadsOption, console, progress
from studies.fig3 import RESAMPLES

if TYPE_CHECKING:
    from rich.table import Table

    from studies import Reproduction

EPILOG = """Examples:

  accelnas reproduce fig3 proxy_validation -o reproduced

  accelnas data fetch && accelnas reproduce table1 -o reproduced

  accelnas reproduce table2 --metrics throughput_tpuv2,latency_zcu102 --runs 5 --ensembles none -o reproduced

  accelnas reproduce fig5 --runs 1000 -o reproduced

  accelnas data fetch && accelnas reproduce fig6 -o reproduced
"""


class Experiment(Enum):
    """Published results that can be computed again."""

    fig3 = "fig3"
    fig4 = "fig4"
    fig5 = "fig5"
    fig6 = "fig6"
    table1 = "table1"
    table2 = "table2"


SEARCHES = (Experiment.fig4, Experiment.fig5)
TABLES = (Experiment.table1, Experiment.table2)
# what not all experiments take
OWNERS = {
    "DATA": (*TABLES, Experiment.fig3, Experiment.fig6),
    "--metrics": (*TABLES, Experiment.fig4),
    "--families": TABLES,
    "--ensembles": TABLES,
    "--cache": TABLES,
    "--lstm": SEARCHES,
}


app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(epilog=EPILOG)
def reproduce(
    experiment: Annotated[
        Experiment,
        typer.Argument(
            help="fig3: ranks under two training schemes. fig4: searches for accuracy and speed. fig5: searches for "
            "accuracy. fig6: the searched networks beside published ones. table1: surrogates of accuracy by family. "
            "table2: of devices."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIRECTORY", help="Folder for the report; made if needed.")
    ],
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA",
            help="Tables: the Accel-NASBench archive (.tar.gz or folder), beside its official_split.json. "
            "fig3: the folder proxy_validation of the seeds' CSV files. fig6: the archive, for costs, and that folder "
            "beside it. fig4, fig5: none.",
            show_default="what is in the cache folder",
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option("--metrics", "-m", metavar="A,B,…", help="Tables and fig4: metrics.", show_default="all"),
    ] = None,
    families: Annotated[
        str | None,
        typer.Option("--families", metavar="A,B,…", help="Tables: families, such as xgboost.", show_default="all"),
    ] = None,
    ensembles: Annotated[
        str | None,
        typer.Option(
            "--ensembles",
            metavar="all|none|A,B,…",
            help="Tables: metrics to fit ensembles of besides single models.",
            show_default="all",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", "-s", min=0, help="Seed of resamples or searches; added to seeds of fits.")
    ] = 0,
    runs: Annotated[
        int | None,
        typer.Option(
            "--runs",
            min=1,
            help="fig3: resamples of the bootstrap. fig4, fig5: runs of each search. Tables: single models a row, with "
            "seeds of their own. fig6: random architectures from which ranks are estimated.",
            show_default="9999; 1000; 1; exact ranks",
        ),
    ] = None,
    lstm: Annotated[
        int | None,
        typer.Option(
            "--lstm",
            min=0,
            help="fig4, fig5: runs of the paper's LSTM controller, which takes seconds a run; from accelnas-training.",
            show_default="5; 100; 0 where that is not installed",
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            "--cache",
            help="Tables: SQLite file of finished fits; what was interrupted goes on from there.",
            show_default="evaluation.sqlite in the cache folder",
        ),
    ] = None,
    threads: ThreadsOption = None,
) -> None:
    """Compute a published result again and say number by number whether it is reproduced.

    Writes NAME.md, tables as CSV and the figure as SVG. On one core single models take half a minute for table1 and
    four for table2, ensembles many times that; finished fits are kept. fig5 takes a minute on two cores, fig4 and fig6
    several, without the LSTM controller.
    """
    from studies import reproduce_fig3, reproduce_fig4, reproduce_fig5, write_reproduction

    given = {"DATA": data, "--metrics": metrics, "--families": families, "--ensembles": ensembles, "--cache": cache}
    _check_options(experiment, [name for name, value in {**given, "--lstm": lstm}.items() if value is not None])
    options: dict[str, Any] = {"seed": seed, "threads": threads, **({} if runs is None else {"runs": runs})}
    if experiment is Experiment.fig3:
        found = reproduce_fig3(seeds_folder(data), seed=seed, resamples=runs or RESAMPLES)
    elif experiment is Experiment.fig6:
        found = _fig6(data, runs, threads)
    elif experiment in SEARCHES:
        with progress("searches", None, "evaluations") as done:
            options |= {"lstm": lstm, "progress": done}
            if experiment is Experiment.fig5:
                found = reproduce_fig5(**options)
            else:
                found = reproduce_fig4(metrics=listed(metrics), **options)
    else:
        of_ensembles = {None: None, "all": None, "none": []}.get(ensembles, listed(ensembles))
        options |= {"metrics": listed(metrics), "families": listed(families), "ensembles": of_ensembles}
        found = _table_of(experiment.value, data, cache, options)
    screen = console()
    if found.comparisons:
        screen.print(_table(found))
    screen.print(write_reproduction(found, output))


def _check_options(experiment: Experiment, given: list[str]) -> None:
    for option in given:
        owners = OWNERS[option]
        if experiment not in owners:
            names = ["the tables"] if TABLES[0] in owners else []
            names += [owner.value for owner in owners if owner not in TABLES]
            raise typer.BadParameter(f"{option} is of {' and '.join(names)}; leave it out for {experiment.value}")


def seeds_folder(data: Path | None) -> Path:
    """Give the folder of the seeds' files: what is named, or in the cache."""
    from accelnas.fitting.fetch import cache_folder

    if data is None:
        return cache_folder() / "proxy_validation"
    return data.parent if data.is_file() else data


def _fig6(data: Path | None, samples: int | None, threads: int | None) -> Reproduction:
    from studies import reproduce_fig6
    from studies.fig6 import STEPS
    from studies.schemes import FOLDER, read_schemes

    dataset = read(data, None) if data is not None or cached_archive().is_file() else None
    seeds = seeds_folder(data)
    schemes = read_schemes(seeds) if (seeds / FOLDER).is_dir() or (seeds.name == FOLDER and seeds.is_dir()) else None
    with progress("questions", STEPS, "questions") as done:
        return reproduce_fig6(dataset=dataset, schemes=schemes, samples=samples, threads=threads, progress=done)


def _table_of(name: str, data: Path | None, cache: Path | None, options: dict[str, Any]) -> Reproduction:
    from accelnas.fitting.evaluation import Cache
    from accelnas.fitting.fetch import cache_folder
    from studies.tables import reproduce_table, rows_of

    rows_of(name, options["metrics"], options["families"])  # complains before anything is read
    dataset = read(data, None)
    split = read_parts("official", data, dataset)
    store = Cache(cache or cache_folder() / "evaluation.sqlite")
    with progress("fits", None, "fits") as done:
        return reproduce_table(name, dataset, split, store, **options, progress=done)


def _table(found: Reproduction) -> Table:
    numbers = ("published", "here", "difference")
    table = new_table("number", *numbers, "verdict", numbers=numbers)
    for c in found.comparisons:
        name = f"{c.quantity} [{c.unit}]" if c.unit else c.quantity
        # a bracket would be markup
        table.add_row(
            name.replace("[", "\\["),
            c.stated,
            significant(c.found, 4),
            f"{c.difference:+.2g}",
            c.verdict.value,
        )
    return table
