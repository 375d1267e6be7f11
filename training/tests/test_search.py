"""Searches by training: the same trajectory as on a benchmark, whatever dies; nothing is trained twice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from accelnas import SearchError, SpaceError
from accelnas_training.collect.reader import StoreReader
from accelnas_training.networks import load_family
from accelnas_training.search.metrics import Metrics
from search_works import SCHEME, Shuffled, asked, bench, made


def ends(path):
    """Attempts in a store by how they ended."""
    with StoreReader.opened(path) as store:
        rows = store.connection.execute("SELECT coalesce(ending, 'under way'), count(*) FROM attempts GROUP BY 1")
        return dict(rows.fetchall())


def began(found):
    """Architectures in the order in which they were asked for."""
    return [list(one.architecture) for one in found.evaluations]


def climbing(task):
    """Batches of four around the best so far."""
    chance = np.random.default_rng(task.seed)
    rows = task.space.sample(4, int(chance.integers(2**32)))
    while True:
        values = yield rows
        best = rows[values.argmax()]
        rows = np.repeat(best[None], 4, axis=0)
        place = chance.integers(0, len(best), 4)
        rows[np.arange(4), place] = chance.integers(0, 3, 4, dtype=np.uint8)


@pytest.mark.parametrize("algorithm", ["random_search", "regularized_evolution", "reinforce", "local_search"])
def test_with_one_worker_it_is_the_search_of_a_benchmark(tmp_path, algorithm):
    found = made(tmp_path / "s.db", asked(algorithm))
    simulated = bench().search(algorithm, "accuracy", budget=40, seed=1)
    assert found.architectures.tolist() == simulated.architectures.tolist()
    assert found.values("accuracy") == pytest.approx(simulated.values["accuracy"])
    assert found.best_so_far == pytest.approx(simulated.best_values)
    place = found.best()[0]
    assert found.architectures[place].tolist() == simulated.best[0].tolist()
    assert ends(tmp_path / "s.db") == {"done": len(np.unique(found.architectures, axis=0))}


@pytest.mark.parametrize("algorithm", ["asha", "hyperband", "regularized_evolution"])
def test_with_fidelities_too(tmp_path, algorithm):
    epochs = (1, 4, SCHEME.epochs)
    found = made(tmp_path / "s.db", asked(algorithm, epochs=epochs))
    fidelities = dict.fromkeys(epochs, "accuracy")  # which the trainings here have after any epochs
    simulated = bench().search(algorithm, "accuracy", budget=40, seed=1, fidelities=fidelities)
    assert found.architectures.tolist() == simulated.architectures.tolist()
    assert found.epochs.tolist() == simulated.epochs.tolist()
    assert found.scores[found.best()[0], 0] == pytest.approx(simulated.best[1])
    again = made(tmp_path / "s.db", asked(algorithm, epochs=epochs))
    assert again.evaluations == found.evaluations
    jobs = {(one.architecture, one.epochs) for one in found.evaluations}
    assert ends(tmp_path / "s.db") == {"done": len(jobs)}


@pytest.mark.parametrize("epochs", [(1, 4), (4, 1, SCHEME.epochs), (0, SCHEME.epochs), (1, 1, SCHEME.epochs)])
def test_epochs_ascend_to_those_of_the_scheme(epochs):
    with pytest.raises(SearchError, match=rf"epochs are .*; let them ascend from 1 to the {SCHEME.epochs} of p_star"):
        asked(epochs=epochs)


def test_algorithms_of_users_and_several_objectives(tmp_path):
    limit = float(np.median(bench().predict(bench().space.sample(200, 0), "params")))

    for algorithm, sought in ((climbing, ["accuracy"]), ("nsga2", ["accuracy", ("params", "minimise")])):
        constraint = [f"params <= {limit}"]
        found = made(tmp_path / f"{len(sought)}.db", asked(algorithm, sought, constraint))
        simulated = bench().search(algorithm, sought, subject_to=constraint, budget=40, seed=1)
        # what is not trained ends before the others of a batch
        assert began(found) == simulated.architectures.tolist()
        feasible = {number for number, scores in enumerate(simulated.scores) if not np.isnan(scores[0])}
        assert {one.number for one, good in zip(found.told, found.feasible, strict=True) if good} == feasible
        front = simulated.front if len(sought) > 1 else simulated.improvements[-1:]
        assert {bytes(found.architectures[place]) for place in found.best(40 if len(sought) > 1 else 1)} == {
            bytes(simulated.architectures[place]) for place in front
        }
        left_out = found.table().filter(found.table()["outcome"] == "left out")
        assert 0 < left_out.height < 40
        assert left_out["accuracy"].null_count() == left_out.height
        assert (left_out["params"] > limit).all()
        trained = {row for row, good in zip(map(bytes, found.architectures), found.feasible, strict=True) if good}
        assert ends(tmp_path / f"{len(sought)}.db") == {"done": len(trained)}


def test_killed_at_any_time_it_goes_on_to_the_same_end(tmp_path):
    algorithms = "regularized_evolution", "reinforce"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    command = [sys.executable, Path(__file__).with_name("search_works.py"), tmp_path, *algorithms]
    said = subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout.splitlines()
    for algorithm in algorithms:
        path, expected = tmp_path / f"{algorithm}.db", made(tmp_path / f"{algorithm}-whole.db", asked(algorithm))
        ended = [line.split()[1:] for line in said if line.startswith(f"{algorithm} ")]
        assert ended == [["-9"], ["-9"], ["-9"], ["0", expected.architectures.tobytes().hex()]]
        distinct = len(np.unique(expected.architectures, axis=0))
        assert ends(path) == {"done": distinct, "abandoned": 1}
        again = made(path, asked(algorithm))  # trains nothing
        assert again.table().equals(expected.table())
        assert ends(path)["done"] == distinct


@pytest.mark.parametrize("algorithm", ["regularized_evolution", climbing])
def test_several_workers(tmp_path, algorithm):
    path, runner = tmp_path / "s.db", Shuffled(3, seed=1)
    found = made(path, asked(algorithm), runner, together=3)
    assert runner.most == 3
    assert len(found.told) == 40
    assert ends(path) == {"done": len(np.unique(found.architectures, axis=0))}
    numbers = [one.number for one in found.told]
    assert sorted(numbers) == list(range(40))
    assert numbers != sorted(numbers)
    if algorithm is climbing:  # batches are told as a whole, so that the order of ends does not matter
        assert began(found) == bench().search(climbing, "accuracy", budget=40, seed=1).architectures.tolist()
    # what was told stays, with whatever number of workers
    assert made(path, asked(algorithm)).table().equals(found.table())


def test_interrupted_with_several_workers_what_was_told_stays(tmp_path):
    path, dones = tmp_path / "s.db", []

    def interrupt(now):
        dones.append(now.done)
        if now.done >= 17:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(path, asked(), Shuffled(3, seed=1), together=3, report=interrupt)
    with StoreReader.opened(path) as store:
        told = store.connection.execute("SELECT number FROM evaluations WHERE ended IS NOT NULL ORDER BY ended")
        before = [number for (number,) in told]
    assert len(before) >= 16
    found = made(path, asked(), Shuffled(2, seed=5), together=2)
    assert [one.number for one in found.told][: len(before)] == before
    assert len(found.told) == 40
    assert ends(path)["done"] == len(np.unique(found.architectures, axis=0))


@pytest.mark.parametrize("algorithm", ["regularized_evolution", "reinforce"])
def test_failed_trainings_are_told_as_the_worst(tmp_path, algorithm):
    typical = float(np.median(bench().predict(bench().space.sample(200, 0), "accuracy")))
    path = tmp_path / "s.db"
    found = made(path, asked(algorithm), diverges=typical)
    table = found.table()
    failed = table.filter(table["outcome"] == "failed")
    assert 0 < failed.height < 40
    assert failed["accuracy"].null_count() == failed.height
    assert not failed["feasible"].any()
    assert table.filter(table["outcome"] == "trained")["accuracy"].min() >= typical
    assert ends(path) == {
        "done": table.filter(table["outcome"] == "trained")["architecture"].n_unique(),
        "failed": failed["architecture"].n_unique(),
    }

    # the same as on a function that is 0 there
    def truth(rows):
        values = bench().predict(rows, "accuracy").astype(float)
        return np.where(values < typical, 0.0, values)

    simulated = bench().search(algorithm, truth, budget=40, seed=1)
    assert found.architectures.tolist() == simulated.architectures.tolist()


def test_nothing_but_failures(tmp_path):
    found = made(tmp_path / "s.db", asked(budget=8), diverges=1000.0)
    assert np.isnan(found.best_so_far).all()
    with pytest.raises(SearchError, match="no architecture of 8 was trained within the constraints"):
        found.best()


def test_means_over_seeds_are_told(tmp_path):
    found = made(tmp_path / "s.db", asked(seeds=(0, 2), budget=10), offset=0.5)
    assert found.values("accuracy") == pytest.approx(bench().predict(found.architectures, "accuracy") + 0.5)
    assert ends(tmp_path / "s.db") == {"done": 2 * len(np.unique(found.architectures, axis=0))}
    with pytest.raises(SearchError, match="give one or more different ones"):
        asked(seeds=(1, 1))


def test_searches_share_trainings(tmp_path):
    path = tmp_path / "s.db"
    short = made(path, asked("random_search", budget=10))
    long = made(path, asked("random_search", budget=30))
    assert long.architectures[:10].tolist() == short.architectures.tolist()
    assert ends(path) == {"done": len(np.unique(long.architectures, axis=0))}


def test_an_algorithm_that_asks_otherwise_is_refused(tmp_path):
    path = tmp_path / "s.db"
    made(path, asked("random_search", budget=5))
    with StoreReader.opened(path) as store:
        question = store.connection.execute("SELECT question FROM searches").fetchone()[0]
    other = asked("random_search", budget=5, seed=2)
    object.__setattr__(other, "to_json", lambda: json.loads(question))
    with pytest.raises(SearchError, match=r"evaluation 1 was \S+, and the algorithm now asks for"):
        made(path, other)


@pytest.mark.parametrize("rows", [np.empty((0, 8), np.uint8), np.zeros((1, 3), np.uint8), np.zeros((1, 8))])
def test_what_is_no_architecture_is_refused(tmp_path, rows):
    def strange(_task):
        yield rows

    with pytest.raises(SearchError, match=r"the algorithm asked for an array of shape .* after 0 evaluations"):
        made(tmp_path / "s.db", asked(strange))


def test_a_benchmark_of_another_space_is_refused():
    with pytest.raises(SpaceError, match="fit one for these networks"):
        Metrics(load_family("mnasnet"), 224, bench())
