"""The README's commands and code are executed, or checked to exist where they install things."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
GUIDES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")])
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def commands(text):
    """Commands of console blocks, without prompt and trailing comment."""
    lines = "".join(blocks(text, "console")).splitlines()
    return [re.split(r"\s+# ", line.removeprefix("$ "))[0] for line in lines]


def test_python_code_prints_what_it_says(capsys):
    code = "\n".join(blocks(README, "python"))
    expected = re.findall(r"^print\(.*\)  # (.*)$", code, re.MULTILINE)
    assert expected
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102 (our own README)
    assert capsys.readouterr().out.splitlines() == expected


@pytest.mark.skipif(sys.platform == "win32", reason="the README shows a POSIX shell")
def test_queries_run_in_order(tmp_path):
    asked = re.compile(r"accelnas (info|sample|predict|neighbourhood|best|verify|search|simulate)( |$)")
    queries = [c for c in commands(README) if asked.match(c)]
    assert len(queries) >= 9
    script = "\n".join(["set -eo pipefail", f"PATH={Path(sys.executable).parent}:$PATH", *queries])
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "scored.csv").stat().st_size > 10_000


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_commands_exist(guide):
    for command in commands(guide.read_text(encoding="utf-8")):
        program, *words = command.split()
        if program == "make":
            subprocess.run(["make", "--dry-run", *words], cwd=REPOSITORY, check=True, capture_output=True)
        elif program == "accelnas":
            path = words[:2] if words[0] in ("data", "devices") else words[:1]
            accelnas = Path(sys.executable).parent / "accelnas"
            subprocess.run([accelnas, *path, "--help"], check=True, capture_output=True)
        else:
            assert re.match(r"pip install '?accelnas", command), f"unknown command {command}"


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_extras_and_links_exist(guide):
    text = guide.read_text(encoding="utf-8")
    declared = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    for extra in re.findall(r"accelnas\[(\w+)\]", text):
        assert re.search(rf"^{extra} = \[", declared, re.MULTILINE), extra
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert (guide.parent / link).exists(), link
