"""Files that are not what a command reads: each ends in an error that names the file, never in a traceback."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from accelnas.cli import app
from data_samples import sample_table

ODD = "odd"  # what such names begin with
COMPILE = ["compile", "odd.json", "-m", "quality", "--direction", "maximise", "-o", "bench"]
COMMANDS = [
    ["predict", "odd.csv"],
    ["predict", "odd.parquet"],
    ["rank", "accuracy", "odd.csv"],
    ["verify", "odd.json"],
    ["merge", "odd.json"],
    ["data", "info", "odd.csv"],
    ["data", "info", "odd.parquet"],
    ["data", "info", "odd.tar.gz"],
    ["data", "info", "data.parquet", "--space", "odd.toml"],
    ["data", "split", "odd.csv", "-o", "split.json"],
    ["data", "convert", "odd.parquet", "-o", "data.csv"],
    ["fit", "odd.csv", "-o", "bench"],
    ["fit", "data.parquet", "--settings", "odd.toml", "-o", "bench"],
    ["fit", "data.parquet", "--split", "odd.json", "-o", "bench"],
    COMPILE,
    [*COMPILE, "--encoding", "odd.toml"],
    ["evaluate", "odd.csv"],
    ["evaluate", "data.parquet", "--settings", "odd.toml"],
    ["tune", "data.parquet", "-m", "accuracy", "--family", "odd.toml", "--split", "random", "-o", "tuned.toml"],
    ["run", "question.toml", "--checkpoint", "odd.sqlite"],
    ["run", "odd.toml"],
    ["reproduce", "table1", "odd.csv", "-o", "report"],
]
CONTENTS = {
    "random": np.random.default_rng(5).bytes(3000),
    "empty": b"",
    "half JSON": b"[1, 2",
    "empty object": b"{}",
    "empty list": b"[]",
    "not a number": b'{"a": NaN}',
    "deep JSON": b"[" * 100_000,
    "deep TOML": b"a = " + b"[" * 5000,
    "half TOML": b"x = [",
    "another table": b"a,b\n1,2\n",
    "UTF-16": b"\xff\xfea\x00",
    "zeros": bytes(600),
}
KINDS = {"folder": os.mkdir, "pipe": os.mkfifo, "dangling link": lambda path: Path(path).symlink_to("nowhere")}


@pytest.fixture(scope="module")
def table():
    return sample_table()


@pytest.mark.parametrize("kind", [*CONTENTS, *KINDS])
def test_odd_files_are_errors_that_name_them(table, tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    table.write_parquet("data.parquet")
    Path("question.toml").write_text('question = "best"\nobjective = "macs"\nwithin = { block0_e = 1 }\n')
    runner = CliRunner(env={"COLUMNS": "500"})
    for number, command in enumerate(COMMANDS):
        named = [word.replace(ODD, f"odd{number}") for word in command]  # some write what they read
        for name in {word for word in named if word.startswith(ODD)}:
            if kind in KINDS:
                KINDS[kind](name)
            else:
                (tmp_path / name).write_bytes(CONTENTS[kind])
        if (kind, command[1]) == ("empty", "question.toml"):
            continue  # a checkpoint to be
        result = runner.invoke(app, named)
        assert isinstance(result.exception, SystemExit), (command, result.exception)
        assert result.exit_code in (1, 2), (command, result.output)
        assert re.search(rf"\bodd{number}\b", result.output), (command, result.output)
