"""Known metrics as features: the kernel against its definition and scikit-learn, sums that are tables, refusals."""

import json

import numpy as np
import polars as pl
import pytest
from scipy.optimize import approx_fprime

import accelnas
from accelnas import MetricError, ModelError
from accelnas.fitting.anova import AnovaKernel, GaussianProcess, KnownKernel, ProductKernel
from accelnas.fitting.anova.process import _likelihood_gradient
from accelnas.fitting.automatic import fit_automatically
from accelnas.fitting.completion import dataset_of
from accelnas.fitting.dataset import from_table
from accelnas.fitting.families.base import Recipe, Sample
from accelnas.fitting.families.known import KnownAnovaProcess
from accelnas.fitting.known import known_metrics
from accelnas.fitting.metric import MetricSpec
from accelnas.fitting.tabulate import tabulate
from accelnas.space.definition import defined
from command_line import failure, run

OPS = ["skip", "conv", "pool"]
SPACE = defined("cells", {f"b{i}": [{"name": f"op{i}", "choices": OPS}] for i in range(5)})
EVERY = SPACE.range(0, SPACE.size)
RANDOM = np.random.default_rng(0)
SCORE = RANDOM.normal(size=SPACE.size)  # nothing that few choices explain


def benchmark(folder, **metrics):
    specs = [MetricSpec(name) for name in metrics]
    tabulate(dataset_of(SPACE, np.arange(SPACE.size), metrics), specs, folder)
    return accelnas.load(folder)


