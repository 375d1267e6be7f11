"""Searches over fidelities, against accounts of the algorithms that are written from their papers."""

import heapq
import math
from pathlib import Path

import numpy as np
import pytest

import accelnas
from accelnas import _core
from accelnas.errors import MetricError, SearchError
from accelnas.search import Asha, Hyperband, SuccessiveHalving
from accelnas.search.runs import read_runs
from small_samples import space_of, write_surrogate

EPOCHS = (1, 3, 9, 27, 81)
LADDER = {1: "quality@1", 3: "quality@3", 9: "quality@9", 27: "quality@27", 81: "quality"}
TASK = {"fidelities": LADDER, "clock": "epochs"}


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """A metric, the same after fewer epochs, which tells less of it, and hours of a whole training."""
    space = space_of("ladder", cell={name: list(range(5)) for name in "abcdef"})
    random, folder = np.random.default_rng(0), tmp_path_factory.mktemp("ladder")
    sets = [[0, 1], [2, 3], [4, 5], [1, 2]]
    base, other = random.normal(size=(2, len(sets), 25))
    for epochs, name in LADDER.items():
        share = 1 / math.sqrt(epochs) if epochs < 81 else 0.0
        cells = [np.tile(own + share * away, (2, 1)) for own, away in zip(base, other, strict=True)]
        level = 10 * math.log10(epochs)
        write_surrogate(folder, name, _core.Surrogate.from_tables(space._core, [level, level], sets, cells))
    cells = [np.tile(random.uniform(0, 1, 25), (2, 1)) for _ in sets]
    write_surrogate(folder, "hours", _core.Surrogate.from_tables(space._core, [1.0, 1.0], sets, cells), "minimise")
    return accelnas.load(folder)


