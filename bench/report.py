"""The results of a comparison as Markdown tables, with the ratios that matter; what all measurements write."""

from __future__ import annotations

import json
import subprocess
import sys
from math import floor, log10
from statistics import median
from typing import TYPE_CHECKING, Any

from accelnas.reports import markdown as table
from accelnas.reports import write_files
from bench.models import ROOT

if TYPE_CHECKING:
    from pathlib import Path

Results = dict[str, Any]
OURS = "accelnas"
# workload, what is compared, aim: architectures a second, or times as fast as the peer
AIMS = [
    ("accuracy", "speed", 80e6),
    ("time", "speed", 300e6),
    ("ensemble", "speed", 15e6),
    ("accuracy", "same trees", 1000),
    ("accuracy", "catboost", 50),
    ("time", "catboost", 250),
    ("accuracy", "compile", 0.1),
]


def measured(engines: Results) -> Results:
    """Keep the engines that have figures."""
    return {name: engine for name, engine in engines.items() if "failed" not in engine}


def seconds(engine: Results, threads: str, size: str) -> float:
    """Give the median time of one row in a batch, in seconds."""
    return float(median(engine["samples"][threads][size]))


def best(engine: Results, size: str) -> float:
    """Give the time of one row at the better thread count: a single row is slower on two."""
    return min(seconds(engine, threads, size) for threads in engine["samples"])


def ratio(engines: Results, peer: str, threads: str, size: str = "batch") -> float:
    """Say how many times as fast accelnas is: the median of the ratios within each round."""
    ours, theirs = (engines[name]["samples"][threads][size] for name in (OURS, peer))
    return float(median(b / a for a, b in zip(ours, theirs, strict=True)))


def fastest_on_same_trees(engines: Results, threads: str) -> str | None:
    """Find the fastest peer that runs the trees that accelnas compiled."""
    peers = {name: peer for name, peer in engines.items() if name != OURS and peer["same_trees"]}
    return min(peers, key=lambda name: seconds(peers[name], threads, "batch"), default=None)


def aims(results: Results) -> list[tuple[str, str, str]]:
    """List what is aimed at, what was measured, and the aim, where it was measured."""
    rows = []
    for workload, kind, aim in AIMS:
        engines = measured(results["workloads"].get(workload, {}).get("engines", {}))
        if OURS not in engines:
            continue
        threads = max(engines[OURS]["samples"])
        if kind == "speed":
            value, unit = 1e-6 / best(engines[OURS], "batch"), "M architectures/s"
            rows.append((f"{workload}: speed", f"{value:.0f} {unit}", f"{aim / 1e6:.0f} {unit}"))
        elif kind == "compile":
            stages = engines[OURS]["compile"]
            value = 1e3 * (stages["import"] + stages["lower"])
            rows.append((f"{workload}: compile", f"{value:.0f} ms", f"{1e3 * aim:.0f} ms"))
        else:
            peer = fastest_on_same_trees(engines, threads) if kind == "same trees" else kind
            if peer in engines:
                what = f"{workload}: against {engines[peer]['title']}" + (
                    ", the fastest on the same trees" if kind == "same trees" else ""
                )
                rows.append((what, f"{number(ratio(engines, peer, threads))} ×", f"{aim:,.0f} ×"))
    return rows


def number(value: float) -> str:
    """Write three significant digits without an exponent."""
    digits = 2 - floor(log10(value)) if value > 0 else 0
    return f"{value:,.{max(digits, 0)}f}"


