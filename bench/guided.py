"""True regret of searches with and without a model: ``python -m bench.guided``.

Runs are kept in ``results/guided.json`` as they end, and the same command goes on from there, for at most ``--seconds``
at a time; ``results/guided.md`` has the tables. What a run finds depends on its seed alone, so a busy machine changes
no regret.
"""

from __future__ import annotations

import argparse
import json
import sys
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

import accelnas
from accelnas.reports import write_files
from bench.guided_report import markdown
from bench.guided_searchers import AT, NATIVE, SEARCHERS, TASKS, Searcher
from bench.models import ROOT
from bench.peers import machine, say

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = ROOT / "bench" / "results"
NAME = "guided.json"
RUNS = 200  # of searches without a model


def turns(only: str, of: str) -> Iterator[tuple[int, str, str, Searcher]]:
    """Give all runs, the same seed of every searcher before the next one."""
    for seed in range(max(sum(searcher.runs) for searcher in SEARCHERS.values())):
        for name, searcher in SEARCHERS.items():
            if searcher.budget(seed) and only in name:
                tasks = [task for task in TASKS if of in task and not (searcher.small and TASKS[task].large)]
                yield from ((seed, task, name, searcher) for task in tasks)


def run(bench: accelnas.Benchmark, metric: str, searcher: Searcher, seed: int) -> dict[str, Any]:
    """Make one run; give its regrets and its processor time."""
    budget = searcher.budget(seed)
    start = process_time()
    history = bench.search(searcher.make(bench), metric, budget=budget, seed=seed, threads=1)
    cpu = process_time() - start
    regrets = [round(float(history.regret()[at - 1]), 6) for at in AT if at <= budget]
    return {"regrets": regrets, "cpu": round(cpu, 3), "evaluations": budget}


def native(results: dict[str, Any], benches: dict[str, accelnas.Benchmark]) -> None:
    """Make the runs of searches without a model, which take a moment."""
    for task in TASKS:
        for name in NATIVE:
            if name in results["runs"].setdefault(task, {}):
                continue
            runs = benches[task].simulate(name, TASKS[task].metric, runs=RUNS, budget=AT[-1], seed=0, threads=1)
            found = runs.regret(list(AT)).round(6).tolist()
            results["runs"][task][name] = {str(seed): {"regrets": regrets} for seed, regrets in enumerate(found)}


def save(results: dict[str, Any]) -> None:
    """Write the runs and the tables."""
    write_files(FOLDER, {NAME: json.dumps(results, indent=None) + "\n", "guided.md": markdown(results)})


def main() -> None:
    """Parse the command line, go on with the runs, write the results."""
    parser = argparse.ArgumentParser(prog="python -m bench.guided", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600, help="after which no further run begins")
    parser.add_argument("--only", default="", help="searchers whose names hold this text")
    parser.add_argument("--task", default="", help=f"tasks whose names hold this text: {', '.join(TASKS)}")
    parser.add_argument("--again", action="store_true", help="write the tables again")
    given = parser.parse_args()
    kept = FOLDER / NAME
    results: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {"runs": {}, "versions": {}}
    if given.again:
        save(results)
        return
    results |= {"command": " ".join(["python -m bench.guided", *sys.argv[1:]]), "machine": machine()}
    benches = {name: accelnas.load(task.benchmark) for name, task in TASKS.items()}
    begun, failed = perf_counter(), set[str]()
    native(results, benches)
    for seed, task, name, searcher in turns(given.only, given.task):
        runs = results["runs"][task].setdefault(name, {})
        if str(seed) in runs or name in failed:
            continue
        if perf_counter() - begun > given.seconds:
            break
        try:
            runs[str(seed)] = run(benches[task], TASKS[task].metric, searcher, seed)
            results["versions"][name] = searcher.version()
        except (ImportError, accelnas.errors.MissingExtraError) as reason:
            failed.add(name)
            say(f"{name} is left out: {reason}")
            continue
        say(f"seed {seed}, {task}, {name}: {runs[str(seed)]}")
        save(results)
    save(results)


if __name__ == "__main__":
    main()
