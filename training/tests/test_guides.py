"""Guides whose code has no smaller form of its own; README.md and add_your_device.md are run by their own tests."""

from pathlib import Path

import pytest

from accelnas.cli import app as accelnas_app
from accelnas_training.cli import app
from guides import EXECUTED, blocks, check_commands, check_links, executed, run_console, run_python

FOLDER = Path(__file__).parent.parent
GUIDES = sorted(path for path in FOLDER.rglob("*.md") if ".pytest_cache" not in path.parts)
SMALLER = [FOLDER / "README.md", FOLDER / "docs" / "add_your_device.md"]
OTHERS = [guide for guide in GUIDES if guide not in SMALLER]


# the two have blocks that nothing runs as well
def not_run(language):
    return [case for case in executed(SMALLER, language, FOLDER) if case.marks]


@pytest.mark.slow
@pytest.mark.parametrize("some", executed(OTHERS, "console", FOLDER) + not_run("console"))
def test_commands_run_in_order(some, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # beside other tests, threads of small networks wait for each other
    run_console(some, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("some", executed(OTHERS, "python", FOLDER))
def test_python_runs_and_prints_what_it_says(some, capsys):
    run_python(some, capsys)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_commands_options_and_links_exist(guide):
    languages = {block.language for block in blocks(guide)}
    assert languages <= ({*EXECUTED, "toml", ""} if guide in SMALLER else {*EXECUTED, "toml"})
    check_commands(guide, {"accelnas": accelnas_app, "accelnas-training": app})
    check_links(guide)
