"""Figures of merit against other libraries and by hand; evaluations from cached fits to the report."""

import os
import re
import signal
import subprocess
import sys
import time
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
from scipy import stats
from sklearn import metrics as sklearn_metrics

import accelnas
from accelnas.errors import DataError, FileError, ModelError
from accelnas.fitting.dataset import from_table
from accelnas.fitting.ensemble import fit_ensemble
from accelnas.fitting.evaluate import evaluate
from accelnas.fitting.evaluation import Cache, Plan, plan_cells, run_evaluation
from accelnas.fitting.evaluation.results import best_known_noise, noise_ceiling
from accelnas.fitting.settings import read_settings
from accelnas.fitting.splits import random_split
from command_line import run
from data_samples import sample_table

SETTINGS = """
name = "NAME"
members = 4
folds = 3
[recipes.process]
family = "anova_process"
parameters = { orders = [2, 1], steps = [[150, 3]], processes = 2 }
[recipes.trees]
family = "xgboost"
[[recipes.trees.stages]]
rounds = ROUNDS
stop = 5
parameters = { max_depth = 2, learning_rate = 0.3, subsample = 0.8 }
[metrics]
params = { recipe = "exact" }
accuracy = { recipe = "RECIPE" }
"""
DATA = "data.parquet --split random --metrics accuracy"
OPTIONS = f"{DATA} --settings one.toml --settings two.toml --folds 3 --sizes 200 --seeds 2"
RUNS = ("official", "cross-validation", "learning-curve")


