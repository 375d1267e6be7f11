"""The objective function and tasks for CARP-S, in a copy of it: run where it is installed, by `make training-test`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import accelnas
from search_driver import CHAIN
from small_samples import random_benchmark

carps = pytest.importorskip("carps", reason="not installed here; make training-test runs it")
INTEGRATION = Path(__file__).parents[2] / "integrations" / "carps"
TASKS = sorted((INTEGRATION / "carps" / "configs" / "task").rglob("*.yaml"))


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """CARP-S with the contribution, without its own tasks."""
    folder = tmp_path_factory.mktemp("clone")
    installed = Path(carps.__file__).parent
    shutil.copytree(installed, folder / "carps", ignore=shutil.ignore_patterns("*.pyc", "task", "task_data"))
    shutil.copytree(INTEGRATION / "carps", folder / "carps", dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def objective_function(clone):
    """Its class, imported beside what is installed."""
    import carps.objective_functions as package

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(package, "__path__", [*package.__path__, str(clone / "carps" / "objective_functions")])
        from carps.objective_functions.accelnas import AccelnasObjectiveFunction
    return AccelnasObjectiveFunction


def trial(config):
    from carps.utils.trials import TrialInfo

    return TrialInfo(config)


def python(clone, *words):
    package = str(Path(accelnas.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": f"{clone}{os.pathsep}{package}"}
    ran = subprocess.run([sys.executable, *words], cwd=clone, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_costs_are_minimised_predictions(objective_function):
    function = objective_function(["accuracy", "latency_zcu102"], clock="train_time")
    bench = accelnas.load()
    for config in function.configspace.sample_configuration(5):
        found = function.evaluate(trial(config))
        expected = bench.predict(dict(config), ["accuracy", "latency_zcu102", "train_time"], dtype="float64")
        assert found.cost == [-expected["accuracy"], expected["latency_zcu102"]]
        assert found.virtual_time == expected["train_time"]
    assert function.f_min is None
    assert objective_function("cifar100", "nasbench201").f_min == pytest.approx(-73.49, abs=0.005)  # as published


def test_conditional_space_has_its_proven_front(objective_function, tmp_path):
    metrics = [("quality", "maximise", "identity", 0.0, 1.0), ("cost", "minimise", "identity", 5.0, 1.0)]
    bench = random_benchmark(tmp_path, CHAIN, [(0, 1), (2,), (3,)], metrics)
    function = objective_function(["quality", "cost"], str(bench.path))
    found = np.array([function.evaluate(trial(c)).cost for c in function.configspace.sample_configuration(400)])
    better = [((found <= one).all(axis=1) & (found < one).any(axis=1)).any() for one in found]
    expected = np.unique(found[~np.array(better)], axis=0)  # 400 samples of 25 architectures
    assert np.sort(function.pareto_front, axis=0) == pytest.approx(np.sort(expected, axis=0), abs=1e-12)
    assert objective_function("quality", str(bench.path)).f_min == pytest.approx(found[:, 0].min(), abs=1e-12)


def test_noise_is_another_one_each_call(objective_function):
    def costs(**options):
        function = objective_function("accuracy", noise=True, **options)
        (config,) = [function.configspace.get_default_configuration()]
        return [function.evaluate(trial(config)).cost for _ in range(3)]

    assert costs(seed=1) == costs(seed=1)
    assert len({*costs(seed=1), *costs(seed=2)}) == 6


def test_tasks_are_those_that_the_generator_writes(clone):
    python(clone, str(INTEGRATION / "generate_tasks.py"), "written")
    written = sorted((clone / "written").rglob("*.yaml"))
    assert [path.name for path in written] == [path.name for path in TASKS]
    assert [path.read_text() for path in written] == [path.read_text() for path in TASKS]


@pytest.mark.usefixtures("objective_function")
def test_every_task_can_be_made_and_evaluated():
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    names = set()
    for path in TASKS:
        cfg = OmegaConf.load(path)
        cfg.seed = 123
        task = instantiate(cfg.task)
        found = task.objective_function.evaluate(trial(task.input_space.configuration_space.sample_configuration()))
        assert np.size(found.cost) == task.output_space.n_objectives == len(task.output_space.objectives)
        assert task.metadata.deterministic == (not cfg.task.objective_function.noise)
        names.add(cfg.task.name)
    assert len(names) == len(TASKS) >= 14


def test_random_search_runs_a_task(clone):
    words = ["+task/Accelnas/MO=cfg_nasbench201_cifar100_macs", "+optimizer/randomsearch=config", "seed=1"]
    python(clone, "-m", "carps.run", *words, "task.optimization_resources.n_trials=5", "baserundir=runs")
    (log,) = (clone / "runs").rglob("trial_logs.jsonl")
    assert len(log.read_text().splitlines()) == 5
