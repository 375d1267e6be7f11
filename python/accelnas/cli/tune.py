"""``accelnas tune``: search the settings of a metric's models."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from accelnas.cli.commands import command
from accelnas.cli.data import DataArgument, FoldsOption, SeedOption, SpaceOption, read
from accelnas.cli.directed import Directed
from accelnas.cli.fit import SplitOption, read_parts
from accelnas.cli.shared import console, progress
from accelnas.files import text_output


@command(
    "accelnas tune --metric accuracy --family xgboost --trials 50 --storage study.db -o tuned.toml",
    "accelnas fit --settings tuned.toml --metrics accuracy -o mybench",
)
def tune(
    context: typer.Context,
    metric: Annotated[str, typer.Option("--metric", "-m", help="Metric whose models are tuned.")],
    family: Annotated[
        str,
        typer.Option(
            "--family",
            metavar="NAME|TOML",
            help="Search space: anova_process, xgboost, xgboost_blocks, lightgbm, lightgbm_blocks, gradient_boosting, "
            "random_forest, epsilon_svr, nu_svr, or a file.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Settings file to write, for accelnas fit.")],
    *,
    data: DataArgument = None,
    space: SpaceOption = None,
    settings: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|TOML",
            help="Settings that link, outliers and members are from, and to compare with.",
            show_default="as of accelnas fit",
        ),
    ] = None,
    directed: Directed,
    split: SplitOption = "official",
    trials: Annotated[
        int | None,
        typer.Option(
            "--trials",
            "-n",
            min=1,
            help="Trials in all, those of the storage included.",
            show_default="50, or no limit with --seconds",
        ),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0, help="Begin no trial after so many.", show_default="no limit")
    ] = None,
    storage: Annotated[
        Path | None,
        typer.Option(help="File that keeps the trials; the same command goes on from it.", show_default=False),
    ] = None,
    folds: FoldsOption = 5,
    seed: SeedOption = 0,
    threads: Annotated[
        int,
        typer.Option(
            "--threads", "-t", min=1, help="Trials at the same time; only one gives the same result every time."
        ),
    ] = 1,
    compare: Annotated[bool, typer.Option(help="Judge the recipe of the settings on the same folds, too.")] = True,
) -> None:
    """Search the settings of a metric's models by cross-validation, and write the best ones.

    The search uses the training and validation part; the test part is for the figures of accelnas fit. Ctrl-C ends
    the search and keeps what was found.
    """
    from accelnas.fitting.tuning import settings_error
    from accelnas.fitting.tuning import tune as search

    chosen = directed.settings(settings)
    dataset = read(data, space)
    parts = read_parts(split, data, dataset, whole=True)
    if trials is None and seconds is None:
        trials = 50
    with text_output(output) as file, ExitStack() as bars:
        done = bars.enter_context(progress(f"{metric} {Path(family).stem}", trials, "trials"))
        result = search(
            dataset,
            parts,
            chosen,
            metric,
            family,
            trials=trials,
            seconds=seconds,
            folds=folds,
            seed=seed,
            threads=threads,
            engine=context.obj,
            storage=storage,
            progress=done,
        )
        file.write(result.settings)
    screen, count = console(stderr=str(output) == "-"), result.count
    ends = f"{count('complete')} trials completed, {count('pruned')} pruned, {count('failed')} failed"
    broken = ", interrupted" if result.interrupted else ""
    screen.print(f"{output}: {result.space} for {metric}, error {result.error:.5g}; {ends}{broken}")
    if result.interrupted:
        raise typer.Exit(130)
    if compare:
        with progress(f"{metric} of settings {chosen.name}", None, "trials"):
            error = settings_error(dataset, parts, chosen, metric, folds)
        screen.print(f"error {result.error:.5g}; settings {chosen.name} on the same folds: {error:.5g}")