@pytest.mark.parametrize("interacting", [True, False])
def test_kernel_is_its_definition(interacting):
    base = ProductKernel(SPACE) if interacting else AnovaKernel(SPACE, (2, 2))
    values = RANDOM.normal(size=(SPACE.size, 2))
    kernel = KnownKernel(base, lambda rows: values[SPACE.index(rows).astype(int)], 2, interacting=interacting)
    rows = EVERY[RANDOM.permutation(SPACE.size)[:30]]
    theta = kernel.start(np.random.default_rng(1))
    theta += 0.1 * RANDOM.normal(size=len(theta))
    f = values[SPACE.index(rows).astype(int)]
    expected = base.matrix(theta[: base.size], rows, rows) - 1
    if interacting:
        r = np.exp(theta[base.size + 2 :])
        expected *= np.exp(-0.5 * (r * np.square(f[:, None] - f)).sum(axis=2))
    expected += 1 + f @ np.diag(np.exp(theta[base.size : base.size + 2])) @ f.T
    states = kernel.states(rows)
    np.testing.assert_allclose(kernel.matrix(theta, states, states), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(np.tril(kernel.gram(theta, states)), np.tril(expected), rtol=1e-5, atol=1e-5)
    targets = RANDOM.normal(size=30)

    def likelihood(theta):
        gram = kernel.matrix(theta, states, states) + np.exp(theta[kernel.noise]) * np.eye(30)
        return -0.5 * targets @ np.linalg.solve(gram, targets) - 0.5 * np.linalg.slogdet(gram)[1]

    found = _likelihood_gradient(kernel, theta, states, targets)
    np.testing.assert_allclose(found, approx_fprime(theta, likelihood, 1e-6), rtol=1e-2, atol=2e-3)


def test_sums_are_the_joint_posterior(tmp_path):
    features = known_metrics(SPACE, [benchmark(tmp_path / "b", score=SCORE)], None).linear()
    recipe = Recipe("r", "anova_process", parameters={"orders": [1, 2], "steps": [[80, 10]], "processes": 1})
    family = KnownAnovaProcess(recipe, SPACE, features)
    some = RANDOM.permutation(SPACE.size)[:80]
    data = Sample(EVERY[some], SCORE[some] + 0.3 * (EVERY[some] == 1).sum(axis=1))
    folds = np.array_split(np.arange(80), 4)
    models = family.fit_ensemble(data, folds, 4, 0, 1, lambda _: None).models
    process: GaussianProcess = family._process(family.select(data, 0), data, 0)
    np.testing.assert_allclose(models.predict(EVERY).mean(axis=0), process.predict(EVERY), atol=1e-8)


def test_known_metrics_are_of_use_where_they_say_something(tmp_path):
    known = benchmark(tmp_path / "known", score=SCORE, junk=RANDOM.normal(size=SPACE.size))
    truth = 90 + 2 * SCORE + (EVERY == 1).sum(axis=1) + RANDOM.normal(0, 0.1, SPACE.size)
    some = np.sort(RANDOM.permutation(SPACE.size)[:80])
    data = dataset_of(SPACE, some, {"top1": truth[some]})
    (found,) = fit_automatically(data, [MetricSpec("top1")], tmp_path / "b", budget=60, threads=1, known=[known])
    assert found.known.used
    assert found.known.names == ("score", "junk")
    assert found.known.mae_with < 0.5 * found.known.mae_without
    bench = accelnas.load(tmp_path / "b")
    predicted = bench.predict(EVERY, "top1", dtype="float64")
    others = np.setdiff1d(np.arange(SPACE.size), some)
    assert np.abs(predicted - truth)[others].mean() < 0.5
    assert bench.best("top1").values[0] == predicted.max()
    told = json.loads((tmp_path / "b/fit.json").read_text())
    assert told["known"]["top1"]["used"] is True
    curve = found.curve
    assert curve.rows == (20, 40, 72)
    assert curve.mae[0] > curve.mae[2] > curve.doubled > 0
    assert told["curve"]["top1"]["doubled"] == curve.doubled


def test_sums_of_large_spaces_are_tables(tmp_path):
    space, known = accelnas.mnasnet_space(), accelnas.load()
    rows = space.sample(60, seed=3)
    truth = known.predict(rows, "latency_zcu102", dtype="float64") * 2 + 0.1 * rows[:, 0]
    columns = {v.name: [v.choices[c] for c in rows[:, i]] for i, v in enumerate(space.variables)}
    data = from_table(pl.DataFrame(columns | {"latency": truth}), space)
    (found,) = fit_automatically(
        data, [MetricSpec("latency", direction="minimise")], tmp_path / "b", budget=1, threads=1,
        known=[known], known_metrics=["latency_zcu102", "macs"],
    )  # fmt: skip
    assert found.known.used
    bench = accelnas.load(tmp_path / "b")
    assert bench.metrics["latency"].members == 6
    fresh = space.sample(500, seed=4)
    expected = known.predict(fresh, "latency_zcu102", dtype="float64") * 2 + 0.1 * fresh[:, 0]
    assert np.corrcoef(bench.predict(fresh, "latency"), expected)[0, 1] > 0.99
    assert bench.best("latency").certificate.size == space.size


def test_other_spaces_and_unknown_metrics_are_refused(tmp_path, monkeypatch):
    bench = benchmark(tmp_path / "known", score=SCORE)
    renamed = defined("other", {f"b{i}": [{"name": f"op{i + (i > 2)}", "choices": OPS}] for i in range(5)})
    with pytest.raises(ModelError, match="variable 3 is 'op4' in the data's space and 'op3'"):
        known_metrics(renamed, [bench], None)
    fewer = defined("other", {f"b{i}": [{"name": f"op{i}", "choices": OPS[: 3 - (i == 1)]}] for i in range(5)})
    with pytest.raises(ModelError, match="variable 'op1' has the choices"):
        known_metrics(fewer, [bench], None)
    shorter = defined("other", {f"b{i}": [{"name": f"op{i}", "choices": OPS}] for i in range(4)})
    with pytest.raises(ModelError, match="4 variables and the known benchmark's 5"):
        known_metrics(shorter, [bench], None)
    for benches, names, message in (
        ([bench], ["beauty"], "no known metric 'beauty'"),
        ([bench, bench], ["score"], "2 known benchmarks have"),
        ([bench], [], "no known metric is named"),
    ):
        with pytest.raises(MetricError, match=message):
            known_metrics(SPACE, benches, names)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "space.toml").write_text(SPACE.to_toml())
    rows = EVERY[::7]
    table = {v.name: [v.choices[c] for c in rows[:, i]] for i, v in enumerate(SPACE.variables)}
    pl.DataFrame(table | {"top1": 90 + SCORE[::7]}).write_csv("t.csv")
    command = ["fit", "t.csv", "--space", "space.toml", "--maximise", "top1", "--budget", "1s", "-o", "b"]
    shown = run(*command, "--known", "known").stdout
    assert "models with known metrics were chosen (score" in shown
    assert "no known metric 'speed'" in failure(*command, "--known", "known", "--known-metrics", "speed")
