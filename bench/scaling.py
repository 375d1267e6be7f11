"""How exact search grows with the space and with processes.

``python -m bench.scaling`` builds spaces of 6 to 10 blocks of 36 states (10 blocks: 3.7e15 architectures)
with random tables whose variance falls with the number of variables as that of accuracy does, proves
their optima and times a part of an unpruned scan; then it counts the same number of architectures a
process on a Ray cluster of one and of two processes. It writes ``results/scaling.json`` and ``.md``.
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import accelnas
from accelnas import _core
from accelnas.exact import RunOptions
from accelnas.reports import markdown as table
from bench.report import save

if TYPE_CHECKING:
    from collections.abc import Callable

CHOICES = (3, 2, 3, 2)  # of a block's variables
BLOCKS = (6, 7, 8, 9, 10)
# share of variance by number of variables; accuracy's are .97, .027, .003
SHARES = (0.95, 0.04, 0.01)


def space_toml(blocks: int) -> str:
    """Define a space of blocks like those of MnasNet."""
    lines = ["[space]", f'name = "blocks-{blocks}"']
    for b in range(blocks):
        lines += ["[[space.blocks]]", f'name = "block{b}"', "variables = ["]
        lines += [
            f'  {{ name = "b{b}v{v}", symbol = "v{v}c", choices = {list(range(n))} }},' for v, n in enumerate(CHOICES)
        ]
        lines.append("]")
    return "\n".join(lines)


def benchmark(blocks: int, directory: Path, seed: int) -> accelnas.Benchmark:
    """Make a benchmark with one metric of random tables over one, two and three variables."""
    rng = np.random.default_rng(seed)
    space = _core.Space(space_toml(blocks))
    cards = list(CHOICES) * blocks
    sets, cells = [], []
    for order, share in enumerate(SHARES, start=1):
        of_order = list(itertools.combinations(range(len(cards)), order))
        for axes in of_order:
            sets.append(list(axes))
            shape = tuple(cards[a] for a in axes)
            cells.append((rng.standard_normal(shape) * (share / len(of_order)) ** 0.5).reshape(1, -1))
    surrogate = _core.Surrogate.from_tables(space, [0.0], sets, cells)
    _core.write_metric(
        directory,
        "value",
        surrogate,
        unit="",
        direction="maximise",
        link="identity",
        noise=None,
        description="",
        provenance={},
    )
    return accelnas.load(directory)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Give seconds and the result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def growth(seeds: int) -> list[dict[str, Any]]:
    """Prove optima of growing spaces; scan a part of each that has the size of the first."""
    rows = []
    for blocks in BLOCKS:
        for seed in range(seeds):
            with tempfile.TemporaryDirectory() as directory:
                bench = benchmark(blocks, Path(directory), seed)
                bench.predict(bench.space.sample(1), "value")
                seconds, found = timed(lambda: bench.best("value", options=RunOptions(time_limit=600)))  # noqa: B023
                fixed = {v.name: v.choices[0] for v in bench.space.variables[4 * BLOCKS[0] :]}
                scan, part = timed(lambda: bench.best("value", within=fixed, options=RunOptions("scan")))  # noqa: B023
                counts = found.certificate.counts
                rows.append(
                    {
                        "blocks": blocks,
                        "seed": seed,
                        "size": bench.space.size,
                        "seconds": seconds,
                        "evaluated": counts.evaluated,
                        "scan_seconds": scan,
                        "scanned": part.certificate.counts.evaluated,
                    }
                )
                print(rows[-1], flush=True)
    return rows


def weak_scaling() -> list[dict[str, Any]]:
    """Count as many architectures a process on one and on two processes."""
    import ray

    bench = accelnas.load()
    block6 = {"block6_k": 3, "block6_se": False}
    rows = []
    for processes, within in ((1, {**block6, "block5_k": 3}), (2, block6)):
        ray.init(num_cpus=processes, log_to_driver=False, include_dashboard=False)
        on_ray = {"options": RunOptions("ray"), "threads": 1}
        bench.count("accuracy >= 60", within={**within, "block0_e": 1, "block1_e": 1}, **on_ray)
        seconds, found = timed(lambda: bench.count("accuracy >= 60", within=within, **on_ray))  # noqa: B023
        ray.shutdown()
        rows.append({"processes": processes, "size": found.size, "count": int(found), "seconds": seconds})
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(prog="python -m bench.scaling", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    results = {"growth": growth(arguments.seeds), "ray": weak_scaling()}
    by_blocks = {blocks: [row for row in results["growth"] if row["blocks"] == blocks] for blocks in BLOCKS}
    rows = [
        [
            str(blocks),
            f"{of[0]['size']:.2e}",
            *(f"{np.median([row[key] for row in of]):.3g}" for key in ("seconds", "evaluated")),
        ]
        for blocks, of in by_blocks.items()
    ]
    text = table(["blocks", "architectures", "proven optimum, s (median)", "evaluated"], rows)
    text += "\n\n" + table(
        ["processes", "architectures", "seconds"],
        [[str(r["processes"]), f"{r['size']:.3g}", f"{r['seconds']:.1f}"] for r in results["ray"]],
    )
    print(text)
    results["machine"] = f"{_core.processors()} cores, load {os.getloadavg()[0]:.1f} at the end"
    save("scaling", results, f"`python -m bench.scaling`; {results['machine']}\n\n{text}\n")


if __name__ == "__main__":
    main()
