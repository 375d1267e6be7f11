"""``accelnas-training lstm-reinforce``: many seeds of the paper's controller on a benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from accelnas.cli.shared import BenchmarkOption, DeriveOption, console, load_benchmark, progress
from accelnas.files import text_output
from accelnas.search.protocol import Task
from accelnas_training.cli.options import WhereOption
from accelnas_training.lstm_reinforce.algorithm import LstmReinforce
from accelnas_training.lstm_reinforce.parameters import LstmSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelnas import Benchmark
    from accelnas.search.protocol import ManyRuns
    from accelnas_training.arrays import Floats


EPILOG = """Examples:

  accelnas-training lstm-reinforce --metric accuracy --runs 5 --budget 600 --seed 0 -o paths.csv

  accelnas-training lstm-reinforce --metric latency_zcu102 --runs 100 --learning-rate 0.0035
"""

_TOGETHER = 1000  # runs in memory at once: about 2 GB


app = typer.Typer()


@app.command(epilog=EPILOG)
def lstm_reinforce(
    metric: Annotated[str, typer.Option("--metric", "-m", help="Metric to maximise or minimise, as it is better.")],
    runs: Annotated[int, typer.Option("--runs", "-r", min=1, help="Number of runs.")] = 5,
    budget: Annotated[int, typer.Option("--budget", min=1, help="Evaluations of each run.")] = 600,
    seed: Annotated[int, typer.Option("--seed", "-s", min=0, help="Seed of the first run; the next has the next.")] = 0,
    learning_rate: Annotated[float, typer.Option("--learning-rate", help="Learning rate of Adam.")] = 3.5e-4,
    device: WhereOption = "cpu",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the best value so far of each evaluation: CSV.",
            show_default=False,
        ),
    ] = None,
    derive: DeriveOption = None,
    benchmark: BenchmarkOption = None,
) -> None:
    """Run REINFORCE with an LSTM controller, with the settings of the Accel-NASBench paper.

    Reports how far the runs end from the proven optimum, beside random search with the same number of evaluations.
    """
    bench = load_benchmark(benchmark, derive)
    algorithm = LstmReinforce(LstmSettings(learning_rate=learning_rate), device)
    optimum = float(bench.best(metric).values[0])  # refuses what is no metric
    direction = bench.metrics[metric].direction
    seeds = range(seed, seed + runs)
    values = np.empty((runs, budget))
    with progress("searching", runs * budget, "evaluations") as report:
        for start in range(0, runs, _TOGETHER):
            tasks = [Task(bench.space, {metric: direction}, budget, own) for own in seeds[start : start + _TOGETHER]]
            own_values = values[start : start + len(tasks)]
            for done in _run(bench, metric, algorithm.many(tasks), own_values):
                report(start * budget + done)
    better = np.maximum if direction == "maximise" else np.minimum
    best = better.accumulate(values, axis=1)
    if output is not None:
        _write(output, best, seeds)
    uniform = np.array([bench.predict(bench.space.sample(budget, own), metric, dtype="float64") for own in seeds])
    screen = console(stderr=str(output) == "-")
    screen.print(f"{metric}: the optimum is {optimum:.5g} {bench.metrics[metric].unit}".rstrip())
    screen.print(_summary("lstm-reinforce", best[:, -1], optimum, budget))
    screen.print(_summary("random search", better.reduce(uniform, axis=1), optimum, budget))
    shown = min(100, budget)
    first, last = values[:, :shown].mean(), values[:, -shown:].mean()
    screen.print(f"the controllers' first {shown} samples are {first:.5g} on average, their last {last:.5g}")


def _run(bench: Benchmark, metric: str, algorithm: ManyRuns, values: Floats) -> Iterator[int]:
    """Fill `values` (runs, budget) with what each evaluation gives; say how many were made."""
    runs, budget = values.shape
    done = 0
    while done < budget:
        archs = algorithm.ask()[:, : budget - done]
        told = np.reshape(bench.predict(archs.reshape(-1, archs.shape[2]), metric, dtype="float64"), (runs, -1))
        values[:, done : done + archs.shape[1]] = told
        algorithm.tell(archs, told)
        done += archs.shape[1]
        yield runs * done


def _write(output: Path, best: Floats, seeds: range) -> None:
    with text_output(output) as file:
        file.write("seed,evaluation,best\n")
        for seed, path in zip(seeds, best, strict=True):
            file.writelines(f"{seed},{evaluation},{value:.6g}\n" for evaluation, value in enumerate(path, 1))


def _summary(name: str, ends: Floats, optimum: float, budget: int) -> str:
    """Say where the runs end, on average."""
    spread = f" ± {ends.std(ddof=1):.2g} between runs" if len(ends) > 1 else ""
    regret = abs(optimum - ends).mean()
    return f"{name}: {ends.mean():.5g}{spread}, regret {regret:.3g} after {budget:,} evaluations"
