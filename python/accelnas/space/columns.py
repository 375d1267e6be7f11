"""From named columns to choice indices, whatever holds them: data frames, tables of files, lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from accelnas.arguments import shown
from accelnas.errors import SpaceError
from accelnas.space.parts import parsed
from accelnas.space.spellings import is_missing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from accelnas.space.parts import Named, Rows
    from accelnas.space.spellings import Spellings

    Columns = Mapping[str, Any]  # of pandas, Polars or NumPy, or sequences of Python values

__all__ = ["FORMS", "Form", "encode_columns"]

FORMS = ("architecture", "index")  # columns that hold an architecture each: readable strings, or numbers

_REFUSED = -1
_SPREAD = 4096  # of choices that a table is made of
_BLOCK = 65_536  # rows that stay in the processor's cache


class Form(NamedTuple):
    """Columns that architectures are read from, and those that have to agree with them.

    Every variable of the space, or ``architecture``, or ``index``: the first of these that is there is read. Where it
    is not the first, variables that have a column all the same are checked against it.
    """

    read: tuple[str, ...]
    checked: tuple[str, ...]

    @classmethod
    def of(cls, space: Named, names: Sequence[object]) -> Form:
        """Find the form in the names of columns.

        Raises
        ------
        SpaceError
            If none is there.
        """
        variables = tuple(variable.name for variable in space.variables)
        given = set(names)
        missing = [name for name in variables if name not in given]
        if not missing:
            return cls(variables, ())
        checked = tuple(name for name in variables if name in given)
        for form in FORMS:
            if form in given:
                return cls((form,), checked)
        if checked:
            raise SpaceError(
                f"column {missing[0]} is missing ({len(missing)} of {len(variables)} variables are); give all of them, "
                "or a column architecture or index"
            )
        some = ", ".join(str(name)[:50] for name in names[:10]) or "none"
        more = f" and {len(names) - 10} more" if len(names) > 10 else ""
        raise SpaceError(
            f"no architectures in columns {some}{more}; give the {len(variables)} variables of {space.name} "
            f"({variables[0]}, …), a column architecture or index, or another space"
        )


def encode_columns(space: Named, columns: Columns, form: Form, called: Mapping[str, str] | None = None) -> Rows:
    """Turn columns into choice indices.

    Parameters
    ----------
    space : Space
        The search space.
    columns : mapping of str to column
        At least those of the form, all of one length.
    form : Form
        What to read.
    called : mapping of str to str, optional
        What errors call a column, where that is not its name.

    Returns
    -------
    uint8 array (n, variables)
        Choice indices, not yet in canonical form.

    Raises
    ------
    SpaceError
        Of the first row with a cell that is no choice: it names row, column, cell and choices.
    """
    called = called or {}
    if form.read == ("architecture",):
        rows = _from_texts(space, columns["architecture"], called.get("architecture", "architecture"))
    elif form.read == ("index",):
        rows = _from_indices(space, columns["index"], called.get("index", "index"))
    else:
        return _from_choices(space, columns, form.read, called)
    positions = {variable.name: position for position, variable in enumerate(space.variables)}
    own = _from_choices(space, columns, form.checked, called)
    read = space.encode(rows)
    for column, name in enumerate(form.checked):  # an index may be a mere row number
        variable, found = space.variables[positions[name]], read[:, positions[name]]
        for row in np.flatnonzero(own[:, column] != found)[:1].tolist():
            raise SpaceError(
                f"row {row}: {called.get(name, name)} is {variable.states[own[row, column]]}, but in {form.read[0]} it "
                f"is {variable.states[found[row]]}; give all variables a column, or none"
            )
    return rows


class _Lookup(NamedTuple):
    """Choice indices of one column: ``table[clip(numbers - low)]``, -1 of what is refused."""

    numbers: NDArray[Any]
    low: int
    table: NDArray[np.int16]
    value: Callable[[int], object]  # cell of a row


def _from_choices(space: Named, columns: Columns, names: Sequence[str], called: Mapping[str, str]) -> Rows:
    positions = {variable.name: position for position, variable in enumerate(space.variables)}
    spelt = [space._spellings[positions[name]] for name in names]
    lookups = [_lookup(own, columns[name]) for own, name in zip(spelt, names, strict=True)]
    n = len(lookups[0].numbers) if lookups else 0
    rows = np.empty((n, len(names)), np.uint8)
    index, codes = np.empty(_BLOCK, np.int64), np.empty(_BLOCK, np.int16)
    for start in range(0, n, _BLOCK):
        stop = min(start + _BLOCK, n)
        i, c, wrong = index[: stop - start], codes[: stop - start], []
        for column, (numbers, low, table, _) in enumerate(lookups):
            np.subtract(numbers[start:stop], low, out=i, dtype=np.int64)
            np.take(table, i, out=c, mode="clip")
            rows[start:stop, column] = c
            if c.min() < 0:
                wrong.append((start + int(np.argmin(c)), column))
        if wrong:
            row, column = min(wrong)
            variable = space.variables[positions[names[column]]]
            raise _refusal(row, called.get(names[column], names[column]), lookups[column].value(row), variable.choices)
    return rows


def _refusal(row: int, name: str, value: object, choices: Sequence[object]) -> SpaceError:
    return SpaceError(f"row {row}: {name} is {_cell(value)}; choose one of {', '.join(map(str, choices))}")


def _cell(value: object) -> str:
    return "empty" if is_missing(value) else f"{value:.100}" if isinstance(value, str) else shown(value)


def _lookup(spelt: Spellings, column: Any) -> _Lookup:
    """Look up whole numbers and truth values by themselves, and anything else once for each distinct value."""
    cells = _plain(column)
    if cells is not None and np.can_cast(cells.dtype, np.int64):
        choices = spelt.truth if cells.dtype == bool else spelt.integers
        if choices and max(choices) - min(choices) < _SPREAD and min(choices) > np.iinfo(np.int64).min:
            low = min(choices) - 1
            table = np.full(max(choices) - low + 2, _REFUSED, np.int16)
            table[[choice - low for choice in choices]] = list(choices.values())
            return _Lookup(cells, low, table, cells.__getitem__)
    values, places = _distinct(column)
    found = [spelt.code(value) for value in (None, *values)]  # place -1 is an empty cell
    table = np.array([_REFUSED if code is None else code for code in found], np.int16)
    return _Lookup(places, -1, table, lambda row: values[places[row]] if places[row] >= 0 else None)


def _plain(column: Any) -> NDArray[Any] | None:
    """Give a column of integers or truth values without empty cells as an array; None of another."""
    if hasattr(column, "null_count"):  # Polars
        kind = str(column.dtype)
        is_plain = kind == "Boolean" or (column.dtype.is_integer() and not kind.endswith("128"))  # which NumPy lacks
        cells = column.to_numpy() if is_plain and not column.null_count() else None
    else:
        cells = column.to_numpy() if hasattr(column, "iloc") and isinstance(column.dtype, np.dtype) else column
    if not isinstance(cells, np.ndarray) or isinstance(cells, np.ma.MaskedArray):
        return None
    return cells if cells.ndim == 1 and cells.dtype.kind in "iub" else None


def _distinct(column: Any) -> tuple[list[Any], NDArray[np.integer[Any]]]:
    """Give the distinct values of a column, and the place of each row's among them, -1 of an empty cell."""
    if hasattr(column, "iloc") and column.dtype != object:  # pandas, which holds True for 1 among objects
        places, values = column.factorize()
        return list(values), places
    if hasattr(column, "null_count") and not (column.dtype.is_nested() or column.dtype.is_object()):
        return _distinct_of_polars(column)
    cells = _listed(column)
    kinds = list(map(type, cells))
    keys = cells if len(set(kinds)) == 1 else list(zip(kinds, cells, strict=True))
    try:
        known = dict(zip(keys, cells, strict=True))
        place = {key: number for number, key in enumerate(known)}
        return list(known.values()), np.fromiter(map(place.__getitem__, keys), np.int64, len(keys))
    except TypeError:  # lists and the like are no choices: each is a value of its own
        return cells, np.arange(len(cells))


