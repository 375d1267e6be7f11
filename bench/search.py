"""The speed of our searches and of those of others: ``python -m bench.search``.

Writes ``results/search.md``, and all figures as measured to ``.cache/search.json``. Every search runs in a process
of its own (`bench.search_worker`); the processes take turns, round by round.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from typing import Any

from accelnas.reports import write_files
from bench.models import CACHE, ROOT
from bench.peers import machine, say
from bench.search_load import Patience, is_free
from bench.search_native import NATIVE
from bench.search_peers import PEERS
from bench.search_report import markdown, rate

FIGURES = CACHE / "search.json"
SECONDS = 600  # after which a search is given up


class WorkerError(Exception):
    """The reason why a search has no figures."""


def work(name: str, threads: int, seed: int) -> dict[str, Any]:
    """Have one search timed in a new process; raise WorkerError with the log's last line."""
    log = CACHE / "logs" / f"search-{name.replace(' ', '-')}-{threads}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    # libraries of linear algebra would otherwise take the second core
    limits = {f"{library}_NUM_THREADS": str(threads) for library in ("OMP", "OPENBLAS", "MKL")}
    command = [sys.executable, "-m", "bench.search_worker", name, str(threads), str(seed)]
    with log.open("w") as errors:
        try:
            done = subprocess.run(
                command,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=ROOT,
                env=os.environ | limits,
                check=False,
                timeout=SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise WorkerError(f"no answer within {SECONDS} s") from None
    if done.returncode:
        lines = log.read_text().strip().splitlines() or ["no message"]
        raise WorkerError(f"{lines[-1][:200]} (exit status {done.returncode})")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def measure(seed: int, only: str, patience: Patience, results: dict[str, Any]) -> None:
    """Run all searches in turn, at quiet moments as long as patience lasts."""
    turns = [(name, threads) for name, search in NATIVE.items() for threads in search.threads]
    turns += [(name, 1) for name in PEERS]
    samples, failed = results["samples"], results["failed"]
    for name, threads in turns:
        if only not in name or name in failed:
            continue
        key = f"{name}/{threads}" if name in NATIVE else name
        patience.wait(threads)
        try:
            sample = work(name, threads, seed) | {"threads": threads}
        except WorkerError as reason:
            failed[name] = str(reason)
            samples.pop(key, None)
            say(f"{name} fails: {reason}")
            continue
        samples.setdefault(key, []).append(sample)
        noisy = "" if is_free(sample["others"], threads) else f", {sample['others']:.1f} cores busy with something else"
        say(f"round {seed}: {key}: {sample['seconds']:.2f} s, {rate(sample):,.0f} evaluations/s{noisy}")


def compare(only: str, results: dict[str, Any]) -> None:
    """See that no search finds less; how busy the machine is does not matter."""
    for name in ("regrets", "fronts"):
        if only in name:
            say(name)
            try:
                results[name] = work(name, 1, 0)
            except WorkerError as reason:
                results["failed"][name] = str(reason)
                say(f"{name} fails: {reason}")


def save(results: dict[str, Any]) -> None:
    """Write the figures and the tables."""
    write_files(FIGURES.parent, {FIGURES.name: json.dumps(results, indent=1) + "\n"})
    write_files(ROOT / "bench" / "results", {"search.md": markdown(results)})


def main() -> None:
    """Parse the command line, measure, write the results."""
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--patience", type=float, default=300, help="seconds to wait for quiet moments, in all")
    parser.add_argument("--only", default="", help="searches whose names hold this text; results are printed alone")
    parser.add_argument("--again", action="store_true", help="write the tables of the last run again")
    given = parser.parse_args()
    if given.again:
        save(json.loads(FIGURES.read_text()))
        return
    results: dict[str, Any] = {
        "command": " ".join(["python -m bench.search", *sys.argv[1:]]),
        "machine": machine(),
        "rounds": given.rounds,
        "samples": {},
        "failed": {},
    }
    compare(given.only, results)
    for seed in range(1, given.rounds + 1):
        measure(seed, given.only, Patience(given.patience / given.rounds), results)
        results["done"] = seed
        results["machine"]["load_after"] = os.getloadavg()[0]
        if not given.only:  # written after every round, so that an interrupted run leaves what it has
            save(results)
    print(markdown(results))


if __name__ == "__main__":
    main()
