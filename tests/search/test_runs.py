"""Statistics of many runs against their definitions, and every refusal of searches and simulations."""

import re

import numpy as np
import pytest
import scikit_posthocs
from scipy.stats import friedmanchisquare

from accelnas import MetricError, ParameterError, SearchError
from accelnas.exact import WeightedSum
from accelnas.search import (
    FunctionObjective,
    LocalSearch,
    Moead,
    Nsga2,
    RegularizedEvolution,
    Reinforce,
    SimulatedAnnealing,
    SuccessiveHalving,
)
from accelnas.search.runs.comparison import Differences, differences
from accelnas.search.runs.summary import summarised
from search_samples import BENCH, WITHIN

CHANCE = np.random.default_rng(3)
CALL = {"runs": 6, "budget": 40, "seed": 1}


def test_summaries_are_means_intervals_and_quantiles():
    values = CHANCE.normal([0, 5, 5], [1, 2, 0], (40, 3))
    found = summarised(values, np.array([1, 2, 3]), 0.9, 4_000, 1)
    np.testing.assert_allclose(found.mean, values.mean(axis=0))
    chosen = np.random.default_rng(9).integers(0, 40, (20_000, 40))
    means = values[chosen].mean(axis=1)
    np.testing.assert_allclose(found.lower, np.quantile(means, 0.05, axis=0), atol=0.02)
    np.testing.assert_allclose(found.upper, np.quantile(means, 0.95, axis=0), atol=0.02)
    assert found.lower[2] == found.upper[2] == 5
    for level, own in found.quantiles.items():
        np.testing.assert_allclose(own, np.quantile(values, level, axis=0))
    assert found.to_polars().columns[:4] == ["evaluation", "mean", "lower", "upper"]
    one = summarised(values[:1], np.array([1, 2, 3]), 0.9, 100, 1)
    assert np.array_equal(one.lower, values[0])
    assert np.array_equal(one.upper, values[0])
    undefined = summarised(np.where(values > 4, np.nan, values), np.array([1, 2, 3]), 0.9, 100, 1)
    assert np.isnan(undefined.mean[1:]).all()
    assert np.isfinite(undefined.lower[0])


def test_curves_are_the_best_so_far():
    runs = BENCH.simulate("random_search", "latency_zcu102", **CALL)
    whole = runs.best_values
    assert np.array_equal(runs.curve([1, 7, 40]), whole[:, [0, 6, 39]])
    assert (np.diff(whole, axis=1) <= 0).all()
    for run in range(6):
        own = slice(*runs.logs.starts[run : run + 2])
        assert np.array_equal(np.unique(whole[run])[::-1], runs.scores[own, 0])
    summary = runs.summary(at=[5, 40])
    np.testing.assert_allclose(summary.mean, whole[:, [4, 39]].mean(axis=0))
    assert runs.checkpoints()[0] == 1
    assert runs.checkpoints()[-1] == 40
    frame = runs.to_polars()
    assert np.array_equal(BENCH.space.at(frame["index"].to_numpy()), runs.logs.rows)
    assert np.array_equal(frame["score latency_zcu102"].to_numpy(), runs.scores[:, 0])


def test_differences_are_those_of_scipy_and_posthocs():
    shifts = {"worst": 3.0, "good": 0.0, "as good": 0.02, "middle": 1.0}
    losses = {name: CHANCE.normal(shift, 0.5, 60) for name, shift in shifts.items()}
    found = differences(losses)
    table = np.stack(list(losses.values()), axis=1)
    test = friedmanchisquare(*table.T)
    assert (found.statistic, found.p_value) == (test.statistic, test.pvalue)
    assert found.labels[2:] == ("middle", "worst")
    assert (np.diff(found.ranks) >= 0).all()
    assert found.ranks.sum() == pytest.approx(10)
    pairs = scikit_posthocs.posthoc_nemenyi_friedman(table).to_numpy()
    names = list(losses)
    for i, one in enumerate(found.labels):
        for j, other in enumerate(found.labels):
            assert found.p_values[i, j] == pairs[names.index(one), names.index(other)]
    assert [set(group) for group in found.alike()] == [{"good", "as good"}]
    assert found.blocks == 60
    assert found.to_polars()["algorithm"].to_list() == list(found.labels)


