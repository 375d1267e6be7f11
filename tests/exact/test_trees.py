"""Exact questions of metrics with trees that no tables can hold, against enumeration and the source's own sums."""

import dataclasses

import numpy as np
import pytest
import xgboost
from lightgbm import Dataset, train

import accelnas
from accelnas.exact import BestQuestion
from accelnas.exact.answer import certified
from accelnas.exact.engine import Finished, prepare
from accelnas.exact.recompute import recompute
from accelnas.fitting.compile import MetricSpec, compile_metric
from exact_samples import enumerated, random_within


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """Accuracy by deep trees of XGBoost, latency by leaves of LightGBM, and the bundled macs."""
    directory = tmp_path_factory.mktemp("trees")
    space, own = accelnas.mnasnet_space(), accelnas.load()
    rows = space.sample(800, seed=1)
    accuracy, latency = own.predict(rows, "accuracy"), own.predict(rows, "latency_zcu102")
    parameters = {"max_depth": 6, "learning_rate": 0.2, "nthread": 1}
    deep = xgboost.train(parameters, xgboost.DMatrix(rows.astype(np.float32), accuracy), 60)
    parameters = {"num_leaves": 31, "learning_rate": 0.2, "verbose": -1, "num_threads": 1, "min_data_in_leaf": 2}
    leaves = train(parameters, Dataset(rows.astype(float), latency), 40)
    deep.save_model(directory / "deep.ubj")
    leaves.save_model(directory / "leaves.txt")
    for name, file, direction in (("accuracy", "deep.ubj", "maximise"), ("latency", "leaves.txt", "minimise")):
        report = compile_metric(
            [directory / file], space=space, metric=MetricSpec(name, direction=direction), directory=directory / "bench"
        )
        assert report.forest_trees > 20
    return accelnas.load(directory / "bench")


@pytest.mark.parametrize("seed", range(4))
def test_sub_spaces_equal_their_enumeration(bench, seed):
    draw = np.random.default_rng(seed)
    within = random_within(bench, draw, largest=20_000)
    rows = enumerated(bench, within)
    accuracy, latency = (bench.predict(rows, name, dtype="float64") for name in ("accuracy", "latency"))
    limit = float(np.quantile(latency, 0.3, method="nearest"))
    fast = np.flatnonzero(latency <= limit)
    best = fast[np.lexsort((fast, -accuracy[fast]))][:20]
    found = bench.best("accuracy", subject_to={"latency": (None, limit)}, within=within, k=20)
    assert np.array_equal(found.architectures, rows[best])
    assert np.array_equal(found.values, accuracy[best])
    assert found.certificate.verify(bench, samples=2000).passed

    order = np.lexsort((-accuracy, latency))
    front, most = [], -np.inf
    for i in order:
        if accuracy[i] > most:
            front.append((accuracy[i], latency[i]))
            most = accuracy[i]
    points = bench.pareto_front(["accuracy", "latency"], within=within).values
    assert sorted(map(tuple, points.tolist())) == sorted(front)

    at_least = float(np.median(accuracy))
    limits = {"accuracy": (at_least, None), "latency": (None, limit)}
    assert bench.count(limits, within=within).count == np.count_nonzero((accuracy >= at_least) & (latency <= limit))
    assert bench.rank(rows[:3], "accuracy", within=within).better.tolist() == [
        np.count_nonzero(accuracy > value) for value in accuracy[:3]
    ]
    assert sum(bench.distribution("accuracy", bins=16, within=within).counts) == len(rows)


def test_no_architecture_is_better_than_the_optimum_of_the_whole_space(bench):
    within = {f"block{block}_{name}": choice for block in range(3) for name, choice in (("k", 5), ("se", True))}
    found = bench.best("accuracy", within=within, k=2)
    rows = bench.space.sample(200_000, seed=3)
    for name, choices in within.items():
        variable = next(i for i, v in enumerate(bench.space.variables) if v.name == name)
        rows[:, variable] = bench.space.variables[variable].choices.index(choices)
    assert bench.predict(rows, "accuracy", dtype="float64").max() <= found.values[0]
    counts = found.certificate.counts
    assert counts.evaluated + counts.pruned == found.certificate.size


@pytest.mark.parametrize(("objective", "limit"), [("accuracy", None), ("accuracy", 0.5), ("latency", None)])
def test_what_an_ended_search_says_of_the_rest_is_true(bench, objective, limit):
    within = {f"block{block}_l": 1 for block in range(2, 7)} | {f"block{block}_k": 5 for block in range(1, 7)}
    within |= {f"block{block}_se": True for block in range(3, 7)} | {"block0_e": 1, "block6_e": (4, 6)}
    rows = bench.space.sample(3000, seed=5)
    latency = bench.predict(rows, "latency", dtype="float64")
    subject_to = {} if limit is None else {"latency": (None, float(np.quantile(latency, limit)))}
    question = BestQuestion(objective, subject_to, within, 3)
    whole = bench.solve(question)
    assert (whole.gap, whole.bound) == (0, whole.values[0])
    asked = question.resolve(bench)
    search = prepare(bench, asked, None)
    sign, gaps, state = (1 if objective == "accuracy" else -1), [], search.start(None)
    for first in range(0, search.jobs, step := max(1, search.jobs // 7)):
        found = certified(bench, asked, search, Finished(state, 0.0, 1, "threads"))
        assert sign * found.bound >= sign * whole.values[0] >= sign * found.values[0]
        assert not found.is_complete
        assert "not proven: gap" in repr(found)
        gaps.append(found.gap)
        checks = found.certificate.verify(bench, samples=5000)
        assert checks.passed, checks
        state = search.run(state, first, min(first + step, search.jobs), None)
    assert gaps == sorted(gaps, reverse=True)
    assert 0 < gaps[0] < np.ptp(bench.predict(rows, objective))
    # a claim that is not true is found out
    low = dataclasses.replace(found.certificate, result={**found.certificate.result, "bound": float(whole.values[-1])})
    assert not low.verify(bench, samples=100_000).passed


def test_numpy_walks_the_same_trees(bench):
    rows = bench.space.sample(500, seed=2)
    for name in ("accuracy", "latency"):
        assert np.allclose(recompute(bench, name, rows), bench.predict(rows, name, dtype="float64"), rtol=1e-13)
