import numpy as np
import pytest

from syne_tune import StoppingCriterion, Tuner
from syne_tune.backend.simulator_backend.simulator_callback import SimulatorCallback
from syne_tune.blackbox_repository import BlackboxRepositoryBackend, repository
from syne_tune.blackbox_repository.conversion_scripts.recipes import (
    generate_blackbox_recipes,
)
from syne_tune.blackbox_repository.conversion_scripts.scripts import accelnas_import
from syne_tune.optimizer.baselines import REA, RandomSearch

accelnas = pytest.importorskip("accelnas")

NAMES = [name for name in generate_blackbox_recipes if name.startswith("accelnas-")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        path = tmp_path_factory.mktemp("blackbox-repository")
        patch.setattr(accelnas_import, "repository_path", path)
        patch.setattr(repository, "repository_path", path)
        patch.setattr(repository, "snapshot_download", lambda **kwargs: None)
        for name in NAMES:
            generate_blackbox_recipes[name].generate(upload_on_hub=False)
        yield path


@pytest.mark.parametrize("name", NAMES)
def test_blackbox_gives_predictions_of_the_benchmark(folder, name):
    blackbox = repository.load_blackbox(name)
    bench = accelnas.load(generate_blackbox_recipes[name].benchmark)
    assert blackbox.objectives_names == [*bench.metrics, "elapsed_time"]
    for config in bench.space.decode(bench.space.sample(3, seed=1)):
        expected = bench.predict(config, dtype="float64")
        found = blackbox(config, fidelity=1)
        assert {metric: found[metric] for metric in bench.metrics} == expected
        assert found["elapsed_time"] == expected.get("train_time", 1.0)
        assert np.array_equal(blackbox(config), [list(found.values())])
        measured = blackbox(config, fidelity=1, seed=3)
        assert measured != found
        assert measured["macs"] == found["macs"]


def test_simulation_takes_the_time_of_training(folder):
    name, metric = "accelnas-mnasnet", "accuracy"
    blackbox = repository.load_blackbox(name)
    backend = BlackboxRepositoryBackend(name, elapsed_time_attr="elapsed_time")
    results, callback = [], SimulatorCallback()
    on_trial_result = callback.on_trial_result

    def noted(trial, status, result, decision):
        results.append((trial.config, dict(result)))
        on_trial_result(trial, status, result, decision)

    callback.on_trial_result = noted
    tuner = Tuner(
        trial_backend=backend,
        scheduler=RandomSearch(
            blackbox.configuration_space,
            metrics=[metric],
            do_minimize=False,
            random_seed=1,
        ),
        stop_criterion=StoppingCriterion(max_num_trials_completed=6),
        n_workers=2,
        sleep_time=0,
        callbacks=[callback],
        save_tuner=False,
        suffix_tuner_name=False,
        tuner_name="accelnas",
    )
    tuner.run()
    assert len(results) >= 6
    for config, result in results:
        expected = blackbox(config, fidelity=1)
        assert result[metric] == expected[metric]
        assert result["elapsed_time"] == pytest.approx(expected["train_time"])
    clock = max(result["st_tuner_time"] for _, result in results)
    times = sum(result["elapsed_time"] for _, result in results)
    assert times / 2.5 < clock < times  # two workers


def test_evolution_beats_what_it_starts_from(folder):
    name, metric = "accelnas-nasbench201", "cifar100"
    blackbox = repository.load_blackbox(name)
    tuner = Tuner(
        trial_backend=BlackboxRepositoryBackend(
            name, elapsed_time_attr="elapsed_time", seed=2
        ),
        scheduler=REA(
            blackbox.configuration_space,
            metric=metric,
            do_minimize=False,
            population_size=20,
            sample_size=5,
            random_seed=1,
        ),
        stop_criterion=StoppingCriterion(max_num_trials_completed=100),
        n_workers=4,
        sleep_time=0,
        callbacks=[SimulatorCallback()],
        save_tuner=False,
    )
    tuner.run()
    best = accelnas.load("nasbench201").best(metric).values[0]
    found = [
        blackbox(trial.config, fidelity=1)[metric]
        for trial in tuner.trial_backend._trial_dict.values()
    ]
    assert max(found[:20]) < max(found) <= best + 1e-9
