"""Exact answers against plain enumeration of random sub-spaces, and branch and bound against the full scan.

``python -m bench.brute_force`` restricts the bundled benchmark at random to up to ten million
architectures, asks for the best, fronts of two and three objectives, counts, histograms and ranks under
random constraints, and compares every architecture and float64 value with NumPy's. Then it compares
proven optima of the whole space, of all metrics, with those of a scan without pruning. The first
difference fails it.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np

import accelnas
from accelnas.exact import RunOptions
from bench.report import save

if TYPE_CHECKING:
    from numpy.typing import NDArray

Rows = Any


def sub_space(space: accelnas.Space, rng: np.random.Generator, most: int) -> dict[str, list[Any]]:
    """Restrict random variables until so few architectures are left."""
    target = 10 ** rng.uniform(4, np.log10(most))
    kept = [list(range(len(v.choices))) for v in space.variables]
    while np.prod([float(len(k)) for k in kept]) > target:
        v = rng.integers(len(kept))
        if len(kept[v]) > 1:
            kept[v].pop(rng.integers(len(kept[v])))
    return {v.name: [v.choices[i] for i in k] for v, k in zip(space.variables, kept, strict=True)}


def enumerate_all(space: accelnas.Space, within: dict[str, list[Any]]) -> NDArray[np.uint8]:
    """Every architecture of a sub-space, in the order of the space."""
    rows = np.zeros((1, len(space.variables)), np.uint8)
    for v, variable in enumerate(space.variables):
        choices = [variable.choices.index(c) for c in within[variable.name]]
        if len(choices) == 1:
            rows[:, v] = choices[0]
            continue
        rows = np.repeat(rows, len(choices), axis=0)
        rows[:, v] = np.tile(np.array(choices, np.uint8), len(rows) // len(choices))
    return rows


def random_constraints(values: dict[str, NDArray[np.float64]], rng: np.random.Generator) -> dict[str, tuple[Any, Any]]:
    """Bounds at values that occur, on up to three metrics."""
    out: dict[str, tuple[Any, Any]] = {}
    for name in rng.choice(list(values), rng.integers(0, 4), replace=False):
        low, high = np.sort(rng.choice(values[name], 2))
        kind = rng.integers(3)
        out[str(name)] = (None if kind == 0 else float(low), None if kind == 1 else float(high))
    return out


def front_of(scores: NDArray[np.float64]) -> NDArray[np.intp]:
    """Rows that no other row dominates, with all that tie."""
    alive = np.arange(len(scores))
    done: list[int] = []
    rng = np.random.default_rng(0)
    scale = scores.std(axis=0) + np.finfo(float).tiny if len(scores) else 1.0
    while len(alive):
        # tops in changing directions cover the others soon
        top = alive[np.argmax(scores[alive] @ (rng.random(scores.shape[1]) / scale))]
        at_least = (scores[alive] >= scores[top]).all(axis=1)
        better = at_least & (scores[alive] > scores[top]).any(axis=1)
        if better.any():  # by rounding of the sum, or where a weight is about 0
            top = alive[better][np.lexsort(scores[alive[better]].T)[-1]]
            if ((scores[alive] >= scores[top]).all(axis=1) & (scores[alive] > scores[top]).any(axis=1)).any():
                continue
        covered = (scores[alive] <= scores[top]).all(axis=1)
        done.extend(alive[covered & (scores[alive] == scores[top]).all(axis=1)].tolist())
        alive = alive[~covered]
    return np.array(sorted(done), dtype=np.intp)


def same(what: str, found: Any, expected: Any) -> None:
    """Fail at a difference."""
    if not np.array_equal(found, expected):
        raise SystemExit(f"{what} differs:\n{found}\n{expected}")


def check_case(bench: accelnas.Benchmark, rng: np.random.Generator, most: int) -> dict[str, Any]:
    """Ask every kind of question about one sub-space."""
    within = sub_space(bench.space, rng, most)
    rows = enumerate_all(bench.space, within)
    names = [str(n) for n in rng.choice(list(bench.metrics), 4, replace=False)]
    values = {n: bench.predict(rows, n, dtype="float64") for n in names}
    sign = {n: 1 if bench.metrics[n].direction == "maximise" else -1 for n in names}
    limits = random_constraints(values, rng)
    feasible = np.ones(len(rows), bool)
    for name, (low, high) in limits.items():
        feasible &= (values[name] >= (-np.inf if low is None else low)) & (
            values[name] <= (np.inf if high is None else high)
        )
    kept = np.flatnonzero(feasible)
    start = time.perf_counter()
    k = int(rng.integers(1, 50))
    best = bench.best(names[0], subject_to=limits, within=within, k=k)
    order = kept[np.argsort(-sign[names[0]] * values[names[0]][kept], kind="stable")][:k]
    same("best", best.architectures, rows[order])
    same("values of the best", best.values, values[names[0]][order])
    if limits:
        same("count", int(bench.count(limits, within=within)), len(kept))
    for count in (2, 3):
        front = bench.pareto_front(names[:count], subject_to=limits, within=within)
        scores = np.stack([sign[n] * values[n][kept] for n in names[:count]], axis=1)
        expected = kept[front_of(scores)]
        points, first, ties = np.unique(
            np.stack([values[n][expected] for n in names[:count]], axis=1),
            axis=0,
            return_index=True,
            return_counts=True,
        )
        order = np.lexsort(front.values.T[::-1])
        same("front", front.values[order], points)
        same("ties", front.ties[order], ties)
        same("architectures of the front", front.architectures[order], rows[expected[first]])
    spread = bench.distribution(names[1], bins=256, subject_to=limits, within=within)
    same("histogram", spread.counts, np.histogram(values[names[1]][kept], spread.edges)[0])
    given = rng.integers(len(rows), size=5)
    ranks = bench.rank(rows[given], names[1], within=within)
    score = sign[names[1]] * values[names[1]]
    same("ranks", ranks.rank, [1 + (score > score[g]).sum() for g in given])
    return {"architectures": len(rows), "feasible": len(kept), "metrics": names, "seconds": time.perf_counter() - start}


def main() -> None:
    """Check random sub-spaces, then all optima of the whole space."""
    parser = argparse.ArgumentParser(prog="python -m bench.brute_force", description=__doc__)
    parser.add_argument("--cases", type=int, default=50)
    parser.add_argument("--most", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    bench = accelnas.load()
    cases = []
    for case in range(arguments.cases):
        cases.append(check_case(bench, np.random.default_rng((arguments.seed, case)), arguments.most))
        print(json.dumps({"case": case, **cases[-1]}), flush=True)
    optima = []
    for name in bench.metrics:
        start = time.perf_counter()
        proven, scanned = bench.best(name, k=3), bench.best(name, k=3, options=RunOptions("scan"))
        same(f"optima of {name}", proven.architectures, scanned.architectures)
        optima.append({"metric": name, "value": float(proven.values[0]), "seconds": time.perf_counter() - start})
        print(json.dumps(optima[-1]), flush=True)
    save("brute_force", {"cases": cases, "optima": optima})
    total = sum(case["architectures"] for case in cases)
    print(f"{len(cases)} sub-spaces, {total:,} architectures, and {len(optima)} optima agree")


if __name__ == "__main__":
    main()
