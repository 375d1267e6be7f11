"""What the guide "add your device" shows is run: on few architectures and small images."""

import re
import shlex
import shutil
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from accelnas.cli import app as accelnas
from accelnas_training.cli import app

FOLDER = Path(__file__).parent.parent / "docs"
GUIDE = (FOLDER / "add_your_device.md").read_text(encoding="utf-8")
SMALLER = {"--number 1000": "--number 4", "--number 50": "--number 2", "folds = 4": "folds = 2"}
QUICK = "--set resolution=32 --set timing.passes=2 --set timing.seconds=0 --set timing.spread=9"


def smaller(text):
    for shown, run in SMALLER.items():
        text = text.replace(shown, run)
    return text


@pytest.mark.slow
def test_commands_run_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(FOLDER.parent / "examples" / "devices" / "run_onnx.py", tmp_path)
    for name, text in re.findall(r"```toml\n# (\S+)\n(.*?)```", GUIDE, re.DOTALL):
        (tmp_path / name).write_text(smaller(text), encoding="utf-8")
    commands = re.findall(r"^\$ (accelnas\S*) (.*)$", GUIDE, re.MULTILINE)
    assert len(commands) == 8
    for program, words in commands:
        words = smaller(words)
        if re.match("measure (run|repeat|network) ", words):
            words += f" {QUICK}"
        if re.match("measure (run|repeat) ", words):
            words += " --references 1" if words.startswith("measure run") else " --references 0"
        if words.startswith("fit "):
            words += " --members 1"
        result = CliRunner().invoke(app if program == "accelnas-training" else accelnas, shlex.split(words))
        assert result.exit_code == 0, f"{program} {words}\n{result.output}"
    table = pl.read_parquet("speed.parquet")
    assert table["latency_mine"].null_count() == table["throughput_mycpu"].null_count() == 0
    assert Path("repeat.md").read_text().count("\n") == 3


def test_every_shipped_protocol_and_template_is_there():
    from accelnas_training.measure import SHIPPED

    for name in SHIPPED:
        assert f"| `{name}` |" in GUIDE
    for link in re.findall(r"\]\((\S+?)\)", GUIDE):
        assert (FOLDER / link).exists(), link