def _distinct_of_polars(column: Any) -> tuple[list[Any], NDArray[np.integer[Any]]]:
    import polars as pl

    if column.dtype == pl.String:
        column = column.cast(pl.Categorical)
    values = column.unique().drop_nulls()
    if column.dtype in (pl.Categorical, pl.Enum):
        numbers, own = column.to_physical(), values.to_physical().to_numpy()
        place = np.full(int(own.max()) + 1 if len(own) else 1, -1, np.int64)
        place[own] = np.arange(len(own))
        places = place[numbers.fill_null(0).to_numpy()]
        places[column.is_null().to_numpy()] = -1
        return values.cast(pl.String).to_list(), places
    if not len(values):
        return [], np.full(len(column), -1)
    places = column.replace_strict(values, pl.Series(range(len(values)), dtype=pl.Int32), default=-1)
    return values.to_list(), places.fill_null(-1).to_numpy()


def _from_texts(space: Named, column: Any, name: str) -> Rows:
    texts = _listed(column)
    for row, text in enumerate(texts):
        if not isinstance(text, str) or not text:
            example = space._core.format(space.at([0]))[0]
            raise SpaceError(f"row {row}: {name} is {_cell(text)}; give a string such as {example}")
    return parsed(space, texts)


def _from_indices(space: Named, column: Any, name: str) -> Rows:
    indices: Any = _plain(column)
    if indices is None or indices.dtype == bool:
        cells = _listed(column)
        indices = [_whole(cell) for cell in cells]
        if None in indices:
            row = indices.index(None)
            raise SpaceError(f"row {row}: {name} is {_cell(cells[row])}; give an integer from 0 to {space.size - 1}")
    return space.at(indices)


def _whole(value: Any) -> int | None:
    """Read a whole number as tables write it; a truth value, a fraction or other text is none."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, str):
        return int(text) if (text := value.strip()).isdecimal() and text.isascii() and len(text) <= 1000 else None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _listed(column: Any) -> list[Any]:
    """Give plain Python values of a column."""
    return (
        column.tolist() if hasattr(column, "tolist") else column.to_list() if hasattr(column, "to_list") else [*column]
    )
