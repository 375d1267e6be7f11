import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import optuna
import pytest

import accelnas
from accelnas.adapters.optuna import (
    AskTellSampler,
    distributions,
    optuna_algorithm,
    optuna_objective,
    study_directions,
    suggest,
)
from accelnas.search import native
from search_driver import SMALL, check_seeds, drive, score, scores

BENCH = accelnas.load()
GRID = {variable.name: list(variable.choices) for variable in SMALL.variables}


@pytest.fixture(autouse=True)
def _quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)


class Climber:
    """Batches of three neighbours of the best so far."""

    def __init__(self, task):
        self.space, self.chance = task.space, np.random.default_rng(task.seed)
        self.best, self.value, self.signs = task.space.sample(1, task.seed), None, task.signs
        self.told = []

    def ask(self):
        return self.best if self.value is None else self.chance.choice(self.space.neighbours(self.best), 3)

    def tell(self, archs, values):
        self.told.append(values)
        scores = values * self.signs
        best = scores.sum(axis=1) if scores.ndim == 2 else scores
        if self.value is None or best.max() > self.value:
            self.best, self.value = archs[[best.argmax()]], best.max()


def climbing(task):
    """Does what `Climber` does."""
    climber = Climber(task)
    while True:
        archs = climber.ask()
        climber.tell(archs, (yield archs))


class ClimbersInBatches:
    @staticmethod
    def many(tasks):
        (climber,) = map(Climber, tasks)

        class Runs:
            def ask(self):
                return climber.ask()[None]

            def tell(self, archs, values):
                climber.tell(archs[0], values[0])

        return Runs()


@pytest.mark.parametrize("evaluate", [score, scores])
@pytest.mark.parametrize("sampler", [optuna.samplers.TPESampler, optuna.samplers.NSGAIISampler])
def test_seeds_decide(sampler, evaluate):
    optuna.logging.set_verbosity(optuna.logging.INFO)
    check_seeds(optuna_algorithm(lambda seed: sampler(seed=seed)), 20, evaluate)
    assert optuna.logging.get_verbosity() == optuna.logging.INFO


def test_grid_finds_everything_and_goes_on():
    archs, found = drive(optuna_algorithm(lambda seed: optuna.samplers.GridSampler(GRID, seed=seed)), 230, seed=1)
    assert len(np.unique(SMALL.index(archs))) == SMALL.size
    assert found.max() == score(SMALL.range(0, SMALL.size)).max()


def test_study_finds_the_optimum_by_grid():
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.GridSampler(GRID, seed=1))
    study.optimize(lambda trial: float(score(suggest(trial, SMALL))[0]))
    everything = SMALL.range(0, SMALL.size)
    assert len(study.trials) == SMALL.size
    assert study.best_params == SMALL.decode(everything[[score(everything).argmax()]])[0]


def test_distributions_hold_the_choices():
    found = distributions(SMALL)
    assert found["k"] == optuna.distributions.IntDistribution(3, 7, step=2)
    assert found["l"] == optuna.distributions.IntDistribution(1, 4)
    assert found["width"] == optuna.distributions.CategoricalDistribution([8, 16, 64])
    assert found["wide"] == optuna.distributions.CategoricalDistribution([False, True])


def test_objective_gives_predictions_and_violations():
    objective = optuna_objective(BENCH, ["accuracy", "latency_zcu102"], ["macs >= 200", "macs <= 300"])
    for row in BENCH.space.sample(20, seed=2):
        trial = optuna.trial.FixedTrial(BENCH.space.decode(row)[0])
        expected = BENCH.predict(row[None], ["accuracy", "latency_zcu102", "macs"], dtype="float64")
        assert objective(trial) == (expected["accuracy"][0], expected["latency_zcu102"][0])
        macs = expected["macs"][0]
        assert trial.constraints == {"macs >= 200.0": 200 - macs, "macs <= 300.0": macs - 300}


def test_samplers_keep_constraints():
    study = optuna.create_study(
        directions=study_directions(BENCH, "accuracy"), sampler=optuna.samplers.TPESampler(seed=1)
    )
    study.optimize(optuna_objective(BENCH, "accuracy", "macs <= 250"), n_trials=40)
    archs = BENCH.space.encode([study.best_params])
    assert BENCH.predict(archs, "macs")[0] <= 250
    assert study.best_value == BENCH.predict(archs, "accuracy", dtype="float64")[0]


@pytest.mark.parametrize("make", [Climber, climbing, ClimbersInBatches])
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_sampler_does_what_the_algorithm_does(make, direction):
    archs, _ = drive(make, 31, seed=5)
    sign = 1 if direction == "maximize" else -1
    study = optuna.create_study(direction=direction, sampler=AskTellSampler(SMALL, make, 5))
    study.optimize(lambda trial: sign * float(score(suggest(trial, SMALL))[0]), n_trials=31)
    assert np.array_equal(SMALL.encode([trial.params for trial in study.trials]), archs)


@pytest.mark.parametrize("algorithm", [Climber, native("regularized_evolution"), native("local_search")])
def test_a_stored_study_goes_on_where_it_ended(algorithm, caplog):
    def objective(trial):
        value = float(score(suggest(trial, SMALL))[0])
        if trial.number == 4:
            raise KeyError("a training that failed")
        return float("nan") if trial.number == 6 else value

    def archs(*sessions):
        storage = optuna.storages.InMemoryStorage()
        optuna.create_study(storage=storage, study_name="own", direction="maximize")
        for trials in sessions:
            sampler = AskTellSampler(SMALL, algorithm, 5)
            study = optuna.load_study(storage=storage, study_name="own", sampler=sampler)
            study.optimize(objective, n_trials=trials, catch=(KeyError,))
            assert sampler.untold == 0
        return SMALL.encode([trial.params for trial in study.trials])

    assert np.array_equal(archs(31), archs(2, 6, 1, 22))
    assert not [record for record in caplog.records if "did not ask" in record.message]


