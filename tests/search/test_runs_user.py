"""Algorithms written in Python run in the farm: every form, uneven batches, and what goes wrong in them."""

import numpy as np
import optuna
import pytest

import accelnas
from accelnas import SearchError, SpaceError, _core
from accelnas.adapters.optuna import optuna_algorithm
from accelnas.adapters.pymoo import pymoo_nsga2
from accelnas.search import AskTell, ManyRuns, native
from search_samples import BENCH, WITHIN, choice_indices, same_logs


class Climber:
    """A batch of neighbours of the best one; batches grow unevenly from run to run."""

    def __init__(self, task):
        self.space, self.signs, self.chance = task.space, task.signs, np.random.default_rng(task.seed)
        self.cards = np.array([len(v.choices) for v in task.space.variables])
        self.best, self.score = None, -np.inf

    def ask(self):
        n = int(self.chance.integers(1, 9))
        if self.best is None:
            return self.chance.integers(0, self.cards, (n, len(self.cards))).astype(np.uint8)
        archs = np.repeat(self.best[None], n, axis=0)
        places = self.chance.integers(0, len(self.cards), n)
        archs[np.arange(n), places] = self.chance.integers(0, self.cards[places])
        return archs

    def tell(self, archs, values):
        assert values.dtype == np.float64
        scores = values * self.signs
        first = scores if scores.ndim == 1 else scores[:, 0]
        assert len(archs) == len(first) > 0
        if first.max() > self.score:
            self.best, self.score = archs[first.argmax()], first.max()


def climbing(task):
    """The same as a generator."""
    run = Climber(task)
    while True:
        archs = run.ask()
        values = yield archs
        run.tell(archs[: len(values)], values)


class Crowd:
    """Many uniform runs at once; every one has random numbers of its own."""

    def __init__(self, tasks, n=7):
        self.tasks, self.n, self.told = tasks, n, []
        self.chances = [np.random.default_rng(task.seed) for task in tasks]

    @classmethod
    def many(cls, tasks):
        return cls(tasks)

    def ask(self):
        cards = [len(v.choices) for v in self.tasks[0].space.variables]
        rows = [chance.integers(0, cards, (self.n, len(cards))) for chance in self.chances]
        return np.stack(rows).astype(np.uint8)

    def tell(self, archs, scores):
        assert archs.shape[:2] == scores.shape[:2] == (len(self.tasks), archs.shape[1])


def crowded(task):
    """One run of `Crowd`."""
    run = Crowd([task])
    while True:
        yield run.ask()[0]


SETTINGS = [
    {"objective": "accuracy", "noise": True, "clock": "train_time"},
    {"objective": "accuracy", "subject_to": "params <= 5", "within": WITHIN},
    {"objective": ["accuracy", "latency_zcu102"], "within": WITHIN},
    {"objective": lambda archs: archs.sum(axis=1), "within": WITHIN},
]


def simulate(algorithm, runs=6, budget=50, seed=2, **setting):
    return BENCH.simulate(algorithm, **({"objective": "accuracy"} | setting), runs=runs, budget=budget, seed=seed)


def test_forms_are_what_they_say():
    task = accelnas.search.Task(BENCH.space, {"accuracy": "maximise"}, 5, 1)
    assert isinstance(Climber(task), AskTell)
    assert isinstance(Crowd([task]), ManyRuns)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize(("one", "other"), [(Climber, climbing), (Crowd, crowded)])
def test_forms_find_the_same(setting, one, other):
    first, second = simulate(one, **setting), simulate(other, **setting)
    same_logs(first.logs, second.logs)
    same_logs(first.logs, simulate(one, **setting).logs)
    assert not np.array_equal(first.logs.rows[:6], simulate(one, **setting, seed=3).logs.rows[:6])


@pytest.mark.parametrize("setting", SETTINGS)
def test_runs_do_not_depend_on_other_runs(setting, monkeypatch):
    whole = simulate(Climber, runs=9, **setting)
    same_logs(whole.logs, simulate(Climber, runs=4, **setting).logs, 4)
    monkeypatch.setattr("accelnas.search.runs.engine.COHORT", 2)
    same_logs(simulate(Climber, runs=9, **setting).logs, whole.logs)
    monkeypatch.setattr("accelnas.search.runs.engine.PART", 5)
    same_logs(simulate(Climber, runs=9, **setting).logs, whole.logs)


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_search_is_the_first_run(setting):
    history = BENCH.search(Climber, **setting, budget=50, seed=2)
    runs = simulate(Climber, runs=1, **setting)
    assert len(history) == 50
    assert np.array_equal(history.architectures[history.improvements], runs.logs.rows)
    assert np.array_equal(history.improved_at, runs.logs.evaluations)
    assert np.array_equal(history.scores[history.improvements], runs.scores, equal_nan=True)
    if "within" in setting:
        columns = zip(history.architectures.T, choice_indices(), strict=True)
        assert all(np.isin(column, own).all() for column, own in columns)


def test_tasks_are_told_everything():
    tasks = []

    def watching(task):
        tasks.append(task)
        while True:
            yield task.space.sample(2, seed=task.seed)

    simulate(watching, runs=3, budget=4, objective=["accuracy", "macs"], within=WITHIN)
    assert [task.objectives for task in tasks] == [{"accuracy": "maximise", "macs": "minimise"}] * 3
    assert [task.budget for task in tasks] == [4] * 3
    assert [task.seed for task in tasks] == [_core.run_seed(2, run) for run in range(3)]
    assert len({task.seed for task in tasks}) == 3
    assert all(0 <= task.seed < 2**63 for task in tasks)
    assert tasks[0].space.size == 1536


