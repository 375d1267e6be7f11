"""Studies of uncertain inputs against enumeration, and searches without them."""

import sys

import numpy as np
import pytest

import accelnas
from accelnas.errors import MetricError, SearchError
from accelnas.exact.constraints import parse_constraints
from accelnas.hardware import load_accelerator
from accelnas.hardware.engines import ENGINES
from command_line import failure, run
from small_samples import random_benchmark, space_of
from studies import array_oracle, deviations, device_estimators, energy_oracle, proxy_ranks, search_noise
from studies.deviations import drawn_deviation, estimate_deviations
from studies.device_estimators import Outcome, outcomes
from studies.fig3 import kendall
from studies.schemes import Scheme
from studies.search_noise import judge

METRICS = [("accuracy", "maximise", "identity", 60.0, 1.0), ("latency_a", "minimise", "identity", 9.0, 0.5)]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A benchmark of which everything is known by enumeration."""
    space = space_of("small", **{f"b{b}": {f"b{b}v{v}": [1, 2, 3] for v in range(2)} for b in range(4)})
    sets = [[v, v + 1] for v in range(7)]
    return random_benchmark(tmp_path_factory.mktemp("small"), space, sets, METRICS)


@pytest.fixture(scope="module")
def every(small):
    return small.space.range(0, small.space.size)


def test_runs_are_judged_by_the_truth(small, every):
    accuracy, latency = (small.predict(every, name, dtype="float64") for name in ("accuracy", "latency_a"))
    bound = float(np.quantile(latency, 0.3))
    best = accuracy[latency <= bound].max()
    text = f"latency_a <= {bound!r}"
    assert parse_constraints(small.metrics, text)[0].upper == bound
    runs = small.simulate("random_search", "accuracy", subject_to=text, runs=30, budget=50, seed=0)
    judged = judge(small, runs, best)
    assert np.array_equal(judged.regret, runs.regret([50])[:, 0])  # as the search itself says without noise
    assert not judged.infeasible.any()
    assert np.abs(judged.flattered).max() < 1e-4  # float32
    free = judge(small, small.simulate("random_search", "accuracy", runs=30, budget=50, seed=0), accuracy.max())
    assert (free.regret >= 0).all()
    assert small.best("accuracy", subject_to=text).values[0] == best


def test_noise_of_nothing_is_a_search_without_noise(monkeypatch):
    bench = accelnas.load()
    monkeypatch.setattr(search_noise, "ALGORITHMS", {"random search": search_noise.ALGORITHMS["random search"]})
    found = search_noise.study_noise(bench, factors=[0.0, 8.0], runs=4, budget=20, threads=1)
    frame = found.tables[0].frame
    plain = bench.simulate("random_search", "accuracy", runs=4, budget=20, seed=0, threads=1)
    assert frame.filter(noise=0.0)["regret [points]"][0] == pytest.approx(plain.regret([20]).mean(), abs=1e-12)
    assert frame.filter(noise=8.0)["seen above true [points]"][0] > 0.3
    with pytest.raises(SearchError, match="there are 1 runs"):
        search_noise.study_noise(bench, runs=1)


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_deviations_have_the_variance_that_is_said(small, every, share):
    drawn = drawn_deviation(small.space, share, seed=3).predict(every)
    assert drawn.mean() == pytest.approx(0, abs=1e-12)
    assert drawn.var() == pytest.approx(1, abs=1e-12)
    effects = [drawn[every[:, v] == c].mean() for v in range(8) for c in range(3)]
    assert np.square(effects).sum() / 3 == pytest.approx(share, abs=1e-9)
    assert not np.array_equal(drawn, drawn_deviation(small.space, share, seed=4).predict(every))


@pytest.mark.parametrize("tau", [0.9, 0.6])
def test_a_drawn_reference_has_the_tau_and_the_optimum_that_are_said(small, every, tau):
    cheap = small.predict(every, "accuracy", dtype="float64")
    surrogate = drawn_deviation(small.space, 0.7, seed=1)
    deviation, chance = surrogate.predict(every), np.random.default_rng(0)
    some = chance.permutation(len(every))[:2000]
    scale = proxy_ranks.scale_for(tau, cheap[some], deviation[some])
    assert kendall(cheap[some], cheap[some] + scale * deviation[some]) == pytest.approx(tau, abs=1e-4)
    others = chance.permutation(len(every))[:2000]
    assert kendall(cheap[others], cheap[others] + scale * deviation[others]) == pytest.approx(tau, abs=0.03)
    known = deviations.Deviations(0.9, 12.0, 0.1, 0.3, 0.2, {})
    best = proxy_ranks._best(small, known, surrogate, scale, 1)
    assert best == pytest.approx((12 + 0.9 * cheap + scale * deviation).max(), abs=1e-9)


def test_deviations_of_networks_are_estimated(small):
    chance = np.random.default_rng(1)
    rows = small.space.sample(400, seed=2, unique=True)
    cheap = 3 * chance.standard_normal(400) + 60
    effects = drawn_deviation(small.space, 1.0, seed=5).predict(rows)
    true = 10 + 0.9 * cheap + 0.5 * effects + 0.2 * chance.standard_normal(400)
    schemes = [
        Scheme(rows, values[:, None] + sigma * chance.standard_normal((400, 3)), *[np.empty((400, 3))] * 2)
        for values, sigma in ((cheap, 0.3), (true, 0.15))
    ]
    found = estimate_deviations(*schemes, small.space)
    assert found.slope == pytest.approx(0.9, abs=0.02)
    assert found.of_variables == pytest.approx(0.5, rel=0.25)
    assert found.of_networks == pytest.approx(0.2, rel=0.25)
    assert found.likelihoods["variables and networks"] > found.likelihoods["networks"] + 10


def test_a_surrogate_in_its_own_place_loses_nothing(small, every):
    accuracy, latency = (small.predict(every, name, dtype="float64") for name in ("accuracy", "latency_a"))
    front = small.pareto_front(["accuracy", "latency_a"])
    budgets = {float(b): float(accuracy[latency <= b].max()) for b in np.quantile(latency, [0.05, 0.5])}
    times = front.values[:, 1]
    assert outcomes(front.values[:, 0], times, times, budgets) == [Outcome(0.0, 0.0, 0.0)] * 2
    for budget, best in budgets.items():  # as the search by itself
        assert small.best("accuracy", subject_to=f"latency_a <= {budget!r}").values[0] == best
    (late,) = outcomes(front.values[:, 0], times, 2 * times, {times.min(): 0.0})
    assert np.isnan(late.lost)
    assert late.over == pytest.approx(100)


def test_a_metric_that_nothing_was_measured_of_is_refused():
    with pytest.raises(MetricError, match="'macs2' is no metric of both"):
        device_estimators._Device.of(accelnas.load(), None, None, "macs2")


def test_cycles_are_compared_by_dataflow_and_kind_of_layers(monkeypatch):
    closed = [
        array_oracle.array_cycles(layer, {n: np.array([x]) for n, x in (c | {"folds": "separate"}).items()})[0]
        for layer, c in array_oracle.array_pairs(2, seed=0)
    ]
    halved = [2 * int(closed[0]), *map(int, closed[1:])]
    monkeypatch.setattr(array_oracle, "simulated", lambda *_: (halved, "3"))
    found = array_oracle.study_array("python", pairs=2).tables[0].frame
    assert found.filter(dataflow="all").row(0)[2:6] == (16, 93.75, 0.0, 50.0)
    assert found.filter(dataflow="output")["exact [%]"].to_list() == [100.0] * 5
    assert len(found) == 11


def test_energies_are_compared_by_dataflow_and_kind_of_layers(monkeypatch):
    constants = load_accelerator("eyeriss").constants

    def evaluated(problems, _python):
        """Give half of the closed form's energies in memories, and nothing for the first pair."""
        found = []
        for problem, (layer, c) in zip(problems, energy_oracle.energy_pairs(3, seed=0), strict=True):
            columns = {n: np.array([x]) for n, x in (c | {"folds": "separate", "bandwidth": 2, "clock": 9}).items()}
            macs = layer.products * problem["mac"]
            energy = ENGINES["array"].of_layer(layer, columns, constants)["energy"][0] * 1e9
            found.append([macs, (energy - macs) / 2])
        return [None, *found[1:]], "3"

    monkeypatch.setattr(energy_oracle, "evaluated", evaluated)
    summary, pairs = energy_oracle.study_energy("python", pairs=3).tables
    assert summary.frame["pairs"].to_list()[:4] == [35, 11, 12, 12]
    assert pairs.frame["memories"].to_numpy() == pytest.approx(2)
    assert (pairs.frame["ratio"] < 2).all()
    assert (pairs.frame["ratio"] > 1).all()


def test_a_python_without_the_simulator_is_named(tmp_path):
    assert "does not run ZigZag: ModuleNotFoundError" in failure("study", "energy", sys.executable, "-o", tmp_path)
    assert "does not run SCALE-Sim: ModuleNotFoundError" in failure("study", "array", sys.executable, "-o", tmp_path)
    assert "nowhere does not start: No such file" in failure("study", "array", tmp_path / "nowhere", "-o", tmp_path)


def test_commands_have_their_help():
    assert "estimator" in run("study", "--help").stdout
    for name in ("noise", "proxy", "estimator", "array", "codesign"):
        assert "--output" in run("study", name, "--help").stdout
