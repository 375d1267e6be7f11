"""Help as a terminal shows it."""

from __future__ import annotations

import inspect
import re
from typing import Any

__all__ = ["filled", "with_filled_help"]


def filled(text: str | None) -> str:
    r"""Join the lines of each paragraph, which Typer would break where the source does; lists keep theirs.

    Examples
    --------
    >>> filled("One line\nand its end.\n\n- first\n- second")
    'One line and its end.\n\n- first\n- second'
    """
    return re.sub(r"(?<=\S)\n(?!\s|\x08|[*-] )", " ", inspect.cleandoc(text or ""))


def with_filled_help(command: Any) -> Any:
    """Fill the help of a command, and of all commands below it; gives the command."""
    command.help = filled(command.help)
    for inner in getattr(command, "commands", {}).values():
        with_filled_help(inner)
    return command