def speed_table(engines: Results) -> str:
    """Tabulate the times of a row by batch size and thread count."""
    counts = list(next(iter(engines.values()))["samples"])
    header = ["engine", "trees", "one row, µs"]
    for size in ("1,000 rows", "large batch"):
        header += [f"{size}, {count} thread{'s' * (count != '1')}, µs/row" for count in counts]
    header += ["rows of the large batch", *[f"accelnas is faster, {count} th." for count in counts]]
    rows = []
    for name, engine in sorted(engines.items(), key=lambda item: best(item[1], "batch")):
        trees = "same" if engine["same_trees"] else "own"
        row = [engine["title"], trees, number(1e6 * best(engine, "1"))]
        for size in ("1000", "batch"):
            row += [number(1e6 * seconds(engine, count, size)) for count in counts]
        row.append(f"{engine['rows']:,}")
        ours = OURS in engines
        row += [f"{number(ratio(engines, name, count))} ×" if ours else "–" for count in counts]
        rows.append(row)
    return table(header, rows)


def cost_table(engines: Results) -> str:
    """Tabulate compile, import and load times, memory, quality and error."""
    header = ["engine", "version", "compile, s", "import, s", "load, s", "first row, ms"]
    header += ["peak memory, MB", "test R²", "test tau", "error, sd"]
    rows = []
    for engine in engines.values():
        stages = {name: time for name, time in engine["compile"].items() if name != "verify"}
        row = [engine["title"], engine["version"]]
        row.append(number(sum(stages.values())) if stages else "–")
        row += [number(engine["import_s"]), number(engine["load_s"])]
        row += [number(1e3 * engine["first_s"]), f"{engine['memory'] / 1e6:,.0f}"]
        row += [f"{engine['r2']:.4f}", f"{engine['tau']:.4f}"]
        row.append(f"{engine['error_sd']:.0e}" if "error_sd" in engine else "–")
        rows.append(row)
    return table(header, rows)


NOTES = """\
Every engine runs in processes of its own, one a thread count, pinned to as many cores; they take
turns round by round, and a time is the median over {rounds} rounds of warm calls. Engines that take
minutes for a million rows run fewer, as stated, and their rate is per row. *Same* trees are those
that accelnas compiled; *own* is a model of the same size fitted on the same data by that library.
Each call starts from a NumPy array of the layout that the engine likes best (accelnas: choice
indices as `uint8`), and the conversion to it is not timed. One row is timed at the better thread
count. Memory is what import, load and the large batch add at their peak, input excluded. The error
is the largest difference from a float64 walk of the source trees on 2,048 random architectures, in
standard deviations of what the model is fitted on. Compile time is kept with the compiled model, and
is CPU time where that is less than wall time."""


def markdown(results: Results) -> str:
    """Write the whole report."""
    machine = results["machine"]
    lines = [
        "# accelnas and its peers",
        "`{command}` on {cores} cores of {cpu} ({kernels} kernels), {memory_gib} GiB, {system}, Python {python}, "
        "NumPy {numpy}, commit {commit}, {date} (load before: {load_before:.2f}).".format(
            command=results["command"], **machine
        ),
        NOTES.format(rounds=results["rounds"]),
    ]
    if rows := aims(results):
        lines += ["## Aims", table(["", "measured", "aim"], [list(row) for row in rows])]
    for workload in results["workloads"].values():
        lines.append(f"## {workload['title']}")
        if engines := measured(workload["engines"]):
            lines += [speed_table(engines), cost_table(engines)]
        lines += [
            f"{engine['title']} has no figures: {engine['failed']}."
            for engine in workload["engines"].values()
            if "failed" in engine
        ]
    return "\n\n".join(lines) + "\n"


def save(name: str, figures: Any, text: str = "", folder: Path = ROOT / "bench" / "results") -> None:
    """Write figures as ``NAME.json``, and a text as ``NAME.md``."""
    files = {f"{name}.json": json.dumps(figures, indent=1) + "\n"}
    write_files(folder, {**files, **({f"{name}.md": text} if text else {})})


def answer_of(code: str, *arguments: str) -> Results:
    """Run code in a new process, which prints its answer as JSON."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"a new process fails, {' '.join(arguments)}:\n{done.stderr}")
    answer: Results = json.loads(done.stdout)
    return answer
