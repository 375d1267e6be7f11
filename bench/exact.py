"""What the exact operations cost over the whole space, and what they find.

``python -m bench.exact`` runs every operation in a process of its own, so that its peak memory is known,
and writes ``results/exact.json`` and ``results/exact.md``. Seconds are the median over rounds; they
include preparing tables and bounds, but not reading the metrics' files.
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

DEVICES = (
    "throughput_a100",
    "throughput_3090",
    "throughput_tpuv2",
    "throughput_tpuv3",
    "throughput_zcu102",
    "throughput_vck190",
    "latency_zcu102",
    "latency_vck190",
)
LIMITS = '["latency_zcu102 <= 5", "throughput_a100 >= 8000"]'

# name: (code that gives a result, most seconds that are aimed at)
OPERATIONS: dict[str, tuple[str, float | None]] = {
    "every architecture evaluated, accuracy": ('bench.best("accuracy", options=RunOptions("scan"))', 5),
    "every architecture evaluated, throughput_a100": ('bench.best("throughput_a100", options=RunOptions("scan"))', 3),
    "every architecture evaluated, throughput_tpuv2": ('bench.best("throughput_tpuv2", options=RunOptions("scan"))', 3),
    "proven optimum, accuracy": ('bench.best("accuracy")', 0.1),
    "proven optimum, throughput_a100": ('bench.best("throughput_a100")', 0.1),
    "the 100 best, accuracy": ('bench.best("accuracy", k=100)', None),
    "proven optimum under two constraints": (f'bench.best("accuracy", subject_to={LIMITS})', 3),
    "count, accuracy >= 65": ('bench.count("accuracy >= 65")', None),
    "count, accuracy >= 65 and latency_zcu102 <= 5": ('bench.count(["accuracy >= 65", "latency_zcu102 <= 5"])', None),
    "rank of EfficientNet-B0, accuracy": ('bench.rank(B0, "accuracy")', None),
    "histogram of 4,096 bins, accuracy": ('bench.distribution("accuracy")', 40),
    "histogram of 4,096 bins, throughput_a100": ('bench.distribution("throughput_a100")', 40),
    **{f"front of accuracy and {m}": (f'bench.pareto_front(["accuracy", "{m}"])', 5) for m in DEVICES},
    "front of accuracy, latency_zcu102 and macs, accuracy >= 66": (
        'bench.pareto_front(["accuracy", "latency_zcu102", "macs"], subject_to="accuracy >= 66")',
        None,
    ),
}

CHILD = """
import json, resource, sys, time
from accelnas import _core
import accelnas
from accelnas.exact import RunOptions
bench = accelnas.load()
B0 = "e1_k3_l1_se1-e6_k3_l2_se1-e6_k5_l2_se1-e6_k3_l3_se1-e6_k5_l3_se1-e6_k5_l4_se1-e6_k3_l1_se1"
code = sys.argv[1]
for name in bench.metrics:
    if name in code:
        bench.predict(B0, name)
start = time.perf_counter()
result = eval(code)
seconds = time.perf_counter() - start
found = {}
if hasattr(result, "rank"):
    found = {"rank": int(result.rank)}
elif hasattr(result, "architectures"):
    found = {"architectures": len(result.architectures), "values": result.values.tolist()[:1]}
if hasattr(result, "hypervolume"):
    found |= {"last": result.values.tolist()[-1], "hypervolume": result.hypervolume()}
if hasattr(result, "count"):
    found = {"count": int(result.count)}
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
counts = result.certificate.counts
print(json.dumps({"seconds": seconds, "peak_mb": peak, "evaluated": counts.evaluated, **found}))
"""


def measure(rounds: int, only: str) -> dict[str, Any]:
    """Run all operations in turn, round after round."""
    results: dict[str, Any] = {}
    for number in range(rounds):
        for name, (code, aim) in OPERATIONS.items():
            if only not in name or (number and "histogram" in name):
                continue
            one = answer_of(CHILD, code)
            entry = results.setdefault(name, {**one, "code": code, "aim": aim, "samples": []})
            entry["samples"].append(one["seconds"])
            entry["peak_mb"] = max(entry["peak_mb"], one["peak_mb"])
            print(f"{name}: {one['seconds']:.3f} s, {one['peak_mb']:.0f} MB", file=sys.stderr, flush=True)
    return results


def describe(entry: dict[str, Any]) -> str:
    """Say what an operation found."""
    if "count" in entry:
        return f"{entry['count']:,}"
    if "rank" in entry:
        return f"rank {entry['rank']:,}"
    if "hypervolume" in entry:
        return f"{entry['architectures']:,} points"
    if entry.get("values"):
        return f"{entry['values'][0]:.6g}"
    return ""


def report(results: dict[str, Any]) -> str:
    """Give the figures as Markdown."""
    rows = [
        [
            name,
            f"{median(entry['samples']):.2f}",
            "" if entry["aim"] is None else f"{entry['aim']:g}",
            f"{entry['evaluated'] / 104_485_552_128:.2g}",
            f"{entry['peak_mb']:.0f}",
            describe(entry),
        ]
        for name, entry in results.items()
    ]
    return table(["operation", "seconds", "aim", "share evaluated", "peak, MB", "found"], rows)


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(prog="python -m bench.exact", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="operations whose names hold this text; results are printed alone")
    arguments = parser.parse_args()
    results = measure(arguments.rounds, arguments.only)
    text = report(results)
    print(text)
    if not arguments.only:
        machine = f"{_core.processors()} cores, load {os.getloadavg()[0]:.1f} at the end"
        made = f"`python -m bench.exact --rounds {arguments.rounds}`; {machine}"
        save("exact", {"machine": machine, "operations": results}, f"{made}\n\n{text}\n")


if __name__ == "__main__":
    main()
