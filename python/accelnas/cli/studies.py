"""``accelnas reproduce`` and ``accelnas study``: published results and new ones, by ``studies`` of a clone."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import typer

from accelnas.cli.commands import app
from accelnas.cli.help import with_filled_help
from accelnas.errors import FileError

_ROOT = Path(__file__).parents[3]  # of a clone
_HANDED: Any = {
    "context_settings": {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    "add_help_option": False,
}


@app.command(**_HANDED)
def reproduce(context: typer.Context) -> None:
    """Compute a published result again and say number by number whether it is reproduced; from a clone."""
    _hand_over(context, "studies.command", "published results are computed again")


@app.command(**_HANDED)
def study(context: typer.Context) -> None:
    """Study how noise, proxies and estimators change what searches find, by true regret; from a clone."""
    _hand_over(context, "studies.study", "studies are made")


def _hand_over(context: typer.Context, module: str, what: str) -> None:
    """Give the words of a command to another one, of a clone."""
    if not (_ROOT / "studies" / "command.py").is_file():
        raise FileError(
            f"{what} from a clone of the repository, this package was installed without it; clone it, run make develop "
            "and try again there"
        )
    if str(_ROOT) not in sys.path:
        sys.path.insert(0, str(_ROOT))
    program = f"accelnas {context.info_name}"
    command = with_filled_help(typer.main.get_command(import_module(module).app))
    code = command.main(args=context.args, prog_name=program, standalone_mode=False)
    if code:
        raise typer.Exit(code)