def test_groups_are_the_largest_without_a_difference():
    def grouped(pairs, k=4):
        table = np.ones((k, k))
        for i, j in pairs:
            table[i, j] = table[j, i] = 0.01
        labels = tuple("abcdef"[:k])
        found = Differences(labels, np.arange(k, dtype=float), 1.0, 0.5, table, 9)
        return ["".join(group) for group in found.alike()]

    assert grouped([]) == ["abcd"]
    assert grouped([(0, 3)]) == ["abc", "bcd"]
    assert grouped([(0, 2), (0, 3), (1, 3)]) == ["ab", "bc", "cd"]
    assert grouped([(i, j) for i in range(4) for j in range(i)]) == []
    assert grouped([(0, 2), (0, 3), (1, 2), (1, 3)]) == ["ab", "cd"]


def test_comparisons_know_losses_and_tasks():
    names = ["random_search", "local_search", "regularized_evolution"]
    one, other = (BENCH.simulate(names, metric, **CALL) for metric in ("accuracy", "macs"))
    assert list(one) == names
    assert len(one) == 3
    for name in names:
        assert np.array_equal(one.losses()[name], one[name].regret([40])[:, 0])
        assert np.array_equal(one.losses(7)[name], one[name].regret([7])[:, 0])
    assert one.differences().blocks == 6
    tasks = one.differences(others=[other])
    assert tasks.blocks == 2
    fronts = BENCH.simulate(["random_search", "nsga2", "moead"], ["accuracy", "macs"], **CALL, within=WITHIN)
    for name, losses in fronts.losses().items():
        assert np.array_equal(losses, 1 - fronts[name].hypervolume([40])[:, 0])
        assert ((losses >= 0) & (losses < 1)).all()
    with pytest.raises(SearchError, match="the comparisons are not of the same algorithms"):
        one.differences(others=[BENCH.simulate(names[:2], "macs", **CALL)])
    assert one.to_polars()["algorithm"].unique(maintain_order=True).to_list() == names
    with pytest.raises(SearchError, match="no algorithm 'nsga2'; there are random_search"):
        one["nsga2"]
    same = BENCH.simulate([RegularizedEvolution(), RegularizedEvolution(10, 5)], "accuracy", **CALL)
    assert list(same) == ["regularized_evolution", "regularized_evolution 2"]


ONE = np.ones(3)


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        ({"a": ONE, "b": ONE}, "there are 2 algorithms and 3 blocks, 0 losses are undefined"),
        ({"a": ONE[:1], "b": ONE[:1], "c": ONE[:1]}, "3 algorithms and 1 blocks"),
        ({"a": ONE, "b": ONE * np.nan, "c": ONE}, "3 losses are undefined; a Friedman test needs three algorithms"),
    ],
)
def test_what_no_test_can_use_is_refused(losses, message):
    with pytest.raises(SearchError, match=message):
        differences(losses)


def two(archs):
    return np.column_stack([archs[:, 0], archs[:, 1]])


TWO = FunctionObjective(two, {"a": "maximise", "b": "maximise"})
NOISY = {"objective": "accuracy", "noise": True}


