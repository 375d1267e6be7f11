"""The commands data and fit, end to end on a small data set."""

import json
import re

import polars as pl
import pytest
from typer.testing import CliRunner

import accelnas
from accelnas.cli import app
from accelnas.fitting.settings import read_settings
from accelnas.space.definition import defined
from command_line import failure, run
from data_samples import sample_table

SETTINGS = """
name = "small"
members = 2
folds = 2
[recipes.xgb]
family = "xgboost"
[[recipes.xgb.stages]]
rounds = 20
stop = 5
parameters = { max_depth = 2 }
[metrics]
params = { recipe = "exact" }
accuracy = { recipe = "xgb" }
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """Data as the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACCELNAS_CACHE", str(tmp_path / "cache"))
    sample_table().write_parquet("data.parquet")


def test_info_split_convert_fit(tmp_path):
    report = run("data", "info", "data.parquet").output
    assert "1,203 measurements of 1,200 architectures of mnasnet" in report
    run("data", "convert", "data.parquet", "-o", "data.csv")
    digest = next(line for line in report.splitlines() if line.startswith("content"))
    assert digest in run("data", "info", "data.csv").output
    run("data", "split", "data.csv", "-o", "split.json", "--seed", "3", "--val", "0.2")
    sizes = {part: len(ids) for part, ids in json.loads((tmp_path / "split.json").read_text()).items()}
    assert abs(sizes["val"] - 240) < 5
    run("data", "split", "data.csv", "-o", "folds", "--kind", "folds", "--k", "3")
    assert len(list((tmp_path / "folds").iterdir())) == 3
    (tmp_path / "small.toml").write_text(SETTINGS)
    options = ("--settings", "small.toml", "--split", "split.json", "-o", "bench")
    shown = run("fit", "data.csv", *options).output
    assert "bench: 2 metrics in" in shown
    assert list(accelnas.load(tmp_path / "bench").metrics) == ["params", "accuracy"]


def test_what_fit_holds_back_and_leaves_out(tmp_path):
    (tmp_path / "small.toml").write_text(SETTINGS)
    table = sample_table(300).with_columns(note=pl.lit("x"), device=pl.lit("phone"))
    table.write_parquet(tmp_path / "data.parquet")
    options = ("fit", "data.parquet", "--settings", "small.toml", "-m", "accuracy", "-o")
    shown = run(*options, "part", "--split", "random").output
    assert "left out, for want of numbers: columns note, device" in shown
    assert re.search(r"3\d of 303 rows are held back for the figures and were not fitted; --split all fits", shown)
    assert "held back" not in run(*options, "whole", "--split", "all").output
    whole = accelnas.load(tmp_path / "whole")
    assert whole.provenance("accuracy")["split"] == "all"
    assert not whole.distance(accelnas.Frame(table, ignore_others=True), "accuracy").any()  # each row was fitted
    assert (
        "--split all leaves no rows to compare with" in run("evaluate", "data.parquet", "--split", "all", code=1).stderr
    )


@pytest.mark.parametrize("form", ["architecture", "index"])
def test_every_command_reads_architectures_by_string_or_index(form, tmp_path):
    (tmp_path / "small.toml").write_text(SETTINGS)
    space = defined("s", {f"b{i}": [{"name": f"v{i}", "choices": [1, 2, 3, 4]}] for i in range(3)})
    (tmp_path / "space.toml").write_text(space.to_toml())
    archs = space.range(0, space.size)
    named = space.format(archs) if form == "architecture" else space.index(archs)
    params = [float(row.sum()) for row in archs]
    table = pl.DataFrame({form: named, "accuracy": [p + 0.1 * (i % 7) for i, p in enumerate(params)], "params": params})
    table.write_csv("named.csv")
    given = ("named.csv", "--space", "space.toml")
    run("tabulate", *given, "--maximise", "accuracy", "-o", "whole")
    assert accelnas.load("whole").best("accuracy").values[0] == table["accuracy"].max()
    fitted = (*given, "--settings", "small.toml", "--split", "random")
    run("fit", *fitted, "-o", "fitted")
    assert accelnas.load("fitted").predict(archs, "params", dtype="float64").tolist() == params
    assert "accuracy" in run("evaluate", *fitted, "-m", "accuracy").output
    run("tune", *fitted, "-m", "accuracy", "--family", "xgboost", "-n", "1", "--folds", "2", "-o", "tuned.toml")
    assert "64 measurements of 64 architectures" in run("data", "info", *given).output
    table.with_columns(pl.Series(form, ["x", *table[form].cast(pl.String)[1:]])).write_csv("named.csv")
    for command in ("fit", "evaluate"):
        assert "named.csv: row 0: " in failure(command, *fitted, *(["-o", "x"] if command == "fit" else []))


