"""From the columns of a table to choice indices, with the row and variable at fault in errors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from accelnas import _core
from accelnas.errors import AccelnasError, DataError, SpaceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from accelnas import Space, Variable

    Columns = Mapping[str, Any]  # tuples of text, lists or Polars series
    Choices = npt.NDArray[np.uint8]
    Locate = Callable[[int], str]


FORMS = ("architecture", "index")  # columns that hold an architecture each: readable strings, or 64-bit indices


class ColumnEncoder:
    """Reads architectures from a table that holds them in one of three forms.

    Parameters
    ----------
    space
        The space of the architectures.
    names
        The table's columns: among them every variable of the space, or ``architecture``
        (readable strings), or ``index`` (integers); the first form found in this order is read. Where
        it is not the first, variables that have a column all the same are checked against it.
    table
        What errors call the table.

    Raises
    ------
    DataError
        If none of the three forms is there.
    """

    def __init__(self, space: Space, names: Sequence[str], table: str) -> None:
        self.space = space
        variables = [variable.name for variable in space.variables]
        self.read = variables  # names of the columns that are read
        self.checked: list[str] = []  # and of those that have to agree with them
        given = set(names)
        missing = [name for name in variables if name not in given]
        self._encode: Callable[[Columns, Locate], Choices]
        self._lookups = [_spellings(variable) for variable in space.variables]
        if not missing:
            self._encode = self._from_choices
        elif "architecture" in given:
            self._encode, self.read = self._from_strings, ["architecture"]
        elif "index" in given:
            self._encode, self.read = self._from_indices, ["index"]
        elif len(missing) < len(variables):
            raise DataError(
                f"{table}: column {missing[0]} is missing ({len(missing)} of {len(variables)} variables "
                "are); give all of them, or a column architecture or index"
            )
        else:
            raise DataError(
                f"{table}: no architectures in columns {_listing(names)}; give the {len(variables)} "
                f"variables of {space.name} ({variables[0]}, …), a column architecture or index, or another space, as "
                "accelnas space infer finds it"
            )
        if missing:
            self.checked = [name for name in variables if name in given]

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
        choices = self._canonical(self._encode(columns, locate), locate)
        for j, variable in enumerate(self.space.variables):
            if variable.name in self.checked:
                self._check(j, choices[:, j], columns, locate)
        return choices

    def _canonical(self, choices: Choices, locate: Locate) -> Choices:
        """Give architectures that are the same one form, so that they are repeats of each other."""
        try:
            return self.space.encode(choices)
        except SpaceError as error:
            row, _, reason = str(error).removeprefix("row ").partition(": ")
            raise DataError(f"{locate(int(row))}: {reason}") from None

    def _check(self, j: int, found: npt.NDArray[np.uint8], columns: Columns, locate: Locate) -> None:
        """Compare a variable's own column with the architectures: an index may be a mere row number."""
        variable = self.space.variables[j]
        stated = self._choices_of(j, columns, locate)
        for row in np.flatnonzero(stated != found)[:1].tolist():
            raise DataError(
                f"{locate(row)}: {variable.name} is {variable.states[stated[row]]}, but in {self.read[0]} it is "
                f"{variable.states[found[row]]}; give all variables a column, or none"
            )

    def _from_choices(self, columns: Columns, locate: Locate) -> Choices:
        of_variables = [self._choices_of(j, columns, locate) for j in range(len(self._lookups))]
        return np.ascontiguousarray(np.stack(of_variables, axis=1))

    def _choices_of(self, j: int, columns: Columns, locate: Locate) -> npt.NDArray[np.uint8]:
        variable, lookup = self.space.variables[j], self._lookups[j]
        values = _listed(columns[variable.name])
        try:
            choices = [lookup[value] for value in values]
        except (KeyError, TypeError):
            choices = _encode_slowly(variable, lookup, values, locate)
        if not isinstance(variable.choices[0], bool) and not isinstance(columns[variable.name], tuple):
            row = next((row for row, value in enumerate(values) if value is True or value is False), None)
            if row is not None:  # True is no 1
                _refuse(variable, values[row], locate(row))
        return np.array(choices, np.uint8)

    def _from_strings(self, columns: Columns, locate: Locate) -> Choices:
        texts = _listed(columns["architecture"])
        for row, text in enumerate(texts):
            if not isinstance(text, str):
                example = self.space.format(self.space.range(0, 1))[0]
                raise DataError(f"{locate(row)}: architecture is {text!r}; give a string such as {example}")
        try:
            return self.space.parse(texts)
        except AccelnasError as error:
            # the core counts rows of the batch; the user has rows of a file
            found = re.fullmatch(r"row (\d+): (.*)", str(error), re.DOTALL)
            if found is None:
                raise
            raise DataError(f"{locate(int(found[1]))}: {found[2]}") from None

    def _from_indices(self, columns: Columns, locate: Locate) -> Choices:
        values = _listed(columns["index"])
        if self.space.size > _core.MAX_SIZE + 1:
            raise DataError(f"{self.space.name} has more than 2**64 architectures, which have no index; name variables")
        indices = np.zeros(len(values), np.uint64)
        for row, value in enumerate(values):
            number = _whole(value)
            if number is None or not 0 <= number < self.space.size:
                shown = "empty" if value in ("", None) else value
                raise DataError(f"{locate(row)}: index is {shown}; give an integer from 0 to {self.space.size - 1}")
            indices[row] = number
        return self.space.at(indices)


def _whole(value: object) -> int | None:
    """Read a whole number as tables write it; a truth value, a fraction or other text is none."""
    if isinstance(value, str):
        return int(text) if (text := value.strip()).isdecimal() and text.isascii() and len(text) <= 20 else None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return int(value) if isinstance(value, int | np.integer) and not isinstance(value, bool) else None


def _listing(names: Sequence[str]) -> str:
    return ", ".join(name[:50] for name in names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _listed(values: Any) -> list[Any]:
    """Return plain Python values of a column of text or a Polars series."""
    return values.to_list() if hasattr(values, "to_list") else list(values)


def _spellings(variable: Variable) -> dict[object, int]:
    """Map every accepted spelling of a variable's choices to its index."""
    lookup: dict[object, int] = {}
    for index, choice in enumerate(variable.choices):
        spellings: tuple[object, ...] = (choice, str(choice))
        if isinstance(choice, bool):
            spellings += (str(choice).lower(), str(int(choice)))
        elif isinstance(choice, (int, float)):
            spellings += (str(float(choice)),)
        lookup.update(dict.fromkeys(spellings, index))
    if variable.conditional:
        lookup.update(dict.fromkeys((None, ""), len(variable.choices)))
    return lookup


def _encode_slowly(variable: Variable, lookup: dict[object, int], values: Sequence[Any], locate: Locate) -> list[int]:
    """Encode a column with stray blanks or capitals, or name the first value at fault."""
    encoded = []
    for row, value in enumerate(values):
        text = value.strip() if isinstance(value, str) else value
        if isinstance(text, (list, dict)) or hasattr(text, "to_list"):
            raise DataError(f"{locate(row)}: {variable.name} is {text!r}; expected single values")
        index = lookup.get(text, lookup.get(str(text).lower()))
        if index is None:
            _refuse(variable, text, locate(row))
        encoded.append(index)
    return encoded


def _refuse(variable: Variable, value: object, place: str) -> NoReturn:
    shown = "empty" if value in ("", None) else value
    raise DataError(f"{place}: {variable.name} is {shown}; choose one of {', '.join(map(str, variable.choices))}")
