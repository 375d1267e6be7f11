"""How commands are given architectures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from accelnas import Space

ArchitectureArgument = Annotated[
    str, typer.Argument(metavar="ARCHITECTURE", help="String, as `accelnas sample` prints it, or index in the space.")
]


def read_architecture(text: str, space: Space) -> NDArray[np.uint8]:
    """Read an architecture, its string or its index: uint8 (variables,)."""
    rows = space.at([int(text)]) if text.isdecimal() else space.parse([text])
    row: NDArray[np.uint8] = rows[0]
    return row


def read_architectures(path: Path, space: Space) -> NDArray[np.uint8]:
    """Read the architectures of a Parquet or CSV file, each once: uint8 (n, variables)."""
    import numpy as np

    from accelnas.build.table import read_table

    frame = read_table(path)
    names = [variable.name for variable in space.variables]
    rows = space.encode(frame.select(names) if set(names) <= set(frame.columns) else frame)
    _, first = np.unique(rows, axis=0, return_index=True)
    return rows[np.sort(first)]