def test_metrics_that_no_settings_have_are_named_with_their_directions(tmp_path):
    (tmp_path / "small.toml").write_text(SETTINGS.replace('params = { recipe = "exact" }\n', ""))
    table = sample_table(300).rename({"accuracy": "top1", "throughput_a100": "speed"})
    table.write_parquet("data.parquet")
    given = ("data.parquet", "--split", "random", "--settings", "small.toml")
    named = ("--maximise", "top1", "--minimise", "speed", "--unit", "speed=ms")
    shown = run("fit", *given, *named, "-o", "own").output
    assert "own: 2 metrics" in shown
    bench = accelnas.load("own")
    about = {name: (metric.direction, metric.unit) for name, metric in bench.metrics.items()}
    assert about == {"top1": ("maximise", ""), "speed": ("minimise", "ms")}
    run("fit", *given, "--minimise", "top1", "-o", "other")
    digests = {accelnas.load(folder).provenance("top1")["settings_sha256"] for folder in ("own", "other")}
    assert len(digests) == 2  # the direction is a setting, too
    assert "top1" in run("evaluate", *given, *named).output
    run("tune", *given, *named, "-m", "speed", "--family", "xgboost", "-n", "1", "--folds", "2", "-o", "tuned.toml")
    tuned = read_settings("tuned.toml").metrics["speed"]
    assert (tuned.direction, tuned.unit) == ("minimise", "ms")
    for more, message in {
        (): "the data has no metric 'accuracy' of settings small; it has params, speed, top1: name them with",
        ("--maximise", "top2"): "the data has no metric 'top2'",
        ("--maximise", "top1", "--minimise", "top1"): "'top1' is named by --maximise and by --minimise",
        ("--settings", "own"): "settings own name no metrics",
    }.items():
        assert message in failure("fit", *given, *more, "-o", "b")
    # a narrow screen has fewer columns, and all digits
    narrow = CliRunner(env={"COLUMNS": "60"}).invoke(app, ["fit", *given, *named, "-o", "own"]).output
    row = next(line for line in narrow.splitlines() if line.startswith("  top1"))
    assert "…" not in row
    assert re.search(r"\d\.\d{4}  ", row)


def test_repeats_of_two_kinds_are_warned_about(tmp_path):
    (tmp_path / "small.toml").write_text(SETTINGS)
    table = sample_table(300)
    again = [table.with_columns(id=table["id"] + 1000, accuracy=table["accuracy"] + 0.1)]
    again.append(table.head(40).with_columns(id=table["id"].head(40) + 2000, accuracy=table["accuracy"].head(40) - 30))
    pl.concat([table, *again]).write_parquet(tmp_path / "data.parquet")
    for arguments in (
        ("data", "info"),
        ("fit", "--settings", "small.toml", "-m", "accuracy", "--split", "all", "-o", "b"),
    ):
        shown = " ".join(run(*arguments, "data.parquet").output.split())
        assert "warning: accuracy: repeats of one architecture differ by as much as architectures do" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("data", "info"), "run: accelnas data fetch"),
        (("data", "info", "nothing.parquet"), "nothing.parquet does not exist"),
        (("data", "convert", "data.parquet", "-o", "x.txt"), "choose one of .parquet, .csv"),
        (("data", "fetch", "--url", "ftp://x"), "not an http or https address"),
        (("fit", "data.parquet", "-o", "b"), "no official_split.json in"),
        (("fit", "data.parquet", "-o", "b", "--settings", "x"), "no settings 'x'"),
        (
            ("fit", "data.parquet", "-o", "b", "--split", "random", "--metrics", "beauty"),
            "have no metric 'beauty'",
        ),
    ],
)
def test_failures_are_one_line(arguments, message):
    assert message in failure(*arguments)
