import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import accelnas
import accelnas_training
from accelnas_training.cli import app

SMALL = ["--set", "resolution=32", "--set", "timing.passes=2", "--set", "timing.seconds=0"]
SMALL += ["--set", "timing.warm_up_seconds=0.01", "--set", "timing.spread=1e9"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text("options = { num_classes = 4, width = 0.25, head = 16 }")

    def invoke(*arguments, code=0):
        options = [] if arguments[0] in {"export", "sessions"} else ["--family", "tiny.toml", *SMALL]
        command = ["measure", *map(str, arguments), *options]
        result = CliRunner(env={"COLUMNS": "200"}).invoke(app, command)
        assert result.exit_code == code, result.output
        return result

    return invoke


@pytest.mark.slow
def test_measures_goes_on_and_exports(run):
    command = ["run", "speed.db", "-p", "cpu_latency", "-p", "torch_cpu_latency", "--references", 1, "--every", 2]
    assert "2 new measurements in speed.db" in run(*command, "-n", 1).stdout
    assert "0 new measurements in speed.db" in run(*command, "-n", 1).stdout
    assert "2 new measurements in speed.db" in run(*command, "-n", 2).stdout
    shown = run(
        "export", "speed.db", "speed.csv", "-m", "cpu_latency=latency_mine", "-m", "torch_cpu_latency=latency_torch"
    ).stdout
    assert "latency_mine" in shown
    assert "3 rows in speed.csv" in shown
    table = pl.read_csv("speed.csv")
    assert {"id", "block0_e", "latency_mine", "latency_mine_std", "latency_torch"} <= set(table.columns)
    beside = json.loads(Path("speed.csv.json").read_text())
    assert beside["columns"]["latency_mine"]["protocol"]["content"]["resolution"] == 32
    assert str(Path(accelnas_training.__file__).parent) not in json.dumps(beside)  # paths of this machine stay here
    run("export", "speed.db", "again.csv", "--sessions")
    # all of this was one process
    assert (
        "too few networks were measured in several sessions; measure more" in run("sessions", "speed.db", code=1).stderr
    )


def test_measures_those_of_a_table(run):
    space = accelnas.mnasnet_space()
    pl.DataFrame(space.decode(space.sample(2, seed=5))).write_csv("mine.csv")
    result = run("run", "speed.db", "-p", "torch_cpu_latency", "--architectures", "mine.csv", "--references", 0)
    assert "2 new measurements" in result.stdout


def test_repeats(run):
    result = run(
        "repeat", "twice.db", "-p", "torch_cpu_latency", "-n", 3, "--references", 2, "--every", 3, "-o", "twice.md"
    )
    assert "6 new measurements in twice.db" in result.stdout
    heads, _, row = Path("twice.md").read_text().splitlines()
    assert heads.startswith("| protocol | architectures | tau |")
    assert row.startswith("| torch_cpu_latency | 3 | ")


def test_shows_one_network(run):
    shown = run("network", "-p", "torch_cpu_latency").stdout
    assert "torch_cpu_latency (torch, batch 1, 32 px)" in shown
    assert "latency_ms " in shown
    assert "passes " in shown


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["network", "-p", "abacus"], 1, "no protocol abacus"),
        (["network", "-p", "cpu_latency", "--set", "batch"], 2, "write KEY=VALUE, as resolution=64"),
        (["network", "-p", "cpu_latency", "--set", "speed=3"], 1, "unknown key speed"),
        (["network", "nonsense"], 1, "nonsense"),
        (["export", "none.db", "out.csv"], 1, "none.db does not exist"),
    ],
)
def test_mistakes_end_in_one_line(run, arguments, code, message):
    result = run(*arguments, code=code)
    assert message in result.stderr
    assert code == 2 or len(result.stderr.splitlines()) == 1
