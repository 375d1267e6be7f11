"""From the columns of a table to choice indices, with the row and variable at fault in errors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.errors import DataError, SpaceError
from accelnas.space.columns import FORMS, Form
from accelnas.space.parts import Frame

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from accelnas import Space

    Columns = Mapping[str, Any]  # tuples of text, lists or Polars series
    Choices = npt.NDArray[np.uint8]
    Locate = Callable[[int], str]

__all__ = ["FORMS", "ColumnEncoder"]


class ColumnEncoder:
    """Reads architectures from a table as from a data frame, with places of the table in its errors.

    Parameters
    ----------
    space
        The space of the architectures.
    names
        The table's columns: among them those of a `accelnas.space.columns.Form`.
    table
        What errors call the table.
    rename
        Names of the table to those of the space.

    Raises
    ------
    DataError
        If no form is there.
    """

    def __init__(self, space: Space, names: Sequence[str], table: str, rename: Mapping[str, str] | None = None) -> None:
        self.space, self._table, self._rename = space, table, rename or {}
        try:
            form = Form.of(space, [self._rename.get(name, name) for name in names])
        except SpaceError as error:
            raise DataError(f"{table}: {error}, as accelnas space infer finds it") from None
        theirs = {ours: name for name, ours in self._rename.items()}
        self.read_as = [theirs.get(name, name) for name in (*form.read, *form.checked)]  # what the table calls both
        self.read = [*form.read]  # names of the columns that are read
        self.checked = [*form.checked]  # and of those that have to agree with them

    def __call__(self, columns: Columns, locate: Locate) -> Choices:
        """Return the choice indices, uint8 (n, variables), of a batch of rows.

        Parameters
        ----------
        columns
            Names to values; text, or typed values from Parquet.
        locate
            Says where a row of the batch is in the input, for errors.

        Raises
        ------
        DataError
            If a value is none of its variable's choices, or not an architecture.
        """
        if not len(next(iter(columns.values()))):
            return np.empty((0, len(self.space.variables)), np.uint8)
        try:
            return self.space.encode(Frame(columns, self._rename, ignore_others=True))
        except SpaceError as error:
            found = re.fullmatch(r"row (\d+): (.*)", str(error), re.DOTALL)
            place, reason = (self._table, str(error)) if found is None else (locate(int(found[1])), found[2])
            raise DataError(f"{place}: {reason}") from None
