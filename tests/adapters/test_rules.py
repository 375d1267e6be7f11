"""Searches of spaces with rules, by every library."""

import itertools

import numpy as np
import optuna
import pytest
from pymoo.algorithms.soo.nonconvex.ga import GA
from pymoo.operators.repair.rounding import RoundingRepair
from pymoo.operators.sampling.rnd import IntegerRandomSampling
from pymoo.optimize import minimize

import accelnas
from accelnas.adapters.optuna import AskTellSampler, optuna_algorithm, suggest
from accelnas.adapters.pymoo import decode, pymoo_nsga2, to_pymoo
from accelnas.adapters.rules import allowed
from accelnas.adapters.shared import uniform_rows
from accelnas.adapters.smac import smac_algorithm
from search_driver import CHAIN, MACRO, RULED, VARIABLES, check_rules, drive, waves
from small_samples import random_benchmark


@pytest.fixture(autouse=True)
def _quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


def both(archs):
    return np.column_stack([waves(archs), -archs.sum(axis=1).astype(float)])


@pytest.mark.parametrize("evaluate", [waves, both])
def test_pymoo(evaluate):
    check_rules(pymoo_nsga2(population=8), 50, evaluate)


@pytest.mark.parametrize("evaluate", [waves, both])
@pytest.mark.parametrize(
    "sampler", [optuna.samplers.TPESampler, optuna.samplers.NSGAIISampler, optuna.samplers.RandomSampler]
)
def test_optuna(sampler, evaluate):
    check_rules(optuna_algorithm(lambda seed: sampler(seed=seed)), 25, evaluate)


def test_optuna_grid_ends():
    archs, _ = drive(
        optuna_algorithm(lambda seed: optuna.samplers.GridSampler(VARIABLES, seed=seed)), 90, 1, CHAIN, waves
    )
    assert len(np.unique(CHAIN.index(archs))) == CHAIN.size


@pytest.mark.slow
def test_smac():
    for space in RULED:
        archs, _ = drive(smac_algorithm(), 14, 1, space, waves)
        space.encode(archs, strict=True)


@pytest.mark.parametrize("algorithm", [pymoo_nsga2(population=20), optuna_algorithm(
    lambda seed: optuna.samplers.TPESampler(seed=seed, n_startup_trials=20))])  # fmt: skip
def test_they_learn(algorithm):
    everything = MACRO.range(0, MACRO.size)
    _, found = drive(algorithm, 150, 3, MACRO, waves)
    assert found[-60:].mean() > np.quantile(waves(everything), 0.8)


@pytest.mark.parametrize("space", RULED, ids=lambda space: space.name)
def test_suggesting_takes_what_is_active(space):
    for row in space.sample(200, seed=1):
        (choices,) = space.decode(row)
        trial = optuna.trial.FixedTrial({name: value for name, value in choices.items() if value is not None})
        assert np.array_equal(suggest(trial, space), row[None])


def test_forbidden_combinations_prune():
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(lambda trial: float(waves(suggest(trial, CHAIN))[0]), n_trials=200)
    states = {trial.state for trial in study.trials}
    assert states == {optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED}
    for trial in study.trials:
        given = {name: trial.params.get(name) for name in VARIABLES}
        if trial.state == optuna.trial.TrialState.COMPLETE:
            assert trial.value == waves(CHAIN.encode([given]))[0]
        else:
            with pytest.raises(accelnas.SpaceError):
                CHAIN.encode([given])


@pytest.mark.parametrize("space", RULED, ids=lambda space: space.name)
def test_our_algorithms_as_samplers(space):
    archs, _ = drive(pymoo_nsga2(population=10), 45, 5, space, waves)
    sampler = AskTellSampler(space, pymoo_nsga2(population=10), 5, budget=45)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(lambda trial: float(waves(suggest(trial, space))[0]), n_trials=45)
    params = [{v.name: trial.params.get(v.name) for v in space.variables} for trial in study.trials]
    assert np.array_equal(space.encode(params), archs)


def test_enqueued_trials_may_have_other_active_variables():
    study = optuna.create_study(sampler=AskTellSampler(CHAIN, pymoo_nsga2(population=10), 5))
    for op, depth in itertools.product(("conv", "pool", "skip"), (3, 4, 1)):
        study.enqueue_trial({"op": op, "depth": depth})
    study.optimize(lambda trial: float(waves(suggest(trial, CHAIN))[0]), n_trials=40)
    assert [trial.params["op"] for trial in study.trials[:9:3]] == ["conv", "pool", "skip"]


@pytest.mark.parametrize("space", RULED, ids=lambda space: space.name)
def test_allowed_rows(space):
    every = itertools.islice(itertools.product(*(range(len(v.choices)) for v in space.variables)), 0, None, 7)
    rows = np.array(list(every), np.uint8)
    found = allowed(space, rows)
    space.encode(found, strict=True)
    assert np.array_equal(allowed(space, rows[::-1]), found[::-1])
    for row, own in zip(rows[::5], found[::5], strict=True):
        try:
            assert np.array_equal(space.encode(row[None])[0], own)
        except accelnas.SpaceError:
            assert (row != own).any()
    assert np.array_equal(allowed(space, found), found)
    drawn = uniform_rows(space, np.random.default_rng(1), 50)
    space.encode(drawn, strict=True)
    with pytest.raises(accelnas.SpaceError):  # an active variable without a choice is no proposal
        allowed(CHAIN, np.array([[2, 0, 3, 0]], np.uint8))


def test_pymoo_problems_decode_to_what_they_evaluated(tmp_path):
    bench = random_benchmark(tmp_path / "b", CHAIN, [[0, 1], [2, 3]], [("quality", "maximise", "identity", 1.0, 1.0)])
    problem = to_pymoo(bench, "quality", dtype="float64")
    algorithm = GA(pop_size=10, sampling=IntegerRandomSampling(), repair=RoundingRepair())
    result = minimize(problem, algorithm, ("n_gen", 6), seed=1)
    archs = decode(problem, result.X)
    assert -result.F.ravel()[0] == bench.predict(archs, "quality", dtype="float64")[0]
    assert np.array_equal(decode(problem, archs), archs)
