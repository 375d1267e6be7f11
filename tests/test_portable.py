"""Both builds of the loops, AVX2's and the baseline's, give the same bits through every entry that reaches them."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import accelnas
from accelnas.exact import RunOptions, WeightedProduct

# one worker sets it up
pytestmark = [pytest.mark.xdist_group("portable"), pytest.mark.slow]
GOLDEN = Path(__file__).parent / "golden" / "v1"
WITHIN = {"block0_e": 1, "block1_e": [4, 6], "block2_e": 4, "block3_e": 6, "block4_k": 3, "block5_k": 5}
WITHIN |= {f"block{b}_se": True for b in range(4)}
LIMITS = ["latency_zcu102 <= 5", "throughput_a100 >= 8000"]


def digest(value):
    """SHA-256 of all numbers in a result, in their order."""
    if isinstance(value, dict):
        value = [part for name in sorted(value) for part in (name, value[name])]
    if isinstance(value, (list, tuple)):
        return hashlib.sha256("".join(map(digest, value)).encode()).hexdigest()
    data = value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
    return hashlib.sha256(data).hexdigest()


def predictions(bench):
    """Every metric in float32 and float64, few rows and many, with deviations, intervals, noise and distances."""
    for count in (1, 7, 5000):
        rows = bench.space.sample(count, seed=count)
        for dtype in ("float32", "float64"):
            for deviation in (False, True, "members"):
                yield bench.predict(rows, dtype=dtype, return_std=deviation)
        for name, metric in bench.metrics.items():
            if metric.calibrated:
                yield bench.predict_interval(rows, name)
                yield bench.distance(rows[:500], name)
            if metric.noise is not None:
                yield bench.query(rows, name, seed=3)


def answers(bench):
    """Every exact question."""
    best = bench.best("accuracy", within=WITHIN, k=3, options=RunOptions("scan"))
    certificates = [
        bench.best("accuracy", subject_to=LIMITS, within=WITHIN, k=5),
        best,
        bench.count(LIMITS, within=WITHIN),
        bench.pareto_front(["accuracy", "latency_zcu102"], within=WITHIN),
        bench.pareto_front(["accuracy", "throughput_a100", "macs"], within=WITHIN, subject_to="accuracy >= 65"),
        bench.pareto_front(
            ["accuracy", "throughput_a100", "macs", "params"], within=WITHIN, subject_to="accuracy >= 65"
        ),
        bench.scalarised(
            WeightedProduct({"accuracy": 1, "latency_zcu102": -0.07}, {"latency_zcu102": 5}), within=WITHIN
        ),
        *bench.lexicographic(["peak_memory", "accuracy"], within=WITHIN),
        bench.distribution("accuracy", bins=64, within=WITHIN),
        bench.rank(best.architectures[2], "accuracy", within=WITHIN),
    ]
    for found in certificates:
        yield found.certificate.result
        yield repr(found.certificate.counts)
    shares = bench.importances("accuracy")
    yield repr(shares)
    yield repr(bench.neighbourhood("latency_zcu102", starts=50, samples=1000, optimum=bench.space.sample(1), seed=1))


def searches(bench):
    """Every native algorithm, one objective or several, and many runs at once."""
    for name in sorted(accelnas.search.ALGORITHMS):
        several = name in ("nsga2", "nsga3", "moead")
        objective = ["accuracy", "latency_zcu102"] if several else "accuracy"
        more = {"noise": True}
        if name in ("hyperband", "asha"):
            more["fidelities"] = {1: "throughput_a100", 9: "accuracy"}
        history = bench.search(name, objective, budget=120, seed=5, **more)
        yield [history.architectures, history.scores]
        runs = bench.simulate(name, objective, budget=60, runs=3, seed=5, **more)
        yield [runs.logs.rows, runs.scores]


def digests():
    """Digests of all results, by where they come from."""
    bench, golden = accelnas.load(), accelnas.load(GOLDEN)
    made = {
        "bundled": predictions(bench),
        "forests": predictions(golden),
        "plateaus": predictions(accelnas.load(GOLDEN.parent / "v5")),
        "exact": answers(bench),
        "searches": searches(bench),
    }
    made["xgboost"] = predictions(accelnas.load(family="xgboost"))
    return {name: [digest(value) for value in values] for name, values in made.items()}


@pytest.fixture(scope="module")
def builds():
    """What processes find with each build; other numbers of threads on top."""
    command = [sys.executable, __file__]
    settings = ({"RAYON_NUM_THREADS": "1"}, {"RAYON_NUM_THREADS": "2", "ACCELNAS_BUILD": "portable"})
    runs = [
        subprocess.run(command, env=os.environ | changes, capture_output=True, text=True, check=False)
        for changes in settings
    ]
    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr + runs[1].stderr
    return [json.loads(run.stdout) for run in runs]


@pytest.mark.parametrize("entry", ["bundled", "forests", "xgboost", "exact", "searches"])
def test_both_builds_give_the_same_bits(builds, entry):
    first, second = (found[entry] for found in builds)
    assert first == second
    assert len(set(first)) > 8  # different questions have different answers


def test_a_digest_sees_every_bit():
    values = np.ones(3), np.array([1, 1, np.nextafter(1, 2)]), np.ones(3, np.float32)
    assert len({digest({"mean": [value]}) for value in values}) == 3


if __name__ == "__main__":
    print(json.dumps(digests()))
