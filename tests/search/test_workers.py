"""Workers in simulated time, against an account of who works when that is kept apart."""

import heapq

import numpy as np
import pytest

import accelnas
from accelnas.errors import MetricError, SearchError


@pytest.fixture(scope="module")
def bench():
    return accelnas.load()


def accounted(bench, algorithm, budget, seed, workers):
    """What a run with workers sees, by ask and tell: rows and the times at which they end."""
    optimizer = bench.optimizer(algorithm, "accuracy", budget=budget, seed=seed)
    jobs, ended, started, now = [], [], 0, 0.0
    while True:
        while len(jobs) < workers and started < budget:
            row = optimizer.ask(1)
            cost = float(bench.predict(row, "train_time")[0])
            heapq.heappush(jobs, (now + cost, started, row))
            started += 1
        if not jobs:
            return np.concatenate([row for _, row in ended]), np.array([time for time, _ in ended])
        now, _, row = heapq.heappop(jobs)
        ended.append((now, row))
        optimizer.tell(row, bench.predict(row, "accuracy"))


@pytest.mark.parametrize("algorithm", ["random_search", "regularized_evolution", "local_search", "reinforce"])
@pytest.mark.parametrize("workers", [1, 8])
def test_asynchronous_runs_are_those_of_ask_and_tell(bench, algorithm, workers):
    history = bench.search(algorithm, "accuracy", budget=120, seed=3, clock="train_time", workers=workers)
    rows, times = accounted(bench, algorithm, 120, 3, workers)
    assert (history.architectures == rows).all()
    assert history.times.tolist() == times.tolist()


@pytest.mark.parametrize("synchronous", [False, True])
def test_simulations_and_algorithms_in_python_are_the_same_runs(bench, synchronous):
    task = {"runs": 3, "budget": 150, "seed": 5, "clock": "train_time", "workers": 6, "time": 30_000.0}
    own = bench.simulate("local_search", "accuracy", synchronous=synchronous, **task)

    class Told:
        """The native run, asked and told from Python; the optimizer is that of run 0 of the seed."""

        asynchronous = not synchronous

        def __init__(self, task):
            self.run = bench.optimizer("local_search", "accuracy", budget=task.budget, seed=5)

        def ask(self):
            return self.run.ask(None if synchronous else 1)

        def tell(self, archs, values):
            self.run.tell(archs, values)

    theirs = bench.simulate(Told, "accuracy", synchronous=synchronous, **task)
    for part in ("evaluations", "times"):
        first, second = (getattr(runs.logs, part)[: runs.logs.lengths[0]].tolist() for runs in (own, theirs))
        assert first == second
    assert (own.logs.done < 150).all()
    assert (own.logs.time == 30_000.0).all()
    assert (own.logs.times <= 30_000.0).all()
    parts = [bench.simulate("local_search", "accuracy", synchronous=synchronous, threads=n, **task) for n in (1, 3)]
    assert all((part.logs.times == own.logs.times).all() for part in parts)


def test_workers_shorten_the_clock_and_not_the_search(bench):
    task = {"runs": 200, "budget": 300, "seed": 1, "clock": "train_time"}
    serial = bench.simulate("regularized_evolution", "accuracy", **task)
    crew = bench.simulate("regularized_evolution", "accuracy", workers=8, **task)
    together = bench.simulate("regularized_evolution", "accuracy", workers=8, synchronous=True, **task)
    # 8 workers are idle at the end alone; those that wait for each other lose more
    # those that end first are told first, so cheap networks have more children
    assert 7.5 < serial.logs.time.mean() / crew.logs.time.mean() < 10
    assert crew.logs.time.mean() < together.logs.time.mean() < serial.logs.time.mean() / 4
    # what is told late costs a little regret at the same number of evaluations, and none at the same time
    at = crew.regret([300]).mean()
    assert serial.regret([300]).mean() <= at < 2 * serial.regret([300]).mean() + 0.05
    moment = [float(crew.logs.time.mean())]
    assert crew.regret(times=moment).mean() < serial.regret(times=moment).mean()


