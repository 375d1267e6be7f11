"""One search, timed in a process of its own: ``python -m bench.search_worker NAME THREADS SEED``.

Also ``regrets`` and ``fronts`` of `bench.search_quality`. The answer is a line of JSON on stdout.
"""

from __future__ import annotations

import json
import os
import sys
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

import accelnas
from bench.search_load import busy_seconds
from bench.search_native import NATIVE
from bench.search_peers import PEERS
from bench.search_quality import fronts, regrets

if TYPE_CHECKING:
    from collections.abc import Callable

WARM_UP = 300  # evaluations of a peer before it is timed, so that imports and caches are done with


def timed(call: Callable[[], Any]) -> tuple[dict[str, float], Any]:
    """Time a call, and say how many cores were busy with something else in the meantime."""
    start, cpu, busy = perf_counter(), process_time(), busy_seconds()
    result = call()
    seconds, cpu, busy = perf_counter() - start, process_time() - cpu, busy_seconds() - busy
    return {"seconds": seconds, "cpu": cpu, "others": max(0.0, (busy - cpu) / seconds)}, result


def native(name: str, bench: accelnas.Benchmark, threads: int, seed: int) -> dict[str, Any]:
    """Time a search of ours."""
    search = NATIVE[name]
    search.run(bench, threads, seed + 1, part=0.01)
    sample, evaluations = timed(lambda: search.run(bench, threads, seed))
    return sample | {"evaluations": evaluations}


def peer(name: str, bench: accelnas.Benchmark, seed: int) -> dict[str, Any]:
    """Time a search of another library; evaluations are those that it asked for."""
    search = PEERS[name]
    version = search.version()
    search.run(search.objective(bench, search.metrics), min(WARM_UP, search.budget // 3), seed + 1)
    costs = search.objective(bench, search.metrics)
    sample, _ = timed(lambda: search.run(costs, search.budget, seed))
    return sample | {"evaluations": costs.evaluations, "version": version}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print on stdout goes to the log
    name, threads, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    bench = accelnas.load(NATIVE[name].benchmark if name in NATIVE else "accel-nasbench")
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
