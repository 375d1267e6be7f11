"""Whole spaces evaluated: any function of architectures becomes a complete table, and that a metric of a benchmark."""

from __future__ import annotations

from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from accelnas import _core
from accelnas.arguments import check_choice, check_whole
from accelnas.errors import AccelnasError, ArtifactError, MissingExtraError, ModelError
from accelnas.fitting.encoding import Encoding
from accelnas.fitting.entry import write_metric
from accelnas.fitting.joined import tabulated_space

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from accelnas.fitting.metric import MetricSpec
    from accelnas.space import Space

    Floats = NDArray[np.float64]

__all__ = ["SEEN", "Seen", "check_output", "evaluated", "pandas", "write_values"]

Seen: TypeAlias = "Literal['ordinal', 'values', 'dicts', 'frame'] | Encoding"
_LISTING = "benchmark.toml"
SEEN = ("ordinal", "values", "dicts", "frame")


def evaluated(
    function: Callable[[Any], Any],
    space: Space,
    encoding: Seen = "ordinal",
    batch_size: int = 1024,
    progress: Callable[[int, int], object] | None = None,
) -> Floats:
    """Give a function's value of every architecture of a space, float64 (size,), by index; see `accelnas.compile`.

    Raises
    ------
    ModelError
        If the function raises, or gives anything but one finite number an architecture; it names the architecture.
    DataError
        If the space has too many architectures for a table.

    Examples
    --------
    >>> from accelnas.space.definition import defined
    >>> space = defined("toy", {"a": [{"name": "width", "choices": [16, 32]}, {"name": "op", "choices": ["p", "q"]}]})
    >>> evaluated(lambda archs: archs @ [10, 1], space).tolist()
    [0.0, 1.0, 10.0, 11.0]
    >>> evaluated(lambda archs: [a["width"] if a["op"] == "p" else 0 for a in archs], space, "dicts").tolist()
    [16.0, 0.0, 32.0, 0.0]
    """
    batch_size = check_whole("batch_size", batch_size, 1)
    tabulated_space(space)  # refuses one that is too large
    if not callable(function):
        raise ModelError(f"{type(function).__name__} is no function; give one of architectures, such as model.predict")
    if not isinstance(encoding, Encoding):
        check_choice("encoding", encoding, SEEN)
    elif not encoding.suits(space):
        raise ModelError(f"the encoding is of another space than {space.name}; make it of this one")
    see = _sight(space, Encoding.values(space) if encoding == "values" else encoding)
    values = np.empty(space.size)
    for first in range(0, space.size, batch_size):
        rows = space.range(first, min(first + batch_size, space.size))
        values[first : first + len(rows)] = _of_batch(lambda part: function(see(part)), rows, space)
        if progress is not None:
            progress(first + len(rows), space.size)
    return values


def check_output(space: Space, metric: MetricSpec, directory: Path) -> None:
    """Refuse, before anything long begins, a directory that can't take a metric of a space: by writing one beside."""
    tabulated_space(space)  # before zeros for each of too many architectures
    with TemporaryDirectory() as folder:
        try:
            if (directory / _LISTING).is_file():
                copyfile(directory / _LISTING, Path(folder) / _LISTING)
            elif directory.exists() and not directory.is_dir():
                raise ArtifactError(f"{directory} is a file, no benchmark directory; name another")
            write_values(np.zeros(space.size), space, metric, Path(folder), {})
        except AccelnasError as error:
            raise type(error)(str(error).replace(folder, str(directory))) from None


def write_values(
    values: Floats, space: Space, metric: MetricSpec, directory: Path, provenance: Mapping[str, str]
) -> None:
    """Write the values of all architectures, by index, as a metric that predicts them."""
    table = tabulated_space(space)
    write_metric(directory, metric, _core.Surrogate.tabulated(table._core, values), dict(provenance))


def _sight(space: Space, encoding: Seen) -> Callable[[NDArray[np.uint8]], Any]:
    """Give what makes of choice indices what a function sees."""
    if isinstance(encoding, Encoding):
        return lambda rows: encoding.transform(rows, np.float64)
    forms: dict[str, Callable[[NDArray[np.uint8]], Any]] = {
        "ordinal": lambda rows: rows.astype(np.int64),  # sums of bytes would wrap around
        "dicts": space.decode,
        "frame": lambda rows: _frame(space, rows),
    }
    return forms[encoding]


def _frame(space: Space, rows: NDArray[np.uint8]) -> Any:
    pd = pandas()
    choices = enumerate(space.variables)
    return pd.DataFrame({v.name: pd.Series(list(v.states)).take(rows[:, i]).array for i, v in choices})


def pandas() -> Any:
    """Give the library of data frames.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        import pandas as pd
    except ModuleNotFoundError as error:
        raise MissingExtraError("pandas is not installed, which data frames need; run: pip install pandas") from error
    return pd


def _of_batch(call: Callable[[NDArray[np.uint8]], Any], rows: NDArray[np.uint8], space: Space) -> Floats:
    try:
        found = call(rows)
        array = np.asarray(found)
    except MissingExtraError:
        raise
    except (Exception, SystemExit) as error:
        at = _failing(call, rows)
        reason = str(error) if isinstance(error, AccelnasError) else f"{type(error).__name__}: {error}"
        raise ModelError(f"the function fails on {_named(space, at)}: {reason}") from error
    if array.dtype.kind not in "fiu" or np.ma.is_masked(found):
        kind = "masked values" if np.ma.is_masked(found) else f"{type(found).__name__} of {array.dtype}"
        raise ModelError(f"the function gives {kind} for {_named(space, rows)}; give one finite number each")
    if array.shape not in ((len(rows),), (len(rows), 1)):
        raise ModelError(
            f"the function gives an array of shape {array.shape} for {_named(space, rows)}; give one number each, "
            f"({len(rows)},)"
        )
    array = array.reshape(-1)
    with np.errstate(over="ignore"):
        values = array.astype(np.float64)
    if (bad := np.flatnonzero(~np.isfinite(values) | ~_kept(array, values))).size:
        what = array[bad[0]]
        need = "which float64 does not hold" if np.isfinite(values[bad[0]]) else "which is not finite"
        raise ModelError(f"the function gives {what} for {_named(space, rows[bad[:1]])}, {need}; give a finite float64")
    return values


def _kept(array: NDArray[Any], values: Floats) -> NDArray[np.bool_]:
    """Whether float64 holds each number as it was given."""
    if array.dtype.kind == "f":
        return np.asarray((values == array) | np.isnan(array))
    return np.array([int(one) == int(other) for one, other in zip(values, array, strict=True)])


def _failing(call: Callable[[NDArray[np.uint8]], Any], rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Find the fewest rows, by halves, that a function fails on as it did on all."""
    while len(rows) > 1:
        for part in np.array_split(rows, 2):
            try:
                np.asarray(call(part))
            except (Exception, SystemExit):
                rows = part
                break
        else:
            return rows
    return rows


def _named(space: Space, rows: NDArray[np.uint8]) -> str:
    ends = [f"{i} ({text})" for i, text in zip(space.index(rows[[0, -1]]), space.format(rows[[0, -1]]), strict=True)]
    return f"architecture {ends[0]}" if len(rows) == 1 else f"architectures {ends[0]} to {ends[1]}"
