"""Polars data frames of architectures. Needs the extra ``[polars]``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.errors import SpaceError

if TYPE_CHECKING:
    import polars

    from accelnas.space import Rows, Space

__all__ = ["encode_frame", "to_frame"]


def encode_frame(space: Space, frame: polars.DataFrame) -> Rows:
    """Turn a data frame into choice indices.

    Parameters
    ----------
    space : Space
        The search space.
    frame : polars.DataFrame
        Columns named after the variables, holding values; or one column ``architecture`` of
        readable strings; or one column ``index`` of 64-bit indices. Other columns are ignored.

    Returns
    -------
    uint8 array (n, variables)
        Choice indices.

    Raises
    ------
    SpaceError
        If columns are missing or a value is none of its variable's choices.
    """
    names = [variable.name for variable in space.variables]
    given = set(frame.columns)
    missing = [name for name in names if name not in given]
    if not missing:
        columns = [_encode_column(space, v, frame.get_column(name)) for v, name in enumerate(names)]
        return (
            np.ascontiguousarray(np.stack(columns, axis=1)) if columns[0].size else np.empty((0, len(names)), np.uint8)
        )
    if "architecture" in given:
        return space.parse(frame.get_column("architecture").to_list())
    if "index" in given:
        return space.at(frame.get_column("index").to_numpy())
    raise SpaceError(
        f"data frame lacks the columns {', '.join(missing)}; name columns after the variables, "
        "or give one named architecture or index"
    )


def _encode_column(space: Space, variable: int, column: Any) -> Rows:
    """Choice indices of one column: each distinct value is looked up once."""
    codes = np.full(len(column), 255, np.uint8)
    for value in column.unique(maintain_order=True).to_list():
        rows = column.is_null() if value is None else (column == value).fill_null(False)
        codes[rows.to_numpy()] = space._core.choice_index(variable, value, int(rows.arg_max()))
    return codes


def to_frame(space: Space, archs: Any) -> polars.DataFrame:
    """Give architectures as a data frame of values, one column a variable."""
    import polars as pl

    rows = space.encode(archs)
    space.check(rows)
    return pl.DataFrame(
        {
            variable.name: pl.Series(list(variable.choices)).gather(rows[:, v])
            for v, variable in enumerate(space.variables)
        }
    )
