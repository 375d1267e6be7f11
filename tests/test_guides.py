"""The code of README, CONTRIBUTING and guides is executed; commands, extras and links exist."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import optuna
import polars as pl
import pytest

import accelnas
from accelnas.cli import app
from accelnas.fitting.dataset import from_table
from accelnas.fitting.families import FAMILIES, Recipe, Stage
from accelnas.fitting.families.anova import AnovaProcess
from accelnas.fitting.fit import fit_benchmark
from accelnas.fitting.settings import MetricSettings, Settings, read_settings, shipped_settings
from accelnas.fitting.splits import random_split
from guides import EXECUTED, blocks, check_commands, check_links, executed, run_console, run_python
from studies.command import app as reproduce
from studies.study import app as study

APPS = {"accelnas": app, "accelnas reproduce": reproduce, "accelnas study": study}
REPOSITORY = Path(__file__).parent.parent
GUIDES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
every_guide = pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.relative_to(REPOSITORY).as_posix())


@pytest.mark.slow
@pytest.mark.parametrize("some", executed(GUIDES, "python", REPOSITORY))
def test_python_runs_and_prints_what_it_says(some, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    run_python(some, capsys)
    optuna.logging.set_verbosity(before)


@pytest.mark.skipif(sys.platform == "win32", reason="guides show a POSIX shell")
@pytest.mark.slow
@pytest.mark.parametrize("some", executed(GUIDES, "console", REPOSITORY))
def test_commands_run_in_order(some, tmp_path):
    run_console(some, tmp_path)


@every_guide
def test_commands_and_options_exist(guide):
    check_commands(guide, APPS)
    for block in blocks(guide):
        for command in block.commands:
            program, *words = command.split()
            if program == "make":
                subprocess.run(["make", "--dry-run", *words], cwd=REPOSITORY, check=True, capture_output=True)


def test_settings_guide_names_every_field_and_its_example_fits(tmp_path):
    guide = REPOSITORY / "docs" / "guides" / "settings.md"
    text = guide.read_text(encoding="utf-8")
    kinds = (Settings, MetricSettings, Recipe, Stage)
    named = {field.name for kind in kinds for field in fields(kind)} - {
        "sha256",
        "metrics",
        "formula",
        "limit",
        "fidelity",
    }
    for field in named | set(AnovaProcess.defaults):
        assert f"`{field}`" in text, field
    for name in (*FAMILIES, *shipped_settings()):
        assert f"`{name}`" in text, name
    (example,) = (block.text for block in blocks(guide) if block.language == "toml")
    (tmp_path / "mine.toml").write_text(example, encoding="utf-8")
    settings, bench = read_settings(tmp_path / "mine.toml"), accelnas.load("nasbench-macro")
    archs = bench.space.sample(200, 0, unique=True)
    values = bench.predict(archs, ["accuracy", "macs"], dtype="float64")
    dataset = from_table(pl.DataFrame({"architecture": bench.space.format(archs), **values}), bench.space)
    results = fit_benchmark(dataset, random_split(dataset), settings, tmp_path / "b", metrics=["accuracy", "macs"])
    assert [result.members for result in results] == [4, 2]
    assert min(result.figures.r2 for result in results) > 0.5


@every_guide
def test_extras_and_links_exist(guide):
    declared = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    for extra in re.findall(r"accelnas\[([\w-]+)\]", guide.read_text(encoding="utf-8")):
        assert re.search(rf"^{extra} = \[", declared, re.MULTILINE), extra
    check_links(guide)


def test_blocks_say_what_they_are_and_a_wrong_one_is_noticed(tmp_path, capsys):
    languages = {block.language for guide in GUIDES for block in blocks(guide)}
    assert {*EXECUTED} <= languages <= {*EXECUTED, "bibtex", "text", "toml"}
    guide = tmp_path / "guide.md"
    guide.write_text(
        "```python\nx = 1\n```\n\n```python\nprint(x + 1)  # 3\n```\n\n```console\n$ accelnas info --no\n```\n"
    )
    with pytest.raises(AssertionError, match=r"guide\.md:5"):
        run_python(blocks(guide)[:2], capsys)
    with pytest.raises(AssertionError, match="no option --no"):
        check_commands(guide, {"accelnas": app})
    with pytest.raises(AssertionError, match="No such option"):
        run_console(blocks(guide)[2:], tmp_path)
