"""Models chosen from data: the product kernel against its definition, blends, and the way of a user."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl
import pytest
from scipy.optimize import approx_fprime
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import Ridge

import accelnas
from accelnas import AccelnasWarning, DataError, ModelError
from accelnas.fitting.anova import GaussianProcess, ProductKernel, posterior_members
from accelnas.fitting.anova.process import _likelihood_gradient
from accelnas.fitting.automatic import Attempt, Choice, fit_automatically
from accelnas.fitting.automatic.blend import Blend
from accelnas.fitting.automatic.fit import _write_stack
from accelnas.fitting.automatic.joining import Group
from accelnas.fitting.automatic.stack import Stack
from accelnas.fitting.completion import dataset_of
from accelnas.fitting.dataset import from_table
from accelnas.fitting.ensemble import fit_ensemble, link_of, to_link
from accelnas.fitting.evaluate import evaluate
from accelnas.fitting.families import FAMILIES, Recipe, Sample, Stage
from accelnas.fitting.metric import MetricSpec
from accelnas.fitting.settings import MetricSettings, Settings
from accelnas.fitting.splits import whole_split
from accelnas.fitting.uncertainty import repeat_noise
from accelnas.space.definition import defined
from command_line import failure, run

SPACE = defined(
    "cells",
    {
        "a": [
            {"name": "op0", "choices": ["skip", "conv", "pool"]},
            {"name": "op1", "choices": ["skip", "conv", "pool"]},
        ],
        "b": [{"name": "op2", "choices": ["skip", "conv", "pool"]}, {"name": "wide", "choices": [False, True]}],
        "c": [{"name": "op3", "choices": ["skip", "conv", "pool"]}, {"name": "only", "choices": [1]}],
        "d": [{"name": "op4", "choices": ["skip", "conv", "pool"]}],
    },
)
EVERY = SPACE.range(0, SPACE.size)


def accuracy(rows):
    """An accuracy of operations without an order, that fails where nothing connects, and saturates."""
    gains = np.array([0.4, 1.0, 0.7])[rows[:, [0, 1, 2, 4, 6]]]
    quality = gains.prod(axis=1) * (1 + 0.2 * rows[:, 3]) + 0.3 * gains.mean(axis=1)
    return np.where((rows[:, :3] == 0).all(axis=1), 10.0, 95 - 25 * np.exp(-2 * quality))


def table(rows, **metrics):
    columns = {v.name: [v.choices[c] for c in rows[:, i]] for i, v in enumerate(SPACE.variables)}
    return pl.DataFrame(columns | metrics)


def test_product_kernel_is_its_definition():
    kernel, random = ProductKernel(SPACE), np.random.default_rng(0)
    theta = kernel.start(random)
    rows = EVERY[random.permutation(len(EVERY))[:40]]
    targets = random.normal(size=40)
    expected = np.exp(theta[kernel.scale]) * np.ones((40, 40))
    at = 0
    for v, variable in enumerate(SPACE.variables):
        card = len(variable.choices)
        count = min(card - 1, 2)
        positions = theta[at : at + count * card].reshape(count, card)[:, rows[:, v]]
        expected *= np.exp(-0.5 * np.square(positions[:, :, None] - positions[:, None]).sum(axis=0))
        at += count * card
    np.testing.assert_allclose(kernel.matrix(theta, rows, rows), 1 + expected, rtol=1e-12)

    def likelihood(theta):
        gram = kernel.matrix(theta, rows, rows) + np.exp(theta[kernel.noise]) * np.eye(40)
        return -0.5 * targets @ np.linalg.solve(gram, targets) - 0.5 * np.linalg.slogdet(gram)[1]

    found = _likelihood_gradient(kernel, theta, rows, targets)
    np.testing.assert_allclose(found, approx_fprime(theta, likelihood, 1e-6), rtol=2e-3, atol=2e-4)


def test_product_process_is_that_of_scikit_learn():
    kernel = ProductKernel(SPACE)
    theta = kernel.start(np.random.default_rng(1))
    positions, at = [], 0
    for variable in SPACE.variables:
        count, card = min(len(variable.choices) - 1, 2), len(variable.choices)
        positions.append(theta[at : at + count * card].reshape(count, card))
        at += count * card
    inputs = np.concatenate([own[:, EVERY[:, v]].T for v, own in enumerate(positions)], axis=1)
    some = np.random.default_rng(2).permutation(len(EVERY))[:60]
    targets = accuracy(EVERY[some])
    targets = (targets - targets.mean()) / targets.std()
    noise = np.exp(theta[kernel.noise])
    same = ConstantKernel(np.exp(theta[kernel.scale])) * RBF(1.0) + ConstantKernel(1.0) + WhiteKernel(noise)
    peer = GaussianProcessRegressor(same, optimizer=None, alpha=0.0).fit(inputs[some], targets)
    process = GaussianProcess(kernel, theta, EVERY[some], targets)
    np.testing.assert_allclose(process.predict(EVERY), peer.predict(inputs), atol=1e-8)
    tables = posterior_members(process, 200, seed=3)
    draws = tables.predict(EVERY)
    np.testing.assert_allclose(draws.mean(axis=0), process.predict(EVERY), atol=1e-8)
    _, std = peer.predict(inputs, return_std=True)
    latent = np.sqrt(np.maximum(std**2 - noise, 0))
    assert np.median(np.abs(draws.std(axis=0) / latent - 1)) < 0.1


def test_limits_are_scales():
    for name, limit in (("below", 75.0), ("above", 50.0)):
        link = link_of(MetricSpec("m", link=name, limit=limit))
        values = np.array([55.0, 60.0, 74.0])
        scaled = link.apply(values)
        assert (np.diff(scaled) > 0).all()
        np.testing.assert_allclose(link.inverse(scaled), values)
        np.testing.assert_allclose(link.slope(values), np.abs(limit - values))
        slope = (link.inverse(scaled + 1e-6) - values) / 1e-6
        np.testing.assert_allclose(slope, link.slope(values), rtol=1e-4)


def test_repeats_beyond_a_limit_say_nothing_of_its_scale():
    rows = EVERY[[3, 3, 8, 8, 8, 20, 20]]
    data = from_table(table(rows, m=[60.0, 62.0, 70.0, 71.0, 69.0, 79.0, 81.0]), SPACE)
    linked = [-np.log(80 - np.array(values)) for values in ([60.0, 62.0], [70.0, 71.0, 69.0])]
    squares = sum(((values - values.mean()) ** 2).sum() for values in linked)
    found = repeat_noise(data, MetricSpec("m", link="below", limit=80.0))
    assert found == pytest.approx(np.sqrt(squares / 3))  # of the third one, 81 has no value there
    with pytest.raises(DataError, match=r"id 6: m is 81.0; link below needs values below 80"):
        to_link(data.values("m"), MetricSettings("m", link="below", limit=80.0), data.ids)


def test_blends_trust_each_model_where_it_is_exact():
    random = np.random.default_rng(4)
    measured = 100 - np.exp(random.uniform(0, 4, 2000))
    near = 100 - (100 - measured) * np.exp(0.05 * random.normal(size=2000))  # exact near the limit
    plain = measured + random.normal(size=2000)
    blend = Blend.fitted(np.stack([near, plain]), measured, 100.0)
    powers = blend.powers
    assert powers[:, 1] == pytest.approx([1.0, 0.0], abs=0.3)
    fresh = 100 - np.exp(random.uniform(0, 4, 2000))
    both = np.stack([100 - (100 - fresh) * np.exp(0.05 * random.normal(size=2000)), fresh + random.normal(size=2000)])
    errors = np.abs(blend.predict(both) - fresh).mean()
    assert errors < 0.9 * min(np.abs(both[0] - fresh).mean(), np.abs(both[1] - fresh).mean())
    assert np.array_equal(blend.predict(both[:1]), both[0])


def test_blends_start_with_what_is_good_elsewhere_and_change_where_that_pays():
    random = np.random.default_rng(3)
    measured = random.normal(size=200)
    on, fine, other = (measured + s * random.normal(size=200) for s in (0.3, 0.28, 0.3))
    off = np.full(200, 2.0) + 1e-3 * random.normal(size=200)
    folds = np.array_split(random.permutation(200), 5)

    def chosen(starts, *predicted):
        fit = partial(Blend.fitted, limit=4.0)
        count = range(len(predicted))
        return Group(count, np.stack(predicted), measured, measured, folds, fit, np.asarray, starts).chosen[0]

    assert {0, 2, 3} <= set(chosen([[0, 1]], on, off, fine, other))  # errors of different models cancel
    assert chosen([[0]], on, on + 1e-3 * random.normal(size=200)) == [0]  # no reason to change
    assert chosen([], off, on) == [1]


def test_models_are_chosen_and_written(tmp_path):
    some = np.sort(np.random.default_rng(5).permutation(len(EVERY))[:120])
    values = accuracy(EVERY)
    data, specs = dataset_of(SPACE, some, {"top1": values[some]}), [MetricSpec("top1", "%")]
    found = fit_automatically(data, specs, tmp_path / "b", budget=8, threads=2)
    again = fit_automatically(data, specs, tmp_path / "c", budget=8, threads=1)
    assert (tmp_path / "b/top1.safetensors").read_bytes() == (tmp_path / "c/top1.safetensors").read_bytes()
    assert again[0].family == found[0].family
    bench = accelnas.load(tmp_path / "b")
    others = np.setdiff1d(np.arange(len(EVERY)), some)
    predicted = bench.predict(EVERY, "top1", dtype="float64")
    baseline = found[0].attempts[-2].figures
    assert found[0].figures.mae < 0.3 * baseline.mae
    assert np.abs(predicted - values)[others].mean() < 0.3 * baseline.mae
    assert "product_process" in found[0].family
    best = bench.best("top1")
    assert best.values[0] == predicted.max()
    assert values[SPACE.index(best.architectures)[0]] >= np.sort(values)[-5]
    mean, std = bench.predict(EVERY[others], "top1", return_std=True)
    assert 0.5 < np.mean(np.abs(mean - values[others]) < 2 * std) <= 1
    told = json.loads((tmp_path / "b/fit.json").read_text(), parse_constant=pytest.fail)  # no NaN
    assert [a["name"] for a in told["attempts"]["top1"]] == [a.name for a in found[0].attempts]
    errors, freedom = told["errors"]["top1"], bench.degrees_of_freedom("top1")
    assert errors["degrees_of_freedom"] == (None if freedom == np.inf else freedom)
    assert errors["coverage"] == pytest.approx({"0.5": 0.5, "0.8": 0.8, "0.95": 0.95}, abs=0.1)
    assert bench.provenance("top1")["recipe"] == found[0].family


def test_a_small_budget_tries_less_and_noise_is_warned_of(tmp_path):
    some = np.sort(np.random.default_rng(1).permutation(len(EVERY))[:108])
    noise = np.random.default_rng(6).normal(size=len(some))
    data = dataset_of(SPACE, some, {"noise": noise})
    with pytest.warns(AccelnasWarning, match="measure more architectures"):
        (found,) = fit_automatically(data, [MetricSpec("noise")], tmp_path / "b", budget=4)
    assert [attempt.note for attempt in found.attempts].count("no time left") >= 5
    for budget in (0.0, -1.0, np.nan):
        with pytest.raises(ModelError, match="budget"):
            fit_automatically(data, [MetricSpec("noise")], tmp_path / "c", budget=budget)


def test_spaces_that_do_not_enumerate_get_tables(tmp_path):
    space = defined("layers", {f"b{i}": [{"name": f"v{i}", "choices": [1, 2, 3, 4]}] for i in range(11)})
    rows = space.sample(120, seed=7)
    values = 50 + rows.sum(axis=1) + np.random.default_rng(8).normal(0, 0.1, 120)
    data = dataset_of(space, np.asarray(space.index(rows)), {"score": values})
    (found,) = fit_automatically(data, [MetricSpec("score")], tmp_path / "b", budget=5)
    bench = accelnas.load(tmp_path / "b")
    assert bench.space == space
    assert bench.best("score").certificate.size == space.size
    assert found.family.startswith(("anova_process", "xgboost"))


def test_stacks_weigh_models_by_what_they_add():
    random = np.random.default_rng(0)
    targets = random.normal(5, 2, 400)
    errors = random.normal(size=(3, 400)) * np.array([[0.5], [0.5], [4.0]])
    predicted = targets + errors
    stack = Stack.fitted(predicted, targets)
    design = np.concatenate([predicted, np.ones((1, 400))])
    free = np.linalg.lstsq(design.T, targets, rcond=None)[0]  # all of its weights are positive here
    np.testing.assert_allclose([*stack.weights, stack.constant], free, atol=1e-9)
    worse = np.stack([predicted[0], 2 * predicted[0] - targets])  # the other's error twice: a weight below 0
    assert Stack.fitted(worse, targets).weights[1] == 0
    assert np.array_equal(Stack.fitted(predicted[:1], targets).predict(predicted[:1]), predicted[0])


def test_models_of_one_scale_become_one_surrogate(tmp_path):
    """A sum of a smooth function and of a jump that no low order has: a process and trees add to each other."""
    space = accelnas.mnasnet_space()
    rows = space.sample(260, seed=1)
    values = 100 + 0.4 * rows.sum(axis=1) + 6 * (rows[:, [0, 8, 16]] == 2).all(axis=1)
    values = values + np.random.default_rng(2).normal(0, 0.05, len(rows))
    data = dataset_of(space, np.asarray(space.index(rows)), {"y": values})
    members = Settings("s", 4, 4, 0, True, {}, "")
    parts, settings = [], []
    for recipe in (
        Recipe("pairs", "anova_process", parameters={"orders": [1, 1], "steps": [[200, 20]]}),
        Recipe("trees", "xgboost", (Stage({"max_depth": 3}, 60, 10, 3, 3),)),
    ):
        metric = MetricSettings("y", link="above", limit=90.0, recipe=recipe)
        settings.append(replace(members, metrics={"y": metric}))
        parts.append(fit_ensemble(data, data.ids, metric, settings[-1]))
    linked = np.stack([part.left_out[0] for part in parts])
    stack = Stack.fitted(linked, parts[0].targets)
    assert (stack.weights > 0.05).all()
    left_out = np.asarray(link_of(metric).inverse(stack.predict(linked)))
    figures = evaluate(values, left_out)
    choice = Choice(settings, parts, stack, left_out, [Attempt("a", figures, 0.0, "chosen")], figures)
    _, noise = _write_stack(data, whole_split(data), choice, stack, tmp_path / "b", 1, None)
    bench = accelnas.load(tmp_path / "b")
    fresh = space.sample(2000, seed=3)
    sums = [w * part.predict_members(fresh) for w, part in zip(stack.weights, parts, strict=True)]
    expected = 90 + np.exp(stack.constant + np.sum(sums, axis=0).mean(axis=0))
    np.testing.assert_allclose(bench.predict(fresh, "y", dtype="float64"), expected, rtol=1e-6)
    np.testing.assert_allclose(choice.predict(fresh), expected, rtol=1e-12)
    assert (bench.metrics["y"].members, bench.metrics["y"].link, bench.metrics["y"].limit) == (4, "above", 90.0)
    assert bench.best("y").certificate.complete
    truth = 100 + 0.4 * fresh.sum(axis=1) + 6 * (fresh[:, [0, 8, 16]] == 2).all(axis=1)
    low, high = bench.predict_interval(fresh, "y", level=0.8)
    assert 0.7 < np.mean((truth >= low) & (truth <= high)) < 0.97
    assert noise is None
    assert json.loads(bench.provenance("y")["part 1"])["family"] == "xgboost"


def test_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    some = np.random.default_rng(9).permutation(len(EVERY))[:100]
    table(EVERY[some], top1=accuracy(EVERY[some]), latency_ms=1.0 + EVERY[some].sum(axis=1)).write_csv("t.csv")
    (tmp_path / "space.toml").write_text(SPACE.to_toml())
    shown = run("fit", "t.csv", "--space", "space.toml", "--budget", "1s", "-o", "b").stdout
    assert "maximise top1, minimise latency_ms" in shown
    assert all(word in shown for word in ("chosen", "baseline"))
    assert accelnas.load("b").metrics["latency_ms"].direction == "minimise"
    judged = run("fit", "t.csv", "--space", "space.toml", "--maximise", "top1", "--budget", "1s", "--split", "random",
                 "-o", "c").stdout  # fmt: skip
    assert "10 rows of the test part" in judged
    assert "--budget is for choosing" in failure(
        "fit", "t.csv", "--space", "space.toml", "--settings", "own", "--budget", "1s", "-o", "d"
    )
    with pytest.raises(DataError, match="beauty"):
        fit_automatically(dataset_of(SPACE, some, {"m": some / 7}), [MetricSpec("m"), MetricSpec("beauty")], "d")
    assert not (tmp_path / "d").exists()
    assert "--budget is 'soon'" in failure("fit", "t.csv", "--space", "space.toml", "--budget", "soon", "-o", "d")
    with pytest.raises(DataError):
        fit_automatically(dataset_of(SPACE, some[:3], {"m": np.arange(3.0)}), [MetricSpec("m")], "e")


def test_baselines_are_what_they_say():
    random = np.random.default_rng(11)
    some = EVERY[random.permutation(len(EVERY))[:90]]
    sample = Sample(some, random.normal(5.0, 1.0, 90))
    sums = FAMILIES["additive"](Recipe("a", "additive", parameters={"ridge": 2.0}), SPACE)
    several = [(i, len(v.choices)) for i, v in enumerate(SPACE.variables) if len(v.choices) > 1]
    one_hot = np.concatenate([np.eye(count)[EVERY[:, i]] for i, count in several], axis=1)
    peer = Ridge(2.0, fit_intercept=False).fit(one_hot[SPACE.index(some)], sample.targets - sample.targets.mean())
    predicted = sums.gather([sums.fit(sample, sample, 0)]).predict(EVERY)
    np.testing.assert_allclose(predicted[0], sample.targets.mean() + peer.predict(one_hot), rtol=1e-9)
    middle = FAMILIES["median"](Recipe("m", "median"), SPACE)
    assert (middle.gather([middle.fit(sample, sample, 0)]).predict(EVERY) == np.median(sample.targets)).all()


@pytest.mark.slow
def test_all_families_are_compared_on_a_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    some = np.random.default_rng(9).permutation(len(EVERY))[:60]
    table(EVERY[some], top1=accuracy(EVERY[some])).write_csv("t.csv")
    (tmp_path / "space.toml").write_text(SPACE.to_toml())
    shown = run("evaluate", "t.csv", "--space", "space.toml", "--maximise", "top1", "--split", "random",
                "--cache", "cache.sqlite", "-o", "report").stdout  # fmt: skip
    found = pl.read_parquet("report/results.parquet")
    assert set(found["settings"]) >= set(FAMILIES) - {"catboost", "gradient_boosting", "nu_svr"}
    error = dict(found.select("settings", "mae").iter_rows())
    measured = accuracy(EVERY)[some]
    assert error["median"] > error["xgboost"]
    assert 0 < error["median"] < np.ptp(measured)
    assert "median" in shown
    assert "nan" not in shown