@pytest.mark.parametrize(
    ("algorithm", "setting", "message"),
    [
        ("nsga4", {}, "unknown algorithm 'nsga4'; choose one of random_search, local_search"),
        (3, {}, "algorithm 3 can't be called; give a name, or a class or function of a Task"),
        ("nsga2", {"objective": []}, "objectives are none; give one or more different ones"),
        ("nsga2", {"objective": ["macs", "macs"]}, "give one or more different ones"),
        ("nsga2", {"objective": "speed"}, 'unknown metric "speed"; the metrics are accuracy'),
        ("nsga2", {"objective": [("macs", "up")]}, "direction of macs is 'up'; choose maximise or minimise"),
        ("nsga2", {"objective": two, "subject_to": "macs <= 4"}, "a function comes with its own constraints"),
        (
            "nsga2",
            {"objective": FunctionObjective(two, {})},
            "the function has no directions; give maximise or minimise",
        ),
        (
            "nsga2",
            {"objective": TWO, "noise": True},
            "noise, a clock and fidelities need metrics that",
        ),
        (
            "nsga2",
            {"objective": TWO, "clock": "macs"},
            "noise, a clock and fidelities need metrics that",
        ),
        ("nsga2", {"clock": "wall"}, 'unknown metric "wall" for the clock; the metrics are accuracy'),
        ("nsga2", {"penalty": -1.0}, "penalty is -1.0; choose a finite number from 0"),
        ("nsga2", {"penalty": float("nan")}, "penalty is nan"),
        ("nsga2", {"budget": 0}, "budget is 0; choose an integer of 1 to 9223372036854775807"),
        ("nsga2", {"budget": 1.5}, "budget is 1.5; choose an integer"),
        ("nsga2", {"seed": -1}, "seed is -1; choose an integer of 0 to"),
        ("nsga2", {"seed": 2**63}, "seed is 9223372036854775808"),
        ("nsga2", {"seed": True}, "seed is True"),
        ("nsga2", {"threads": 0}, "threads is 0"),
        ("local_search", {"objective": ["macs", "accuracy"]}, "local_search needs one score, the objective has 2"),
        ("moead", {}, "moead needs several objectives, there is 1; give two or more"),
        ("reinforce", {"subject_to": "macs <= 300"}, "reinforce weighs scores, and infeasible architectures have none"),
        ("successive_halving", {}, "without noise all repeats agree; give fidelities, or turn noise on"),
        ("gradient_ascent", {"objective": lambda archs: archs[:, 0]}, "gradient_ascent needs metrics made of tables"),
        ("nsga2", {"within": {v.name: v.choices[0] for v in BENCH.space.variables}}, "every variable has one choice"),
        ("nsga2", {"objective": WeightedSum({"accuracy": -1, "macs": 1})}, "weight"),
        (Nsga2(population=1), {}, "population is 1; choose 2 to 1048576"),
        (Nsga2(population=2.5), {}, "population is 2.5; choose an integer of 0"),
        (Nsga2(population=True), {}, "population is True; choose one like 100"),
        (Nsga2(crossover=1.5), {}, "crossover is 1.5; choose a probability"),
        (Nsga2(crossover="0.5"), {}, "crossover is '0.5'; choose a finite number"),
        (LocalSearch(initial=0), {}, "initial is 0; choose "),
        (LocalSearch(first_improvement=1), {}, "first_improvement is 1; choose one like False"),
        (RegularizedEvolution(population=0), {}, "population is 0; choose 1 to"),
        (RegularizedEvolution(sample=0), {}, "sample is 0; choose 1 to"),
        (RegularizedEvolution(removal="youngest"), {}, "youngest"),
        (SimulatedAnnealing(temperature=0.0), {}, "temperature is 0.0; choose a number above 0"),
        (SimulatedAnnealing(cooling=2.0), {}, "cooling is 2.0; choose "),
        (Reinforce(learning_rate=-1.0), {}, "learning_rate is -1.0; choose "),
        (Reinforce(episodes=0), {}, "episodes is 0; choose "),
        (Moead(neighbours=0), {"objective": ["macs", "accuracy"]}, "neighbours is 0; choose "),
        (SuccessiveHalving(initial=1), NOISY, "initial is 1; choose 2 to 4096"),
        (SuccessiveHalving(reduction=1), NOISY, "reduction is 1; choose 2 to 1048576"),
    ],
)
def test_searches_at_fault_are_refused(algorithm, setting, message):
    call = {"objective": "accuracy", "budget": 10, "seed": 1} | setting
    with pytest.raises((SearchError, MetricError, ParameterError), match=re.escape(message)):
        BENCH.search(algorithm, **call)
    with pytest.raises((SearchError, MetricError, ParameterError), match=re.escape(message)):
        BENCH.simulate(algorithm, **call, runs=2)


