"""``accelnas space from-configspace``: search spaces of ConfigSpace's files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from accelnas.cli.commands import command
from accelnas.cli.data import listed
from accelnas.cli.shared import console, optional
from accelnas.cli.space import group
from accelnas.files import write_text


@command("accelnas space from-configspace config_space.json --leave-out epoch -o space.toml", of=group)
def from_configspace(
    file: Annotated[
        Path,
        typer.Argument(metavar="JSON", help="What any version of ConfigSpace wrote.", show_default=False),
    ],
    leave_out: Annotated[
        str | None,
        optional("--leave-out", metavar="A,B", text="Hyperparameters that are no part of an architecture."),
    ] = None,
    name: Annotated[str | None, optional("--name", metavar="NAME", text="Name of the space.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Search space to write.")] = Path("space.toml"),
) -> None:
    """Turn a configuration space of ConfigSpace, with its conditions and forbidden clauses, into a search space."""
    from accelnas.adapters.configspace import from_configspace_json

    space = from_configspace_json(file, name, leave_out=listed(leave_out) or ())
    write_text(output, space.to_toml())
    console().print(
        f"{output}: {len(space.variables)} variables in {len(space.blocks)} blocks, {space.size:,} architectures",
        soft_wrap=True,
    )
