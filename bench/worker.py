"""One engine, one workload, one thread count in a process of its own.

``python -m bench.worker prepare|measure ENGINE WORKLOAD THREADS ROWS``; commands come as lines of
JSON on stdin, answers go as lines of JSON to stdout.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.engines import ENGINES, Engine, Predict
from bench.models import WORKLOADS, part, quality, random_architectures
from bench.walk import REFERENCE_ROWS, REFERENCE_SEED, reference_file

if TYPE_CHECKING:
    from collections.abc import Callable


def status(field: str) -> int:
    """Read a size that the kernel reports of this process, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise LookupError(f"/proc/self/status has no {field}")


def compile_once(engine: Engine) -> dict[str, float]:
    """Compile ahead of time, unless it is done; give the seconds of each stage, noted when it was."""
    done = engine.target.with_suffix(".json")
    if not done.exists() or engine.name == "accelnas":  # accelnas is quick, and changes often
        engine.start()
        engine.target.mkdir(parents=True, exist_ok=True)
        done.write_text(json.dumps(engine.compile()))
    seconds: dict[str, float] = json.loads(done.read_text())
    return seconds


def time_call(call: Callable[[], Any], seconds: float) -> dict[str, float]:
    """Take the median time of warm calls that take ``seconds`` in all; at least one."""
    start = perf_counter()
    call()
    first = perf_counter() - start
    if first > seconds:  # long calls warm up by themselves
        return {"seconds": first, "calls": 1}
    times: list[float] = []
    while sum(times) < seconds:
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return {"seconds": median(times), "calls": len(times)}


def check(engine: Engine, predict: Predict) -> dict[str, Any]:
    """Measure the quality on the test part, and on the same trees the error against the float64 walk."""
    workload = engine.workload

    def mean(archs: np.ndarray) -> np.ndarray:
        values = predict(engine.rows(archs))
        values = np.ravel(values[0] if workload.members > 1 else values).astype(np.float64)
        return values if engine.applies_link else workload.metric_values(values)

    result: dict[str, Any] = quality(workload, mean(part("test", workload.metric)[0]))
    if engine.family == workload.source:
        reference = np.load(reference_file(workload))["mean"]
        archs = random_architectures(REFERENCE_ROWS, REFERENCE_SEED)
        result["error_sd"] = workload.error(mean(archs), reference)
    return result


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print on stdout goes to the log

    def answer(**fields: Any) -> None:
        print(json.dumps(fields), file=answers, flush=True)

    mode, name, workload_name, threads, most_rows = sys.argv[1:]
    engine = ENGINES[name](WORKLOADS[workload_name], int(threads))
    if mode == "measure":
        # so that no engine can use more cores than it says
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-engine.threads :])
    print("models:", *engine.models)  # fitted where they are missing
    if mode == "prepare":
        answer(compile=compile_once(engine) if engine.compiles else {})
        return

    archs = random_architectures(int(most_rows))
    inputs = {rows: engine.rows(archs[:rows]) for rows in {1, 1000, len(archs)}}
    gc.collect()
    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far

    start = perf_counter()
    engine.start()
    imported = perf_counter()
    predict = engine.load()
    loaded = perf_counter()
    predict(inputs[1])
    first = perf_counter()
    predict(inputs[len(archs)])
    answer(
        version=engine.version(),
        family=engine.family,
        import_s=imported - start,
        load_s=loaded - imported,
        first_s=first - loaded,
        memory=status("VmHWM") - before,
    )
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "check":
            answer(**check(engine, predict))
        else:
            answer(**time_call(partial(predict, inputs[command["rows"]]), command["seconds"]))


if __name__ == "__main__":
    main()
