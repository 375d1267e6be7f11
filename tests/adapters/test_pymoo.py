import pickle
import sys

import numpy as np
import pytest
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.algorithms.soo.nonconvex.de import DE
from pymoo.operators.repair.rounding import RoundingRepair
from pymoo.operators.sampling.rnd import IntegerRandomSampling
from pymoo.optimize import minimize

import accelnas
from accelnas.adapters.pymoo import decode, pymoo_algorithm, pymoo_nsga2, to_pymoo
from accelnas.search.protocol import Task
from search_driver import TINY, check_seeds, drive, score, scores

BENCH = accelnas.load()


@pytest.mark.parametrize("evaluate", [score, scores])
def test_seeds_decide(evaluate):
    check_seeds(pymoo_nsga2(population=10), 35, evaluate)


def test_other_algorithms_run():
    def differential(_seed):
        return DE(pop_size=10, sampling=IntegerRandomSampling(), repair=RoundingRepair())

    check_seeds(pymoo_algorithm(differential), 40)


def test_exhausted_space_is_no_end():
    run = pymoo_nsga2(population=30)(Task(TINY, {"quality": "maximise"}, 100, 1))
    everything = run.ask()
    assert len(np.unique(TINY.index(everything))) == TINY.size == len(everything)
    for archs in (everything, run.ask(), run.ask()):
        TINY.check(archs)
        run.tell(archs, archs.sum(axis=1).astype(float))


def test_nsga2_beats_random_search():
    def accuracy(archs):
        return BENCH.predict(archs, "accuracy").astype(float)

    for seed in range(3):
        _, found = drive(pymoo_nsga2(), 600, seed, BENCH.space, accuracy)
        assert found.max() > accuracy(BENCH.space.sample(600, seed)).max() + 0.3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_are_predictions(dtype):
    problem = to_pymoo(BENCH, ["accuracy", "latency_zcu102", ("params", "maximise")], dtype=dtype)
    archs = BENCH.space.sample(50, seed=3)
    names = ["accuracy", "latency_zcu102", "params"]
    expected = BENCH.predict(archs, names, dtype=dtype)
    found = problem.evaluate(archs.astype(int))
    assert np.array_equal(found, np.column_stack([expected[name] for name in names]) * [-1, 1, -1])
    assert problem.n_ieq_constr == 0


def test_constraints_hold_below_zero():
    problem = to_pymoo(BENCH, "accuracy", {"macs": (200, 300), "latency_zcu102": (None, 5)}, dtype="float64")
    archs = BENCH.space.sample(500, seed=4)
    found = problem.evaluate(archs, return_values_of=["G"])
    macs, latency = (BENCH.predict(archs, name, dtype="float64") for name in ("macs", "latency_zcu102"))
    assert np.array_equal(found[:, 0] <= 0, macs >= 200)
    assert np.array_equal(found[:, 1] <= 0, macs <= 300)
    assert np.array_equal(found[:, 2] <= 0, latency <= 5)


def test_minimize_keeps_constraints():
    problem = pickle.loads(pickle.dumps(to_pymoo(BENCH, "accuracy", "macs <= 250")))
    algorithm = NSGA2(pop_size=40, sampling=IntegerRandomSampling(), repair=RoundingRepair())
    result = minimize(problem, algorithm, ("n_gen", 10), seed=1)
    archs = decode(problem, result.X)
    assert (BENCH.predict(archs, "macs") <= 250).all()
    assert np.array_equal(-result.F.ravel(), BENCH.predict(archs, "accuracy"))


def test_decoding_refuses_what_is_no_choice():
    problem = to_pymoo(BENCH, "accuracy")
    row = np.zeros(28)
    assert decode(problem, row + 0.4).tolist() == [[0] * 28]
    row[5] = 99
    with pytest.raises(accelnas.SpaceError, match=r"row 0: .* is 99.0; choose one of 0 to"):
        decode(problem, row)
    with pytest.raises(accelnas.SpaceError, match="rows have 27 numbers; give 28"):
        decode(problem, row[1:])


def test_unreadable_objectives():
    with pytest.raises(accelnas.MetricError, match='unknown metric "speed"; the metrics are accuracy'):
        to_pymoo(BENCH, "speed")
    with pytest.raises(accelnas.ParameterError, match="direction of macs is 'up'; choose maximise or minimise"):
        to_pymoo(BENCH, [("macs", "up")])
    with pytest.raises(accelnas.SearchError, match="objectives are macs, macs; give one or more different ones"):
        to_pymoo(BENCH, ["macs", ("macs", "maximise")])
    with pytest.raises(accelnas.SearchError, match="objectives are none"):
        to_pymoo(BENCH, [])
    with pytest.raises(accelnas.SearchError, match="population is 1; choose 2 or more"):
        pymoo_nsga2(population=1)


def test_missing_pymoo(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymoo", None)
    monkeypatch.setitem(sys.modules, "pymoo.core.problem", None)
    monkeypatch.delitem(sys.modules, "accelnas.adapters.pymoo_problem", raising=False)
    with pytest.raises(accelnas.MissingExtraError, match=r"pip install 'accelnas\[pymoo\]'"):
        to_pymoo(BENCH, "accuracy")