def test_one_worker_with_a_time_is_a_serial_run_cut_short(bench):
    whole = bench.search("nsga2", ["accuracy", "latency_zcu102"], budget=250, seed=2, clock="train_time")
    cut = bench.search("nsga2", ["accuracy", "latency_zcu102"], budget=250, seed=2, clock="train_time", time=300_000.0)
    kept = int((whole.times <= 300_000.0).sum())
    assert 0 < kept < 250
    assert cut.times.tolist() == whole.times[:kept].tolist()
    assert (cut.architectures == whole.architectures[:kept]).all()


def test_batches_of_algorithms_in_python_end_together(bench):
    def pairs(task):
        for seed in range(100):
            values = yield task.space.sample(3, seed)
            assert values.shape == (3,)

    history = bench.search(pairs, "accuracy", budget=30, seed=0, clock="train_time", workers=2)
    asked = np.concatenate([bench.space.sample(3, seed) for seed in range(10)])
    costs = bench.predict(asked, "train_time").astype(np.float64).reshape(10, 3)
    now, ends = 0.0, []
    for a, b, c in costs:
        first, second = sorted([a, b])
        batch = [now + first, now + second, now + first + c]
        ends += sorted(batch)
        now = max(batch)
    np.testing.assert_allclose(history.times, ends, rtol=1e-12)
    assert len(history) == 30


def test_samplers_of_optuna_may_have_several_trials_under_way(bench):
    optuna = pytest.importorskip("optuna")
    from accelnas.adapters.optuna import optuna_algorithm

    algorithm = optuna_algorithm(lambda seed: optuna.samplers.TPESampler(seed=seed, n_startup_trials=5))
    history = bench.search(algorithm, "accuracy", budget=24, seed=1, clock="train_time", workers=4)
    costs = bench.predict(history.architectures, "train_time", dtype="float64")
    assert costs.sum() / 4 <= history.times[-1] < costs.sum() / 2
    assert (np.diff(history.times) >= 0).all()


def test_smac_may_have_several_trials_under_way():
    pytest.importorskip("smac")
    from accelnas.adapters.smac import smac_algorithm

    bench = accelnas.load("nasbench201")
    history = bench.search(smac_algorithm(), "cifar10", budget=16, seed=1, clock="macs", workers=4)
    costs = bench.predict(history.architectures, "macs", dtype="float64")
    assert costs.sum() / 4 <= history.times[-1] < costs.sum() / 2
    assert (np.diff(history.times) >= 0).all()


def test_what_makes_no_sense_is_refused(bench):
    def search(**changes):
        return bench.search("random_search", "accuracy", **{"budget": 5, "seed": 0, **changes})

    for changes, message in (
        ({"workers": 2}, "workers and time need a clock"),
        ({"time": 5.0}, "workers and time need a clock"),
        ({"synchronous": True, "clock": "train_time"}, "synchronous is of several workers"),
        ({"workers": 0, "clock": "train_time"}, "workers is 0"),
        ({"workers": 2, "time": 0.0, "clock": "train_time"}, "time is 0.0; choose a cost above 0"),
        ({"workers": 2, "time": float("nan"), "clock": "train_time"}, "time is nan"),
    ):
        with pytest.raises((SearchError, accelnas.errors.ParameterError), match=message):
            search(**changes)
    with pytest.raises(MetricError, match="for the clock"):
        search(workers=2, clock="hours")

    class Many:
        many = None

    Many.many = staticmethod(lambda _tasks: pytest.fail("never made"))
    with pytest.raises(SearchError, match="leave time out"):
        bench.simulate(Many(), "accuracy", runs=2, budget=5, seed=0, clock="train_time", workers=2, time=9.0)


def test_parts_on_disk_know_their_workers(bench, tmp_path):
    task = {"runs": 4, "budget": 50, "seed": 1, "clock": "train_time", "output": tmp_path}
    made = [
        bench.simulate("random_search", "accuracy", **task, **more) for more in ({}, {"workers": 4, "time": 15_000.0})
    ]
    again = [
        bench.simulate("random_search", "accuracy", **task, **more) for more in ({}, {"workers": 4, "time": 15_000.0})
    ]
    assert len(list(tmp_path.glob("*.parquet"))) == 2
    for first, second in zip(made, again, strict=True):
        assert first.logs.done.tolist() == second.logs.done.tolist()
        assert first.logs.times.tolist() == second.logs.times.tolist()
    assert (made[1].logs.done < 50).all()
    assert made[0].logs.done.tolist() == [50] * 4
