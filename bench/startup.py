"""What a user waits for: import, the first prediction of a new process, a warm single query.

``python -m bench.startup`` starts new processes, so the operating system's file cache is warm but
nothing of Python is. It also checks that a query imports nothing but NumPy.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from accelnas.reports import markdown as table
from bench.models import ROOT
from bench.report import answer_of, save

CHILD = """
import json, sys, time
born, path, metric = float(sys.argv[1]), sys.argv[2], sys.argv[3]
start = time.perf_counter()
import numpy
after_numpy = time.perf_counter()
before = set(sys.modules)
import accelnas
imported = time.perf_counter()
bench = accelnas.load(*[path] if path else [])
loaded = time.perf_counter()
metric = metric or next(iter(bench.metrics))
arch = "e1_k3_l1_se1-e6_k3_l2_se1-e6_k5_l2_se1-e6_k3_l3_se1-e6_k5_l3_se1-e6_k5_l4_se1-e6_k3_l1_se1"
value = bench.predict(arch, metric)
predicted, since_birth = time.perf_counter(), time.time() - born
others = {name.partition(".")[0] for name in set(sys.modules) - before
          if "site-packages" in (getattr(sys.modules[name], "__file__", None) or "")}
row = bench.space.encode(arch).reshape(-1)
forms = {"choice indices": row, "text": arch, "dictionary": bench.space.decode(row)[0]}

def warm(call):
    times = []
    for _ in range(3000):
        called = time.perf_counter()
        call()
        times.append(time.perf_counter() - called)
    return 1e6 * sorted(times)[len(times) // 2]

print(json.dumps({
    "import, ms": 1e3 * (imported - start),
    "import without NumPy's part, ms": 1e3 * (imported - after_numpy),
    "load, ms": 1e3 * (loaded - imported),
    "first prediction after loading, ms": 1e3 * (predicted - loaded),
    "new process to first prediction, ms": 1e3 * since_birth,
    **{f"warm query, {name}, µs": warm(lambda arch=arch: bench.predict(arch, metric))
       for name, arch in forms.items()},
    "warm query, mean and std, µs": warm(lambda: bench.predict(row, metric, return_std=True)),
    "others": sorted(others - {"accelnas", "numpy"}),
}))
"""
AIMS = {
    "import, ms": 100.0,
    "new process to first prediction, ms": 300.0,
    "warm query, choice indices, µs": 20.0,
}


def run(benchmark: str, metric: str) -> dict[str, Any]:
    """One new process, told when it was born."""
    return answer_of(CHILD, str(time.time()), benchmark, metric)


def main() -> None:
    """Measure, print a table, write ``startup.json``."""
    parser = argparse.ArgumentParser(prog="python -m bench.startup", description=__doc__)
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--benchmark", default="", help="directory; default: the bundled one")
    parser.add_argument("--metric", default="", help="default: the benchmark's first")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results")
    given = parser.parse_args()

    run(given.benchmark, given.metric)  # fills the operating system's cache
    runs = [run(given.benchmark, given.metric) for _ in range(given.repeats)]
    others = sorted({name for one in runs for name in one.pop("others")})
    figures = {
        name: {"min": min(one[name] for one in runs), "median": median(one[name] for one in runs)} for name in runs[0]
    }
    results = {"repeats": given.repeats, "imports besides NumPy": others, "figures": figures}
    save("startup", results, folder=given.out)
    rows = [
        [name, f"{f['min']:.1f}", f"{f['median']:.1f}", f"{AIMS[name]:.0f}" if name in AIMS else ""]
        for name, f in figures.items()
    ]
    print(table(["", "min", "median", "aim"], rows))
    if others:
        sys.exit(f"a query imports more than NumPy: {', '.join(others)}")


if __name__ == "__main__":
    main()
