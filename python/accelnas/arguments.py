"""Numbers that callers give: checked in one place, before anything is allocated."""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING, Literal

import numpy as np

from accelnas.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from accelnas.errors import AccelnasError

__all__ = [
    "MOST_SAMPLES",
    "MOST_THREADS",
    "check_choice",
    "check_direction",
    "check_number",
    "check_seed",
    "check_threads",
    "check_whole",
    "check_wholes",
    "shown",
]

MOST_SAMPLES = 10_000_000  # random architectures, held in memory at once
MOST_THREADS = 4096


def check_whole(
    name: str, value: object, least: int, most: int = 2**63 - 1, error: type[AccelnasError] = ParameterError
) -> int:
    """Give an integer of a range, of Python or NumPy; nothing else is one, neither True nor 5.0.

    Examples
    --------
    >>> check_whole("runs", np.int64(5), 1)
    5
    >>> check_whole("runs", 5.0, 1, 10)
    Traceback (most recent call last):
    accelnas.errors.ParameterError: runs is 5.0; choose an integer of 1 to 10
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not least <= value <= most:
        raise error(f"{name} is {shown(value)}; choose an integer of {least} to {most}")
    return int(value)


def check_wholes(
    name: str, values: object, least: int, most: int, error: type[AccelnasError] = ParameterError
) -> NDArray[np.int64]:
    """Give integers of a range: int64 (n,)."""
    try:
        array = np.asarray(values)
    except (TypeError, ValueError):  # ragged
        array = np.empty((), object)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise error(f"{name} are {shown(values)}; give integers of {least} to {most}")
    for end in (array.min(), array.max()) if array.size else ():
        check_whole(f"one of {name}", end, least, most, error)
    return array.astype(np.int64)


def check_seed(value: object, error: type[AccelnasError] = ParameterError) -> int:
    """Give a seed of 64 bits."""
    return check_whole("seed", value, 0, 2**64 - 1, error)


def check_threads(threads: int | None) -> None:
    """Refuse what is no number of threads."""
    if threads is not None:
        check_whole("threads", threads, 1, MOST_THREADS)


def check_choice(name: str, value: object, choices: Sequence[object]) -> None:
    """Refuse what is none of a few values."""
    if not isinstance(value, (str, bool, np.bool_)) or value not in choices:
        *others, last = map(repr, choices)
        raise ParameterError(f"{name} is {shown(value)}; choose {', '.join(others)} or {last}")


_DIRECTIONS = {"maximise": "maximise", "maximize": "maximise", "minimise": "minimise", "minimize": "minimise"}


def check_direction(
    name: str, value: object, error: type[AccelnasError] = ParameterError
) -> Literal["maximise", "minimise"]:
    """Give a direction; American spelling is read, too."""
    found = _DIRECTIONS.get(value) if isinstance(value, str) else None
    if found is None:
        raise error(f"{name} is {value!r}; choose maximise or minimise")
    return found  # type: ignore[return-value]


def check_number(
    name: str,
    value: object,
    least: float = -math.inf,
    most: float = math.inf,
    error: type[AccelnasError] = ParameterError,
) -> float:
    """Give a finite number between two, or of them."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real) or not _is_between(value, least, most):
        limits = {(False, False): "", (True, False): f" from {least:g}", (False, True): f" up to {most:g}"}
        between = limits.get((least > -math.inf, most < math.inf), f" of {least:g} to {most:g}")
        raise error(f"{name} is {shown(value)}; choose a finite number{between}")
    return float(value)


def _is_between(value: Real, least: float, most: float) -> bool:
    try:
        return math.isfinite(float(value)) and least <= float(value) <= most
    except OverflowError:
        return False


def shown(value: object) -> str:
    """Write a value briefly: a long one says nothing more."""
    try:
        text = repr(value.item() if isinstance(value, np.generic) else value)
    except ValueError:  # Python does not write integers of more than 4,300 digits
        return "an integer of thousands of digits"
    return text if len(text) <= 100 else f"{text[:97]}..."
