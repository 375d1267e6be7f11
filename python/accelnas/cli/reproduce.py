"""``accelnas reproduce``: published results computed again, by the folder ``studies`` of a clone."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import typer

from accelnas.cli.commands import app
from accelnas.errors import FileError

_ROOT = Path(__file__).parents[3]  # of a clone


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def reproduce(context: typer.Context) -> None:
    """Compute a published result again and say number by number whether it is reproduced; from a clone."""
    if not (_ROOT / "studies" / "command.py").is_file():
        raise FileError(
            "published results are computed again from a clone of the repository, this package was installed without "
            "it; clone it, run make develop and try again there"
        )
    sys.path.insert(0, str(_ROOT))
    code = import_module("studies.command").app(
        args=context.args, prog_name="accelnas reproduce", standalone_mode=False
    )
    if code:
        raise typer.Exit(code)
