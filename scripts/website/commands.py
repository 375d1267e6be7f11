"""Pages of the command line, made of the programs themselves by Typer's own writer."""

from __future__ import annotations

import inspect
import re
import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import Any
from unittest.mock import MagicMock

import typer
from typer.cli import get_docs_for_click
from typer.main import get_command

from website.pages import ROOT

PROGRAMS = {"accelnas": "accelnas.cli", "accelnas-training": "accelnas_training.cli"}
# what accelnas-training needs: gigabytes, of which the descriptions of its commands use nothing
_HEAVY = ("PIL", "safetensors", "timm", "torch", "torchvision")
_STYLED = re.compile(r"<span style=[^>]*>(.*?)</span>")
_LISTED = re.compile(r"^\* `(\w[\w-]*)`: ")


class _StandIns(MetaPathFinder, Loader):
    """Heavy modules that are not installed, as objects that take anything."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:  # noqa: ARG002
        heavy = fullname.split(".")[0] in _HEAVY
        return ModuleSpec(fullname, self, is_package=True) if heavy else None

    def create_module(self, spec: ModuleSpec) -> Any:
        return MagicMock(name=spec.name, __version__="0", Tensor=type("Tensor", (), {}))

    def exec_module(self, module: Any) -> None:
        """Leave it as it is."""


def page(program: str) -> str:
    """All commands of a program with their arguments, options and examples, as Markdown."""
    sys.path[:0] = [str(ROOT), str(ROOT / "training")]
    sys.meta_path.append(_StandIns())  # asked when nothing else has a module
    root: Any = get_command(import_module(PROGRAMS[program]).app)
    commands = {name: _described(name, root.commands[name]) for name in root.list_commands(None)}
    for name, module in {"reproduce": "studies.command", "study": "studies.study"}.items():
        if name in commands:  # it hands its words over to this
            commands[name] = _described(name, get_command(import_module(module).app))
    root.get_command = lambda _, name: commands[name]
    root.epilog = _console(root.epilog)
    context = typer.Context(root, obj={"TYPER_RICH_MARKUP_MODE": "rich"})
    text = get_docs_for_click(obj=root, ctx=context, name=program).replace(r"\[", "[")
    return _linked(_STYLED.sub(r"`\1`", text))


def _described(name: str, command: Any) -> Any:
    """Give a command its whole summary, and its examples as blocks of code."""
    command.name = name
    command.short_help = inspect.cleandoc(command.help or "").split("\n\n")[0].replace("\n", " ")
    command.epilog = _console(command.epilog)
    for inner, its in getattr(command, "commands", {}).items():
        _described(inner, its)
    return command


def _console(epilog: str | None) -> str | None:
    """Show commands under a line that ends with a colon, as blocks of code."""
    if not epilog:
        return epilog
    blocks: list[list[str]] = []
    for part in re.split(r"\n\s*\n|(?<=:)  +", epilog.strip()):
        if part.endswith(":"):
            blocks += [[part, ""], ["```console"]]
        else:
            first, *more = (line.strip() for line in part.strip().splitlines())
            blocks[-1].append(" \\\n    ".join([f"$ {first}", *more]))
    return "\n".join("\n".join([*block, *(["```", ""] if block[0] == "```console" else [])]) for block in blocks)


def _linked(text: str) -> str:
    """Make headings plain, and let the lists of commands lead to them."""
    lines, where = [], ""
    for line in text.splitlines():
        if heading := re.match(r"(#+) `(.+)`$", line):
            line, where = f"{heading[1]} {heading[2]}", heading[2].replace(" ", "-")
        lines.append(_LISTED.sub(rf"* [`\1`](#{where}-\1): ", line))
    return "\n".join(lines) + "\n"