def test_what_was_under_way_is_asked_again():
    whole = optuna.create_study(direction="maximize", sampler=AskTellSampler(SMALL, Climber, 5))
    whole.optimize(lambda trial: float(score(suggest(trial, SMALL))[0]), n_trials=10)
    study = optuna.create_study(direction="maximize", sampler=AskTellSampler(SMALL, Climber, 5))
    for number in range(4):
        trial = study.ask(distributions(SMALL))
        if number != 2:  # its session dies
            study.tell(trial, float(score(SMALL.encode([trial.params]))[0]))
    study.sampler = AskTellSampler(SMALL, Climber, 5)
    study.optimize(lambda trial: float(score(suggest(trial, SMALL))[0]), n_trials=7)
    assert study.trials[4].params == study.trials[2].params
    assert [t.params for t in study.trials[5:]] == [t.params for t in whole.trials[4:]]


def test_values_that_are_not_finite_are_failures():
    study, climber = begun()
    for value in (float("inf"), 4.0, -float("inf")):
        study.tell(study.ask(distributions(SMALL)), value)
    assert climber.told[1].tolist() == [0.0, 4.0, 0.0]


def test_earlier_trials_are_counted_and_not_told(caplog):
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=1))
    for value in (1.0, 2.0, 3.0):
        study.tell(study.ask(distributions(SMALL)), value)
    study.sampler = AskTellSampler(SMALL, Climber, 5)
    assert study.sampler.untold == 0
    study.optimize(lambda trial: float(score(suggest(trial, SMALL))[0]), n_trials=2)
    assert study.sampler.untold == 3
    (record,) = caplog.records
    assert "has 3 finished trials that this algorithm and seed did not ask for; told the other 0" in record.message


def test_sampler_of_several_objectives():
    archs, _ = drive(Climber, 31, seed=5, evaluate=scores)
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=AskTellSampler(SMALL, Climber, 5))
    study.optimize(lambda trial: tuple(scores(suggest(trial, SMALL))[0] * [1, -1]), n_trials=31)
    assert np.array_equal(SMALL.encode([trial.params for trial in study.trials]), archs)


def begun(**options):
    """A study whose algorithm has asked for a batch of three, and the algorithm."""
    made = []

    def make(task):
        made.append(Climber(task))
        return made[0]

    study = optuna.create_study(direction="maximize", sampler=AskTellSampler(SMALL, make, 1, **options))
    study.tell(study.ask(distributions(SMALL)), 0.0)
    return study, made[0]


def test_failed_pruned_and_infeasible_trials():
    study, climber = begun()
    failed, pruned, broken = (study.ask(distributions(SMALL)) for _ in range(3))
    study.tell(failed, state=optuna.trial.TrialState.FAIL)
    broken.set_constraint("size", 2.5)
    study.tell(broken, 7.0)
    study.tell(pruned, state=optuna.trial.TrialState.PRUNED)
    assert climber.told[1].tolist() == [0.0, 0.0, -2.5]


def test_failure_before_any_score():
    told = []

    def once(task):
        told.append((yield task.space.sample(1)))

    study = optuna.create_study(sampler=AskTellSampler(SMALL, once, 1))
    study.tell(study.ask(distributions(SMALL)), state=optuna.trial.TrialState.FAIL)
    assert told[0].tolist() == [np.inf]  # studies minimise where nothing else is said
    assert study.ask(distributions(SMALL)).params  # the algorithm has ended


def test_trials_beyond_the_batch_are_not_told():
    study, climber = begun()
    trials = [study.ask(distributions(SMALL)) for _ in range(5)]
    for number, trial in enumerate(reversed(trials)):
        study.tell(trial, float(number))
    assert climber.told[1].tolist() == [4.0, 3.0, 2.0]


def test_enqueued_trials_are_not_told():
    study, climber = begun()
    study.enqueue_trial(SMALL.decode(SMALL.sample(1, seed=9))[0])
    for number in range(4):
        study.tell(study.ask(distributions(SMALL)), float(number))
    assert climber.told[1].tolist() == [1.0, 2.0, 3.0]


def test_threads_share_a_sampler():
    study, climber = begun()

    def step(_):
        trial = study.ask(distributions(SMALL))
        study.tell(trial, float(score(SMALL.encode([trial.params]))[0]))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(step, range(60)))
    assert all(len(told) == 3 for told in climber.told[1:])


def test_other_parameters_are_random():
    study, _ = begun()
    trial = study.ask()
    assert 0 <= trial.suggest_float("rate", 0, 1) <= 1
    with pytest.raises(
        accelnas.SearchError, match=r"k is suggested from IntDistribution.*use accelnas.adapters.optuna"
    ):
        trial.suggest_int("k", 20, 30)


def test_one_study_a_sampler():
    study, _ = begun()
    other = optuna.create_study(sampler=study.sampler)
    with pytest.raises(accelnas.SearchError, match=r"belongs to the study .*; make one for each"):
        other.ask(distributions(SMALL))


def test_missing_optuna(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna.distributions", None)
    with pytest.raises(accelnas.MissingExtraError, match=r"pip install 'accelnas\[optuna\]'"):
        distributions(SMALL)
