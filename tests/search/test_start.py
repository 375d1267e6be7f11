"""Searches that begin with known architectures."""

import numpy as np
import pytest

import accelnas
from accelnas.errors import SearchError, SpaceError

SINGLE = ["random_search", "local_search", "regularized_evolution", "simulated_annealing", "reinforce"]
B0 = "e1_k3_l1_se1-e6_k3_l2_se1-e6_k5_l2_se1-e6_k3_l3_se1-e6_k5_l3_se1-e6_k5_l4_se1-e6_k3_l1_se1"


@pytest.fixture(scope="module")
def bench():
    return accelnas.load()


@pytest.fixture(scope="module")
def start(bench):
    return bench.pareto_front(["accuracy", "latency_zcu102"], subject_to="latency_zcu102 <= 3").architectures[:5]


@pytest.mark.parametrize("algorithm", [*SINGLE, "gradient_ascent"])
def test_runs_of_one_objective_begin_with_what_they_are_given(bench, start, algorithm):
    history = bench.search(algorithm, "accuracy", budget=40, seed=1, start=start, clock="train_time")
    assert (history.architectures[:5] == start).all()
    assert len(history) == 40
    np.testing.assert_allclose(history.times[4], bench.predict(start, "train_time").sum(dtype=np.float64))
    free = bench.search(algorithm, "accuracy", budget=40, seed=1, start=start, start_counts=False, clock="train_time")
    assert len(free) == 45
    assert free.times[:5].tolist() == [0] * 5
    assert free.times[5] > 0
    both = min(len(history), len(free))
    assert (free.architectures[:both] == history.architectures[:both]).all() or algorithm == "simulated_annealing"
    runs = bench.simulate(algorithm, "accuracy", runs=3, budget=40, seed=1, start=start, workers=3, clock="train_time")
    assert (runs.evaluations == 40).all()
    assert (runs.curve([40])[:, 0] >= bench.predict(start, "accuracy").max()).all()


@pytest.mark.parametrize("algorithm", ["nsga2", "nsga3", "moead", "random_search"])
def test_runs_of_several_objectives_begin_with_what_they_are_given(bench, start, algorithm):
    task = {"objective": ["accuracy", "latency_zcu102"], "budget": 300, "seed": 1}
    history = bench.search(algorithm, start=start, **task)
    assert (history.architectures[:5] == start).all()
    # each of these is on the exact front, so it is on that of the run
    assert set(range(5)) <= set(history.front.tolist())


def test_halving_measures_them_in_its_first_bracket(bench, start):
    history = bench.search("successive_halving", "accuracy", budget=81, seed=1, noise=True, start=start)
    assert (history.architectures[:5] == start).all()


def test_a_good_start_helps(bench):
    def regret(**more):
        return bench.simulate("local_search", "accuracy", runs=200, budget=200, seed=0, **more).regret([200]).mean()

    top = bench.best("accuracy", subject_to="latency_zcu102 <= 8").architectures
    assert regret(start=top) < regret(start=B0) < regret() + 0.1
    assert regret(start=top) < 0.6 * regret()


def test_ask_and_tell_and_python_take_them_too(bench, start):
    optimizer = bench.optimizer("regularized_evolution", "accuracy", budget=50, seed=1, start=start)
    assert (optimizer.ask(5) == start).all()
    within = {variable.name: list(variable.choices[:2]) for variable in bench.space.variables[:3]}
    known = bench.best("accuracy", within=within, k=3).architectures
    native = accelnas.search.native("regularized_evolution")
    for algorithm in ("regularized_evolution", native):
        history = bench.search(algorithm, "accuracy", budget=30, seed=1, start=known, within=within)
        assert (history.architectures[:3] == known).all()

    def walk(task):
        while True:
            yield task.space.sample(2, 0)

    with pytest.raises(SearchError, match="walk does not say that it takes a start"):
        bench.search(walk, "accuracy", budget=30, seed=1, start=known)


def test_samplers_of_optuna_take_them(bench, start):
    optuna = pytest.importorskip("optuna")
    from accelnas.adapters.optuna import optuna_algorithm

    algorithm = optuna_algorithm(lambda seed: optuna.samplers.TPESampler(seed=seed))
    history = bench.search(algorithm, "accuracy", budget=12, seed=1, start=start)
    assert (history.architectures[:5] == start).all()


def test_what_is_no_start_is_refused(bench):
    call = {"objective": "accuracy", "budget": 5, "seed": 0}
    with pytest.raises(SpaceError):
        bench.search("random_search", start=[[99] * 28], **call)
    with pytest.raises(SearchError, match=r"block0_e has choice index 0, which is not allowed"):
        bench.search("random_search", start=np.zeros((1, 28), np.uint8), within={"block0_e": [6]}, **call)
    with pytest.raises(SearchError, match="start_counts is of architectures to begin with"):
        bench.search("random_search", start_counts=False, **call)
