"""Syne Tune and NePS: run where they are installed, by `make training-test`."""

import random
import sys

import numpy as np
import pytest

import accelnas
from accelnas.adapters.neps import neps_algorithm
from accelnas.adapters.shared import OwnChance
from accelnas.adapters.syne_tune import syne_tune_algorithm
from accelnas.search.protocol import Task
from search_driver import SMALL, check_rules, check_seeds, score, scores

ELSEWHERE = "not installed here; make training-test runs it"


def test_own_chance_leaves_that_of_others():
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    expected = random.random(), np.random.random()  # noqa: NPY002
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    with OwnChance(1):
        random.random(), np.random.random()  # noqa: NPY002
    assert (random.random(), np.random.random()) == expected  # noqa: NPY002


def test_syne_tune():
    pytest.importorskip("syne_tune", reason=ELSEWHERE)
    from syne_tune.optimizer.schedulers.multiobjective.multi_objective_regularized_evolution import (
        MultiObjectiveRegularizedEvolution,
    )
    from syne_tune.optimizer.schedulers.searchers.kde import KernelDensityEstimator

    check_seeds(syne_tune_algorithm(population_size=10, sample_size=3), 40)
    check_seeds(syne_tune_algorithm(KernelDensityEstimator), 15)
    check_seeds(syne_tune_algorithm(MultiObjectiveRegularizedEvolution, population_size=5), 20, scores)
    check_rules(syne_tune_algorithm(population_size=8, sample_size=3), 30)


def test_neps():
    pytest.importorskip("neps", reason=ELSEWHERE)
    check_seeds(neps_algorithm(), 40, score)
    check_seeds(neps_algorithm(), 40, scores)
    check_rules(neps_algorithm(), 30)


@pytest.mark.parametrize(
    ("library", "algorithm", "extra"),
    [("syne_tune.config_space", syne_tune_algorithm(), "syne-tune"), ("neps", neps_algorithm(), "neps")],
)
def test_missing_libraries(monkeypatch, library, algorithm, extra):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(accelnas.MissingExtraError, match=rf"pip install 'accelnas\[{extra}\]'"):
        algorithm(Task(SMALL, {"quality": "maximise"}, 9, seed=1))
