"""Every number of the public functions: what is no such number is one error, before anything is allocated."""

import numpy as np
import pytest

import accelnas
from accelnas.exact import CountQuestion, RunOptions, WeightedMinMax, WeightedSum
from accelnas.search import Nsga2, RegularizedEvolution
from search_samples import BENCH, WITHIN

COUNTS = {
    "sample": lambda n: BENCH.space.sample(n),
    "range": lambda n: BENCH.space.range(0, n),
    "seed": lambda n: BENCH.space.sample(3, seed=n),
    "threads": lambda n: BENCH.predict(BENCH.space.sample(3), "accuracy", threads=n),
    "query": lambda n: BENCH.query(BENCH.space.sample(3), "accuracy", seed=n),
    "best": lambda n: BENCH.best("accuracy", within=WITHIN, k=n),
    "lexicographic": lambda n: BENCH.lexicographic(["accuracy", "latency_zcu102"], within=WITHIN, k=n),
    "scalarised": lambda n: BENCH.scalarised(WeightedMinMax({"accuracy": 1, "macs": 1}), within=WITHIN, k=n),
    "bins": lambda n: BENCH.distribution("accuracy", within=WITHIN, bins=n),
    "samples": lambda n: BENCH.estimate(CountQuestion("accuracy >= 60"), samples=n),
    "starts": lambda n: BENCH.neighbourhood("accuracy", starts=n),
    "points": lambda n: BENCH.neighbourhood("accuracy", samples=n),
    "search": lambda n: BENCH.search("random_search", "accuracy", budget=n, seed=0),
    "search seed": lambda n: BENCH.search("random_search", "accuracy", budget=5, seed=n),
    "runs": lambda n: BENCH.simulate("random_search", "accuracy", runs=n, budget=5, seed=0),
    "budget": lambda n: BENCH.simulate("random_search", "accuracy", runs=2, budget=n, seed=0),
    "optimizer": lambda n: BENCH.optimizer("random_search", "accuracy", budget=n, seed=0),
    "ask": lambda n: BENCH.optimizer("random_search", "accuracy", budget=9, seed=0).ask(n),
    "population": lambda n: BENCH.search(Nsga2(population=n), ["accuracy", "macs"], budget=5, seed=0),
    "tournament": lambda n: BENCH.search(RegularizedEvolution(sample=n), "accuracy", budget=5, seed=0),
    "resamples": lambda n: RUNS.summary(resamples=n),
    "evaluations": lambda n: RUNS.curve([n]),
    "front": lambda n: RUNS.front(n),
    "checkpoints": lambda n: RUNS.checkpoints(n),
}
SEEDS = {"seed", "search seed", "query", "range"}  # take numbers that nothing could hold so many of
RUNS = BENCH.simulate("random_search", "accuracy", runs=3, budget=5, seed=0)
WRONG = [-1, True, np.True_, 1.5, np.float64(3), float("nan"), float("inf"), "3", [3], 2**64, 10**30, -(10**5000)]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: type(wrong).__name__)
@pytest.mark.parametrize("name", COUNTS)
def test_what_is_no_count_is_refused_by_name(name, wrong):
    with pytest.raises(accelnas.AccelnasError, match=r"choose|give") as caught:
        COUNTS[name](wrong)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", [name for name in COUNTS if name not in SEEDS | {"sample", "optimizer"}])
def test_what_nothing_could_hold_is_refused(name):
    for huge in (2**62, 2**63 - 1, 2**63):
        with pytest.raises(accelnas.AccelnasError):
            COUNTS[name](huge)


@pytest.mark.parametrize(("runs", "budget"), [(10**12, 1), (10**9, 50), (2**40, 2**40), (1, 2**62)])
def test_simulations_that_fit_no_memory_say_what_would(runs, budget):
    with pytest.raises(accelnas.SearchError, match=r"fewer|at most"):
        BENCH.simulate("random_search", "accuracy", runs=runs, budget=budget, seed=0)


def test_integers_of_numpy_are_integers():
    rows = BENCH.space.sample(np.int32(5), seed=np.uint64(2**64 - 1))
    assert (rows == BENCH.space.sample(5, seed=2**64 - 1)).all()
    algorithm = RegularizedEvolution(population=np.int64(4), sample=np.uint8(2))
    found = BENCH.search(algorithm, "accuracy", budget=np.int16(9), seed=np.int64(3))
    expected = BENCH.search(RegularizedEvolution(4, 2), "accuracy", budget=9, seed=3)
    assert (found.architectures == expected.architectures).all()


NOT_NUMBERS = {
    "level": lambda x: BENCH.predict_interval(BENCH.space.sample(3), "accuracy", level=x),
    "time_limit": lambda x: BENCH.best("accuracy", within=WITHIN, options=RunOptions(time_limit=x)),
    "tolerance": lambda x: BENCH.lexicographic(["accuracy", "macs"], tolerances=[x], within=WITHIN),
    "quantile": lambda x: BENCH.distribution("macs", within=WITHIN).quantile(x),
    "quantiles": lambda x: RUNS.ranks([x]),
    "penalty": lambda x: BENCH.search("random_search", "accuracy", budget=5, seed=0, penalty=x),
    "summary": lambda x: RUNS.summary(level=x),
    "reference": lambda x: BENCH.pareto_front(["accuracy", "macs"], within=WITHIN).hypervolume([50, x]),
    "weight": lambda x: BENCH.scalarised(WeightedSum({"accuracy": x, "macs": 1}), within=WITHIN),
    "range": lambda x: WeightedSum({"accuracy": 1, "macs": 1}, {"accuracy": x}),
}


@pytest.mark.parametrize("wrong", [float("nan"), "0.5", True, [0.5], -0.5], ids=str)
@pytest.mark.parametrize("name", NOT_NUMBERS)
def test_what_is_no_number_is_refused_by_name(name, wrong):
    if (name, wrong) == ("reference", -0.5):
        return
    with pytest.raises(accelnas.AccelnasError):
        NOT_NUMBERS[name](wrong)


@pytest.mark.parametrize("given", [{"accuracy": 1, "macs": 1}, None, "sum", 5, WeightedSum], ids=str)
def test_what_is_no_formulation_is_told_from_one(given):
    with pytest.raises(accelnas.SearchError, match="WeightedProduct"):
        BENCH.scalarised(given)


@pytest.mark.parametrize("given", [[50], [1, 2, 3], {"accuracy": 50}, "ab", 5, {"accuracy": 50, "macs": None}], ids=str)
def test_a_reference_point_has_a_number_for_each_objective(given):
    front = BENCH.pareto_front(["accuracy", "macs"], within=WITHIN)
    with pytest.raises((accelnas.SearchError, accelnas.ParameterError), match="reference"):
        front.hypervolume(given)
