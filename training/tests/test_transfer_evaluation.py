"""Held-out devices, the report about them, and the commands."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from threadpoolctl import threadpool_limits
from typer.testing import CliRunner

import accelnas
from accelnas.errors import DataError
from accelnas.fitting.dataset import from_table, read_dataset
from accelnas.fitting.splits import random_split
from accelnas_training.cli import app
from accelnas_training.reports import write_report
from accelnas_training.transfer.evaluation import METHODS, TransferPlan, _cases, evaluate_transfer
from accelnas_training.transfer.regression import figures_of
from accelnas_training.transfer.report import draw, means_over_seeds, report_text
from accelnas_training.transfer.sources import default_sources


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def bench():
    return accelnas.load()


@pytest.fixture(scope="module")
def data(bench):
    """Predictions with noise, as if they were measurements."""
    archs = bench.space.sample(300, seed=1)
    columns = {name: pl.Series(bench.query(archs, name, seed=2)) for name in ("throughput_a100", "latency_zcu102")}
    return from_table(pl.DataFrame(bench.space.decode(archs)).with_columns(**columns), bench.space)


@pytest.fixture(scope="module")
def results(data, bench):
    with threadpool_limits(1):
        return evaluate_transfer(data, random_split(data), bench, TransferPlan(sizes=(10, 40), seeds=2))


def test_what_is_held_out(bench):
    cases = {(metric, level): names for metric in ("latency_zcu102", "throughput_a100", "latency_new")
             for metric, level, names in _cases(default_sources(bench), metric)}  # fmt: skip
    assert "latency_zcu102" not in cases["latency_zcu102", "metric"]
    assert "throughput_zcu102" in cases["latency_zcu102", "metric"]
    assert "throughput_zcu102" not in cases["latency_zcu102", "board"]
    assert "throughput_vck190" in cases["latency_zcu102", "board"]
    assert not [name for name in cases["latency_zcu102", "kind"] if "zcu102" in name or "vck190" in name]
    assert ("throughput_a100", "board") not in cases  # one metric a board: the same as the metric held out
    assert "throughput_3090" not in cases["throughput_a100", "kind"]
    assert [level for metric, level in cases if metric == "latency_new"] == ["metric"]  # nothing to hold out
    assert all({"macs", "params"} <= set(names) for names in cases.values())


def test_results(results):
    fits = results.filter(pl.col("method") != "all rows")
    # 2 + 3 levels, 2 seeds, 2 sizes; transfer by 4 designs and 3 more methods by 2
    assert fits.height == 5 * 2 * 2 * (4 + 3 * 2)
    assert results.filter(method="all rows").height == 2
    known = fits.filter(method="transfer", design="variance", held_out="metric", k=40)
    assert known["tau"].min() > 0.9
    by_method = {method: fits.filter(method=method, k=40)["tau"].mean() for method in METHODS}
    assert by_method["transfer"] == max(by_method.values())


def test_results_depend_on_seeds_alone(results, data, bench):
    again = evaluate_transfer(data, random_split(data), bench, TransferPlan(["throughput_a100"], (10, 40), 2))
    assert again.equals(results.filter(metric="throughput_a100"))


def test_fewer_devices_may_be_known(data, bench):
    plan = TransferPlan(["latency_zcu102"], (40,), 1)
    every, gpus, boards = (
        evaluate_transfer(data, random_split(data), bench, replace(plan, known=known))
        .filter(method="transfer", design="variance")["mape"]
        .to_list()
        for known in (None, ["throughput_a100", "throughput_3090"], ["throughput_zcu102"])
    )
    assert len(gpus) == 1  # none is of the board or its kind
    assert boards[0] < gpus[0]
    assert every[0] < gpus[0]


def test_evaluation_refuses(data, bench):
    with pytest.raises(DataError, match="rows can't be 5000 measurements"):
        evaluate_transfer(data, random_split(data), bench, TransferPlan(sizes=(5000,)))
    with pytest.raises(DataError, match="known are throughput_a100, macs, params: no speed of another device"):
        evaluate_transfer(data, random_split(data), bench, TransferPlan(["throughput_a100"], known=["throughput_a100"]))
    other = from_table(data.table.drop("throughput_a100").rename({"latency_zcu102": "score"}), bench.space)
    with pytest.raises(DataError, match="no throughput_ or latency_ column; it has score"):
        evaluate_transfer(other, random_split(other), bench, TransferPlan())


def test_summary_averages_metrics_within_seeds():
    rows = [("a", 0, 1.0), ("b", 0, 3.0), ("a", 1, 3.0), ("b", 1, 5.0)]
    table = pl.DataFrame([{"metric": m, "seed": s, "k": 10, "r2": v, "tau": v, "mape": v} for m, s, v in rows])
    (row,) = means_over_seeds(table, ["k"]).to_dicts()
    assert row["tau"] == 3.0
    assert row["tau_half"] == pytest.approx(12.706 * 1.0, rel=1e-3)  # means 2 and 4: Student with 1 degree of freedom


def test_report(results, data, tmp_path):
    for name in ("report.md", "again.md"):
        text = report_text(results, data, random_split(data), tmp_path / name, "the command")
        write_report(tmp_path / name, text, results, draw)
    text = (tmp_path / "report.md").read_text()
    assert "    the command\n" in text
    assert "| transfer | variance |" in text
    assert "## Kind held out" in text
    assert " nan " not in text
    assert (tmp_path / "report.svg").read_bytes() == (tmp_path / "again.svg").read_bytes()
    assert pl.read_parquet(tmp_path / "report.parquet").equals(results)


def test_from_choice_to_metric(tmp_path, bench):
    chosen, made = tmp_path / "chosen.csv", tmp_path / "made"
    result = CliRunner().invoke(app, ["transfer", "choose", "-k", "30", "--candidates", "300", "-o", str(chosen)])
    assert result.exit_code == 0, result.output
    table = pl.read_csv(chosen)
    archs = bench.space.encode(table.drop("id").to_dicts())
    assert len(np.unique(archs, axis=0)) == 30
    speed = 2 * bench.predict(archs, "throughput_vck190", dtype="float64")
    table.with_columns(throughput_mine=pl.Series(speed)).write_csv(tmp_path / "measured.csv")
    result = CliRunner().invoke(app, ["transfer", "fit", str(tmp_path / "measured.csv"), "-m", "throughput_mine",
                                      "--unit", "images/s", "-o", str(made)])  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "from 30 architectures" in result.output
    mine = accelnas.load(made)
    some = bench.space.sample(500)
    times = [1 / bench.predict(some, "throughput_vck190"), 2 / mine.predict(some, "throughput_mine")]
    assert figures_of(*times).tau > 0.97


def test_choosing_among_given_architectures(tmp_path, data):
    data.to_parquet(tmp_path / "data.parquet")
    arguments = ["transfer", "choose", "-k", "12", "--from", str(tmp_path / "data.parquet"), "--design", "distance"]
    result = CliRunner().invoke(app, [*arguments, "-o", str(tmp_path / "chosen.parquet")])
    assert result.exit_code == 0, result.output
    given = {tuple(row) for row in data.choices.tolist()}
    table = pl.read_parquet(tmp_path / "chosen.parquet").with_columns(made_up=1.0)
    assert {tuple(row) for row in from_table(table, data.space).choices.tolist()} < given


def test_commands_refuse(tmp_path, data):
    data.to_parquet(tmp_path / "data.parquet")
    arguments = ["transfer", "evaluate", str(tmp_path / "data.parquet"), "-o", str(tmp_path / "report.md")]
    result = CliRunner().invoke(app, [*arguments, "--split", "random", "--sizes", "ten"])
    assert result.exit_code == 2
    assert "are no integers" in result.output
    result = CliRunner().invoke(app, ["transfer", "fit", str(tmp_path / "data.parquet"), "-m", "latency_no",
                                      "-o", str(tmp_path / "made")])  # fmt: skip
    assert result.exit_code == 1
    assert "no metric 'latency_no'" in result.output
    assert not (tmp_path / "made").exists()


def test_evaluate_command(tmp_path, data):
    data.to_parquet(tmp_path / "data.parquet")
    assert len(read_dataset(tmp_path / "data.parquet")) == 300
    arguments = ["transfer", "evaluate", str(tmp_path / "data.parquet"), "-o", str(tmp_path / "report.md")]
    options = ["--split", "random", "--sizes", "10", "--seeds", "1", "--metrics", "throughput_a100"]
    result = CliRunner().invoke(app, [*arguments, *options])
    assert result.exit_code == 0, result.output
    assert "--sizes 10 --seeds 1 --metrics throughput_a100" in (tmp_path / "report.md").read_text()