def test_values_are_those_people_read_and_infeasible_ones_are_worse():
    told = []

    def watching(task):
        while True:
            told.append((yield task.space.sample(200, seed=task.seed)))

    simulate(watching, runs=1, budget=200, objective="latency_zcu102", subject_to="accuracy >= 63", seed=5)
    rows = BENCH.space.sample(200, seed=_core.run_seed(5, 0))
    values = BENCH.predict(rows, ["accuracy", "latency_zcu102"])
    feasible = values["accuracy"] >= 63
    assert 0 < feasible.sum() < 200
    assert np.array_equal(told[0][feasible], values["latency_zcu102"][feasible].astype(np.float64))
    assert told[0][~feasible].min() > told[0][feasible].max()
    assert np.array_equal(np.argsort(-told[0][~feasible]), np.argsort(values["accuracy"][~feasible]))


@pytest.mark.parametrize("size", [1, 7, 50, 51, 1000])
def test_what_is_asked_beyond_the_budget_is_not_evaluated(size):
    told = []

    def watching(task):
        while True:
            told.append(len((yield task.space.sample(size, seed=1))))

    assert len(BENCH.search(watching, "accuracy", budget=50, seed=1)) == 50
    assert sum(told) <= 50
    assert set(told[:-1]) <= {size}


def raising(task):
    yield task.space.sample(3, seed=1)
    raise LookupError("mine")


def short(task):
    yield task.space.sample(3, seed=1)


def empty(_task):
    return
    yield


class Few(Crowd):
    """Forgets a run."""

    def ask(self):
        return super().ask()[:-1]


def asks(archs):
    """An algorithm that asks for this."""

    class Asks:
        def __init__(self, task):
            pass

        def ask(self):
            return archs

        def tell(self, archs, scores):
            pass

    return Asks


GOOD = np.zeros((2, 28), np.uint8)


@pytest.mark.parametrize(
    ("algorithm", "kind", "message"),
    [
        (raising, LookupError, "^'?mine'?$"),
        (short, SearchError, "asked for nothing before the budget was spent; let it go on for ever"),
        (empty, SearchError, "asked for nothing before the budget was spent"),
        (
            asks(GOOD.astype(int)),
            SearchError,
            r" asked for an array of shape \(2, 28\) and dtype int64; give uint8",
        ),
        (asks(GOOD.astype(float)), SearchError, "dtype float64"),
        (asks(GOOD[:, :27]), SearchError, r"shape \(2, 27\)"),
        (asks(GOOD[0]), SearchError, r"shape \(28,\)"),
        (asks(GOOD[:0]), SearchError, "asked for nothing before the budget was spent"),
        (asks(None), SearchError, r"shape \(\) and dtype object"),
        (asks(np.full((2, 28), 9, np.uint8)), SpaceError, "row 0"),
        (lambda _task: 1 / 0, ZeroDivisionError, "division"),
        (lambda _task: 3, SearchError, "made 3; let it make an object with ask and tell, or a generator"),
    ],
)
def test_what_goes_wrong_is_said(algorithm, kind, message):
    with pytest.raises(kind, match=message):
        simulate(algorithm)
    with pytest.raises(kind, match=message):
        BENCH.search(algorithm, "accuracy", budget=10, seed=1)


def test_forgotten_runs_are_refused():
    with pytest.raises(SearchError, match=r"Few asked for an array of shape \(5, 7, 28\) for 6 runs; give \(runs, n, "):
        simulate(Few)


def test_generators_may_end_with_the_budget():
    runs = simulate(short, budget=3)
    assert runs.logs.evaluations.max() <= 3


@pytest.mark.parametrize("name", ["random_search", "local_search", "regularized_evolution", "simulated_annealing"])
@pytest.mark.parametrize("objective", ["accuracy", "latency_zcu102"])
def test_native_algorithms_run_as_those_of_users(name, objective):
    ours, theirs = (
        BENCH.simulate(algorithm, objective, runs=60, budget=300, seed=1, within=WITHIN)
        for algorithm in (name, native(name))
    )
    found = [runs.regret([300])[:, 0] for runs in (ours, theirs)]
    # other seeds, the same algorithm
    error = np.hypot(*(regrets.std() / np.sqrt(60) for regrets in found))
    assert abs(found[0].mean() - found[1].mean()) <= 4 * error
    assert not np.array_equal(ours.logs.rows[:60], theirs.logs.rows[:60])


def test_native_fronts_run_as_those_of_users():
    for name in ("nsga2", "nsga3", "moead"):
        runs = BENCH.simulate(native(name), ["accuracy", "macs"], runs=2, budget=4_000, seed=1, within=WITHIN)
        assert (runs.igd_plus([4_000]) < 0.01).all()


def test_libraries_run_in_the_farm():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    tpe = optuna_algorithm(lambda seed: optuna.samplers.TPESampler(seed=seed))
    setting = {"runs": 3, "budget": 40, "seed": 1}
    algorithms = {"pymoo": pymoo_nsga2(population=10), "tpe": tpe, "random": "random_search"}
    found = BENCH.simulate(algorithms, "accuracy", **setting)
    again = BENCH.simulate(algorithms, "accuracy", **setting)
    optuna.logging.set_verbosity(before)
    for label in algorithms:
        same_logs(found[label].logs, again[label].logs)
        assert (found[label].regret() >= 0).all()
    fronts = BENCH.simulate(pymoo_nsga2(population=10), ["accuracy", "macs"], **setting, within=WITHIN)
    assert (np.diff(fronts.hypervolume(reference={"accuracy": 50, "macs": 1000}), axis=1) >= 0).all()
