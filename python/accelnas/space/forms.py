"""From any form of one or many architectures to choice indices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.errors import SpaceError
from accelnas.space.parts import parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from accelnas.space.parts import Architectures, Named, Rows

__all__ = ["choice_indices", "encode_plain", "is_integer", "is_one", "is_series", "unpack"]


def encode_plain(space: Named, archs: Architectures) -> Rows:
    """Turn any form of architectures but data frames into choice indices."""
    if isinstance(archs, np.ndarray):
        return _encode_array(space, archs)
    archs = _unlabelled(archs)
    if isinstance(archs, np.ndarray):
        return _encode_array(space, archs)
    if isinstance(archs, Mapping):
        return space._core.encode_dicts([dict(archs)])
    if isinstance(archs, str):
        return parsed(space, [archs])
    if is_integer(archs):
        return space.at([archs])
    if isinstance(archs, Iterable) and not isinstance(archs, (bytes, bytearray, memoryview)):
        return _encode_sequence(space, list(archs))
    raise SpaceError(f"got a {type(archs).__name__}; pass a dict, string, index, array or data frame")


def is_one(archs: Architectures) -> bool:
    """Whether `archs` stands for one architecture rather than for a list of one."""
    archs = archs if isinstance(archs, np.ndarray) else _unlabelled(archs)
    if isinstance(archs, np.ndarray):
        return archs.dtype == np.uint8 and archs.ndim == 1
    return isinstance(archs, (Mapping, str)) or is_integer(archs)


def unpack(archs: Architectures, values: NDArray[Any]) -> Any:
    """Give an array, or its only value where `archs` stands for one architecture rather than a list of one."""
    return values[0] if is_one(archs) else values


def choice_indices(space: Named, array: NDArray[Any]) -> Rows:
    """Check choice indices of any integer type, (n, variables), and give them as uint8.

    Raises
    ------
    SpaceError
        If one is out of range; the message names row and variable.
    """
    wrong = (array < 0) | (array >= np.array([len(variable.states) for variable in space.variables]))
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        variable = space.variables[column]
        raise SpaceError(
            f"row {row}: {variable.name} has choice index {array[row, column]}; choose one of 0 to "
            f"{len(variable.states) - 1} (choices {', '.join(map(str, variable.states))})"
        )
    return np.ascontiguousarray(array, np.uint8)


def _encode_array(space: Named, array: NDArray[Any]) -> Rows:
    if np.ma.is_masked(array):
        raise SpaceError("array has masked values; fill them or leave their rows out")
    if array.dtype == np.uint8 and array.ndim == 1:
        array = array[None, :]
    if array.ndim == 2 and array.dtype.kind in "iu":
        return _encode_matrix(space, array)
    if array.ndim == 1 and array.dtype.kind in "iu" and array.dtype.itemsize == 8:
        return _at(space, array)
    if array.ndim == 1 and array.dtype.kind in "OUT":
        return _encode_sequence(space, array.tolist())
    raise SpaceError(
        f"array has dtype {array.dtype} and {array.ndim} dimensions; pass integer choice indices or uint8 block "
        f"states of 2 dimensions (n, {len(space.variables)} variables), or int64 or uint64 indices of 1"
    )


def _encode_matrix(space: Named, array: NDArray[Any]) -> Rows:
    if array.dtype == np.uint8:
        rows = np.ascontiguousarray(array)
        if rows.shape[1] == len(space.blocks) != len(space.variables):
            return space._core.from_block_states(rows.astype(np.uint16))
        if rows.shape[1] != len(space.variables):
            space._core.check(rows)
        return rows
    if array.dtype == np.uint16 and array.shape[1] == len(space.blocks) != len(space.variables):
        return space._core.from_block_states(np.ascontiguousarray(array))
    if array.shape[1] == len(space.variables):
        return choice_indices(space, array)
    raise SpaceError(
        f"space {space.name} has {len(space.variables)} variables, the {array.dtype} array has {array.shape[1]} "
        "columns; give one column a variable, in the order of space.variables"
    )


def _encode_sequence(space: Named, items: list[Any]) -> Rows:
    if not items:
        return np.empty((0, len(space.variables)), np.uint8)
    kinds: tuple[tuple[Callable[[Any], bool], Callable[[], Rows]], ...] = (
        (lambda item: isinstance(item, Mapping), lambda: space._core.encode_dicts([dict(d) for d in items])),
        (lambda item: isinstance(item, str), lambda: parsed(space, items)),
        (is_integer, lambda: _at(space, items)),
        (lambda item: isinstance(item, np.ndarray), lambda: _encode_array(space, _stacked(items))),
        (lambda item: isinstance(item, (list, tuple)), lambda: _encode_lists(space, items)),
    )
    for is_kind, encode_all in kinds:
        if all(map(is_kind, items)):
            return encode_all()
    if any(map(is_series, items)):
        return _encode_sequence(space, [_unlabelled(item) for item in items])
    names = sorted({type(item).__name__ for item in items})
    raise SpaceError(f"got a sequence of {', '.join(names)}; pass dicts, strings, indices or arrays of one shape")


def _stacked(items: Sequence[NDArray[Any]]) -> NDArray[Any]:
    shapes = sorted({item.shape for item in items})
    if len(shapes) > 1:
        raise SpaceError(f"got arrays of shapes {shapes[0]} and {shapes[1]}; pass arrays of one shape")
    return np.stack(items)


def _encode_lists(space: Named, items: Sequence[Sequence[Any]]) -> Rows:
    """Choice indices written as lists."""
    for row, item in enumerate(items):
        if len(item) != len(space.variables):
            raise SpaceError(
                f"row {row}: got {len(item)} numbers for {len(space.variables)} variables; give the choice index of "
                "each variable"
            )
        for variable, value in zip(space.variables, item, strict=True):
            if not is_integer(value):
                raise SpaceError(
                    f"row {row}: {variable.name} has choice index {value!r}; a list holds integers from 0, "
                    "a dict the choices themselves"
                )
    return choice_indices(space, np.array(items, object))


def _at(space: Named, numbers: Sequence[Any] | NDArray[Any]) -> Rows:
    """Architectures at 64-bit indices, unless these can also be the choice indices of one architecture."""
    known = isinstance(numbers, np.ndarray) and numbers.dtype == np.uint64  # as `Space.index` gives them
    if not known and 1 < len(numbers) == len(space.variables):
        pairs = zip(numbers, space.variables, strict=True)
        if all(0 <= number < len(variable.states) for number, variable in pairs):
            raise SpaceError(
                f"{len(numbers)} integers can be the choice indices of one architecture or {len(numbers)} indices into "
                "the space; pass choice indices as uint8 or with 2 dimensions, and indices through Space.at"
            )
    return space.at(numbers)


def is_integer(value: object) -> bool:
    """Whether something is an integer of Python or NumPy, and no truth value."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def is_series(thing: object) -> bool:
    """Whether something is a column or a row of a data frame."""
    return hasattr(thing, "to_list") and hasattr(thing, "dtype")


def _unlabelled(archs: Any) -> Any:
    """Give a row of a data frame as a dict, a column as an array or list, and anything else as it is."""
    if not is_series(archs):
        return archs
    values, labels = archs.to_list(), list(getattr(archs, "index", ())) if hasattr(archs, "iloc") else []
    if labels and all(isinstance(label, str) for label in labels):
        if repeated := next((label for label in labels if labels.count(label) > 1), None):
            raise SpaceError(f"the row has two values of {repeated}; rename one column of the data frame")
        return dict(zip(labels, values, strict=True))
    return np.asarray(archs.to_numpy()) if values and all(map(is_integer, values)) else values
