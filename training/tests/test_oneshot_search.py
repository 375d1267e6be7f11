"""Differentiable searches, against proven optima and against what their estimators should be."""

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import accelnas
from accelnas.errors import MetricError
from accelnas_training import SchemeError, TableLayer
from accelnas_training.cli import app
from accelnas_training.oneshot.differentiable import METHODS, Differentiable, search
from accelnas_training.oneshot.table_search import Sought, search_tables


@pytest.fixture(scope="module")
def bench():
    return accelnas.load()


@pytest.mark.parametrize("method", METHODS)
def test_additive_objectives_are_solved(bench, method):
    layer = TableLayer(bench, "macs")
    how = Differentiable(method=method, steps=60, learning_rate=0.3)
    found = search(lambda drawn: layer(drawn) / 100, layer.counts, how, [0, 1])
    assert bench.predict(found, "macs", dtype="float64") == pytest.approx(bench.best("macs").values[0])


def test_a_run_is_the_same_beside_others(bench):
    layer = TableLayer(bench, "params")
    how = Differentiable(steps=5)
    several = search(lambda drawn: -layer(drawn), layer.counts, how, [3, 4, 5])
    assert np.array_equal(search(lambda drawn: -layer(drawn), layer.counts, how, [4])[0], several[1])


@pytest.mark.parametrize("method", METHODS)
def test_a_budget_is_kept(bench, method):
    how = Differentiable(method=method, steps=120, learning_rate=0.2)
    found = search_tables(bench, Sought("accuracy", "macs", budget=300.0), how, 2)
    assert (found.costs <= 300).all()
    assert found.optimum == bench.best("accuracy", subject_to="macs <= 300").values[0]
    assert found.regrets[method] == pytest.approx(found.optimum - found.values)


def test_gates_have_the_gradient_of_the_probabilities():
    slopes, gates, gradients = torch.tensor([1.0, 5.0, 2.0]).double(), [], []

    def loss(drawn):
        gates.append(drawn[0].detach()[0])
        drawn[0].register_hook(lambda each: gradients.append(each[0]))
        return drawn[0] @ slopes

    one = search(loss, [3], Differentiable(method="proxylessnas", steps=40, learning_rate=0.3), [0])
    assert one.tolist() == [[0]]  # the least, though only one choice is looked at in each step
    assert all(sorted(each.round(decimals=9).tolist()) == [0, 0, 1] for each in gates)
    assert all(torch.equal(each, slopes) for each in gradients)


def test_weights_and_budgets_exclude_each_other():
    with pytest.raises(MetricError, match=r"^weight is 1 and budget 5; give one of the two, above 0$"):
        Sought(weight=1.0, budget=5)
    with pytest.raises(SchemeError, match=r"^search.method is 'darts'; expected one of fbnet, proxylessnas$"):
        Differentiable(method="darts")


def test_the_command_says_the_regret(bench):
    given = ["--method", "proxylessnas", "--weight", 0.5, "--steps", 20, "--runs", 2, "--learning-rate", 0.3]
    words = ["oneshot", "search", *map(str, given)]
    result = CliRunner(env={"COLUMNS": "120"}).invoke(app, words)
    assert result.exit_code == 0, result.output
    derived = bench.derive("both", "accuracy - 0.5 * latency_zcu102", unit="", direction="maximise")
    assert f"the proven optimum is {derived.best('both').values[0]:.6g}" in result.output
    assert "random_search" in result.output
