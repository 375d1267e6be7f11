"""True trajectories of searches beside simulated ones.

    python bench/search.py --work WORK -o measurements/digits_search

Tiny networks for digits are collected, and a surrogate is fitted on them; then each algorithm searches twice, by
training with the same scheme and on the surrogate. Commands of both packages do all of it, in this process; an
interrupted run goes on where it ended.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import accelnas
from accelnas.cli import app as accelnas_app
from accelnas.plots.style import drawing, legend, save
from accelnas.reports import joined, markdown, write_files
from accelnas.search import RandomSearch, RegularizedEvolution, Reinforce
from accelnas.space import Frame
from accelnas_training.cli import app
from accelnas_training.proxy.validation_report import shown_tau
from accelnas_training.ranks import interval_over_models, tau
from accelnas_training.reports import circumstances

DIGITS = Path(__file__).parent.parent / "examples" / "digits"
FAMILY = DIGITS / "tiny" / "family.toml"
HOW = ("--family", FAMILY, "--images", "digits:0.3", "--scheme", DIGITS / "tiny" / "quick.toml")
# settings for so few evaluations
ALGORITHMS = {
    "random_search": RandomSearch(),
    "regularized_evolution": RegularizedEvolution(population=8, sample=4),
    "reinforce": Reinforce(learning_rate=0.3),
}
SETTINGS = {
    "random_search": (),
    "regularized_evolution": ("population=8", "sample=4"),
    "reinforce": ("learning_rate=0.3",),
}


def main() -> None:
    """Collect, fit, search, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder for stores")
    parser.add_argument("--number", type=int, default=50, help="networks of the surrogate")
    parser.add_argument("--budget", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=1, help="true runs of each algorithm")
    parser.add_argument("--runs", type=int, default=200, help="simulated runs of each algorithm")
    options = parser.parse_args()
    work, budget = options.work, options.budget
    work.mkdir(parents=True, exist_ok=True)
    collected = work / "collected.parquet"
    common = ("--resolution", 8, "--workers", 0)
    run(app, "collect", work / "collected.db", *HOW, *common, "--number", options.number)
    run(app, "export", work / "collected.db", collected)
    space, settings = ("--space", FAMILY), ("--settings", DIGITS / "tiny" / "fit.toml")
    run(accelnas_app, "fit", collected, *space, *settings, "--split", "random", "--output", work / "bench")
    histories = {}
    for name in ALGORITHMS:
        for seed in range(options.seeds):
            out = work / f"{name}-{seed}"
            given = [part for text in SETTINGS[name] for part in ("--set", text)]
            store = ("--store", work / "searched.db", "--output", out)
            run(app, "search", name, "accuracy", *HOW, *common, "--budget", budget, "--seed", seed, *given, *store)
            histories[name, seed] = pl.read_parquet(out / "history.parquet")
    command = (
        f"python bench/search.py --work WORK -o {options.output} --number {options.number} --budget {budget} "
        f"--seeds {options.seeds} --runs {options.runs}"
    )
    compare(options, pl.read_parquet(collected), histories, accelnas.load(work / "bench"), command)


def run(command_line: Any, *words: object) -> None:
    """Run a command in this process."""
    print("$", shlex.join(map(str, words)), flush=True)
    code = command_line([str(word) for word in words], standalone_mode=False)
    if code:
        raise SystemExit(code)


def compare(options: Any, collected: pl.DataFrame, histories: Any, bench: Any, command: str) -> None:
    """Write the figure, the evaluations and the report."""
    simulated = bench.simulate(ALGORITHMS, "accuracy", runs=options.runs, budget=options.budget, seed=0)
    every = np.arange(1, options.budget + 1)
    curves = {name: runs.curve(at=every) for name, runs in simulated.items()}
    rows = [
        history.with_columns(
            pl.lit(name).alias("algorithm"),
            pl.lit(seed).alias("seed"),
            predicted=bench.predict(bench.space.parse(history["architecture"].to_list()), "accuracy", dtype="float64"),
        )
        for (name, seed), history in histories.items()
    ]
    evaluations = pl.concat(rows, how="diagonal_relaxed")
    known = bench.space.format(bench.space.encode(Frame(collected, ignore_others=True)))
    new = evaluations.filter(pl.col("accuracy").is_not_null() & ~pl.col("architecture").is_in(known)).unique(
        "architecture", maintain_order=True
    )
    files = {
        "evaluations.parquet": evaluations.write_parquet,
        "trajectories.png": lambda path: draw(path, every, histories, curves, "png"),
        "trajectories.svg": lambda path: draw(path, every, histories, curves, "svg"),
        "report.md": report(
            options, collected, histories, curves, new, float(bench.best("accuracy").values[0]), command
        ),
    }
    write_files(options.output, files)


