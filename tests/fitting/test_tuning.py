"""Tuning on a small data set: what is searched, recorded, resumed and written."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import accelnas
from accelnas.errors import DataError, FileError, MissingExtraError, ModelError
from accelnas.fitting.dataset import from_table
from accelnas.fitting.families import FAMILIES, Sample
from accelnas.fitting.settings import read_settings
from accelnas.fitting.splits import random_split
from accelnas.fitting.tuning import read_search_space, settings_error, tune
from accelnas.fitting.tuning.objective import cross_validate, make_problem
from accelnas.fitting.tuning.search_space import Candidate
from command_line import run
from data_samples import sample_dataset, sample_table

SETTINGS = read_settings("bundled")
ROWS = 300


@pytest.fixture(scope="module")
def dataset():
    return sample_dataset(ROWS)


@pytest.fixture(scope="module")
def split(dataset):
    return random_split(dataset, seed=1)


@pytest.fixture
def search(dataset, split):
    def call(family="epsilon_svr", trials=8, **options):
        return tune(dataset, split, SETTINGS, "accuracy", family, trials=trials, **{"folds": 3} | options)

    return call


@pytest.fixture
def process(tmp_path):
    """Gaussian processes that are learned in a moment."""
    path = tmp_path / "process.toml"
    path.write_text("""
[recipe]
family = "anova_process"
[search]
"parameters.orders" = { kind = "categorical", choices = [[1], [2]] }
"parameters.noise_factor" = { kind = "float", low = 0.8, high = 2.0, log = true }
"link" = { kind = "categorical", choices = ["identity", "log"] }
[trials]
"parameters.steps" = [[100, 5]]
""")
    return path


def tried(result):
    return [(trial.state, trial.value, dict(trial.suggested)) for trial in result.history]


def written(tmp_path, text):
    path = tmp_path / "tuned.toml"
    path.write_text(text)
    return read_settings(path)


def test_written_settings_have_the_error_that_was_found(tmp_path, dataset, split, search):
    result = search("epsilon_svr", trials=3)
    settings = written(tmp_path, result.settings)
    assert settings_error(dataset, split, settings, "accuracy", 3) == result.error
    assert settings.metrics["accuracy"].recipe.parameters == result.recipe.parameters
    assert (settings.members, settings.folds) == (SETTINGS.members, SETTINGS.folds)


def test_search_finds_prunes_and_repeats(search):
    result = search(trials=25)
    values = [trial.value for trial in result.history if trial.state == "complete"]
    assert result.error == min(values) < 0.5 * max(values)
    # later trials profit from earlier ones
    assert np.median(values[-5:]) < np.median(values[:5])
    pruned = [trial for trial in result.history if trial.state == "pruned"]
    assert pruned
    assert min(trial.value for trial in pruned) > result.error
    assert tried(search(trials=25)) == tried(result)
    assert tried(search(trials=5, seed=1)) != tried(result)[:5]


def test_test_part_is_never_read(dataset, split, search, process):
    accuracy = dataset.table["accuracy"].to_numpy().copy()
    accuracy[dataset.rows(split.test)] = -1e6
    poisoned = from_table(dataset.table.with_columns(pl.Series("accuracy", accuracy)), dataset.space)
    for family in ("epsilon_svr", process):
        other = tune(poisoned, split, SETTINGS, "accuracy", family, trials=3, folds=3)
        assert tried(other) == tried(search(family, trials=3))


def test_errors_of_folds_are_those_of_models_that_did_not_see_them(dataset, split):
    problem = make_problem(dataset, split, SETTINGS.metrics["accuracy"], SETTINGS, 4)
    assert np.array_equal(np.sort(np.concatenate(problem.folds)), np.arange(len(problem.values)))
    candidate = read_search_space("epsilon_svr").candidate(
        {"parameters.C": 5, "parameters.epsilon": 0.01, "parameters.gamma": 0.01}
    )
    errors = list(cross_validate(problem, candidate))
    assert [whole for _, whole in errors] == [False, False, False, True]
    family = FAMILIES["epsilon_svr"](candidate.recipe, dataset.space)
    mean, scale = problem.values.mean(), problem.values.std()
    data = Sample(problem.choices, (problem.values - mean) / scale)
    rest = np.setdiff1d(np.arange(len(problem.values)), problem.folds[0])
    model = family.gather([family.fit(data.take(rest), data.take(rest), 0)])
    predicted = mean + scale * model.predict(problem.choices[problem.folds[0]])[0]
    expected = np.sqrt(np.square(predicted - problem.values[problem.folds[0]]).mean())
    assert errors[0][0] == pytest.approx(expected)
    # a candidate on another link is judged on the problem's: errors stay comparable
    on_log = Candidate(candidate.recipe, "log")
    assert list(cross_validate(problem, on_log))[-1][0] == pytest.approx(errors[-1][0], rel=0.2)


def test_studies_resume(tmp_path, dataset, search):
    storage = tmp_path / "study"
    options = {"storage": storage}
    first = search(trials=4, **options)
    assert tried(search(trials=2, **options)) == tried(first)  # nothing left to do
    second = search(trials=12, **options)
    assert len(second.history) == 12
    assert tried(second)[:4] == tried(first)
    assert tried(second) == tried(search(trials=12))  # as if it had not been interrupted
    values = [trial.value for trial in second.history if trial.state == "complete"]
    assert second.error == min(values) < max(values)
    changed = from_table(dataset.table.head(ROWS - 1), dataset.space)
    with pytest.raises(DataError, match=r"study 'accuracy epsilon_svr' with data .*; go on with the same, or name"):
        tune(changed, random_split(changed), SETTINGS, "accuracy", "epsilon_svr", trials=12, folds=3, **options)
    with pytest.raises(DataError, match="with objective"):
        search(trials=12, **options | {"folds": 4})
    storage.write_bytes(b"no database")
    with pytest.raises(DataError, match="is no record of"):
        search(trials=12, **options)


WORKER = """
import sys
from accelnas.fitting.settings import read_settings
from accelnas.fitting.splits import random_split
from accelnas.fitting.tuning import tune
from data_samples import sample_dataset

