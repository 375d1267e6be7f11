"""Differentiable searches, against proven optima and against what their estimators should be."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from scipy.stats import kendalltau
from typer.testing import CliRunner

import accelnas
from accelnas import _core
from accelnas.errors import MetricError
from accelnas_training import SchemeError, TableLayer, load_family
from accelnas_training.cli import app
from accelnas_training.oneshot.differentiable import METHODS, Differentiable, search
from accelnas_training.oneshot.table_search import Goal, Sought, search_tables

DIGITS = Path(__file__).parent.parent / "examples" / "digits"


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
    how = Differentiable(method=method, steps=40, learning_rate=0.3)
    goal = Goal.of(bench, Sought("accuracy", "macs", budget=300.0))
    found = search_tables(goal, how, 2)
    assert (found.costs <= 300).all()
    assert goal.optimum == bench.best("accuracy", subject_to="macs <= 300").values[0]
    assert found.regrets == pytest.approx(goal.optimum - found.values)


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


def test_shared_weights_are_followed_and_judged_by_all_architectures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = DIGITS / "few" / "family.toml"
    space = load_family(path).space
    for name, direction in {"accuracy": "maximise", "macs": "minimise"}.items():
        tables = [np.linspace(0, 1, block.size) for block in space.blocks]  # later choices are larger
        surrogate = _core.Surrogate.additive(space._core, 0.0, tables)
        about = {"unit": "", "link": "identity", "noise": None, "description": "", "provenance": {}}
        _core.write_metric("bench", name, surrogate, direction=direction, **about)
    text = (DIGITS / "oneshot.toml").read_text(encoding="utf-8").replace("epochs = 60", "epochs = 3")
    Path("scheme.toml").write_text(text.replace(" 16\n", " 8\n"), encoding="utf-8")
    given = ["--family", path, "--images", "digits:0.1", "--scheme", "scheme.toml", "--batches", 1]

    def run(*words):
        result = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["oneshot", *map(str, words)])
        assert result.exit_code == 0, result.output
        return result.output

    how = ["--benchmark", "bench", "--metric", "macs", "--steps", 8, "--runs", 1, "--learning-rate", 0.5]
    search_shared = ["search", "--shared", "shared", "--shared-seeds", "3,4", *given, *how]
    found = run(*search_shared, "--budget", 0.8, "--evaluations", "2,9", "--output", "judged")
    assert float(found.split("macs ")[1].split()[0]) <= 0.8
    heavy = run(*search_shared, "--weight", 100)
    assert float(heavy.split("macs ")[1].split()[0]) < 0.3  # a heavy weight leaves the loss no say

    archs = space.at(np.arange(space.size))
    pl.DataFrame(space.decode(archs)).write_csv("all.csv")
    taus, regrets = [], []
    bench = accelnas.load("bench")
    accuracy, macs = (bench.predict(archs, name, dtype="float64") for name in ("accuracy", "macs"))
    for seed in (3, 4):
        run("evaluate", f"shared/seed{seed}", "--seed", seed, *given, "--architectures", "all.csv", "-o", "all.parquet")
        loss = pl.read_parquet("all.parquet")["loss"].to_numpy()
        taus.append(f"{kendalltau(-loss, accuracy).statistic:.3f}")
        cheap = macs <= 0.8
        regrets.append(accuracy[cheap].max() - accuracy[cheap][loss[cheap].argmin()])
    report = Path("judged/report.md").read_text(encoding="utf-8")
    assert f"rank all architectures with τ = {', '.join(taus)}." in report
    assert f"| least loss of shared weights, all evaluated | 2 | {np.mean(regrets):.4g} |" in report
    assert "| regularized_evolution, 9 evaluations | 100 |" in report
