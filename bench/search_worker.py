"""One search, timed in a process of its own: ``python -m bench.search_worker NAME THREADS SEED``.

Also ``regrets`` and ``fronts`` of `bench.search_quality`. The answer is a line of JSON on stdout.
"""

from __future__ import annotations

import json
import os
import sys
from time import perf_counter, process_time
from typing import Any

import accelnas
from bench.search_native import NATIVE
from bench.search_peers import PEERS
from bench.search_quality import fronts, regrets

WARM_UP = 300  # evaluations of a peer before it is timed, so that imports and caches are done with


def native(name: str, bench: accelnas.Benchmark, threads: int, seed: int) -> dict[str, Any]:
    """Time a search of ours."""
    search = NATIVE[name]
    search.run(bench, threads, seed + 1, part=0.01)
    start, cpu = perf_counter(), process_time()
    evaluations = search.run(bench, threads, seed)
    return {"seconds": perf_counter() - start, "cpu": process_time() - cpu, "evaluations": evaluations}


def peer(name: str, bench: accelnas.Benchmark, seed: int) -> dict[str, Any]:
    """Time a search of another library; evaluations are those that it asked for."""
    search = PEERS[name]
    version = search.version()
    search.run(search.objective(bench, search.metrics), min(WARM_UP, search.budget // 3), seed + 1)
    costs = search.objective(bench, search.metrics)
    start, cpu = perf_counter(), process_time()
    search.run(costs, search.budget, seed)
    seconds, used = perf_counter() - start, process_time() - cpu
    return {"seconds": seconds, "cpu": used, "evaluations": costs.evaluations, "version": version}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print on stdout goes to the log
    name, threads, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    bench = accelnas.load()
    if name == "regrets":
        answer = regrets(bench)
    elif name == "fronts":
        answer = fronts(bench)
    else:
        search = NATIVE.get(name) or PEERS[name]
        bench.predict(bench.space.sample(1000, seed=0), list(search.metrics))  # expands the tables
        answer = native(name, bench, threads, seed) if name in NATIVE else peer(name, bench, seed)
    print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
