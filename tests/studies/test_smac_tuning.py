"""SMAC3 in place of Optuna's own sampler."""

import pytest
from typer.testing import CliRunner

import accelnas
from accelnas.cli import app
from accelnas.errors import DataError
from accelnas.fitting.dataset import from_table
from accelnas.fitting.settings import read_settings
from accelnas.fitting.splits import random_split
from accelnas.fitting.tuning import tune
from data_samples import sample_table
from studies.smac_tuning import smac

pytestmark = pytest.mark.slow

ROWS = 300


@pytest.fixture(scope="module")
def dataset():
    return from_table(sample_table(ROWS), accelnas.mnasnet_space())


@pytest.fixture
def search(dataset):
    def call(family="epsilon_svr", trials=8, **options):
        settings, split = read_settings("bundled"), random_split(dataset, seed=1)
        return tune(dataset, split, settings, "accuracy", family, trials=trials, engine=smac, **{"folds": 3} | options)

    return call


def tried(result):
    return [(trial.state, trial.value, dict(trial.suggested)) for trial in result.history]


def test_studies_resume_and_prune_nothing(tmp_path, search):
    storage = tmp_path / "study.db"
    first = search(trials=4, storage=storage)
    assert tried(search(trials=2, storage=storage)) == tried(first)  # nothing left to do
    second = search(trials=14, storage=storage)
    assert tried(second)[:4] == tried(first)
    assert second.count("complete") == len(second.history) == 14
    values = [trial.value for trial in second.history]
    assert second.error == min(values) < max(values)
    assert "(smac, seed 0): trial" in second.settings
    with pytest.raises(DataError, match="with objective"):
        search(trials=12, storage=storage, folds=4)


def test_refused_candidates_are_failed_trials(tmp_path, search):
    space = tmp_path / "mine.toml"
    space.write_text("""
[recipe]
family = "nu_svr"
[search]
"parameters.nu" = { kind = "float", low = 0.1, high = 3.0 }
""")  # above 1 the library refuses
    result = search(space, trials=12)
    failed = [trial for trial in result.history if trial.state == "failed"]
    assert result.count("complete") + len(failed) == 12
    assert all(trial.suggested["parameters.nu"] > 1 and "nu" in trial.message for trial in failed)
    assert failed


def test_a_small_space_is_exhausted(tmp_path, search):
    space = tmp_path / "mine.toml"
    space.write_text("""
[recipe]
family = "nu_svr"
[search]
"parameters.nu" = { kind = "categorical", choices = [0.2, 0.5] }
""")
    assert 2 <= len(search(space, trials=20).history) < 20


def test_command_takes_the_options_of_tune(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sample_table(ROWS).write_parquet("data.parquet")
    options = ["--metric", "accuracy", "--family", "nu_svr", "--trials", "3", "--no-compare", "-o", "tuned.toml"]
    result = CliRunner().invoke(app, ["tune", "data.parquet", "--split", "random", *options], obj=smac)
    assert result.exit_code == 0, result.output
    assert "(smac, seed 0)" in (tmp_path / "tuned.toml").read_text()
