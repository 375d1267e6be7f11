"""How a source model sees an architecture: one number a column, from the choice of one variable."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from accelnas.errors import ModelError
from accelnas.files import parse_toml, read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from accelnas import Space

__all__ = ["Encoding"]

KINDS = ("ordinal", "values")


@dataclass(frozen=True)
class Encoding:
    """Columns of a source model.

    Parameters
    ----------
    names
        Name of each column: a variable, or ``variable=choice`` for a one-hot column.
    columns
        For each column, the position of its variable in ``space.variables`` and the number the
        model sees for each choice of it; ``nan`` is a missing value.
    missing
        A number that stands for a missing value too, as ``missing`` of XGBoost.

    Examples
    --------
    >>> import accelnas
    >>> space = accelnas.mnasnet_space()
    >>> encoding = Encoding.from_names(["block0_e", "block0_se=true"], space, kind="values")
    >>> encoding.columns
    ((0, (1.0, 4.0, 6.0)), (3, (0.0, 1.0)))
    >>> encoding.transform(space.sample(2, seed=0)).shape
    (2, 2)
    """

    names: tuple[str, ...]
    columns: tuple[tuple[int, tuple[float, ...]], ...]
    missing: float = math.nan

    @classmethod
    def ordinal(cls, space: Space) -> Encoding:
        """One column a variable, holding the position of the choice, from 0."""
        return cls.from_names([variable.name for variable in space.variables], space)

    @classmethod
    def values(cls, space: Space) -> Encoding:
        """One column a variable, holding the choice itself; false is 0 and true is 1."""
        return cls.from_names([v.name for v in space.variables], space, kind="values")

    @classmethod
    def one_hot(cls, space: Space) -> Encoding:
        """One column a state of each variable that has several, 1 where an architecture has it; else 0."""
        names, columns = [], []
        for v, variable in enumerate(space.variables):
            several = len(variable.states) > 1
            for state, row in enumerate(np.eye(len(variable.states)) if several else ()):
                names.append(f"{variable.name}={_label(variable.states[state])}")
                columns.append((v, tuple(row.tolist())))
        return cls(tuple(names), tuple(columns))

    @classmethod
    def from_names(
        cls,
        names: Sequence[str],
        space: Space,
        *,
        kind: str = "ordinal",
        values: Mapping[str, Sequence[float]] | None = None,
        absent: float = 0.0,
        missing: float = math.nan,
    ) -> Encoding:
        """Columns in the order of their names.

        Parameters
        ----------
        names
            Names of variables, and ``variable=choice`` for columns that are 1 for that choice and
            `absent` for the others.
        space
            The space that the names belong to.
        kind
            ``"ordinal"`` for positions of choices, ``"values"`` for the choices themselves.
        values
            Numbers for the choices of some variables, by the variable's name or by its symbol
            (every variable with that symbol).
        absent
            What a ``variable=choice`` column holds for other choices; nan for a model that was trained on
            sparse rows, whose absent cells XGBoost takes as missing.
        missing
            A number that stands for a missing value.

        Raises
        ------
        ModelError
            When a name, a choice or a number doesn't fit the space.
        """
        if kind not in KINDS:
            raise ModelError(f"encoding {kind!r} is unknown; choose one of {', '.join(KINDS)}")
        for key, number in (("absent", absent), ("missing", missing)):
            if not isinstance(number, (int, float)) or isinstance(number, bool) or math.isinf(number):
                raise ModelError(f"{key} of the encoding is {number!r}; give a finite number or nan")
        if absent == 1:
            raise ModelError("absent of the encoding is 1, as the choice itself; give another number or nan")
        given = dict(values or {})
        known = {v.name for v in space.variables} | {v.symbol for v in space.variables}
        if unknown := sorted(set(given) - known):
            raise ModelError(f"encoding gives values for {unknown[0]!r}, which is no variable of "
                             f"the space {space.name}")  # fmt: skip
        index = {variable.name: i for i, variable in enumerate(space.variables)}
        columns = []
        for name in names:
            variable_name, one_hot, choice = name.partition("=")
            if variable_name not in index:
                raise ModelError(
                    f"column {name!r} is no variable of the space {space.name}; name columns after "
                    f"variables ({space.variables[0].name}, …) or give an encoding"
                )
            variable = space.variables[index[variable_name]]
            if one_hot:
                numbers = _one_hot(variable, choice, float(absent))
            elif (own := given.get(variable.name, given.get(variable.symbol))) is not None:
                numbers = _checked(variable, own)
            elif kind == "values":
                numbers = _numeric_choices(variable)
            else:
                numbers = tuple(float(i) for i in range(len(variable.choices)))
            if variable.conditional:  # nothing is there
                numbers += (float(absent) if one_hot else math.nan,)
            columns.append((index[variable_name], numbers))
        return cls(tuple(names), tuple(columns), float(missing))

    @classmethod
    def from_toml(cls, path: str | Path, space: Space) -> Encoding:
        """Read an encoding from a TOML file.

        The file has the keys of :meth:`from_names`, all of them optional: ``kind``, ``columns`` (its
        names; by default one column a variable, in the order of the space), ``absent``, ``missing`` and
        the table ``values`` (numbers for the choices of a variable or symbol; nan is missing)::

            kind = "values"
            [values]
            se = [1, 0]

        Raises
        ------
        ModelError
            When the file is no such TOML or doesn't fit the space.
        OSError
            When the file can't be read.
        """
        document = parse_toml(read_text(path, ModelError), f"encoding {path}", ModelError)
        if unknown := sorted(set(document) - {"kind", "columns", "values", "absent", "missing"}):
            raise ModelError(f"encoding {path} has the unknown key {unknown[0]!r}; "
                             "use kind, columns, absent, missing and values")  # fmt: skip
        names = document.get("columns", [variable.name for variable in space.variables])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ModelError(f"columns in encoding {path} must be a list of strings")
        if not isinstance(document.get("values", {}), dict):
            raise ModelError(f"values in encoding {path} must be a table of lists of numbers")
        return cls.from_names(names, space, **{key: value for key, value in document.items() if key != "columns"})

    def rounded(self, dtype: npt.DTypeLike) -> Encoding:
        """Round every number to the precision in which a library holds its input; missing ones become nan."""
        columns = tuple((variable, tuple(np.asarray(numbers, dtype).tolist())) for variable, numbers in self.columns)
        missing = float(np.asarray(self.missing, dtype))
        return Encoding(self.names, columns).with_nan(lambda number: number == missing)

    def with_nan(self, is_missing: Callable[[float], bool], column: int | None = None) -> Encoding:
        """Put nan in place of some numbers, of all columns or of one."""
        columns = tuple(
            (variable, tuple(math.nan if column in (None, i) and is_missing(x) else x for x in numbers))
            for i, (variable, numbers) in enumerate(self.columns)
        )
        return Encoding(self.names, columns, self.missing)

    def transform(
        self, choices: npt.NDArray[np.uint8], dtype: npt.DTypeLike = np.float32
    ) -> npt.NDArray[np.floating[Any]]:
        """Return what the model sees for each architecture.

        From choice indices, uint8 (n, variables), it makes a matrix (n, columns), C-contiguous.
        """
        matrix = np.empty((len(choices), len(self.columns)), dtype)
        for i, (variable, numbers) in enumerate(self.columns):
            matrix[:, i] = np.asarray(numbers, dtype)[choices[:, variable]]
        return matrix


def _label(choice: Any) -> str:
    return str(choice).lower() if isinstance(choice, bool) else str(choice)


def _one_hot(variable: Any, wanted: str, absent: float) -> tuple[float, ...]:
    if all(isinstance(choice, bool) for choice in variable.choices):
        wanted = {"0": "false", "1": "true"}.get(wanted, wanted.lower())
    labels = [_label(choice) for choice in variable.choices]
    if wanted not in labels:
        raise ModelError(f"column '{variable.name}={wanted}' names no choice of {variable.name}; "
                         f"choose one of {', '.join(labels)}")  # fmt: skip
    return tuple(1.0 if label == wanted else absent for label in labels)


def _numeric_choices(variable: Any) -> tuple[float, ...]:
    if not all(isinstance(choice, (bool, int, float)) for choice in variable.choices):
        raise ModelError(
            f"choices of {variable.name} are not numbers: {', '.join(map(str, variable.choices))}; "
            "use the ordinal encoding or give values"
        )
    return _checked(variable, variable.choices)


def _checked(variable: Any, numbers: Any) -> tuple[float, ...]:
    is_list = isinstance(numbers, (list, tuple))
    if not is_list or not all(isinstance(x, (bool, int, float)) for x in numbers):
        raise ModelError(f"values of {variable.name} must be a list of numbers, not {numbers!r}")
    if len(numbers) != len(variable.choices):
        raise ModelError(f"{variable.name} has {len(variable.choices)} choices, "
                         f"the encoding gives {len(numbers)} values")  # fmt: skip
    if any(math.isinf(x) for x in numbers):
        raise ModelError(f"values of {variable.name} must be finite, or nan for missing")
    return tuple(float(x) for x in numbers)
