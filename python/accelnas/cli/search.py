"""``accelnas search``: one seeded run of a search algorithm, beside the proven optimum."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from accelnas.cli.commands import command
from accelnas.cli.info import new_table, significant, with_unit
from accelnas.cli.searching import (
    ExactOption,
    ObjectiveArgument,
    Sought,
    parse_algorithms,
    setting_of,
    settings_of,
    watched,
)
from accelnas.cli.shared import Computed, PlotOption, console, optional, write_plot
from accelnas.errors import SearchError
from accelnas.notebook import evenly
from accelnas.search.proven import known_front, known_optimum

if TYPE_CHECKING:
    from accelnas import Benchmark
    from accelnas.search import History


@command(
    "accelnas search regularized_evolution accuracy --budget 600 --seed 1",
    "accelnas search local_search accuracy -s 'latency_zcu102 <= 5' --clock train_time -o history.csv",
    "accelnas search nsga2 accuracy,latency_zcu102 --set population=50 --plot front.svg",
    "accelnas search reinforce accuracy=1 latency_zcu102=-0.07 --form product --target latency_zcu102=5",
    "accelnas search my_module:MyAlgorithm accuracy",
)
def search(
    algorithm: Annotated[
        str, typer.Argument(help="A native algorithm, or MODULE:ATTRIBUTE for one of your own, from this folder.")
    ],
    objective: ObjectiveArgument,
    *,
    options: Sought,
    exact: ExactOption = True,
    output: Annotated[Path | None, optional("--output", "-o", text="Write every evaluation: CSV or Parquet.")] = None,
    plot: PlotOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON in place of a table.")] = False,
    opened: Computed,
) -> None:
    """Make one run of a search algorithm: what it found, and how far that is from the proven optimum.

    The table has what the search saw; the regret is of float64 predictions without noise.
    """
    bench, threads, budget, seed = opened.bench, opened.threads, options.budget, options.seed
    task = options.task(bench)
    chosen = parse_algorithms(algorithm, options.settings)
    if len(chosen) > 1:
        raise typer.BadParameter(f"there are {len(chosen)} algorithms; choose one, or use accelnas simulate")
    ((label, one),) = chosen.items()
    sought = options.objective(objective)
    setting = setting_of(bench, sought, task)
    several = len(setting.sought.labels)
    if plot is not None and several > 2:
        raise typer.BadParameter(f"--plot draws one or two objectives, there are {several}; leave it out")
    optimum = known_optimum(setting, threads) if exact else None
    started = time.perf_counter()
    with watched(label, budget, setting, optimum) as show:
        history = bench.search(one, sought, budget=budget, seed=seed, threads=threads, progress=show, **task)
    seconds = time.perf_counter() - started
    if output is not None:
        from accelnas.fitting.writers import write_table

        write_table(output, iter([history.to_polars().to_dict()]))
    found = {
        "algorithm": {"name": label, "settings": settings_of(one)},
        **setting.sought.to_json(),
        "budget": budget,
        "seed": seed,
        "noise": options.noise,
        "evaluations": len(history),
        "distinct": len(np.unique(history.architectures, axis=0)),
        "workers": options.workers,
        "clock": None
        if history.times is None
        else {"metric": options.clock, "time": float(max(history.times, default=0.0)), "unit": setting.clock_unit},
        "fidelities": None if setting.fidelities is None else setting.fidelities.to_json(),
        "by_epochs": None if history.epochs is None else _by_epochs(history),
        **(_front(history, exact) if several > 1 else _best(history, optimum)),
        "seconds": seconds,
    }
    if as_json:
        typer.echo(json.dumps(found, indent=1))
    else:
        _print(bench, found)
    write_plot(plot, partial(history.plot, exact=exact))


def _best(history: History, optimum: float | None) -> dict[str, Any]:
    """Describe what the run recommends."""
    row, score = history.best
    last = history.improvements[-1]
    regret = None if optimum is None else float(history.regret()[-1])
    values = {name: float(column[last]) for name, column in history.values.items()}
    text = history.setting.bench.space.format(row[None])[0]
    best = {"architecture": text, "score": score, "values": values, "evaluation": int(history.improved_at[-1])}
    return {"best": best, "optimum": optimum, "regret": regret}


def _by_epochs(history: History) -> dict[str, int]:
    """Count evaluations by their epochs."""
    epochs, counts = np.unique(np.array(history.epochs), return_counts=True)
    return dict(zip(map(str, epochs.tolist()), counts.tolist(), strict=True))


def _front(history: History, exact: bool) -> dict[str, Any]:
    """Describe the front of a run."""
    chosen = history.front
    if not len(chosen):
        raise SearchError(f"no architecture of {len(history)} met the constraints; raise the budget, or loosen them")
    chosen = chosen[np.argsort(history.scores[chosen, 0], kind="stable")]
    texts = history.setting.bench.space.format(history.architectures[chosen])
    values = {name: column[chosen].tolist() for name, column in history.values.items()}
    hypervolume = _hypervolume(history) if exact else None
    return {"front": {"architectures": texts, "values": values}, "normalised_hypervolume": hypervolume}


def _hypervolume(history: History) -> float | None:
    """Give the part of the exact front's hypervolume that the run has, where that is known."""
    from accelnas.exact import hypervolume

    setting, front = history.setting, known_front(history.setting)
    if front is None or front.reference is None:
        return None
    kept = history.improvements[~np.isnan(history.scores[history.improvements, 0])]
    directions = [o.direction for o in setting.sought.objectives]
    corner = [front.reference[name] for name in setting.sought.labels]
    own = hypervolume(setting.true_scores(history.architectures[kept]), corner, directions)
    return own / front.hypervolume()


def _print(bench: Benchmark, found: dict[str, Any]) -> None:
    screen = console()
    if "best" in found:
        best = found["best"]
        values = dict(best["values"]) if found["formulation"] is None else {**best["values"], "score": best["score"]}
        columns, texts = {name: [value] for name, value in values.items()}, [best["architecture"]]
        if found["regret"] is not None:
            columns["regret"] = [found["regret"]]
    else:
        columns, texts = found["front"]["values"], found["front"]["architectures"]
    headings = tuple(with_unit(bench, name) for name in columns)
    table = new_table(*headings, "architecture", numbers=headings)
    shown = evenly(len(texts))
    for i in shown:
        table.add_row(*(significant(column[i], 6) if column[i] else "0" for column in columns.values()), texts[i])
    screen.print(table)
    lines = []
    if "best" in found:
        known = "" if found["optimum"] is None else f", the optimum of the whole space is {found['optimum']:.6g}"
        lines.append(f"found after {found['best']['evaluation']:,} evaluations{known}")
    else:
        part = found["normalised_hypervolume"]
        known = "" if part is None else f", {part:.4f} of the exact front's hypervolume"
        lines.append(f"{len(texts):,} points{known}" + (f"; {len(shown)} are shown" if len(shown) < len(texts) else ""))
    if found["clock"] is not None:
        unit = found["clock"]["unit"]
        lines.append(f"simulated {found['clock']['metric']} of all: {found['clock']['time']:,.0f} {unit}".rstrip())
    if found["by_epochs"] is not None:
        lines.append(", ".join(f"{n:,} after {epochs} epochs" for epochs, n in found["by_epochs"].items()))
    lines.append(
        f"{found['evaluations']:,} evaluations of {found['distinct']:,} architectures in {found['seconds']:.2f} s"
    )
    screen.print("\n".join(lines), soft_wrap=True)
