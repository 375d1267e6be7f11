"""What the README shows is run."""

import re
import shlex
from pathlib import Path

from typer.testing import CliRunner

from accelnas_training.cli import app

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_python_runs():
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})


def test_commands_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^\$ accelnas-training (.*)$", README, re.MULTILINE)
    assert commands
    for command in commands:
        result = CliRunner().invoke(app, shlex.split(command))
        assert result.exit_code == 0, result.output
    assert (tmp_path / "paths.csv").is_file()
