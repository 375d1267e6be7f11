"""Searches of a small part find its optimum and its front by enumeration, and score as formulations do."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import accelnas
from accelnas import ParameterError, SearchError, _core
from accelnas.exact import ReferencePoint, WeightedExponentialSum, WeightedMinMax, WeightedProduct, WeightedSum
from accelnas.search import ALGORITHMS, FunctionObjective, GradientAscent, SuccessiveHalving
from search_samples import ALL, BENCH, LIMITS, WITHIN, dominated, violations

TRUE = BENCH.predict(ALL, ["accuracy", "latency_zcu102", "params", "throughput_a100"], dtype="float64")
PAIR = {"accuracy": 1.0, "latency_zcu102": 0.5}
FORMULATIONS = [
    WeightedSum({"accuracy": 1.0, "latency_zcu102": 0.3}),
    WeightedSum(PAIR, {"accuracy": (50.0, 70.0), "latency_zcu102": (9.0, 1.0)}),
    WeightedExponentialSum(PAIR, 3.0),
    WeightedMinMax(PAIR, {"accuracy": (60.0, 70.0), "latency_zcu102": (30.0, 2.0)}),
    WeightedProduct({"accuracy": 1, "latency_zcu102": -0.07}, {"latency_zcu102": 5.0}),
    WeightedProduct({"accuracy": 0.7, "latency_zcu102": (0, -1)}, {"latency_zcu102": 25.0}),
    ReferencePoint(
        {"accuracy": 1.0, "latency_zcu102": 0.5, "params": 1.0}, {"accuracy": 66, "latency_zcu102": 4, "params": 4}
    ),
]
ONE = sorted(set(ALGORITHMS) - {"moead", "nsga3", "gradient_ascent", "successive_halving", "hyperband", "asha"})
SMALL = {"within": WITHIN, "seed": 5}


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize("metric", ["accuracy", "latency_zcu102", "throughput_a100"])
def test_the_optimum_of_a_small_part_is_found(name, metric):
    sign = 1 if BENCH.metrics[metric].direction == "maximise" else -1
    runs = BENCH.simulate(name, metric, runs=20, budget=15_000, **SMALL)
    best = sign * (sign * TRUE[metric]).max()
    regrets = runs.regret([15_000])[:, 0]
    assert (regrets >= 0).all()
    found = BENCH.predict(runs.final, metric, dtype="float64")
    assert np.array_equal(regrets, sign * (best - found))
    # a policy may settle on a local optimum
    assert (regrets == 0).mean() >= (0.8 if name == "reinforce" else 1)


def test_gradients_come_close_to_the_optimum():
    for settings in (GradientAscent(steps=4), GradientAscent(steps=4, relaxation="gumbel")):
        history = BENCH.search(settings, "accuracy", budget=40, **SMALL)
        assert history.best[1] > np.quantile(TRUE["accuracy"], 0.99)


@pytest.mark.parametrize("name", [name for name in ONE if name != "reinforce"])
def test_constrained_optima_are_found(name):
    limits = {"latency_zcu102": (None, 24.8), "params": (5.0, None)}
    feasible = violations(TRUE, limits) == 0
    assert 3 < feasible.sum() < 80
    runs = BENCH.simulate(name, "accuracy", runs=10, budget=20_000, subject_to=limits, **SMALL)
    expected = TRUE["accuracy"][feasible].max()
    found = BENCH.predict(runs.final, "accuracy", dtype="float64")
    assert (violations(BENCH.predict(runs.final, list(limits)), limits) == 0).all()
    if name in {"random_search", "local_search", "nsga2"}:
        assert (found == expected).all()
    assert np.array_equal(runs.regret([20_000])[:, 0], expected - found)
    regrets = runs.regret()
    assert np.array_equal(np.isnan(regrets), np.isnan(runs.best_values))
    assert (regrets[~np.isnan(regrets)] >= 0).all()


@pytest.mark.parametrize("name", ["random_search", "nsga2", "nsga3", "moead"])
@pytest.mark.parametrize("names", [["accuracy", "latency_zcu102"], ["accuracy", "latency_zcu102", "params"]])
@pytest.mark.parametrize("limits", [(), {"latency_zcu102": (None, 26.0), "params": (5.0, None)}])
def test_the_whole_front_of_a_small_part_is_found(name, names, limits):
    kept = ALL[violations(TRUE, dict(limits)) == 0]
    signs = np.array([1.0, -1.0, -1.0])[: len(names)]
    predicted = BENCH.predict(kept, names)
    points = np.stack([predicted[metric].astype(np.float64) for metric in names], axis=1)
    expected = np.unique(points[~dominated(points * signs)], axis=0)
    history = BENCH.search(name, names, budget=40_000, subject_to=limits, **SMALL)
    assert np.array_equal(np.unique(history.scores[history.front], axis=0), expected)
    runs = BENCH.simulate(name, names, runs=2, budget=40_000, subject_to=limits, **SMALL)
    for run in range(2):
        rows, values = runs.front(run)
        assert np.array_equal(np.unique(values, axis=0), expected)
        assert np.array_equal(np.unique(rows, axis=0), rows[np.lexsort(rows.T[::-1])])
    corner = dict.fromkeys(names, 40.0) | {"accuracy": 50.0}
    np.testing.assert_allclose(runs.hypervolume([40_000], reference=corner), 1, rtol=1e-12)
    assert np.array_equal(runs.igd_plus([40_000]), np.zeros((2, 1)))


@pytest.mark.parametrize("formulation", FORMULATIONS, ids=lambda f: f.kind)
def test_scores_are_those_of_formulations(formulation):
    history = BENCH.search("random_search", formulation, budget=3_000, **SMALL)
    used = history.setting.sought.formulation
    values = BENCH.predict(history.architectures, list(formulation.weights))
    values = {name: column.astype(np.float64) for name, column in values.items()}
    for name, (worst, ideal) in used.ranges.items() if used.is_loss else ():
        # float32 may round beyond the ideal, which then has no distance
        values[name] = np.minimum(values[name], ideal) if ideal > worst else np.maximum(values[name], ideal)
    expected = used.score(values, used.ranges)
    np.testing.assert_allclose(history.scores[:, 0], expected, rtol=1e-12, atol=1e-15)
    true = used.score(TRUE, used.ranges)
    best = true.min() if used.is_loss else true.max()
    runs = BENCH.simulate("local_search", formulation, runs=5, budget=10_000, **SMALL)
    np.testing.assert_allclose(runs.regret([10_000]), 0, atol=1e-12)
    np.testing.assert_allclose(used.score(BENCH.predict(runs.final, dtype="float64"), used.ranges), best, rtol=1e-12)
    assert (runs.regret() >= -1e-12).all()


def test_regret_is_0_at_the_optimum_and_large_before():
    best = BENCH.best("accuracy", within=WITHIN).architectures
    positions = {name: np.unique(ALL[:, i]) for i, name in enumerate(v.name for v in BENCH.space.variables)}

    def two_steps(task):
        yield task.space.sample(1, seed=1)
        while True:
            yield np.array(
                [[np.searchsorted(own, c) for own, c in zip(positions.values(), best[0], strict=True)]], "u1"
            )

    runs = BENCH.simulate(two_steps, "accuracy", runs=3, budget=5, **SMALL)
    assert np.array_equal(runs.final, np.repeat(best, 3, axis=0))
    assert (runs.regret([1]) > 0).all()
    assert np.array_equal(runs.regret([2, 5]), np.zeros((3, 2)))
    assert runs.ranks().tolist() == [BENCH.rank(best, "accuracy").rank[0]] * 3


def test_noise_does_not_reach_regrets():
    runs = BENCH.simulate("random_search", "accuracy", runs=4, budget=500, noise=True, **SMALL)
    first = runs.logs.starts[1:] - 1
    assert not np.array_equal(runs.scores[first], runs.true_scores[first])
    expected = TRUE["accuracy"].max() - BENCH.predict(runs.final, "accuracy", dtype="float64")
    assert np.array_equal(runs.regret([500])[:, 0], expected)
    assert (runs.regret() >= 0).all()


def test_a_factor_scales_the_noise_of_measurements():
    call = {"objective": ["accuracy", "throughput_a100"], "budget": 300, "seed": 5}
    true, once, twice = (BENCH.search("random_search", **call, noise=noise) for noise in (False, True, 2.0))
    assert np.array_equal(once.architectures, twice.architectures)
    for metric, scale in (("accuracy", np.asarray), ("throughput_a100", np.reciprocal)):  # the link, under its ceiling
        inside = once.values[metric] < (BENCH.metrics[metric].limit or np.inf)
        exact = BENCH.predict(true.architectures, metric, dtype="float64")
        one, two = (scale(found.values[metric]) - scale(exact) for found in (once, twice))
        np.testing.assert_allclose(two[inside], 2 * one[inside], rtol=1e-6, atol=1e-12)
    for noise, same in ((1.0, True), (0, False)):
        plan = BENCH.simulate("random_search", "accuracy", noise=noise, budget=9, runs=1, seed=1).plan
        assert (
            plan.key() == BENCH.simulate("random_search", "accuracy", noise=same, budget=9, runs=1, seed=1).plan.key()
        )
    with pytest.raises(ParameterError, match=r"noise is -1"):
        BENCH.search("random_search", "accuracy", budget=9, seed=1, noise=-1)


def test_a_factor_of_measured_repeats_scales_their_deviation():
    cells = accelnas.load("nasbench201")
    found = cells.search("random_search", "cifar100", budget=4_000, seed=0, noise=3.0)
    errors = found.values["cifar100"] - cells.predict(found.architectures, "cifar100", dtype="float64")
    assert errors.std() == pytest.approx(3 * cells.metrics["cifar100"].noise, rel=0.04)  # standard error: 1.1 %


def test_functions_of_several_objectives_give_their_front():
    def layers_and_sum(archs):
        return np.column_stack([archs[:, 2::4].sum(axis=1), archs.sum(axis=1)])

    function = FunctionObjective(layers_and_sum, {"layers": "maximise", "sum": "minimise"})
    points = layers_and_sum(ALL) * np.array([1.0, -1.0])
    expected = np.unique(points[~dominated(points)], axis=0) * [1, -1]
    for name in ("random_search", "nsga2", "nsga3", "moead"):
        history = BENCH.search(name, function, budget=20_000, **SMALL)
        assert np.array_equal(np.unique(history.scores[history.front], axis=0), np.unique(expected, axis=0))
    with pytest.raises(SearchError, match="a best value needs one objective, there are several \\(layers, sum\\)"):
        history.best_values  # noqa: B018


def test_what_functions_raise_or_give_wrongly_is_said():
    class OwnError(Exception):
        pass

    def fails(_archs):
        raise OwnError("mine")

    for budget in (1, 500):
        with pytest.raises(OwnError, match=r"^mine$"):
            BENCH.search("regularized_evolution", fails, budget=budget, **SMALL)
        with pytest.raises(OwnError, match=r"^mine$"):
            BENCH.simulate("local_search", fails, runs=70, budget=budget, **SMALL)
    for given, shape in [
        (lambda archs: archs, r"\(10, 28\)"),
        (lambda _: 3.0, r"\(\)"),
        (lambda archs: archs[:-1, 0], r"\(9,\)"),
    ]:
        with pytest.raises(
            SearchError, match=f"the function gave an array of shape {shape} for 10 architectures and 1 "
        ):
            BENCH.search("local_search", given, budget=50, **SMALL)
    with pytest.raises(ValueError, match="could not convert string"):
        BENCH.search("random_search", lambda archs: ["no number"] * len(archs), budget=5, **SMALL)
    for bad in (np.nan, np.inf, -np.inf):
        only = ALL[7]
        function = lambda archs, only=only, bad=bad: np.where((archs == only).all(axis=1), bad, 1.0)  # noqa: E731
        name = BENCH.space.format(only[None])[0]
        with pytest.raises(
            SearchError, match=f"the score of {name} is .*; keep to objectives that are finite everywhere"
        ):
            BENCH.search("random_search", function, budget=50_000, **SMALL)


def test_expressions_are_objectives_and_limits():
    derived = BENCH.derive("speed", "max(accuracy - 60, 0) / latency_zcu102", direction="maximise")
    assert not derived.metrics["speed"].exact
    expected = derived.predict(ALL, "speed").max()
    for name in ("local_search", "nsga2", "simulated_annealing"):
        history = derived.search(name, "speed", budget=8_000, **SMALL)
        assert history.best[1] == expected
        assert np.array_equal(history.values["speed"], derived.predict(history.architectures, "speed"))
    with pytest.raises(Exception, match="speed"):
        history.regret()
    limited = derived.search("local_search", "accuracy", subject_to="speed >= 0.25", budget=8_000, **SMALL)
    allowed = derived.predict(ALL, "speed") >= 0.25
    assert limited.best[1] == derived.predict(ALL, "accuracy")[allowed].max()


def test_successive_halving_recommends_what_was_measured_most():
    settings = SuccessiveHalving(initial=8, reduction=2)
    history = BENCH.search(settings, "accuracy", budget=2_000, noise=True, **SMALL)
    runs = BENCH.simulate(settings, "accuracy", runs=1, budget=2_000, noise=True, **SMALL)
    for position, at, score in zip(history.improvements, history.improved_at, runs.scores[:, 0], strict=True):
        own = (history.architectures[:at] == history.architectures[position]).all(axis=1)
        assert own.sum() >= 2 or at == 8
        # measurements of later brackets may be of the same architecture
        measured = history.scores[:at, 0][own]
        assert measured.min() <= score <= measured.max()


def test_limits_that_nothing_meets_have_no_optimum():
    impossible = {**LIMITS, "accuracy": (90.0, None)}
    runs = BENCH.simulate("random_search", "accuracy", runs=2, budget=20, subject_to=impossible, **SMALL)
    assert np.isnan(runs.best_values).all()
    with pytest.raises(SearchError, match=r"no architecture at all meets .*; loosen them"):
        runs.regret()


def test_threads_that_share_a_problem_raise_what_their_own_functions_raised():
    def own(_rows, seeds):
        raise LookupError(int(seeds[0]))

    space = accelnas.mnasnet_space()
    problem = _core.Problem.of(space._core, 1, json.dumps({"directions": ["maximise"]}), None, own)

    def run(seed):
        with pytest.raises(LookupError) as raised:
            problem.run(json.dumps({"kind": "random_search"}), seed, 0, 1, 10)
        return raised.value.args[0] == _core.measurement_seeds(seed, 0, 1)[0]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(run, range(200)))


def test_means_of_measurements_that_partly_violate_a_bound_are_no_values(bench):
    task = {"subject_to": "throughput_tpuv3 >= 1100", "runs": 300, "budget": 600, "seed": 0, "noise": 8.0}
    runs = bench.simulate("successive_halving", "accuracy", **task)
    seen, true = runs.best_values[:, -1], bench.predict(runs.final, "accuracy")
    looked = ~np.isnan(seen)
    assert looked.mean() > 0.9
    # means of measurements whose deviation is 8 times the metric's noise
    assert np.abs(seen[looked] - true[looked]).max() < 6 * 8 * bench.metrics["accuracy"].noise
