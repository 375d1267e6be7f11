"""Data frames of architectures: of pandas, Polars, PyArrow, and whatever else speaks Arrow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from accelnas.arguments import check_choice, shown
from accelnas.errors import MissingExtraError, ParameterError, SpaceError
from accelnas.space.columns import Form, encode_columns
from accelnas.space.forms import encode_plain, is_series
from accelnas.space.parts import Frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accelnas.space.parts import Architectures, Named, Rows

    Labelled = list[tuple[Any, Any]]  # name and column

__all__ = ["Output", "check_output", "encode", "framed"]

Output: TypeAlias = Literal["array", "frame"]

_ARROW = ("__arrow_c_stream__", "__arrow_c_array__", "__dataframe__")


def encode(space: Named, archs: Architectures) -> Rows:
    """Turn any form of architectures into choice indices; see `Space.encode`."""
    if isinstance(archs, np.ndarray):  # arrays are many, and may be one row: they come first
        return encode_plain(space, archs)
    if isinstance(archs, Frame):
        return _encode_frame(space, archs)
    return _encode_frame(space, Frame(archs)) if _is_frame(archs) else encode_plain(space, archs)


def check_output(archs: Any, output: object) -> None:
    """Refuse a form of results that is none, or that `archs` can't have.

    Raises
    ------
    ParameterError
        If a frame is asked for, and `archs` is none, or of a library that makes none of arrays.
    """
    check_choice("output", output, ("array", "frame"))
    frame = archs.frame if isinstance(archs, Frame) else archs
    makes = hasattr(frame, "iloc") or hasattr(frame, "from_pydict") or type(frame).__module__.startswith("polars.")
    if output == "frame" and not (makes and _is_frame(frame)):
        raise ParameterError(
            f"output is 'frame', and architectures are a {type(frame).__name__}; give a data frame of pandas, Polars "
            "or PyArrow, or choose 'array'"
        )


def framed(archs: Any, columns: Mapping[str, NDArray[Any]]) -> Any:
    """Give results by name, arrays (n,), as a frame of the library of `archs`, in pandas with its index."""
    frame = archs.frame if isinstance(archs, Frame) else archs
    if hasattr(frame, "iloc"):
        return type(frame)(dict(columns), index=frame.index)
    make = type(frame).from_pydict if hasattr(frame, "from_pydict") else type(frame)
    return make(dict(columns))


def _is_frame(thing: object) -> bool:
    """Whether something is a data frame of any library, lazy or not, or a column that speaks Arrow alone."""
    return any(hasattr(thing, name) for name in (*_ARROW, "collect_schema")) and not is_series(thing)


def _encode_frame(space: Named, given: Frame) -> Rows:
    labelled = _columns(given.frame)
    if labelled is None:  # one column without a frame
        return encode_plain(space, _polars().from_arrow(given.frame))
    labelled, called = _renamed(labelled, given.rename)
    names = [name for name, _ in labelled]
    try:
        form = Form.of(space, names)
    except SpaceError as error:
        raise SpaceError(f"data frame: {error}{_remedy(names)}") from None
    used = {*form.read, *form.checked}
    if twice := next((name for name in (names if not given.ignore_others else used) if names.count(name) > 1), None):
        raise SpaceError(f"data frame has two columns {twice}; rename or drop one")
    others = [str(name) for name in names if name not in used]
    if others and not given.ignore_others:
        raise SpaceError(
            f"data frame has columns that are no variables of {space.name}: {', '.join(others[:10])}; leave them out, "
            "or give accelnas.Frame(frame, ignore_others=True)"
        )
    columns = {name: column for name, column in labelled if name in used}
    lengths = sorted({len(column) for column in columns.values()})
    if len(lengths) > 1:
        raise SpaceError(f"columns have {lengths[0]} and {lengths[1]} rows; give columns of one length")
    return encode_columns(space, columns, form, called)


def _remedy(names: list[Any]) -> str:
    """Say what to do with numbered columns, which may be choice indices."""
    is_numbered = all(str(name).removeprefix("column_").isdecimal() for name in names)
    return "; choice indices are given as an integer array, frame.to_numpy()" if names and is_numbered else ""


def _renamed(labelled: Labelled, rename: Mapping[str, str]) -> tuple[Labelled, dict[str, str]]:
    names = [name for name, _ in labelled]
    if unknown := [name for name in rename if name not in names]:
        raise SpaceError(f"data frame has no column {unknown[0]}, which is to be renamed; it has {names[:10]}")
    called = {ours: f"{theirs} ({ours})" for theirs, ours in rename.items() if theirs != ours}
    return [(rename.get(name, name), column) for name, column in labelled], called


def _polars() -> Any:
    try:
        import polars
    except ModuleNotFoundError as error:
        raise MissingExtraError("polars is not installed; run: pip install 'accelnas[polars]'") from error
    return polars


def _columns(frame: Any) -> Labelled | None:
    """Give names and columns of a data frame, or None of a single column that speaks Arrow."""
    if isinstance(frame, Mapping):
        for name, column in frame.items():
            if not (isinstance(column, (list, tuple, np.ndarray)) and np.ndim(column)) and not is_series(column):
                raise SpaceError(f"column {name} is {shown(column)}; give a list, an array or a series")
        return list(frame.items())
    if hasattr(frame, "iloc"):  # pandas, without a way over Arrow, which would need one type a column
        columns = [(name, frame.iloc[:, position]) for position, name in enumerate(frame.columns)]
        if not all(hasattr(column, "to_list") for _, column in columns):
            raise SpaceError(f"{type(frame).__module__}.{type(frame).__name__} holds no values yet; call its compute()")
        return columns
    if hasattr(frame, "collect_schema") and hasattr(frame, "collect"):  # lazy
        frame = frame.collect()
    if not hasattr(frame, "get_columns"):
        pl = _polars()
        read = pl.from_arrow if any(hasattr(frame, name) for name in _ARROW[:2]) else pl.from_dataframe
        try:
            found = read(frame)
            found = found.struct.unnest() if isinstance(found, pl.Series) and found.dtype == pl.Struct else found
        except Exception as error:  # of a library that we don't know
            raise SpaceError(
                f"{type(frame).__name__} can't be read as a data frame: {error}; give one of pandas, Polars or PyArrow"
            ) from error
        if isinstance(found, pl.Series):
            return None
        frame = found
    return [(column.name, column) for column in frame.get_columns()]
