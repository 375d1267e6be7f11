"""Accelerators as data: parameters, of which some are variables, and constants of a technology with their sources."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.errors import ModelError
from accelnas.hardware.engines import ENGINES
from accelnas.hardware.named import load_named, names
from accelnas.space.definition import defined

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from numpy.typing import NDArray

    from accelnas.space import Space

    Floats = NDArray[np.float64]

__all__ = ["Accelerator", "accelerators", "load_accelerator"]

_KEYS = ("name", "description", "engine", "parameters", "constants")


@dataclass(frozen=True)
class Accelerator:
    """A family of accelerators.

    Attributes
    ----------
    name, description : str
        What it is called, and what it is.
    engine : str
        How it computes a layer: ``"array"`` or ``"dpu"``.
    parameters : mapping of str to tuple
        What a configuration chooses among, by parameter of the engine; a single value is fixed.
    constants : mapping of str to number or mapping of str to number
        Energies, areas and the like, by name; the file has their units and sources.

    Examples
    --------
    >>> eyeriss = load_accelerator("eyeriss")
    >>> eyeriss.space.size, [variable.name for variable in eyeriss.space.variables][:2]
    (1296, ['rows', 'cols'])
    """

    name: str
    description: str
    engine: str
    parameters: Mapping[str, tuple[Any, ...]]
    constants: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse parameters and constants that the engine does not have, or lacks."""
        if self.engine not in ENGINES:
            raise ModelError(f"{self.name}: engine is {self.engine!r}; choose {' or '.join(map(repr, ENGINES))}")
        engine = ENGINES[self.engine]
        for what, given, known in (
            ("parameter", self.parameters, engine.parameters),
            ("constant", self.constants, engine.constants),
        ):
            if unknown := sorted(set(given) - set(known)):
                raise ModelError(
                    f"{self.name}: engine {self.engine} has no {what} {unknown[0]!r}; it has {', '.join(known)}"
                )
            if missing := sorted(set(known) - set(given)):
                raise ModelError(f"{self.name}: engine {self.engine} needs the {what} {missing[0]!r}; give it")
        for name, choices in self.parameters.items():
            if not choices:
                raise ModelError(f"{self.name}: {name} has no choice; give one or several")
            for choice in choices:
                self._check_choice(name, choice, engine.parameters[name])
        for name, kind in engine.constants.items():
            value = self.constants[name]
            if isinstance(value, dict) != (kind == "table") or (kind == "table" and min(value.values()) <= 0):
                wanted = "a table of numbers above 0, such as { 8 = 0.3 }" if kind == "table" else "a number"
                raise ModelError(f"{self.name}: constant {name} is {value!r}; give {wanted}")

    def _check_choice(self, name: str, choice: Any, allowed: tuple[Any, ...] | type) -> None:
        if isinstance(allowed, tuple):
            if isinstance(choice, bool) or choice not in allowed:
                shown = " or ".join(map(repr, allowed))
                raise ModelError(f"{self.name}: {name} has the choice {choice!r}; use {shown}")
            return
        kinds, numbers = (int, "whole numbers") if allowed is int else (int | float, "numbers")
        if isinstance(choice, bool) or not isinstance(choice, kinds) or not 0 < choice < 1e9:
            raise ModelError(f"{self.name}: {name} has the choice {choice!r}; use {numbers} above 0")

    @property
    def space(self) -> Space:
        """The parameters that several choices are given for, as a search space."""
        return defined(self.name, blocks={"accelerator": self.variables})

    @property
    def variables(self) -> list[dict[str, Any]]:
        """The parameters with several choices, as `benchmark.toml` says variables; the first, if none has."""
        free = [name for name, choices in self.parameters.items() if len(choices) > 1] or list(self.parameters)[:1]
        return [
            {"name": name, "symbol": name.replace("_", ""), "choices": list(self.parameters[name])} for name in free
        ]

    def restricted(self, within: Mapping[str, Any]) -> Accelerator:
        """Give the accelerators with some parameters fixed, or restricted to some choices.

        Parameters
        ----------
        within : mapping of str to value or sequence of values
            Choices by parameter.

        Raises
        ------
        ModelError
            If there is no such parameter, or no such choice of it.

        Examples
        --------
        >>> load_accelerator("eyeriss").restricted({"clock": 200, "rows": [12, 16]}).space.size
        432
        """
        parameters = dict(self.parameters)
        for name, given in within.items():
            if name not in parameters:
                raise ModelError(f"{self.name} has no parameter {name!r}; it has {', '.join(parameters)}")
            wanted = tuple(given) if isinstance(given, list | tuple) else (given,)
            for choice in wanted:
                if choice not in parameters[name]:
                    known = ", ".join(map(str, parameters[name]))
                    raise ModelError(f"{self.name}: {name} is {choice!r}; it can be {known}")
            parameters[name] = tuple(choice for choice in parameters[name] if choice in wanted)
        return replace(self, parameters=parameters)

    def configurations(self) -> dict[str, NDArray[Any]]:
        """Give every parameter of all configurations, arrays (space.size,) in the order of `space`."""
        rows = self.space.range(0, self.space.size)
        index = {variable.name: i for i, variable in enumerate(self.space.variables)}
        return {
            name: np.array(choices)[rows[:, index[name]]] if name in index else np.full(len(rows), choices[0])
            for name, choices in self.parameters.items()
        }


def accelerators() -> tuple[str, ...]:
    """Give the names of the accelerators that come with the package.

    Examples
    --------
    >>> accelerators()
    ('dpu', 'eyeriss', 'tpu')
    """
    return names("hardware")


def load_accelerator(path: str | PathLike[str]) -> Accelerator:
    """Read an accelerator: one of `accelerators` by name, or a TOML file (docs/guides/codesign.md describes it).

    Raises
    ------
    FileError
        If there is no such file.
    ModelError
        If it does not hold together; the message says what to mend.
    """
    return load_named(path, "hardware", "accelerator", _accelerator)


def _accelerator(table: dict[str, Any], name: str) -> Accelerator:
    """Give what a file's table says."""
    if unknown := [key for key in table if key not in _KEYS]:
        raise ModelError(f"there is no key {unknown[0]!r}; use {', '.join(_KEYS)}")
    for key in ("parameters", "constants"):
        if not isinstance(table.get(key, {}), dict):
            raise ModelError(f"{key} is {table[key]!r}; give a table")
    parameters = {
        parameter: tuple(given) if isinstance(given, list) else (given,)
        for parameter, given in table.get("parameters", {}).items()
    }
    constants = {constant: _value(constant, given) for constant, given in table.get("constants", {}).items()}
    name, description, engine = str(table.get("name", name)), table.get("description", ""), table.get("engine", "")
    return Accelerator(name, str(description), str(engine), parameters, constants)


def _value(name: str, given: Any) -> Any:
    """Give a constant without its unit and source; a table of numbers is sorted by what it depends on."""
    value: Any = given.get("value") if isinstance(given, dict) else given
    numbers = list(value.values()) if isinstance(value, dict) else [value]
    if not numbers or any(isinstance(n, bool) or not isinstance(n, int | float) or not 0 <= n < 1e30 for n in numbers):
        raise ModelError(f"constant {name} is {value!r}; give a number of at least 0, or a table of such")
    if not isinstance(value, dict):
        return float(value)
    try:
        return dict(sorted((float(key), float(number)) for key, number in value.items()))
    except ValueError:
        raise ModelError(f"constant {name} depends on {list(value)}; use numbers") from None
