"""``accelnas-training oneshot search``: differentiable searches, and their true regret."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from accelnas.cli.shared import BenchmarkOption, DeriveOption, load_benchmark, optional, progress
from accelnas_training.cli import options
from accelnas_training.cli.shared_weights import BatchesOption, SeedsOption, Shared
from accelnas_training.oneshot.differentiable import Differentiable
from accelnas_training.oneshot.evaluation import Evaluator
from accelnas_training.oneshot.judgement import FEW, HEADER, exhausted, rows, write_judgement
from accelnas_training.oneshot.soft import SharedLoss, SoftNetwork
from accelnas_training.oneshot.table_search import Goal, Sought, search_tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelnas_training.arrays import Floats
    from accelnas_training.oneshot.differentiable import Loss


def search(
    method: Annotated[str, typer.Option("--method", help="fbnet, proxylessnas, or both.")] = "fbnet",
    objective: Annotated[str, typer.Option("--objective", help="Metric to be good.")] = "accuracy",
    metric: Annotated[str, typer.Option("--metric", "-m", help="Metric that is paid.")] = "latency_zcu102",
    budget: Annotated[float | None, optional("--budget", text="Most of that metric.")] = None,
    weight: Annotated[float, typer.Option("--weight", min=0, help="Or what a unit of it takes off.")] = 0.0,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Updates of a run.")] = 200,
    learning_rate: Annotated[float, typer.Option("--learning-rate", help="Of Adam.")] = 0.1,
    runs: Annotated[int, typer.Option("--runs", "-r", min=1, help="Number of runs.")] = 5,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the first run; the next has the next.")] = 0,
    evaluations: Annotated[
        str | None,
        optional("--evaluations", metavar="A,B,…", text="Of random search and evolution; as many as steps by default."),
    ] = None,
    weights: Annotated[
        Path | None, optional("--shared", metavar="FOLDER", text="Follow the loss of these shared weights instead.")
    ] = None,
    seeds: SeedsOption = None,
    images: Annotated[str, typer.Option("--images", "-i", help="Of the shared weights.")] = "digits",
    scheme: Annotated[Path | None, optional("--scheme", "-s", metavar="TOML", text="Of the shared weights.")] = None,
    family: options.FamilyOption = "mnasnet",
    batches: BatchesOption = 8,
    derive: DeriveOption = None,
    benchmark: BenchmarkOption = None,
    output: Annotated[
        Path | None, optional("--output", "-o", metavar="FOLDER", text="Where to write a report.")
    ] = None,
) -> None:
    """Search by gradients of a benchmark's tables, or of shared weights, under independent choices.

    The regret is that of the benchmark's proven optimum; beside it, random search and evolution (100 runs each).
    With --shared, objective and regret are as the benchmark has them, runs take several shared weights in turns, and
    of small spaces the report has what is best by shared weights among all architectures.
    """
    counted = [steps] if evaluations is None else options.read_integers(evaluations, "--evaluations")
    goal = Goal.of(load_benchmark(benchmark, derive), Sought(objective, metric, weight, budget))
    loss: Callable[[int], Loss] | None = None
    regrets: dict[str, Floats] = {}
    about = ""
    if weights is not None:
        if scheme is None:
            raise typer.BadParameter("with --shared, give the --scheme of these weights")
        shared = Shared(weights, images, str(scheme), family)
        loss, regrets, about = _followed(shared.each(seeds), goal, batches)
    for name in method.split(","):
        how = Differentiable(method=name, steps=steps, learning_rate=learning_rate)
        with progress(name, steps * (1 if loss is None else runs), "steps") as bar:
            found = search_tables(goal, how, runs, seed, bar, loss)
        best = int(np.nanargmin(found.regrets)) if not np.isnan(found.regrets).all() else 0
        text = goal.bench.space.format(found.architectures[best : best + 1])[0]
        typer.echo(
            f"{name}, best of {runs}: {text}, {objective} {found.values[best]:.5g}, {metric} {found.costs[best]:.5g}"
        )
        regrets[name] = found.regrets
    regrets |= goal.rivals(counted, seed)
    options.print_table(HEADER, rows(regrets), HEADER[1:])
    typer.echo(f"the proven optimum is {goal.optimum:.6g}")
    if output is not None:
        given: dict[str, object] = {"method": method, "objective": objective, "metric": metric}
        given |= {"budget": budget, "weight": weight or None}
        given |= {
            "steps": steps,
            "learning_rate": learning_rate,
            "runs": runs,
            "seed": seed,
            "evaluations": evaluations,
        }
        given |= {"benchmark": benchmark, "derive": derive}
        if weights is not None:
            given |= {"shared": weights, "shared_seeds": seeds, "images": images, "scheme": scheme, "family": family}
            given |= {"batches": batches}
        command = options.command_text("oneshot", "search", **given, output=output)
        typer.echo(f"report in {write_judgement(output, command, goal, regrets, about)}")


def _followed(each: list[Shared], goal: Goal, batches: int) -> tuple[Callable[[int], Loss], dict[str, Floats], str]:
    """Give the loss of a run by its number, the regrets of the least loss of all architectures, what it is worth."""
    softs, whole, seconds = [], [], []
    family, images, scheme = each[0].read()
    few = goal.bench.space.size <= FEW
    for shared in each:
        elastic, result = shared.trained(family, images, scheme)
        seconds.append(result.seconds)
        softs.append(SoftNetwork(elastic))
        if few:
            evaluator = Evaluator.of(images, scheme, batches, shared.seed, shared.device)
            with progress("evaluating", goal.bench.space.size, "architectures") as bar:
                whole.append(exhausted(goal, elastic, evaluator, bar))

    def loss(run: int) -> Loss:
        place = run % len(softs)
        return SharedLoss.of(softs[place], images, scheme, each[place].seed + run)

    about = f"Shared weights took {np.mean(seconds):.3g} s to train."
    if not few:
        return loss, {}, about
    taus = ", ".join(f"{one.tau:.3f}" for one in whole)
    regrets = {"least loss of shared weights, all evaluated": np.array([one.regret for one in whole])}
    return loss, regrets, f"{about} Their losses rank all architectures with τ = {taus}."