@pytest.fixture(scope="module")
def split(dataset):
    return random_split(dataset)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Data and two settings, and the working directory."""
    monkeypatch.chdir(tmp_path)
    sample_table().write_parquet("data.parquet")
    for name, recipe in (("one", "process"), ("two", "trees")):
        (tmp_path / f"{name}.toml").write_text(settings_text(name, recipe))
    return tmp_path


def settings_text(name="two", recipe="trees", rounds=30):
    return SETTINGS.replace("NAME", name).replace("RECIPE", recipe).replace("ROUNDS", str(rounds))


def settings_of(tmp_path, **change):
    path = tmp_path / "settings.toml"
    path.write_text(settings_text(**change))
    return read_settings(path)


def test_figures_equal_those_of_other_libraries():
    random = np.random.default_rng(0)
    measured = random.normal(60, 3, 300).round(1)  # with ties
    predicted = measured + random.normal(0, 1, 300)
    found = evaluate(np.append(measured, np.nan), np.append(predicted, 0.0))
    assert found.rows == 300
    assert found.r2 == pytest.approx(sklearn_metrics.r2_score(measured, predicted))
    assert found.mae == pytest.approx(sklearn_metrics.mean_absolute_error(measured, predicted))
    assert found.rmse == pytest.approx(sklearn_metrics.root_mean_squared_error(measured, predicted))
    assert found.tau == pytest.approx(stats.kendalltau(measured, predicted).statistic)
    assert found.tau_1 == pytest.approx(stats.kendalltau(measured, predicted.round(1)).statistic)
    assert found.tau_2 == pytest.approx(stats.kendalltau(measured, predicted.round(2)).statistic)
    assert found.spearman == pytest.approx(stats.spearmanr(measured, predicted).statistic)
    best, promising = (set(np.argsort(-v, kind="stable")[:50].tolist()) for v in (measured, predicted))
    assert found.overlap_50 == len(best & promising) / 50


def test_best_rows_depend_on_the_direction():
    measured = np.arange(100.0)
    predicted = measured.copy()
    predicted[:5] = 200.0  # five bad rows look best
    upwards, downwards = (evaluate(measured, predicted, d) for d in ("maximise", "minimise"))
    assert (upwards.overlap_10, upwards.overlap_50, upwards.regret) == (0.5, 0.9, 99.0)
    assert (downwards.overlap_10, downwards.overlap_50, downwards.regret) == (0.5, 0.9, 5.0)
    with pytest.raises(DataError, match="1 measurements to compare with"):
        evaluate(np.array([1.0, np.nan]), np.array([1.0, 2.0]))
    assert np.isnan(evaluate(np.ones(3), np.arange(3.0)).spearman)


def test_a_perfect_model_meets_the_noise_ceiling(tmp_path, split):
    table = sample_table(rows=1200)
    truth = table["accuracy"].to_numpy().copy()
    truth[-3:] = truth[:3]  # repeats
    noisy = truth + np.random.default_rng(0).normal(0, 0.5, len(truth))
    stated = settings_text().replace('"trees" }', '"trees", noise = 0.5 }')
    (tmp_path / "stated.toml").write_text(stated)
    metric = read_settings(tmp_path / "stated.toml").metrics["accuracy"]
    data = from_table(table.with_columns(pl.Series("accuracy", noisy)), accelnas.mnasnet_space())
    ceiling = noise_ceiling(data, split, metric, data.ids)
    figures = evaluate(noisy, truth)
    assert (ceiling.noise, ceiling.repeats) == (0.5, 0)
    assert figures.r2 == pytest.approx(ceiling.r2, abs=0.005)
    assert figures.mae == pytest.approx(ceiling.mae, rel=0.05)
    pooled = noise_ceiling(data, split, settings_of(tmp_path).metrics["accuracy"], data.ids)
    assert pooled.noise == pytest.approx(data.report.noise["accuracy"])
    assert pooled.repeats == 3
    # what one of the settings states holds for all that are compared
    plan = Plan([settings_of(tmp_path, name="mine"), read_settings(tmp_path / "stated.toml")])
    assert {metric.noise for metric in best_known_noise(plan_cells(data, split, plan)).values()} == {0.5}


def test_cells_predict_what_ensembles_predict(tmp_path, dataset, split):
    settings = settings_of(tmp_path, recipe="process")
    plan = Plan([settings], runs=RUNS, folds=3, sizes=(200, 5000), seeds=2)
    found = run_evaluation(dataset, split, plan, Cache(tmp_path / "cache.sqlite"), threads=1)
    parts = [(cell.run, cell.part) for cell in found.cells]
    folds = [("cross-validation", f"fold {i} of 3") for i in (1, 2, 3)]
    curve = [("learning-curve", f"200 rows, seed {seed}") for seed in (0, 1)]  # 5,000 are more than there are
    assert parts == [("official", "ensemble"), *folds, *curve]
    tested = np.concatenate([p.ids for p in found.predictions[1:4]])
    assert sorted(tested) == dataset.ids.tolist()
    # all but the official run fit one process, whose mean is its one member
    assert [p.members for p in found.predictions] == [4, 1, 1, 1, 1, 1]
    cell, predictions = found.cells[1], found.predictions[1]
    ensemble = fit_ensemble(dataset, cell.train, settings.metrics["accuracy"], settings, 1, members=1)
    expected = ensemble.predict(dataset.choices[dataset.rows(predictions.ids)])
    assert np.abs(predictions.predicted - expected).max() < 1e-8
    official = found.results.filter(run="official").row(0, named=True)
    assert 0.3 < official["coverage_50"] < 0.7
    assert official["coverage_05"] <= official["coverage_50"] <= official["coverage_95"]
    assert found.results.filter(run="cross-validation")["coverage_50"].null_count() == 3


def test_cached_cells_are_not_fitted_again(tmp_path, dataset, split, monkeypatch):
    cache = Cache(tmp_path / "cache.sqlite")
    plan = Plan([settings_of(tmp_path)])
    first = run_evaluation(dataset, split, plan, cache, threads=1)
    refuse = "accelnas.fitting.evaluation.runs.fit_cell"
    with monkeypatch.context() as patch:
        patch.setattr(refuse, lambda *_: pytest.fail("fitted again"))
        again = run_evaluation(dataset, split, plan, Cache(tmp_path / "cache.sqlite"), threads=1)
    assert again.results.equals(first.results)
    keys = {cell.key(dataset.sha256) for cell in first.cells}
    changed = plan_cells(dataset, split, Plan([settings_of(tmp_path, rounds=31)]))
    assert keys.isdisjoint(cell.key(dataset.sha256) for cell in changed)
    assert keys.isdisjoint(cell.key("other data") for cell in first.cells)
    # another metric of the settings doesn't matter
    text = settings_text() + 'throughput_a100 = { recipe = "trees" }\n'
    (tmp_path / "more.toml").write_text(text)
    more = plan_cells(dataset, split, Plan([read_settings(tmp_path / "more.toml")], ["accuracy"]))
    assert keys == {cell.key(dataset.sha256) for cell in more}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kills a process group")
def test_an_interrupted_evaluation_goes_on(folder):
    def arguments(output, cache, threads):
        return f"evaluate {OPTIONS} --runs official,cross-validation -o {output} --cache {cache} -t {threads}".split()

    program = [sys.executable, "-c", "from accelnas.cli import main; main()"]
    killed = subprocess.Popen(
        [*program, *arguments("report", "cache.sqlite", 1)],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    cache, done = folder / "cache.sqlite", 0
    while done < 2:
        assert killed.poll() is None, "ended before it was killed"
        time.sleep(0.02)
        done = stored(cache) if cache.exists() else 0
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert 2 <= stored(cache) < 8
    run(*arguments("report", "cache.sqlite", 1))
    run(*arguments("fresh", "other.sqlite", 2))
    for name in ("report.md", "figures/predictions-accuracy.svg", "figures/calibration.svg"):
        resumed, fresh = ((folder / output / name).read_bytes() for output in ("report", "fresh"))
        assert resumed == fresh
    resumed, fresh = (pl.read_parquet(folder / output / "results.parquet") for output in ("report", "fresh"))
    assert resumed.height == 8
    assert resumed.drop("seconds").equals(fresh.drop("seconds"))
    resumed, fresh = (pl.read_parquet(folder / output / "predictions.parquet") for output in ("report", "fresh"))
    assert resumed.equals(fresh)


def stored(cache):
    import sqlite3

    connection = sqlite3.connect(cache, timeout=10)
    try:
        return connection.execute("SELECT count(*) FROM cells").fetchone()[0]
    except sqlite3.OperationalError:  # no table yet
        return 0
    finally:
        connection.close()


def test_report_through_the_command_line(folder, monkeypatch):
    monkeypatch.setenv("ACCELNAS_CACHE", str(folder))
    arguments = f"evaluate {OPTIONS} --runs official --runs two=cross-validation,learning-curve -o report -t 1"
    assert "mean of 3 folds" in run(*arguments.split()).output
    text = (folder / "report" / "report.md").read_text("utf-8")
    for heading in ("Overview", "accuracy [%]", "Calibration", "Learning curves", "Importances"):
        assert f"## {heading}\n" in text
    assert str(folder) not in text
    linked = re.findall(r"\]\((figures/[^)]*)\)", text)
    assert len(linked) == 4
    for name in linked:
        content = (folder / "report" / name).read_bytes()
        assert ElementTree.fromstring(content).tag.endswith("svg")  # noqa: S314 our own file
        assert len(content) < 150_000
        assert b"dc:date" not in content
    results = pl.read_parquet(folder / "report" / "results.parquet")
    assert results.filter(settings="one")["run"].to_list() == ["official"]
    row = results.filter(settings="two", run="official").row(0, named=True)
    assert f"| two | {row['r2']:.4f} | {row['tau']:.4f} |" in text
    folds = results.filter(settings="two", run="cross-validation")["mae"].to_numpy()
    low, high = stats.t.interval(0.95, 2, folds.mean(), stats.sem(folds))
    assert f"| {low:.3f} to {high:.3f} |" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"further": {"two": ("official", "guess")}},
            "runs are official, guess; choose among official",
        ),
        ({"metrics": ("params",)}, "no settings fit params; they fit accuracy"),
        ({"metrics": ("beauty",)}, "no metric 'beauty'"),
        ({"runs": ("learning-curve",), "sizes": (5000,)}, "train and val have 1083 rows; learning curves need"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(tmp_path, dataset, split, change, message):
    with pytest.raises((DataError, ModelError), match=message):
        plan_cells(dataset, split, Plan([settings_of(tmp_path)], **change))


def test_settings_of_one_name_and_other_files_are_refused(tmp_path, dataset, split):
    settings = settings_of(tmp_path)
    with pytest.raises(ModelError, match="two settings are named 'two'"):
        plan_cells(dataset, split, Plan([settings, settings]))
    with pytest.raises(ModelError, match="runs are asked of settings 'three'; choose among two"):
        plan_cells(dataset, split, Plan([settings], further={"three": ["official"]}))
    (tmp_path / "notes.sqlite").write_text("no database, but more than a header's worth of text " * 5)
    with pytest.raises(FileError, match=r"notes.sqlite is no cache of an evaluation: .*; remove it or name another"):
        Cache(tmp_path / "notes.sqlite")
