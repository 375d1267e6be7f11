import csv
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import accelnas
from accelnas_training.cli import app


def run(*arguments, code=0):
    result = CliRunner(env={"COLUMNS": "160"}).invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


def test_writes_the_best_so_far_and_says_the_regret(tmp_path):
    output = tmp_path / "paths.csv"
    result = run("lstm-reinforce", "-m", "latency_zcu102", "--runs", 2, "--budget", 14, "--seed", 7, "-o", output)
    rows = list(csv.DictReader(output.read_text(encoding="utf-8").splitlines()))
    assert [row["seed"] for row in rows] == ["7"] * 14 + ["8"] * 14
    assert [int(row["evaluation"]) for row in rows[:14]] == list(range(1, 15))
    best = [float(row["best"]) for row in rows]
    assert best[:14] == sorted(best[:14], reverse=True)  # less is better
    optimum = float(accelnas.load().best("latency_zcu102").values[0])
    assert min(best) >= optimum
    assert f"the optimum is {optimum:.5g} ms" in result.stdout
    regret = (best[13] + best[27]) / 2 - optimum
    assert f"regret {regret:.3g} after 14 evaluations" in result.stdout
    assert "random search: " in result.stdout


def test_a_run_is_the_same_beside_others(tmp_path):
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    run("lstm-reinforce", "-m", "accuracy", "--runs", 1, "--budget", 30, "--seed", 4, "-o", one)
    run("lstm-reinforce", "-m", "accuracy", "--runs", 2, "--budget", 30, "--seed", 3, "-o", two)
    assert one.read_text().splitlines()[1:] == two.read_text().splitlines()[31:]


def test_without_an_output_only_the_summary_is_shown():
    result = run("lstm-reinforce", "-m", "accuracy", "--runs", 1, "--budget", 6)
    assert len(result.stdout.splitlines()) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "beauty"], "beauty"),
        (["-m", "accuracy", "--learning-rate", -1], "learning_rate is -1.0; expected more than 0"),
        (["-m", "accuracy", "--device", "abacus"], "device 'abacus' can't be used"),
    ],
)
def test_mistakes_end_in_one_line(arguments, message):
    result = run("lstm-reinforce", *arguments, code=1)
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_help_and_version():
    assert "lstm-reinforce" in run("--help").stdout
    assert run("--version").stdout.startswith("accelnas-training ")


def test_the_package_is_a_program():
    command = [sys.executable, "-m", "accelnas_training", "--version"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == run("--version").stdout
