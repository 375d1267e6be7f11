"""The commands, on the digits example's shortest settings: from nothing to a compiled benchmark."""

import shutil
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import accelnas
from accelnas.fitting.dataset import read_dataset
from accelnas_training import sampling
from accelnas_training.cli import app
from accelnas_training.schemes import load_scheme
from conftest import make_space

DIGITS = Path(__file__).parents[1] / "examples/digits"


def run(*words, code=0):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture(scope="module", autouse=True)
def grid_once():
    """Choose the models once: all tests search with the same, and counting costs of networks takes seconds."""
    chosen, grid = {}, sampling.grid

    def remembered(family, *args):
        key = family.digest, args
        if key not in chosen:
            chosen[key] = grid(family, *args)
        return chosen[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "grid", remembered)
        yield


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Search and validate, once for all tests."""
    folder = tmp_path_factory.mktemp("digits")
    shutil.copytree(DIGITS, folder, dirs_exist_ok=True)
    words = (folder / "ci/proxy.toml", "--store", folder / "s.db", "--output", folder / "found", "--workers", 0)
    return folder, words, run("proxy", "search", *words)


@pytest.mark.slow
def test_a_proxy_is_found(found):
    folder, _, said = found
    assert "p* has τ" in said
    scheme = load_scheme(folder / "found/proxy.toml")
    assert scheme.epochs == 1
    table = pl.read_csv(folder / "found/candidates.csv")
    assert scheme.digest in set(table["digest"])


def test_a_second_search_trains_nothing_and_writes_its_report_again(found):
    folder, words, said = found
    before = (folder / "found/candidates.csv").read_bytes()
    (folder / "found/candidates.csv").unlink()
    assert run("proxy", "search", *words) == said
    assert (folder / "found/candidates.csv").read_bytes() == before


@pytest.mark.slow
def test_from_a_proxy_to_a_benchmark(found):
    folder, words, _ = found
    scheme = folder / "found/proxy.toml"
    said = run("proxy", "validate", *words, "--proxy", scheme, "--number", 5, "--seeds", "0,1")
    assert "τ of 5 architectures" in said
    assert "τ between seeds 1 and 2" in (folder / "found/validation.md").read_text()
    store, family, table = folder / "s.db", folder / "ci/family.toml", folder / "accuracies.parquet"
    given = ("--family", family, "--images", "digits:0.1", "--scheme", scheme, "--resolution", 16)
    run("collect", store, *given, "--number", 12, "--workers", 0)
    run("export", store, table, "--scheme", scheme)
    rows = pl.read_parquet(table).height
    assert rows >= 12
    space = accelnas.Space.from_toml(family)
    assert space.size == 96
    assert rows == read_dataset(table, space).table.height


def test_tables_are_compared(tmp_path):
    space = make_space(3, 3, 3)
    (tmp_path / "family.toml").write_text(f'builder = "mnasnet"\n{space.to_toml()}')
    for seed in range(2):
        rows = space.decode(space.sample(12, 0, unique=True))
        values = {"accuracy": [10 * seed + sum(row.values()) for row in rows], "train_time": [2.0 + seed] * 12}
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        pl.DataFrame(columns | values).write_csv(tmp_path / f"t{seed}.csv")
    given = ("--proxy", tmp_path / "t0.csv", "--reference", tmp_path / "t1.csv", "--family", tmp_path / "family.toml")
    assert "1.5 times faster" in run("proxy", "validate", *given, "--output", tmp_path / "found")
    assert "10.00 points of top-1 less" in (tmp_path / "found/validation.md").read_text()


def test_words_that_do_not_fit(tmp_path):
    settings = DIGITS / "ci/proxy.toml"
    output = ("--output", tmp_path / "found")
    assert "name SETTINGS to train" in run("proxy", "validate", "--proxy", "a.csv", *output, code=2)
    assert "give --store" in run("proxy", "validate", settings, "--proxy", "a.toml", *output, code=2)


def test_a_time_that_no_candidate_keeps(found):
    folder, words, _ = found
    hurried = folder / "ci/hurried.toml"
    hurried.write_text((folder / "ci/proxy.toml").read_text().replace("longest = 600.0", "longest = 1e-6"))
    assert "allow longer or add cheaper choices" in run("proxy", "search", hurried, *words[1:], code=1)
    assert "No candidate is fast enough" in (folder / "found/search.md").read_text()