@pytest.mark.parametrize(
    ("setting", "ask", "message"),
    [
        ({"objective": ["accuracy", "macs"]}, lambda r: r.best_values, "a best value needs one objective, there are"),
        ({"objective": ["accuracy", "macs"]}, lambda r: r.regret(), "a regret needs one objective, there are several"),
        ({"objective": ["accuracy", "macs"]}, lambda r: r.final, "a recommendation needs one objective"),
        (
            {"objective": ["accuracy", ("macs", "maximise")], "within": WITHIN},
            lambda r: r.hypervolume(reference={"accuracy": 50}),
            "the reference point is {'accuracy': 50}; give a value of each of accuracy, macs",
        ),
        ({"objective": ["accuracy", "macs"], "subject_to": "macs <= 1"}, lambda r: r.igd_plus(), "loosen them"),
        ({"objective": TWO}, lambda r: r.igd_plus(), "an exact front needs 2 to 5 metrics as objectives"),
        ({}, lambda r: r.hypervolume(), "an exact front needs 2 to 5 metrics as objectives, not maximise accuracy"),
        (
            {"objective": ["accuracy", "macs"]},
            lambda r: r.hypervolume(front=np.ones((3, 4))),
            "the front has shape (3, 4); give a FrontResult, or finite values (n, 2)",
        ),
        (
            {"objective": ["accuracy", "macs"]},
            lambda r: r.igd_plus(front=BENCH.pareto_front(["macs", "accuracy"], within=WITHIN)),
            "the front is of minimise macs, maximise accuracy, the runs sought maximise accuracy, minimise macs",
        ),
        ({}, lambda r: r.times(), "there is no clock; give simulate a clock, such as clock='train_time'"),
        ({}, lambda r: r.curve([0]), "one of evaluations is 0; choose an integer of 1 to 10"),
        ({}, lambda r: r.regret([3, 11]), "one of evaluations is 11; choose an integer of 1 to 10"),
        ({}, lambda r: r.curve(np.broadcast_to(np.int64(1), 100_000_001)), "too many to list; choose some with at"),
        ({}, lambda r: r.summary(level=1.0), "level is 1.0; choose a number between 0 and 1"),
        (
            {},
            lambda r: r.summary(np.ones((2, 3)), at=[1]),
            "values have shape (2, 3) for 1 evaluations; give (runs, k)",
        ),
        ({"objective": len}, lambda r: r.regret(), "the optimum of a function is not known; compare best_values"),
        (
            {"subject_to": "macs <= 300", "penalty": 1.0},
            lambda r: r.regret(),
            "the optimum under a penalty is not known",
        ),
        ({"subject_to": "macs <= 300"}, lambda r: r.ranks(), "ranks are of single metrics without constraints"),
    ],
)
def test_questions_at_fault_are_refused(setting, ask, message):
    if setting.get("objective") is len:
        setting = {"objective": lambda archs: archs[:, 0]}
    runs = BENCH.simulate("random_search", **({"objective": "accuracy"} | setting), runs=2, budget=10, seed=1)
    with pytest.raises((SearchError, MetricError, ParameterError), match=re.escape(message)):
        ask(runs)


def test_other_refusals():
    with pytest.raises(SearchError, match="there are no algorithms; give at least one"):
        BENCH.simulate([], "accuracy", **CALL)
    with pytest.raises(ParameterError, match="engine is 'spark'; choose 'threads' or 'ray'"):
        BENCH.simulate("nsga2", "accuracy", **CALL, engine="spark")
    with pytest.raises(ParameterError, match="runs is 0; choose an integer of 1"):
        BENCH.simulate("nsga2", "accuracy", **{**CALL, "runs": 0})
    with pytest.raises(SearchError, match="budget is 60000000, the history would have it all; simulate keeps"):
        BENCH.search("nsga2", "accuracy", budget=60_000_000, seed=1)
    few = BENCH.simulate(SuccessiveHalving(), **NOISY, runs=2, budget=5, seed=1)
    with pytest.raises(SearchError, match="run 0 recommends nothing after 5 evaluations; raise the budget"):
        few.final  # noqa: B018
