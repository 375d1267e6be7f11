"""Results go to other processes and are copied: pickled, they are what they were."""

import copy
import pickle
from dataclasses import fields, is_dataclass

import numpy as np
import pytest

import accelnas
from accelnas.exact import CountQuestion, WeightedSum
from search_samples import BENCH, WITHIN

DERIVED = BENCH.derive("rate", "1000 / latency_zcu102", direction="maximise")
PAIR = ["accuracy", "latency_zcu102"]
RESULTS = {
    "best": lambda: BENCH.best("accuracy", within=WITHIN, k=3),
    "certificate": lambda: BENCH.best("accuracy", within=WITHIN).certificate,
    "verification": lambda: BENCH.best("accuracy", within=WITHIN).certificate.verify(BENCH, samples=100),
    "count": lambda: BENCH.count("accuracy >= 50", within=WITHIN),
    "count estimate": lambda: BENCH.estimate(CountQuestion("accuracy >= 60"), samples=100),
    "front": lambda: BENCH.pareto_front(PAIR, within=WITHIN),
    "scalarised": lambda: BENCH.scalarised(WeightedSum({"accuracy": 1, "macs": 1}), within=WITHIN),
    "distribution": lambda: BENCH.distribution("accuracy", within=WITHIN),
    "rank": lambda: BENCH.rank(BENCH.best("accuracy", within=WITHIN).architectures, "accuracy", within=WITHIN),
    "importances": lambda: BENCH.importances("accuracy"),
    "neighbourhood": lambda: BENCH.neighbourhood("accuracy", starts=5, samples=20),
    "history": lambda: BENCH.search("random_search", PAIR, budget=5, seed=0),
    "runs": lambda: BENCH.simulate("random_search", "accuracy", runs=2, budget=5, seed=0),
    "runs of a formulation": lambda: BENCH.simulate(
        "random_search", WeightedSum({"accuracy": 1, "macs": 1}), runs=2, budget=5, seed=0
    ),
    "comparison": lambda: BENCH.simulate(["random_search", "local_search"], "accuracy", runs=2, budget=5, seed=0),
    "summary": lambda: BENCH.simulate("random_search", "accuracy", runs=2, budget=5, seed=0).summary(),
    "metrics": lambda: BENCH.metrics,
    "metric": lambda: BENCH.metrics["accuracy"],
    "derived metrics": lambda: DERIVED.metrics,
    "space": lambda: BENCH.space,
}


@pytest.mark.parametrize("name", RESULTS)
def test_results_survive_pickles_and_copies(name):
    result = RESULTS[name]()
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert_same(pickle.loads(pickle.dumps(result, protocol)), result)
    assert_same(copy.deepcopy(result), result)
    assert_same(copy.copy(result), result)


def test_benchmarks_predict_the_same_after_a_pickle():
    archs = BENCH.space.sample(5)
    for bench in (BENCH, DERIVED):
        again = pickle.loads(pickle.dumps(bench))
        found, expected = again.predict(archs), bench.predict(archs)
        assert list(found) == list(expected)
        assert all((found[name] == expected[name]).all() for name in expected)


def test_mappings_of_results_stay_read_only():
    again = pickle.loads(pickle.dumps(BENCH.metrics))
    with pytest.raises(TypeError):
        again["accuracy"] = again["macs"]


def assert_same(found, expected):
    assert type(found) is type(expected)
    if isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype
    elif isinstance(expected, accelnas.Benchmark):
        assert (found.path, list(found.metrics)) == (expected.path, list(expected.metrics))
    elif is_dataclass(expected) and not isinstance(expected, type):
        for field in fields(expected):
            assert_same(getattr(found, field.name), getattr(expected, field.name))
    elif hasattr(expected, "items"):
        assert list(found) == list(expected)
        for key in expected:
            assert_same(found[key], expected[key])
    elif isinstance(expected, (tuple, list)):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    else:
        assert found == expected or (found != found and expected != expected)
