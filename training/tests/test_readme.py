"""What the README shows is run: in the digits example, with its smaller settings."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

import accelnas
from accelnas.cli import app as accelnas_app
from accelnas_training.cli import app

FOLDER = Path(__file__).parent.parent
README = (FOLDER / "README.md").read_text(encoding="utf-8")
SMALLER = {
    "search proxy.toml": "search ci/proxy.toml",
    "validate proxy.toml": "validate ci/proxy.toml --number 5",
    "--images digits:0.3": "--images digits:0.1",
    "--number 100": "--number 30",
    "found --workers 2": "found --workers 0",
    "--runs 5 --budget 600": "--runs 2 --budget 60",
}


def test_python_runs():
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})


@pytest.mark.slow
def test_commands_run_in_order(tmp_path, monkeypatch):
    folder = tmp_path / "digits"
    shutil.copytree(FOLDER / "examples" / "digits", folder)
    monkeypatch.chdir(folder)
    commands = re.findall(r"^\$ (accelnas\S*) (.*)$", README, re.MULTILINE)
    assert len(commands) == 16
    for program, words in commands:
        for shown, run in SMALLER.items():
            words = words.replace(shown, run)
        result = CliRunner().invoke(app if program == "accelnas-training" else accelnas_app, shlex.split(words))
        assert result.exit_code == 0, f"{program} {words}\n{result.output}"
    bench = accelnas.load(folder / "digits-bench")
    assert bench.space.size == 373_248
    assert (folder / "paths.csv").is_file()
    assert (folder / "run" / "result.json").is_file()


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)(\S+?)\)", README))
def test_links(link):
    assert (FOLDER / link).exists()
