"""A search through a store finds the same as without, and a second one trains nothing."""

import math

import numpy as np
import polars as pl
import pytest

from accelnas_training.collect.reader import StoreReader
from accelnas_training.collect.store import Store
from accelnas_training.collect.work import InlineRunner, WorkDescription
from accelnas_training.proxy.search import search_proxy
from accelnas_training.proxy.search_report import write_search
from accelnas_training.proxy.trainings import Collected
from accelnas_training.schemes import load_scheme
from conftest import make_space
from proxy_landscape import CHOICES, Landscape, settings

SPACE = make_space(4, 4, 4, 4, 4, 4)
MODELS = SPACE.sample(8, 0, unique=True)
ASKED = settings(choices={"epochs": (5, 20), "resize.end": (64, 128)}, seeds=(0, 1))


def attempts(store):
    return store.connection.execute("SELECT count(*) FROM attempts").fetchone()[0]


def searched(path, diverges=()):
    """Give the result of a search through a store, and the number of trainings it took."""
    work = WorkDescription("proxy_landscape:landscape_work", {"diverges": diverges})
    with Store.opened(path, SPACE, {"images": "digits"}) as store, InlineRunner() as runner:
        before = attempts(store)
        result = search_proxy(ASKED, MODELS, Collected(store, work, runner))
        return result, attempts(store) - before


def outcome(result):
    rows = [(v.candidate.values, v.tau, v.interval, v.seconds, v.trained.joules.tolist()) for v in result.verdicts]
    return str(rows)


def test_a_store_changes_nothing_and_trains_once(tmp_path):
    direct = search_proxy(ASKED, MODELS, Landscape())
    first, trained = searched(tmp_path / "s.db")
    assert outcome(first) == outcome(direct)
    assert trained == first.reference.seconds.size + sum(v.trained.seconds.size for v in first.verdicts)
    again, trained = searched(tmp_path / "s.db")
    assert trained == 0
    assert outcome(again) == outcome(first)
    with StoreReader.opened(tmp_path / "s.db") as reader:
        names = {digest: name for digest, (name, _) in reader.schemes().items()}
        assert names.pop(ASKED.reference.digest) == "reference"
        assert names == {v.candidate.scheme.digest: v.candidate.scheme.name for v in first.verdicts}


def test_a_training_that_diverged_has_failed(tmp_path):
    result, _ = searched(tmp_path / "s.db", diverges=[MODELS[2].tolist()])
    assert result.left_out == 1
    assert MODELS[2].tolist() not in result.reference.choices.tolist()


def test_the_report_holds_the_search(tmp_path):
    result = search_proxy(settings(), MODELS, Landscape())
    path = write_search(result, SPACE, tmp_path / "found", "the command", intensity=100)
    text = path.read_text()
    best = result.best
    assert f"τ = {best.tau:.3f} (95 % interval {best.interval.low:.3f} to {best.interval.high:.3f})" in text
    assert "    the command" in text
    assert "at most 0.5 s" in text
    assert "8 the same training as another" in text
    assert "| energy [Wh] | CO₂ [g] |" in text
    assert load_scheme(tmp_path / "found/proxy.toml") == best.candidate.scheme
    table = pl.read_csv(tmp_path / "found/candidates.csv")
    assert table.height == len(result.verdicts) == 8
    assert set(CHOICES) < set(table.columns)
    assert table["tau"].to_list() == pytest.approx([verdict.tau for verdict in result.verdicts], nan_ok=True)
    models = pl.read_csv(tmp_path / "found/models.csv")
    assert np.allclose(models["reference_accuracy"].to_numpy(), result.reference.means)
    for name in ("candidates.svg", "models.svg"):
        assert (tmp_path / "found" / name).stat().st_size > 5000
    write_search(result, SPACE, tmp_path / "again", "the command", intensity=100)
    for file in (tmp_path / "found").iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes()


def test_a_search_without_a_proxy_is_reported(tmp_path):
    result = search_proxy(settings(longest=1e-9), MODELS, Landscape())
    assert "**No candidate is fast enough.**" in write_search(result, SPACE, tmp_path, "the command").read_text()
    assert not (tmp_path / "proxy.toml").exists()
    fails = {(tuple(map(int, row)), epochs) for row in MODELS for epochs in CHOICES["epochs"]}
    failed = search_proxy(settings(), MODELS, Landscape(fails=fails))
    assert all(math.isnan(verdict.seconds) for verdict in failed.verdicts)
    assert "trainings under candidates failed" in write_search(failed, SPACE, tmp_path, "the command").read_text()
