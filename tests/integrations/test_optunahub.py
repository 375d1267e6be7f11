"""The package for OptunaHub, loaded as the hub loads it."""

import math
import runpy
from pathlib import Path

import numpy as np
import pytest

import accelnas
from search_driver import CHAIN
from small_samples import random_benchmark

optuna = pytest.importorskip("optuna", reason="not installed here; make python-test runs it")
optunahub = pytest.importorskip("optunahub", reason="not installed here; make python-test runs it")
REGISTRY = Path(__file__).parents[2] / "integrations" / "optunahub" / "package"
METRICS = [("quality", "maximise", "identity", 0.0, 1.0), ("cost", "minimise", "identity", 5.0, 1.0)]


@pytest.fixture(scope="module")
def package():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield optunahub.load_local_module("benchmarks/accelnas", registry_root=str(REGISTRY))
    optuna.logging.set_verbosity(before)


@pytest.fixture(scope="module")
def ruled(tmp_path_factory):
    """A space with conditions, forbidden combinations and equivalences; all its architectures, and their values."""
    bench = random_benchmark(tmp_path_factory.mktemp("ruled"), CHAIN, [(0, 1), (2,), (3,)], METRICS)
    everything = CHAIN.range(0, CHAIN.size)
    values = bench.predict(everything, ["quality", "cost"], dtype="float64")
    return bench, everything, np.column_stack(list(values.values()))


def studied(problem, trials, **options):
    study = optuna.create_study(directions=problem.directions, sampler=optuna.samplers.TPESampler(seed=1))
    study.optimize(problem, n_trials=trials, **options)
    return study


def test_published_optima_of_nasbench201(package):
    problems = [package.Problem("nasbench201", name) for name in ("cifar10", "cifar100")]
    assert [f"{problem.best_value:.2f}" for problem in problems] == ["91.61", "73.49"]  # of the paper's Table 5


def test_trials_of_a_conditional_space_are_its_architectures(package, ruled):
    bench, everything, values = ruled
    problem = package.Problem(str(bench.path))
    study = studied(problem, 120)
    assert {trial.state for trial in study.trials} == {optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED}
    complete = study.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    assert len({frozenset(trial.params) for trial in complete}) > 1  # some parameters are inactive
    for trial in complete:
        (own,) = (everything == CHAIN.encode([trial.params])).all(axis=1).nonzero()[0]
        assert trial.value == problem.evaluate(trial.params) == values[own, 0]
        assert problem.regret(trial.params) == pytest.approx(values[:, 0].max() - values[own, 0], abs=1e-12)
    assert problem.best_value == pytest.approx(values[:, 0].max(), abs=1e-12)
    assert set(problem.search_space) == {variable.name for variable in CHAIN.variables}
    with pytest.raises(accelnas.SpaceError, match="forbidden"):
        problem.evaluate({"leaf": True, "op": "conv", "k": 3, "depth": 1})
    with pytest.raises(accelnas.SpaceError, match="op is missing"):
        problem.evaluate({"depth": 1})


def test_constraints_bound_the_front(package, ruled):
    bench, _, values = ruled
    limit = float(np.median(values[:, 1]))
    problem = package.Problem(str(bench.path), ["quality", ("cost", "maximise")], subject_to=f"cost <= {limit!r}")
    feasible = values[values[:, 1] <= limit]
    dominated = [((feasible >= one).all(axis=1) & (feasible > one).any(axis=1)).any() for one in feasible]
    expected = np.unique(feasible[~np.array(dominated)], axis=0)
    assert np.sort(problem.pareto_front, axis=0) == pytest.approx(np.sort(expected, axis=0), abs=1e-12)
    for trial in studied(problem, 40).trials:
        if trial.values is not None:
            assert list(trial.constraints.values()) == [trial.values[1] - limit] == problem.constraints_func(trial)
    single = package.Problem(str(bench.path), subject_to=f"cost <= {limit!r}")
    assert single.best_value == pytest.approx(feasible[:, 0].max(), abs=1e-12)
    assert math.isnan(single.regret(CHAIN.decode(CHAIN.at([int(values[:, 1].argmax())]))[0]))


def test_noise_is_decided_by_seed_and_trial(package):
    problem = package.Problem(objectives=["accuracy", "macs"], noise_seed=5, subject_to="sum(l) <= 20")
    alone, together = (studied(problem, 20, n_jobs=jobs).trials for jobs in (1, 2))
    for trial in (*alone, *together):
        assert tuple(trial.values) == problem.evaluate(trial.params, trial.number)
    params = alone[0].params
    drawn = np.array([problem.evaluate(params, number) for number in range(400)])
    mean, noise = problem._bench.predict([params], ["accuracy", "macs"], dtype="float64"), 0.305
    assert drawn[:, 0].mean() == pytest.approx(mean["accuracy"][0], abs=5 * noise / 20)
    assert drawn[:, 0].std() == pytest.approx(noise, rel=0.2)
    assert (drawn[:, 1] == mean["macs"][0]).all()  # an exact metric


def test_example_runs(package, monkeypatch, capsys):
    monkeypatch.setattr(optunahub, "load_module", lambda _: package)
    runpy.run_path(str(REGISTRY / "benchmarks" / "accelnas" / "example.py"))
    assert "optimum 66.15 %" in capsys.readouterr().out


def test_wrong_arguments_are_named(package):
    with pytest.raises(accelnas.MetricError, match="unknown metric"):
        package.Problem(objectives="speed")
    with pytest.raises(accelnas.ParameterError, match="noise_seed is -1"):
        package.Problem(noise_seed=-1)