def draw(path: Path, every: Any, histories: Any, curves: Any, form: Any) -> None:
    """Draw true trajectories on the left, simulated ones on the right."""
    with drawing() as figure_class:
        figure = figure_class(figsize=(6.8, 2.9), layout="constrained")
        true, simulated = figure.subplots(1, 2, sharex=True, sharey=True)
        handles = {}
        for number, name in enumerate(ALGORITHMS):
            colour = f"C{number}"
            own = np.array([history["best"].to_numpy() for (key, _), history in histories.items() if key == name])
            for line in own if len(own) > 1 else ():
                true.plot(every, line, color=colour, linewidth=0.6, alpha=0.5)
            (handles[name.replace("_", " ")],) = true.plot(every, own.mean(axis=0), color=colour, linewidth=1.4)
            low, high = np.quantile(curves[name], [0.05, 0.95], axis=0)
            simulated.plot(every, curves[name].mean(axis=0), color=colour, linewidth=1.4)
            simulated.fill_between(every, low, high, color=colour, alpha=0.15, linewidth=0)
        true.set(title="true: every network is trained", ylabel="best accuracy so far [%]", xlabel="evaluations")
        simulated.set(title=f"simulated: {len(curves['reinforce'])} runs, 5 to 95 %", xlabel="evaluations")
        legend(true, handles, loc="lower right")
        save(figure, path, form)


def report(options: Any, collected: Any, histories: Any, curves: Any, new: Any, optimum: float, command: str) -> str:
    """Write the report."""
    at = sorted({options.budget // 3, 2 * options.budget // 3, options.budget})
    rows, top = [], max(float(history["best"].max()) for history in histories.values())
    for name in ALGORITHMS:
        own = np.array([history["best"].to_numpy() for (key, _), history in histories.items() if key == name])
        for kind, best in (("true", own), ("simulated", curves[name])):
            missed = (optimum if kind == "simulated" else top) - best[:, -1].mean()
            rows.append([name, kind, len(best), *(float(best[:, n - 1].mean()) for n in at), float(missed)])
    ranks = []
    for name in (None, *ALGORITHMS):
        some = new if name is None else new.filter(pl.col("algorithm") == name)
        values = some["accuracy"].to_numpy(), some["predicted"].to_numpy()
        found = tau(*values), interval_over_models(*values)
        error = float(np.abs(values[0] - values[1]).mean())
        ranks.append([name or "all", len(some), shown_tau(*found), error])
    trained = sum(history.filter(~history["repeated"]).height for history in histories.values())
    seconds = sum(float(history.filter(~history["repeated"])["train_time"].sum()) for history in histories.values())
    spread = collected["accuracy"]
    text = (
        f"The {options.number} networks of the surrogate, drawn uniformly, have {spread.min():.1f} to "
        f"{spread.max():.1f} % (median {spread.median():.1f}). The searches trained {trained} networks in "
        f"{seconds:.0f} s ({seconds / max(trained, 1):.2g} s each, on a machine with other work). Each network is "
        "trained with one seed, the same in the collection and in the searches, so its accuracy is one draw of a noisy "
        "training. A simulated run sees the surrogate's predictions, without noise; the best of these is proven, "
        f"{optimum:.2f} %. What true runs miss at the end is the distance to the best network that any of them trained."
    )
    return joined(
        "# True and simulated searches, on digits",
        circumstances(command),
        text,
        "![trajectories](trajectories.png)",
        "## Best accuracy so far, % (mean of the runs)",
        markdown(["algorithm", "", "runs", *(f"after {n}" for n in at), "missed"], rows, words=2),
        "## How the surrogate ranks what the searches trained",
        "Kendall's τ between its predictions and the true accuracies, of networks that were not collected, each "
        "counted once, for the first that searched it.",
        markdown(["searched by", "networks", "τ", "mean error [points]"], ranks),
        "All evaluations, with predictions, are in `evaluations.parquet`.",
    )


if __name__ == "__main__":
    main()
