"""Error of the compiled form against a float64 walk of the source trees.

``python -m bench.accuracy`` compiles every workload, predicts random architectures in float32 and
float64, and fails when an error exceeds its bound. Errors are in standard deviations of what the
models are fitted on.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Literal

import numpy as np

from accelnas.reports import markdown as table
from bench.engines import compile_benchmark
from bench.models import CACHE, ROOT, WORKLOADS, Workload, random_architectures
from bench.report import save
from bench.walk import reference

DTYPES: tuple[Literal["float32", "float64"], ...] = ("float32", "float64")
BOUNDS = {"float32": 2e-6, "float64": 1e-12}


def errors(workload: Workload, rows: int) -> dict[str, float]:
    """Largest errors of one workload by dtype; of the standard deviation where it has one."""
    import accelnas

    target = CACHE / "accuracy" / workload.name
    compile_benchmark(workload, workload.files(workload.source), target)
    benchmark = accelnas.load(target)
    archs = random_architectures(rows, seed=2)
    exact = reference(workload, archs)
    result: dict[str, float] = {}
    for dtype in DTYPES:
        values = benchmark.predict(archs, "metric", return_std=workload.members > 1, dtype=dtype)
        mean, std = values if workload.members > 1 else (values, None)
        result[dtype] = workload.error(np.asarray(mean, np.float64), exact["mean"])
        if std is not None:
            result[f"{dtype} std, relative"] = float(np.abs(std / exact["std"] - 1).max())
    return result


def main() -> None:
    """Measure, print a table, write ``accuracy.json``; exit 1 when a bound is exceeded."""
    parser = argparse.ArgumentParser(prog="python -m bench.accuracy", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results")
    given = parser.parse_args()

    results: dict[str, dict[str, float]] = {}
    for name in given.workloads:
        start = time.time()
        results[name] = errors(WORKLOADS[name], given.rows)
        print(f"{name}: {results[name]} ({time.time() - start:.0f} s)", flush=True)
    save("accuracy", {"rows": given.rows, "bounds": BOUNDS, "errors": results}, folder=given.out)
    columns = list(dict.fromkeys(kind for kinds in results.values() for kind in kinds))
    rows = [[name, *[f"{kinds[c]:.1e}" if c in kinds else "–" for c in columns]] for name, kinds in results.items()]
    rows.append(["bound", *[f"{BOUNDS[c]:.0e}" if c in BOUNDS else "–" for c in columns]])
    print(table([f"largest error on {given.rows:,} architectures", *columns], rows))
    exceeded = [
        f"{name}: {kinds[dtype]:.2e} in {dtype}, more than {bound:.0e}"
        for name, kinds in results.items()
        for dtype, bound in BOUNDS.items()
        if kinds[dtype] > bound
    ]
    if exceeded:
        sys.exit("\n".join(exceeded))


if __name__ == "__main__":
    main()
