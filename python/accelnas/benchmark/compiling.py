"""Any function of architectures as a benchmark, where its space is small enough to be evaluated as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelnas.arguments import check_direction, check_number
from accelnas.benchmark import Benchmark

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike

    from accelnas.fitting.enumeration import Seen
    from accelnas.space import Space

__all__ = ["compile"]


def compile(  # noqa: A001 the command's name
    function: Callable[[Any], Any],
    space: Space,
    output: str | PathLike[str],
    *,
    metric: str,
    direction: str,
    unit: str = "",
    description: str = "",
    noise: float | None = None,
    encoding: Seen = "ordinal",
    batch_size: int = 1024,
    provenance: Mapping[str, str] | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Benchmark:
    """Evaluate a function on every architecture of a space, and write its values as a metric that predicts them.

    Whatever the model is (a pipeline, a network, a formula): predictions are the very numbers that it gave, in
    float64, equal ones stay equal, and all exact questions can be asked. Larger spaces need tree models, which
    ``accelnas compile`` compiles without evaluating them everywhere, or a surrogate by ``accelnas fit``.

    Parameters
    ----------
    function : callable
        Takes some architectures, as `encoding` says, and gives one finite number each, as an array, a list or a
        series (n,), or (n, 1): such as ``model.predict``.
    space : Space
        The space, of at most 2^26 architectures (67,108,864).
    output : str or path
        Benchmark directory, created or updated; a metric of the same name is replaced. Blocks of a space of many are
        joined, as `accelnas.fitting.joined.tabulated_space` says.
    metric, unit, description : str
        What the function gives.
    direction : {"maximise", "minimise"}
        Whether more or less of it is better.
    noise : float, optional
        Standard deviation of one measurement, in the unit, where it is known.
    encoding : {"ordinal", "values", "dicts", "frame"} or Encoding, optional
        What the function takes of n architectures:

        - ``"ordinal"``, choice indices: int64 (n, variables);
        - ``"values"``, choices that are numbers: float64 (n, variables);
        - ``"dicts"``, a list of dicts of names to choices;
        - ``"frame"``, a data frame of pandas with a column of choices for each variable;
        - an `accelnas.fitting.encoding.Encoding`, columns of its own: float64 (n, columns).
    batch_size : int
        Architectures that the function is given at once, at most.
    provenance : mapping of str to str, optional
        Further entries for `Benchmark.provenance`.
    progress : callable, optional
        Called with the number of architectures evaluated and their total.

    Returns
    -------
    Benchmark
        The directory, opened.

    Raises
    ------
    ModelError
        If the function raises, or gives anything but a finite number for each architecture, which the message names.
        Nothing is written then.
    DataError
        If the space is too large.
    ArtifactError, FileError
        If `output` is of another space, or can't be written.
    ParameterError
        If another argument is none of its choices.

    Examples
    --------
    >>> import tempfile
    >>> import accelnas
    >>> space = accelnas.load("nasbench-macro").space
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     bench = accelnas.compile(
    ...         lambda archs: archs.sum(axis=1), space, folder, metric="layers", direction="maximise"
    ...     )
    ...     bench.best("layers").values.tolist(), int(bench.count("layers >= 15"))
    ([16.0], 9)
    """
    from accelnas.fitting.enumeration import check_output, evaluated, write_values
    from accelnas.fitting.metric import MetricSpec

    end = check_direction("direction", direction)
    own_noise = None if noise is None else check_number("noise", noise, 0.0)
    spec = MetricSpec(metric, unit, end, noise=own_noise, description=description)
    directory = Path(output)
    check_output(space, spec, directory)
    values = evaluated(function, space, encoding, batch_size, progress)
    made = {"family": "enumerated", "function": _name(function)} | dict(provenance or {})
    write_values(values, space, spec, directory, made)
    return Benchmark(directory)


def _name(function: object) -> str:
    """Name a function, or the method of what has one."""
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', None) or type(function).__module__}.{name}"