class Brackets:
    """Li et al. 2018, algorithm 1: synchronous brackets, the next one where a worker would wait."""

    def __init__(self, draw, brackets, reduction, epochs=EPOCHS):
        self.draw, self.brackets, self.reduction, self.epochs = draw, brackets, reduction, epochs
        self.begun, self.open = 0, []

    def ask(self):
        for bracket in self.open:
            if bracket["waiting"] or bracket["new"]:
                break
        else:
            rung, size = self.brackets[self.begun % len(self.brackets)]
            self.begun += 1
            bracket = {"rung": rung, "size": size, "new": size, "waiting": [], "scores": {}, "names": []}
            self.open.append(bracket)
        if bracket["new"]:
            bracket["new"] -= 1
            bracket["names"].append(object())
            name, row = bracket["names"][-1], self.draw()
            bracket.setdefault("rows", {})[name] = row
        else:
            name = bracket["waiting"].pop(0)
        return (bracket, name), bracket["rows"][name], self.epochs[bracket["rung"]]

    def tell(self, job, score):
        bracket, name = job
        bracket["scores"][name] = score
        if len(bracket["scores"]) < bracket["size"]:
            return
        ranked = sorted(bracket["names"], key=lambda one: -bracket["scores"][one])
        bracket["size"] = max(bracket["size"] // self.reduction, 1)
        bracket["names"] = ranked[: bracket["size"]]
        bracket["waiting"], bracket["scores"] = list(bracket["names"]), {}
        bracket["rung"] += 1
        if bracket["rung"] == len(self.epochs):
            self.open.remove(bracket)


class Asynchronous:
    """Li et al. 2020, algorithm 2."""

    def __init__(self, draw, reduction, epochs):
        self.draw, self.reduction, self.epochs = draw, reduction, epochs
        self.ended = [[] for _ in epochs]
        self.promoted = [set() for _ in epochs]
        self.rows = []

    def ask(self):
        for rung in reversed(range(len(self.epochs) - 1)):
            best = sorted(self.ended[rung])[: len(self.ended[rung]) // self.reduction]
            for _, number in best:
                if number not in self.promoted[rung]:
                    self.promoted[rung].add(number)
                    return (number, rung + 1), self.rows[number], self.epochs[rung + 1]
        self.rows.append(self.draw())
        return (len(self.rows) - 1, 0), self.rows[-1], self.epochs[0]

    def tell(self, job, score):
        number, rung = job
        self.ended[rung].append((-score, number))


def paper(draw, algorithm):
    """The account of a native algorithm on the ladder of this file."""
    if isinstance(algorithm, Asha):
        return Asynchronous(draw, algorithm.reduction, EPOCHS if algorithm.reduction == 3 else (1, 9, 81))
    if isinstance(algorithm, SuccessiveHalving):
        return Brackets(draw, [(0, algorithm.initial)], algorithm.reduction)
    sizes = [math.ceil(5 * 3**s / (s + 1)) for s in (4, 3, 2, 1, 0)]
    return Brackets(draw, list(enumerate(sizes))[: algorithm.brackets], 3)


def accounted(bench, algorithm, budget, seed, workers, clock="epochs", from_scratch=False):
    """What a run sees: rows, epochs and times, in the order in which evaluations end."""
    # new architectures are those of random search, in its order
    drawn = iter(bench.search("random_search", "quality", budget=budget, seed=seed).architectures)
    run = paper(lambda: next(drawn), algorithm)
    jobs, ended, trained, started, now = [], [], {}, 0, 0.0
    while True:
        while len(jobs) < workers and started < budget:
            job, row, epochs = run.ask()
            below = [n for n in trained.get(row.tobytes(), ()) if n < epochs and not from_scratch]
            cost = float(epochs - max(below, default=0))
            if clock != "epochs":
                cost = cost / 81 * float(bench.predict(row[None], clock)[0])
            heapq.heappush(jobs, (now + cost, started, job, row, epochs))
            started += 1
        if not jobs:
            rows, epochs, times = zip(*ended, strict=True)
            return np.array(rows), np.array(epochs), np.array(times)
        now, _, job, row, epochs = heapq.heappop(jobs)
        ended.append((row, epochs, now))
        trained.setdefault(row.tobytes(), set()).add(epochs)
        run.tell(job, float(bench.predict(row[None], LADDER[epochs])[0]))


@pytest.mark.parametrize("workers", [None, 1, 8])
@pytest.mark.parametrize(
    "algorithm",
    [SuccessiveHalving(27, 3), Hyperband(), Hyperband(brackets=2), Asha(3), Asha(9)],
    ids=["halving", "hyperband", "two brackets", "asha", "asha 9"],
)
def test_runs_are_those_of_the_papers(bench, algorithm, workers):
    for clock, from_scratch in (("epochs", False), ("epochs", True), ("hours", False)):
        task = {"fidelities": LADDER, "clock": clock, "from_scratch": from_scratch}
        found = bench.search(algorithm, "quality", budget=400, seed=3, workers=workers, **task)
        rows, epochs, times = accounted(bench, algorithm, 400, 3, workers or 1, clock, from_scratch)
        assert found.epochs.tolist() == epochs.tolist()
        assert (found.architectures == rows).all()
        assert found.times.tolist() == times.tolist()
        for n, name in LADDER.items():
            at = found.epochs == n
            assert (found.values["quality"][at] == bench.predict(rows[at], name)).all()


def test_brackets_are_those_of_the_table_of_hyperband(bench):
    history = bench.search("hyperband", "quality", budget=206 + 81, seed=0, **TASK)
    change = np.flatnonzero(np.diff(history.epochs)) + 1
    counts = [(int(part[0]), len(part)) for part in np.split(history.epochs, change)]
    assert counts == [
        *[(1, 81), (3, 27), (9, 9), (27, 3), (81, 1)],
        *[(3, 34), (9, 11), (27, 3), (81, 1)],
        *[(9, 15), (27, 5), (81, 1)],
        *[(27, 8), (81, 2 + 5)],
        (1, 81),
    ]
    # 81 + 27·2 + 9·6 + 3·18 + 54 epochs of the first bracket, as trainings go on
    assert history.times[120] == 81 + 27 * 2 + 9 * 6 + 3 * 18 + 54
    scratch = bench.search("hyperband", "quality", budget=121, seed=0, from_scratch=True, **TASK)
    assert scratch.times[-1] == 5 * 81


def test_rungs_are_as_far_apart_as_the_reduction(bench):
    task = {"budget": 300, "seed": 1, "fidelities": LADDER}
    for reduction, epochs in ((2, EPOCHS), (4, (1, 9, 81)), (10, (3, 81)), (82, (81,))):
        found = bench.search(Asha(reduction), "quality", **task)
        assert set(found.epochs.tolist()) == set(epochs)


def test_asha_never_waits_and_halving_as_a_batch_does(bench):
    task = {"budget": 600, "seed": 5, "workers": 16, **TASK}
    for algorithm, synchronous in ((Asha(), False), (Hyperband(), False), (Hyperband(), True)):
        found = bench.search(algorithm, "quality", synchronous=synchronous, **task)
        at = dict(zip(*np.unique(found.epochs, return_counts=True), strict=True))
        # what the workers did; resumed trainings cost what lies between their rungs
        steps = np.diff([0, *(sorted(at))]) if isinstance(algorithm, Asha) else None
        if steps is not None:
            assert sum(at.values()) == 600
            work = sum(n * step for n, step in zip((at[e] for e in sorted(at)), steps, strict=True))
            assert found.times[-1] * 16 - work <= 16 * 81
        if synchronous:
            first = found.epochs[:81]
            assert (first == 1).all()
            assert found.times[80] == math.ceil(81 / 16)


def recommended(history, values):
    """The architecture that a run stands for after each evaluation: the best of the most epochs so far."""
    out, best = [], None
    for i, (epochs, value) in enumerate(zip(history.epochs, values, strict=True)):
        if best is None or (epochs, value) > best[:2]:
            best = (epochs, value, i)
        out.append(best[2])
    return np.array(out)


def test_regret_is_of_the_best_of_the_most_epochs(bench):
    space = bench.space
    everything = space.at(np.arange(space.size))
    optimum = bench.predict(everything, "quality", dtype="float64").max()
    runs = bench.simulate("hyperband", "quality", runs=3, budget=250, seed=7, workers=4, **TASK)
    history = bench.search("hyperband", "quality", budget=250, seed=7, workers=4, **TASK)
    stood = recommended(history, history.values["quality"])
    truth = optimum - bench.predict(history.architectures[stood], "quality", dtype="float64")
    np.testing.assert_allclose(history.regret(), truth, atol=1e-12)
    np.testing.assert_allclose(runs.regret()[0], truth, atol=1e-12)
    assert (history.best_values == history.values["quality"][stood]).all()
    assert (runs.best_values[0] == history.best_values).all()
    assert (history.best[0] == history.architectures[stood[-1]]).all()
    moments = [1.0, 5.0, 40.0, float(history.times[-1])]
    latest = np.searchsorted(history.times, moments, side="right") - 1
    np.testing.assert_allclose(runs.regret(times=moments)[0], truth[latest], atol=1e-12)
    assert (runs.summary(times=moments).mean == runs.curve(times=moments).mean(axis=0)).all()
    assert (np.diff(runs.best_values[0]) < 0).any() or (np.diff(truth) > 0).any()  # more epochs may disappoint
    assert set(runs.logs.epochs.tolist()) <= set(EPOCHS)


def test_what_is_feasible_comes_before_what_is_trained_for_longer(bench):
    history = bench.search("asha", "quality", budget=300, seed=2, subject_to="hours <= 2.4", **TASK)
    hours = bench.predict(history.architectures, "hours")
    feasible = hours <= 2.4
    assert 0 < feasible.sum() < 300
    assert (np.isnan(history.scores[:, 0]) == ~feasible).all()
    after = history.improvements[feasible[history.improvements].argmax() :]
    assert feasible[after].all()
    assert (np.diff(history.epochs[after]) >= 0).all()


@pytest.mark.parametrize("algorithm", ["asha", "hyperband", "successive_halving", "regularized_evolution"])
def test_runs_do_not_depend_on_threads_and_time_cuts_them_short(bench, algorithm):
    task = {"runs": 70, "budget": 200, "seed": 4, "workers": 5, "noise": False, **TASK}
    whole = bench.simulate(algorithm, "quality", threads=1, **task)
    for threads in (2, 5):
        again = bench.simulate(algorithm, "quality", threads=threads, **task).logs
        for part in ("evaluations", "rows", "scores", "times", "time", "epochs"):
            assert np.array_equal(getattr(again, part), getattr(whole.logs, part)), part
    until = float(whole.logs.time.mean()) / 3
    cut = bench.simulate(algorithm, "quality", time=until, **task)
    for run in (0, 69):
        own = [slice(runs.logs.starts[run], runs.logs.starts[run + 1]) for runs in (whole, cut)]
        kept = int((whole.logs.times[own[0]] <= until).sum())
        assert cut.logs.times[own[1]].tolist() == whole.logs.times[own[0]][:kept].tolist()
        assert cut.logs.epochs[own[1]].tolist() == whole.logs.epochs[own[0]][:kept].tolist()
    moments = [until / 2, until]
    assert np.array_equal(cut.regret(times=moments), whole.regret(times=moments))


def test_algorithms_in_python_say_their_epochs(bench):
    class Told:
        asynchronous = True

        def __init__(self, task):
            assert task.epochs == EPOCHS
            drawn = iter(bench.search("random_search", "quality", budget=150, seed=6).architectures)
            self.run, self.jobs = paper(lambda: next(drawn), Asha(3)), []

        def ask(self):
            job, row, epochs = self.run.ask()
            self.jobs.append((row.tobytes(), epochs, job))
            return row[None], [epochs]

        def tell(self, archs, values, epochs):
            for row, value, own in zip(archs, values, epochs, strict=True):
                job = next(j for j in self.jobs if j[:2] == (row.tobytes(), own))
                self.jobs.remove(job)
                self.run.tell(job[2], value)

    task = {"budget": 150, "seed": 6, "workers": 4, **TASK}
    own, native = bench.search(Told, "quality", **task), bench.search(Asha(3), "quality", **task)
    assert (own.architectures == native.architectures).all()
    assert own.epochs.tolist() == native.epochs.tolist()
    assert own.times.tolist() == native.times.tolist()

    def pairs(task):
        for seed in range(100):
            archs = task.space.sample(2, seed)
            first = yield archs, np.array([3, 3])
            yield archs[[first.argmax()]]  # whole

    history = bench.search(pairs, "quality", budget=9, seed=0, **TASK)
    assert history.epochs.tolist() == [3, 3, 81] * 3
    assert history.times.tolist() == [3, 6, 84, 87, 90, 168, 171, 174, 252]
    with pytest.raises(SearchError, match="after \\[2, 2\\] epochs; choose for each one of 1, 3, 9, 27, 81"):
        bench.search(lambda task: iter_of(task, [2, 2]), "quality", budget=9, seed=0, **TASK)
    with pytest.raises(SearchError, match="the objective has no fidelities"):
        bench.search(lambda task: iter_of(task, [1, 1]), "quality", budget=9, seed=0)


def iter_of(task, epochs):
    yield task.space.sample(2, 0), epochs


@pytest.mark.parametrize("algorithm", ["random_search", "local_search", "regularized_evolution"])
def test_other_algorithms_train_to_the_end(bench, algorithm):
    plain = bench.search(algorithm, "quality", budget=60, seed=1)
    ladder = bench.search(algorithm, "quality", budget=60, seed=1, **TASK)
    assert (ladder.architectures == plain.architectures).all()
    assert (ladder.values["quality"] == plain.values["quality"]).all()
    assert ladder.improvements.tolist() == plain.improvements.tolist()
    assert ladder.times.tolist() == [81.0 * (i + 1) for i in range(60)]
    assert plain.epochs is None
    assert plain.times is None
    hours = bench.search(algorithm, "quality", budget=60, seed=1, fidelities=LADDER, clock="hours").times
    assert hours.tolist() == bench.search(algorithm, "quality", budget=60, seed=1, clock="hours").times.tolist()


def test_early_rungs_save_epochs(bench):
    """The same regret as random search, with fewer epochs, as low rungs tell much of the objective."""
    task = {"runs": 100, "budget": 3000, "seed": 0, "workers": 4, "time": 3000.0, **TASK}
    found = bench.simulate(["random_search", "hyperband", "asha", "successive_halving"], "quality", **task)
    mean = {name: runs.regret(times=[3000.0]).mean() for name, runs in found.items()}
    assert max(mean["hyperband"], mean["asha"], mean["successive_halving"]) < 0.7 * mean["random_search"]


def test_known_architectures_come_first_and_are_free(bench):
    known = bench.space.sample(5, 9)
    history = bench.search("asha", "quality", budget=40, seed=0, start=known, start_counts=False, **TASK)
    assert (history.architectures[:3] == known[:3]).all()
    assert len(history) == 45
    assert history.times[:5].tolist() == [0.0] * 5


def test_runs_on_disk_know_their_fidelities(bench, tmp_path):
    task = {"runs": 4, "budget": 60, "seed": 1, "workers": 3, "output": tmp_path}
    made = [bench.simulate("hyperband", "quality", **task, **TASK, **more) for more in ({}, {"from_scratch": True})]
    again = bench.simulate("hyperband", "quality", **task, **TASK)
    assert len(list(tmp_path.glob("*.parquet"))) == 2
    assert again.logs.epochs.tolist() == made[0].logs.epochs.tolist()
    read = read_runs(tmp_path, accelnas.load)
    assert sorted(one["hyperband"].plan.setting.fidelities.from_scratch for one in read) == [False, True]
    for one in read:
        own = one["hyperband"]
        same = made[own.plan.setting.fidelities.from_scratch]
        assert own.plan.setting.fidelities == same.plan.setting.fidelities
        assert np.array_equal(own.regret(), same.regret())


def test_what_makes_no_sense_is_refused(bench):
    def search(algorithm="hyperband", objective="quality", **changes):
        return bench.search(algorithm, objective, **{"budget": 5, "seed": 0, "fidelities": LADDER, **changes})

    for changes, error, message in (
        ({"fidelities": None}, SearchError, "hyperband needs fidelities of its objective"),
        ({"algorithm": "asha", "fidelities": {}}, SearchError, "asha needs fidelities"),
        ({"algorithm": "successive_halving", "fidelities": {}}, SearchError, "turn noise on"),
        ({"fidelities": {1: "quality", 9: "quality@9"}}, SearchError, 'the last of the fidelities is "quality@9"'),
        ({"fidelities": {1: "quality@2", 9: "quality"}}, MetricError, 'unknown metric "quality@2" of fidelities'),
        ({"fidelities": {1: "hours", 9: "quality"}}, MetricError, '"hours" is to minimise, "quality" to maximise'),
        ({"fidelities": {0: "quality@1", 9: "quality"}}, accelnas.errors.ParameterError, "epochs is 0"),
        ({"objective": ["quality", "hours"]}, SearchError, "fidelities are of one metric"),
        ({"fidelities": None, "from_scratch": True}, SearchError, "from_scratch is of an objective with fidelities"),
        ({"fidelities": {}, "clock": "epochs"}, MetricError, 'unknown metric "epochs" for the clock'),
        ({"algorithm": Hyperband(brackets=6)}, SearchError, "brackets is 6; choose 1 to 5"),
        ({"algorithm": Hyperband(brackets=0)}, SearchError, "brackets is 0; choose 1 to 5"),
        ({"algorithm": Asha(1)}, SearchError, "reduction is 1; choose 2 to"),
        ({"algorithm": SuccessiveHalving(1)}, SearchError, "initial is 1; choose 2 to"),
    ):
        with pytest.raises(error, match=message):
            search(**changes)
    with pytest.raises(SearchError, match="hyperband needs fidelities"):
        bench.optimizer("hyperband", "quality", budget=5, seed=0)


def test_pruners_of_optuna_choose_which_trials_go_on(bench):
    optuna = pytest.importorskip("optuna")
    from accelnas.adapters.optuna import optuna_algorithm

    def sampler(seed):
        return optuna.samplers.RandomSampler(seed=seed)

    pruners = {
        "halving": lambda: optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
        "hyperband": lambda: optuna.pruners.HyperbandPruner(1, 81, reduction_factor=3),
        "none": optuna.pruners.NopPruner,
    }
    counts = {}
    for name, pruner in pruners.items():
        algorithm = optuna_algorithm(sampler, pruner)
        found = bench.search(algorithm, "quality", budget=200, seed=1, workers=4, **TASK)
        again = bench.search(algorithm, "quality", budget=200, seed=1, workers=4, **TASK)
        assert (found.architectures == again.architectures).all()
        assert found.epochs.tolist() == again.epochs.tolist()
        counts[name] = [int((found.epochs == n).sum()) for n in EPOCHS]
    # about one in three goes on, or fewer; the first on a rung always does
    first, second, third = counts["halving"][:3]
    assert min(first / second, second / third) > 2.5
    assert counts["halving"][0] > counts["hyperband"][0] > counts["none"][0]
    assert len({*counts["none"][:4]}) <= 2
    with pytest.raises(SearchError, match="a pruner needs an objective with fidelities"):
        bench.search(optuna_algorithm(sampler, pruners["halving"]), "quality", budget=5, seed=0)


def test_hyperband_of_smac_promotes_the_best(bench):
    smac = pytest.importorskip("smac")
    from accelnas.adapters.smac import smac_algorithm

    algorithm = smac_algorithm(smac.MultiFidelityFacade)
    task = {"seed": 1, "fidelities": {n: LADDER[n] for n in (9, 27, 81)}, "clock": "epochs"}
    found = bench.search(algorithm, "quality", budget=30, **task)
    assert found.epochs[:10].tolist() == [9] * 7 + [27] * 2 + [81]
    names, values = [row.tobytes() for row in found.architectures], found.values["quality"]
    first, second = np.argsort(-values[:7])[:2]
    assert set(names[7:9]) == {names[first], names[second]}
    assert names[9] == names[7 + values[7:9].argmax()]
    crew = bench.search(algorithm, "quality", budget=12, workers=4, **task)
    assert set(crew.epochs[:4].tolist()) == {9}
    with pytest.raises(SearchError, match="MultiFidelityFacade needs an objective with fidelities"):
        bench.search(algorithm, "quality", budget=5, seed=0)


@pytest.mark.parametrize("algorithm", ["asha", "hyperband", "successive_halving", "random_search"])
def test_asked_and_told_it_is_the_search_of_a_benchmark(bench, algorithm):
    found = bench.search(algorithm, "quality", budget=300, seed=1, **TASK)
    optimizer = bench.optimizer(algorithm, "quality", budget=300, seed=1, epochs=EPOCHS)
    asked = []
    while optimizer.told < 300:
        archs, epochs = (each[: 300 - optimizer.told] for each in optimizer.ask())
        values = {n: bench.predict(archs, name) for n, name in LADDER.items()}
        optimizer.tell(archs, [values[n][i] for i, n in enumerate(epochs)], epochs)
        asked += [(row.tobytes(), n) for row, n in zip(archs, epochs, strict=True)]
    assert asked == [(row.tobytes(), n) for row, n in zip(found.architectures, found.epochs, strict=True)]
    assert optimizer.best[1] == found.best[1]


@pytest.mark.parametrize(
    ("epochs", "message"),
    [
        (None, r"values come without epochs; tell after how many each was known, of \[1, 3\]"),
        ([2], r"2 epochs are none of the fidelities, \[1, 3\]"),
        ([1, 3], "2 epochs come with 1 architectures; tell those of each"),
        ([0], "one of epochs is 0; choose an integer of 1 to"),
        ([1.5], "epochs are .*; give integers of 1 to"),
    ],
)
def test_epochs_that_are_told_are_those_of_fidelities(bench, epochs, message):
    optimizer = bench.optimizer("asha", "quality", budget=9, seed=1, epochs=[1, 3])
    with pytest.raises(SearchError, match=message):
        optimizer.tell(optimizer.ask(1)[0], [1.0], epochs)
    assert optimizer.told == 0


def test_epochs_of_no_fidelities_are_refused(bench):
    with pytest.raises(SearchError, match="gradient_ascent follows the tables of whole trainings; leave epochs out"):
        bench.optimizer("gradient_ascent", "quality", budget=9, seed=1, epochs=[1, 3])
    optimizer = bench.optimizer("random_search", "quality", budget=9, seed=1)
    with pytest.raises(SearchError, match="values come with epochs, and there are no fidelities; leave them out"):
        optimizer.tell(optimizer.ask(1), [1.0], [1])
    with pytest.raises(
        SearchError, match=r"fidelities are of \[3, 1\] epochs; give 1 to 256 numbers that ascend from 1"
    ):
        bench.optimizer("asha", "quality", budget=9, seed=1, epochs=[3, 1])


def test_trainings_of_few_epochs_find_more_on_real_curves():
    # accuracies of 62 trained networks after 1, 3 and 9 epochs, fitted over their space
    digits = accelnas.load(Path(__file__).parents[2] / "training/examples/digits/ladder/benchmark")
    task = {"runs": 300, "budget": 1000, "seed": 0, "clock": "epochs", "workers": 4, "time": 60}
    algorithms = ["random_search", "successive_halving", "hyperband", "asha"]
    found = digits.simulate(algorithms, "accuracy", **task)  # fidelities are the benchmark's own
    regrets = {name: runs.regret(times=[60]).mean() for name, runs in found.items()}
    assert max(regrets[name] for name in algorithms[1:]) < 0.8 * regrets["random_search"]
    assert set(digits.search("hyperband", "accuracy", budget=50, seed=1).epochs) == {1, 3, 9}