if __name__ == "__main__":
    dataset = sample_dataset({rows})
    tune(
        dataset, random_split(dataset, seed=1), read_settings("bundled"), "accuracy", "epsilon_svr",
        trials=10_000, folds=3, threads={threads}, storage="{storage}",
        progress=lambda ended, _: print(ended, flush=True),
    )
"""


def start(tmp_path, **options):
    script = tmp_path / "search.py"
    script.write_text(textwrap.dedent(WORKER).format(rows=ROWS, **options))
    paths = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths}
    )


def wait_for(process, ended):
    for line in process.stdout:
        if int(line) >= ended:
            return
    raise AssertionError(f"ended with {process.wait()}")


def last_of(process, ended):
    return int([ended, *process.stdout][-1])


@pytest.mark.slow
def test_killed_search_loses_nothing_finished(tmp_path, search):
    storage = tmp_path / "study"
    with start(tmp_path, threads=1, storage=storage) as process:
        wait_for(process, 3)
        with pytest.raises(FileError, match=r"can't be locked \(database is locked\); another run may be using it"):
            search(storage=storage)
        process.kill()
        known = last_of(process, 3)
    result = search(trials=known + 3, storage=storage)
    assert result.count("complete", "pruned") == known + 3
    assert result.count("failed") == 0
    assert result.count("interrupted") <= 1
    # the killed trial again, then as if nothing had happened
    whole = search(trials=known + 3)
    ended = [trial for trial in result.history if trial.state != "interrupted"]
    assert [(t.suggested, t.value, t.state) for t in ended] == [(t.suggested, t.value, t.state) for t in whole.history]
    assert result.settings == whole.settings


def test_a_trial_that_was_cut_short_is_asked_again(tmp_path):
    from accelnas.fitting.tuning.study import Study

    def opened(name):
        return Study(read_search_space("epsilon_svr"), "s", {}, 3, tmp_path / name)

    def told(study, value):
        asked = study.ask()
        study.tell(asked, "complete", value)
        return asked.params

    whole, cut = opened("whole.db"), opened("cut.db")
    expected = [told(whole, 0.1 * i) for i in range(14)]
    found = []
    for i in range(14):
        cut.ask()  # and killed
        cut.close()
        cut = opened("cut.db")
        found.append(told(cut, 0.1 * i))
    assert found == expected
    assert sum(trial.state == "interrupted" for trial in cut.history()) == 14
    whole.close(), cut.close()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are looked up in /proc")
def test_killed_worker_costs_one_trial_and_ctrl_c_keeps_the_rest(tmp_path, search):
    storage = tmp_path / "study.db"
    with start(tmp_path, threads=2, storage=storage) as process:
        wait_for(process, 2)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        workers = [c for c in children if b"popen_loky" in Path(f"/proc/{c}/cmdline").read_bytes()]
        assert len(workers) == 2
        os.kill(int(workers[0]), signal.SIGKILL)
        wait_for(process, 12)  # the search goes on with a new process
        process.send_signal(signal.SIGINT)
        known = last_of(process, 12)
    assert process.returncode == 0  # what was found is returned
    result = search(trials=known, storage=storage)
    assert result.count("complete", "pruned", "failed") == known
    assert result.count("interrupted") <= 2
    failed = [trial.message for trial in result.history if trial.state == "failed"]
    assert failed == ["its process died, of a lack of memory or a fault of a library"]


def test_refused_candidates_are_failed_trials(tmp_path, search):
    space = tmp_path / "mine.toml"
    text = '[recipe]\nfamily = "nu_svr"\n[search]\n"parameters.nu" = { kind = "float", low = 0.1, high = HIGH }\n'
    space.write_text(text.replace("HIGH", "3.0"))  # above 1 the library refuses
    result = search(space, trials=12)
    failed = [trial for trial in result.history if trial.state == "failed"]
    assert result.count("complete") + len(failed) == 12
    assert all(trial.suggested["parameters.nu"] > 1 and "nu" in trial.message for trial in failed)
    assert failed
    space.write_text(text.replace("0.1", "2.0").replace("HIGH", "3.0"))
    with pytest.raises(ModelError, match=r"none of 2 trials of mine for accuracy was completed, the first because Inv"):
        search(space, trials=2)


def test_values_not_above_zero_keep_the_identity(dataset, split, process):
    below = from_table(dataset.table.with_columns(pl.col("accuracy") - 100), dataset.space)
    result = tune(below, split, SETTINGS, "accuracy", process, trials=4, folds=3)
    assert {trial.suggested["link"] for trial in result.history} == {"identity"}


def test_wrong_calls_say_what_to_do(tmp_path, dataset, split, search, monkeypatch):
    with pytest.raises(ModelError, match="no search space 'xgbost'; use the path of a TOML file or anova_process, eps"):
        search("xgbost")
    with pytest.raises(ModelError, match="neither trials nor seconds are limited"):
        search(trials=None)
    with pytest.raises(ModelError, match="was completed, as there was no time"):
        search(seconds=0)
    with pytest.raises(ModelError, match="macs is computed exactly; there is nothing to tune"):
        tune(dataset, split, SETTINGS, "macs", "xgboost")
    with pytest.raises(ModelError, match="have no metric 'beauty'; they have accuracy"):
        tune(dataset, split, SETTINGS, "beauty", "xgboost")
    with pytest.raises(DataError, match="rows to tune on; 100 folds need four times as many"):
        search(folds=100)
    with pytest.raises(FileError, match="does not exist; create it first"):
        search(storage=tmp_path / "nowhere" / "study.db")
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.delitem(sys.modules, "accelnas.fitting.tuning.study", raising=False)
    with pytest.raises(MissingExtraError, match=r"optuna is not installed; run: pip install 'accelnas\[tune\]'"):
        search()


@pytest.mark.slow
def test_command_writes_settings_that_fit_takes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sample_table(ROWS).write_parquet("data.parquet")
    (tmp_path / "quick.toml").write_text("""
