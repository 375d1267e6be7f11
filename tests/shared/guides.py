"""Code in guides: every fenced block of Python or of a console is executed, or says above it why not.

The way to say so is one: ``<!-- not run: REASON -->`` in the line above the block.
"""

import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.main import get_command

EXECUTED = ("python", "console")
BLOCK = re.compile(r"^(?:<!-- not run: (?P<why>[^\n]+) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S)
PRINTS = re.compile(r"^print\((?:.*|\n(?: .*\n)+)\)  # (.*)$", re.M)
SHOWN = re.compile(r"^(?:\$ |    )((?:accelnas|accelnas-training) .*)$", re.M)


@dataclass(frozen=True)
class Block:
    """A fenced block, its place, and why it is not run; None where it is."""

    guide: Path
    line: int
    language: str
    text: str
    why: str | None

    @property
    def commands(self) -> list[str]:
        """What a console block types, each command with its continued lines."""
        lines = re.findall(r"^\$ ((?:.*\\\n)*.*)$", self.text, re.M)
        return [re.sub(r"\s+# .*$", "", line) for line in lines]


def blocks(guide: Path) -> list[Block]:
    """Every fenced block of a guide."""
    text = guide.read_text(encoding="utf-8")
    return [
        Block(guide, text.count("\n", 0, found.start()) + 1, found["language"], found["text"], found["why"])
        for found in BLOCK.finditer(text)
    ]


def executed(guides: list[Path], language: str, root: Path) -> list:
    """Parameters of a test: the blocks of each guide that run together, and those that don't as skipped ones."""
    parameters = []
    for guide in guides:
        some = [block for block in blocks(guide) if block.language == language]
        name = guide.relative_to(root).as_posix()
        run = [block for block in some if block.why is None]
        if run:
            parameters.append(pytest.param(run, id=name))
        for block in some:
            if block.why is not None:
                skip = pytest.mark.skip(reason=block.why)
                parameters.append(pytest.param([block], id=f"{name}:{block.line}", marks=skip))
    return parameters


def run_python(some: list[Block], capsys: pytest.CaptureFixture) -> None:
    """Run blocks one after the other; ``print(…)  # text`` has to print that text."""
    names = {"__name__": "guide"}
    for block in some:
        code = "\n" * block.line + block.text  # errors name the guide's line
        capsys.readouterr()
        exec(compile(code, str(block.guide), "exec"), names)  # noqa: S102 (our own guide)
        printed = capsys.readouterr().out
        expected = PRINTS.findall(block.text)
        if expected:
            assert printed.splitlines() == expected, f"{block.guide}:{block.line}"


def run_console(some: list[Block], folder: Path) -> None:
    """Run the commands of blocks in order in one folder."""
    typed = [command for block in some for command in block.commands]
    assert typed, f"{some[0].guide}:{some[0].line}: no command after a $"
    script = "\n".join(["set -eo pipefail", f"PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH", *typed])
    done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def check_commands(guide: Path, apps: dict) -> None:
    """Every command that a guide shows, run or not, exists with all its options."""
    for line in SHOWN.findall(guide.read_text(encoding="utf-8")):
        for part in re.split(r" \| | && | > |\s+# ", line):
            words = shlex.split(re.sub(r"\$\([^)]*\)?", "", part).rstrip("\\"))
            if not words or words[0] not in apps:
                continue
            if " ".join(words[:2]) in apps:  # a command that stands elsewhere
                words = [" ".join(words[:2]), *words[2:]]
            command, rest = get_command(apps[words[0]]), words[1:]
            while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
                assert rest[0] in command.commands, f"{guide}: {part}: no command {rest[0]}"
                command, rest = command.commands[rest[0]], rest[1:]
            known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
            for word in rest:
                if re.match(r"--?[a-z]", word):
                    assert word.split("=")[0] in {*known, "--help", "-h"}, f"{guide}: {part}: no option {word}"


def check_links(guide: Path) -> None:
    """Links to files lead to some."""
    for link in re.findall(r"\]\((?!https?:)([^)#\s]+)", guide.read_text(encoding="utf-8")):
        assert (guide.parent / link).exists(), f"{guide}: {link}"
