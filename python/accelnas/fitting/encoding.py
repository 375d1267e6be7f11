"""How a source model sees an architecture: one number a column, from the choices of one variable or of several."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from accelnas.errors import MetricError, ModelError
from accelnas.files import parse_toml, read_text
from accelnas.models.formulas import formula

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from accelnas import Space

__all__ = ["ABSENT", "Encoding", "Variables"]

KINDS = ("ordinal", "values")
ABSENT = {"missing": math.nan, "zero": 0.0}
# of a column: the position of its variable, or positions and numbers of states of several
Variables: TypeAlias = "int | tuple[tuple[int, int], ...]"


@dataclass(frozen=True)
class Encoding:
    """Columns of a source model.

    Parameters
    ----------
    names
        Name of each column: a variable, ``variable=choice`` for a one-hot column, or what a formula is called.
    columns
        For each column, the position of its variable in ``space.variables`` and the number the
        model sees for each choice of it; ``nan`` is a missing value. For a formula of several variables,
        their positions and numbers of states, and the number for each of their joint states, in C order.
    missing
        A number that stands for a missing value too, as ``missing`` of XGBoost; nan says that none does, None that
        nobody said.
    absent
        What one-hot columns hold for other choices than their own; None where nobody said (they hold 0 then).

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
    columns: tuple[tuple[Variables, tuple[float, ...]], ...]
    missing: float | None = None
    absent: float | None = None

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
        formulas: Mapping[str, str] | None = None,
        absent: float | str | None = None,
        missing: float | None = None,
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
        formulas
            Columns that are computed, by their names; see `accelnas.models.formulas.formula`.
        absent
            What a ``variable=choice`` column holds for other choices: ``"zero"``, ``"missing"`` (nan; for a model that
            was trained on sparse rows, whose absent cells XGBoost takes as missing) or a number. None, where nobody
            said, is 0, and compiles only where it can't be told from missing, or the model's splits tell.
        missing
            A number that stands for a missing value; nan if none does.

        Raises
        ------
        ModelError
            When a name, a choice or a number doesn't fit the space.
        """
        if kind not in KINDS:
            raise ModelError(f"encoding {kind!r} is unknown; choose one of {', '.join(KINDS)}")
        absent = _stated("absent", ABSENT.get(absent, absent) if isinstance(absent, str) else absent)
        missing = _stated("missing", missing)
        if absent == 1:
            raise ModelError("absent of the encoding is 1, as the choice itself; give another number or nan")
        elsewhere = 0.0 if absent is None else absent
        given = dict(values or {})
        known = {v.name for v in space.variables} | {v.symbol for v in space.variables}
        if unknown := sorted(set(given) - known):
            raise ModelError(f"encoding gives values for {unknown[0]!r}, which is no variable of "
                             f"the space {space.name}")  # fmt: skip
        index = {variable.name: i for i, variable in enumerate(space.variables)}
        written = dict(formulas or {})
        if unused := sorted(set(written) - set(names)):
            raise ModelError(f"the encoding computes {unused[0]!r}, which is none of its columns; name it in columns")
        columns: list[tuple[Variables, tuple[float, ...]]] = []
        for name in names:
            variable_name, one_hot, choice = name.partition("=")
            is_plain = variable_name in index and not choice.startswith("=")
            if name in written or (not is_plain and re.search(r"[-+*/(]|==", name)):
                columns.append(_computed(written.get(name, name), space))
                continue
            if variable_name not in index:
                raise ModelError(
                    f"column {name!r} is no variable of the space {space.name}; name columns after "
                    f"variables ({space.variables[0].name}, …) or give an encoding, which may compute columns"
                )
            variable = space.variables[index[variable_name]]
            if one_hot:
                numbers = _one_hot(variable, choice, elsewhere)
            elif (own := given.get(variable.name, given.get(variable.symbol))) is not None:
                numbers = _checked(variable, own)
            elif kind == "values":
                numbers = _numeric_choices(variable)
            else:
                numbers = tuple(float(i) for i in range(len(variable.choices)))
            if variable.conditional:  # nothing is there
                numbers += (elsewhere if one_hot else math.nan,)
            columns.append((index[variable_name], numbers))
        return cls(tuple(names), tuple(columns), missing, absent)

    @classmethod
    def from_toml(cls, path: str | Path, space: Space) -> Encoding:
        """Read an encoding from a TOML file.

        The file has the keys of :meth:`from_names`, all of them optional: ``kind``, ``columns`` (its
        names; by default one column a variable, in the order of the space), ``absent``, ``missing`` and
        the tables ``values`` (numbers for the choices of a variable or symbol; nan is missing) and
        ``formulas``::

            kind = "values"
            columns = ["block0_k", "block0_se=true", "layers", "log2(block0_e)"]
            absent = "zero"
            [values]
            k = [0, 1]
            [formulas]
            layers = "sum(l)"

        Raises
        ------
        ModelError
            When the file is no such TOML or doesn't fit the space.
        OSError
            When the file can't be read.
        """
        document = parse_toml(read_text(path, ModelError), f"encoding {path}", ModelError)
        if unknown := sorted(set(document) - {"kind", "columns", "values", "formulas", "absent", "missing"}):
            raise ModelError(f"encoding {path} has the unknown key {unknown[0]!r}; "
                             "use kind, columns, absent, missing, values and formulas")  # fmt: skip
        names = document.get("columns", [variable.name for variable in space.variables])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ModelError(f"columns in encoding {path} must be a list of strings")
        if not isinstance(document.get("values", {}), dict):
            raise ModelError(f"values in encoding {path} must be a table of lists of numbers")
        written = document.get("formulas", {})
        if not isinstance(written, dict) or not all(isinstance(text, str) for text in written.values()):
            raise ModelError(f"formulas in encoding {path} must be a table of strings")
        return cls.from_names(names, space, **{key: value for key, value in document.items() if key != "columns"})

    def declared(self, missing: float | None, absent: float | None) -> Encoding:
        """Say what stands for a missing value, and what one-hot columns hold for other choices; None says nothing."""
        found = self if missing is None else replace(self, missing=_stated("missing", missing))
        if absent is None or _same(absent, self.absent):
            return found
        if self.absent is not None:
            raise ModelError(f"absent is {absent:g}, the encoding says {self.absent:g}; leave one of them out")
        columns = tuple(
            (variables, tuple(absent if self.is_one_hot(i) and number == 0 else number for number in numbers))
            for i, (variables, numbers) in enumerate(self.columns)
        )
        return replace(found, columns=columns, absent=absent)

    def is_one_hot(self, column: int) -> bool:
        """Whether a column is 1 for some choices of a variable, and for the others what `absent` says."""
        absent = 0.0 if self.absent is None else self.absent
        variables, numbers = self.columns[column]
        own = all(number == 1 or _same(number, absent) for number in numbers)
        return "=" in self.names[column] and isinstance(variables, int) and own

    def suits(self, space: Space) -> bool:
        """Whether it is of a space's variables."""
        cards = [len(variable.states) for variable in space.variables]
        for variables, numbers in self.columns:
            own = ((variables, len(numbers)),) if isinstance(variables, int) else variables
            if any(place >= len(cards) or cards[place] != count for place, count in own):
                return False
        return True

    def rounded(self, dtype: npt.DTypeLike) -> Encoding:
        """Round every number to the precision in which a library holds its input; missing ones become nan."""
        columns = tuple((variables, tuple(np.asarray(numbers, dtype).tolist())) for variables, numbers in self.columns)
        missing = float(np.asarray(math.nan if self.missing is None else self.missing, dtype))
        return replace(self, columns=columns).with_nan(lambda number: number == missing)

    def with_nan(self, is_missing: Callable[[float], bool], column: int | None = None) -> Encoding:
        """Put nan in place of some numbers, of all columns or of one."""
        columns = tuple(
            (variables, tuple(math.nan if column in (None, i) and is_missing(x) else x for x in numbers))
            for i, (variables, numbers) in enumerate(self.columns)
        )
        return replace(self, columns=columns)

    def transform(
        self, choices: npt.NDArray[np.uint8], dtype: npt.DTypeLike = np.float32
    ) -> npt.NDArray[np.floating[Any]]:
        """Return what the model sees for each architecture.

        From choice indices, uint8 (n, variables), it makes a matrix (n, columns), C-contiguous.
        """
        matrix = np.empty((len(choices), len(self.columns)), dtype)
        for i, (variables, numbers) in enumerate(self.columns):
            matrix[:, i] = np.asarray(numbers, dtype)[_states(variables, choices)]
        return matrix


def _states(variables: Variables, choices: npt.NDArray[np.uint8]) -> npt.NDArray[np.intp]:
    """Give the joint state of a column's variables."""
    if isinstance(variables, int):
        return choices[:, variables].astype(np.intp)
    shape = tuple(count for _, count in variables)
    return np.asarray(np.ravel_multi_index(tuple(choices[:, place] for place, _ in variables), shape), np.intp)


def _computed(text: str, space: Space) -> tuple[Variables, tuple[float, ...]]:
    """Give the column of a formula; of one variable as that of a plain name."""
    try:
        found = formula(text, space)
    except MetricError as error:
        raise ModelError(str(error)) from None
    return (found.variables[0][0] if len(found.variables) == 1 else found.variables), found.numbers


def _stated(key: str, number: object) -> float | None:
    if number is None:
        return None
    if not isinstance(number, (int, float)) or isinstance(number, bool) or math.isinf(number):
        words = " or ".join(map(repr, ABSENT)) + ", " if key == "absent" else ""
        raise ModelError(f"{key} of the encoding is {number!r}; give {words}a finite number or nan")
    return float(number)


def _same(one: float, other: float | None) -> bool:
    return other is not None and (one == other or (math.isnan(one) and math.isnan(other)))


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
