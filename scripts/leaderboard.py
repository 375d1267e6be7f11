"""Prove the leaderboard's tasks anew, and make the entries of its folder that are missing or of other tasks.

Usage: python scripts/leaderboard.py prove [--unreleased]
       python scripts/leaderboard.py record [ALGORITHM ...]

A task whose numbers would change is refused, as that would be another version of it; --unreleased writes it all the
same, for tasks that no release has yet.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from accelnas.errors import AccelnasError
from accelnas.files import write_text
from accelnas.leaderboard import LeaderboardTask, Record, record, tasks
from accelnas.leaderboard.task import FOLDER, prove, read_task

ENTRIES = Path(__file__).parents[1] / "leaderboard"
ONE = ("random_search", "local_search", "regularized_evolution", "simulated_annealing")
UNCONSTRAINED = ("reinforce",)
SEVERAL = ("random_search", "nsga2", "nsga3", "moead")
NOISY = ("successive_halving",)
ADAPTED = ("pymoo_nsga2", "optuna_nsga2")  # where constraints and noise leave them as they are meant
QUICK = ("optuna_tpe",)  # where a run takes seconds, not minutes


def entered(task: LeaderboardTask) -> list[str]:
    """Name the algorithms of a task.

    Examples
    --------
    >>> entered(tasks()["accel-nasbench/accuracy-noisy@1"])[-1]
    'reinforce'
    """
    several, small = len(task.objectives) > 1, task.budget <= 150
    native = [*(SEVERAL if several else ONE), *(NOISY if task.noise else ())]
    native += UNCONSTRAINED if not several and not task.constraints else ()
    adapted = () if task.noise or task.constraints else ADAPTED
    return [*native, *adapted, *(QUICK if small and not several else ())]


def prove_tasks(unreleased: bool) -> None:
    """Prove every task and write its file anew."""
    for path in sorted(FOLDER.glob("*/*.toml")):
        task, started = read_task(path), time.perf_counter()
        try:
            proven = prove(task)
        except AccelnasError as error:
            sys.exit(f"{path}: {error}")
        if task.proof is not None and proven.proof != task.proof and not unreleased:
            sys.exit(f"{task} was {task.proof}, now it is {proven.proof}; give it another version, or --unreleased")
        write_text(path, proven.to_toml())
        state = "unchanged" if proven == task else "written"
        print(f"{task}: {proven.best:.10g}, {state}, {time.perf_counter() - started:.1f} s", flush=True)


def make_entries(wanted: list[str]) -> None:
    """Make entries that are missing, or of another form of their task."""
    for task in tasks().values():
        for name in entered(task):
            path, started = ENTRIES / str(task) / f"{name}.json", time.perf_counter()
            if (wanted and name not in wanted) or _is_there(path):
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            record(task, name).save(path)
            print(f"{path.relative_to(ENTRIES)}: {time.perf_counter() - started:.1f} s", flush=True)


def _is_there(path: Path) -> bool:
    try:
        Record.load(path)
    except AccelnasError:
        return False
    return True


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["prove"]:
            prove_tasks(unreleased=False)
        case ["prove", "--unreleased"]:
            prove_tasks(unreleased=True)
        case ["record", *names]:
            make_entries(names)
        case _:
            sys.exit(__doc__)