[recipe]
family = "xgboost"
stages = [{ rounds = 50, stop = 5, parameters = { learning_rate = 0.3 } }]
[search]
"stage1.max_depth" = { kind = "int", low = 1, high = 3 }
"base" = { kind = "categorical", choices = ["none", "blocks"] }
""")
    (tmp_path / "base.toml").write_text("""
name = "base"
members = 2
folds = 2
recipes.svr.family = "epsilon_svr"
metrics.throughput_a100 = { recipe = "svr", link = "reciprocal" }
""")
    options = ["--split", "random", "--metric", "throughput_a100", "--settings", "base.toml", "--folds", "3"]
    search = ["--family", "quick.toml", "--trials", "6", "--storage", "s.db", "-o", "tuned.toml"]
    shown = run("tune", "data.parquet", *options, *search).output
    assert "tuned.toml: quick for throughput_a100, error" in shown
    assert "settings base on the same folds:" in shown
    metric = read_settings("tuned.toml").metrics["throughput_a100"]
    assert (metric.link, metric.recipe.family, metric.unit) == ("reciprocal", "xgboost", "images/s")
    run("fit", "data.parquet", "--split", "random", "--settings", "tuned.toml", "-o", "bench")
    assert list(accelnas.load(tmp_path / "bench").metrics) == ["throughput_a100"]
