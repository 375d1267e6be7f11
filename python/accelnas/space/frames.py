"""Data frames of architectures: pandas, Polars, and whatever else speaks Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.errors import MissingExtraError, SpaceError
from accelnas.space.forms import choice_indices, encode_plain, is_integer, is_series

if TYPE_CHECKING:
    from accelnas.space.parts import Architectures, Named, Rows

    Columns = list[tuple[object, Any]]  # label and series, of pandas or Polars

__all__ = ["encode", "encode_frame"]


def encode(space: Named, archs: Architectures) -> Rows:
    """Turn any form of architectures into choice indices; see `Space.encode`."""
    if isinstance(archs, np.ndarray) or not is_frame(archs):  # arrays are many and may be one row: they come first
        return encode_plain(space, archs)
    return encode_frame(space, archs)


def is_frame(thing: object) -> bool:
    """Whether something is a data frame of any library, lazy or not."""
    frame_like = any(hasattr(thing, name) for name in ("__dataframe__", "__arrow_c_stream__", "collect_schema"))
    return frame_like and not is_series(thing)


def encode_frame(space: Named, frame: Any) -> Rows:
    """Turn a data frame into choice indices.

    Parameters
    ----------
    space : Space
        The search space.
    frame : data frame of pandas, Polars, or with ``__arrow_c_stream__`` or ``__dataframe__``
        Columns named after the variables, holding values; or one column ``architecture`` (or a single
        column of any name) of readable strings; or one column ``index`` of 64-bit indices. Other columns
        are ignored. Without names, one column a variable, holding choice indices.

    Returns
    -------
    uint8 array (n, variables)
        Choice indices.

    Raises
    ------
    SpaceError
        If columns are missing, a value is none of its variable's choices, or columns without names can be
        read in two ways.
    """
    columns = _columns(frame)
    if columns is None:  # one column without a frame
        return encode_plain(space, _polars().from_arrow(frame))
    labels = [label for label, _ in columns]
    by_label = dict(columns)
    names = [variable.name for variable in space.variables]
    missing = [name for name in names if name not in by_label]
    read = names if not missing else [name for name in ("architecture", "index") if name in by_label][:1]
    if repeated := next((label for label in read or labels if labels.count(label) > 1), None):
        raise SpaceError(f"data frame has two columns {repeated}; rename or drop one")
    if not missing:
        return _stacked([_encode_column(space, v, by_label[name]) for v, name in enumerate(names)])
    if read == ["architecture"]:
        return space.parse(by_label["architecture"].to_list())
    if read == ["index"]:
        return space.at(by_label["index"].to_list())
    if len(columns) == 1 and all(isinstance(text, str) for text in columns[0][1].to_list()):
        return space.parse(columns[0][1].to_list())
    if len(columns) == len(names) and _are_default(labels):
        return _by_position(space, [series for _, series in columns])
    raise SpaceError(
        f"data frame lacks the columns {', '.join(missing)}; name columns after the variables, "
        "or give one named architecture or index"
    )


def _polars() -> Any:
    try:
        import polars
    except ModuleNotFoundError as error:
        raise MissingExtraError("polars is not installed; run: pip install 'accelnas[polars]'") from error
    return polars


def _columns(frame: Any) -> Columns | None:
    """Give labels and series of a data frame, or None of a single column that speaks Arrow."""
    if hasattr(frame, "iloc"):  # pandas, without a way over Arrow, which would need one type a column
        columns = [(label, frame.iloc[:, position]) for position, label in enumerate(frame.columns)]
        if not all(hasattr(series, "to_list") for _, series in columns):
            raise SpaceError(f"{type(frame).__module__}.{type(frame).__name__} holds no values yet; call its compute()")
        return columns
    if hasattr(frame, "collect_schema") and hasattr(frame, "collect"):  # lazy
        frame = frame.collect()
    if not hasattr(frame, "get_columns"):
        pl = _polars()
        try:
            read = pl.from_arrow if hasattr(frame, "__arrow_c_stream__") else pl.from_dataframe
            frame = read(frame)
        except Exception as error:  # of a library that we don't know
            raise SpaceError(
                f"{type(frame).__name__} can't be read as a data frame: {error}; give a pandas or Polars DataFrame"
            ) from error
        if isinstance(frame, pl.Series):
            return None
    return [(series.name, series) for series in frame.get_columns()]


def _are_default(labels: list[object]) -> bool:
    """Whether columns were numbered for want of names."""
    return any([str(label) for label in labels] == [f"{prefix}{i}" for i in range(len(labels))]
               for prefix in ("", "column_"))  # fmt: skip


def _by_position(space: Named, columns: list[Any]) -> Rows:
    """Read choice indices, one column a variable, unless they can be read as choices too."""
    listed = [series.to_list() for series in columns]
    for variable, values in zip(space.variables, listed, strict=True):
        for row, value in enumerate(values):
            if not is_integer(value):
                raise SpaceError(
                    f"row {row}: {variable.name} is {value!r} in a data frame without column names, which holds choice "
                    "indices; name columns after the variables to give choices"
                )
    found = choice_indices(space, np.array(listed, object).T)
    try:
        choices = _stacked([_encode_column(space, v, series) for v, series in enumerate(columns)])
    except SpaceError:
        return found
    if not np.array_equal(found, choices):
        raise SpaceError(
            "data frame has no column names, and its numbers can be choices or choice indices; name columns after the "
            "variables to give choices, or pass an array (frame.to_numpy()) to give choice indices"
        )
    return found


def _stacked(columns: list[Rows]) -> Rows:
    return np.ascontiguousarray(np.stack(columns, axis=1))


def _encode_column(space: Named, variable: int, column: Any) -> Rows:
    """Choice indices of one column: each distinct value is looked up once."""
    codes = np.full(len(column), 255, np.uint8)
    if hasattr(column, "iloc") or column.dtype.is_nested() or column.dtype.is_object():
        # pandas may hold values of several types, and True beside 1
        known: dict[tuple[type, object], int] = {}
        for row, value in enumerate(column.to_list()):
            try:
                codes[row] = known[type(value), value]
            except (KeyError, TypeError):  # new, or nothing that can be a key
                codes[row] = known[type(value), value] = space._core.choice_index(variable, value, row)
        return codes
    for value in column.unique(maintain_order=True).to_list():
        rows = column.is_null() if value is None else (column == value).fill_null(False)
        codes[rows.to_numpy()] = space._core.choice_index(variable, value, int(rows.arg_max()))
    return codes
