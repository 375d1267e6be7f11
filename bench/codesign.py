"""What joining networks with accelerators costs, and proven answers about all pairs.

``python -m bench.codesign`` runs every operation in a process of its own and writes ``results/codesign.json`` and
``results/codesign.md``. Limits are what a quarter of random pairs keeps, each by itself. Seconds are the median over
rounds, by the wall and of all processors; those of questions include preparing tables and bounds, not joining.
"""

from __future__ import annotations

import argparse
import os
import sys
from statistics import median
from typing import Any

from accelnas import _core
from accelnas.reports import markdown as table
from bench.report import answer_of, save

AREAS = {"dpu": "dsp_slices", "eyeriss": "area", "tpu": "area"}
# name: code that gives a result
OPERATIONS = {
    "join, all metrics": "hardware.join(bench, name)",
    "proven optimum, latency limited": "pairs.best('accuracy', subject_to=limits[:1])",
    "proven optimum, latency and energy limited": "pairs.best('accuracy', subject_to=limits[:2])",
    "proven optimum, latency, energy and area limited": "pairs.best('accuracy', subject_to=limits)",
    "count, latency limited": "pairs.count(limits[:1])",
    "count, latency and energy limited": "pairs.count(limits[:2])",
    "rank of a pair by latency": "pairs.rank(sample[:1], 'latency')",
    "front of accuracy and latency": "pairs.pareto_front(['accuracy', 'latency'])",
    "front of accuracy and energy": "pairs.pareto_front(['accuracy', 'energy'])",
}

CHILD = """
import json, resource, sys, time
import numpy as np
import accelnas
from accelnas import hardware
name, area, code = sys.argv[1:]
bench = accelnas.load()
pairs = hardware.join(bench, name, metrics=["accuracy"])
sample = pairs.space.sample(20_000, seed=0)
limits = []
for metric in ("latency", "energy", area):
    values = pairs.predict(sample, metric, dtype="float64")
    limits.append(f"{metric} <= {np.quantile(values, 0.25):.3g}")
pairs.predict(sample[:1], "accuracy")
wall, processor = time.perf_counter(), time.process_time()
result = eval(code)
found = {"seconds": time.perf_counter() - wall, "processor": time.process_time() - processor}
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
found |= {"pairs": pairs.space.size, "limits": limits, "peak_mb": peak}
if hasattr(result, "hypervolume"):
    found["found"] = f"{len(result.architectures):,} points"
elif hasattr(result, "architectures"):
    found["found"] = f"{result.values[0]:.6g}"
elif hasattr(result, "fraction"):
    found["found"] = f"{int(result):,} pairs"
else:
    found["found"] = f"{len(result.metrics)} metrics"
print(json.dumps(found))
"""


def measure(rounds: int, only: str) -> dict[str, dict[str, Any]]:
    """Run all operations in turn, round after round, by accelerator."""
    results: dict[str, dict[str, Any]] = {name: {} for name in AREAS}
    for _ in range(rounds):
        for accelerator, area in AREAS.items():
            for name, code in OPERATIONS.items():
                if only not in f"{accelerator}: {name}":
                    continue
                one = answer_of(CHILD, accelerator, area, code)
                entry = results[accelerator].setdefault(name, {**one, "code": code, "samples": []})
                entry["samples"].append([one["seconds"], one["processor"]])
                entry["peak_mb"] = max(entry["peak_mb"], one["peak_mb"])
                print(f"{accelerator}, {name}: {one['seconds']:.2f} s, {one['peak_mb']:.0f} MB", file=sys.stderr)
    return {accelerator: entries for accelerator, entries in results.items() if entries}


def report(results: dict[str, dict[str, Any]]) -> str:
    """Give the figures as Markdown."""
    texts = []
    for accelerator, entries in results.items():
        first = next(iter(entries.values()))
        rows = [
            [
                name,
                *(f"{median(sample[which] for sample in entry['samples']):.2f}" for which in (0, 1)),
                f"{entry['peak_mb']:.0f}",
                entry["found"],
            ]
            for name, entry in entries.items()
        ]
        text = table(["operation", "seconds", "of all processors", "peak, MB", "found"], rows)
        texts.append(f"## {accelerator}\n\n{first['pairs']:,} pairs; limits: {', '.join(first['limits'])}.\n\n{text}")
    return "\n\n".join(texts)


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(prog="python -m bench.codesign", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", default="", help="operations whose names hold this text; results are printed alone")
    arguments = parser.parse_args()
    results = measure(arguments.rounds, arguments.only)
    text = report(results)
    print(text)
    if not arguments.only:
        machine = f"{_core.processors()} cores, load {os.getloadavg()[0]:.1f} at the end"
        made = f"`python -m bench.codesign --rounds {arguments.rounds}`; {machine}"
        head = "# Networks and accelerators in one space"
        save("codesign", {"machine": machine, "accelerators": results}, f"{head}\n\n{made}\n\n{text}\n")


if __name__ == "__main__":
    main()
