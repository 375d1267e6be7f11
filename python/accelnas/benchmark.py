"""Benchmarks: predicted metrics of architectures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, overload

import numpy as np

from accelnas import _core
from accelnas.errors import MetricError
from accelnas.space import Architectures, Space

__all__ = ["Benchmark", "Metric", "load"]

_BUNDLED = Path(__file__).parent / "data" / "mnasnet"

Values: TypeAlias = Any
"""A NumPy array, or a NumPy scalar where one architecture was asked for."""
Prediction: TypeAlias = "Values | tuple[Values, Values]"


@dataclass(frozen=True)
class Metric:
    """What a benchmark predicts.

    Attributes
    ----------
    name, unit : str
        Name and unit, such as ``"latency_zcu102"`` and ``"ms"``.
    direction : {"maximise", "minimise"}
        Whether more or less is better.
    link : {"identity", "reciprocal", "log"}
        Scale on which the surrogate models the metric; predictions are on the metric's own scale.
    noise : float or None
        Standard deviation of one measurement, in the unit, where it is known.
    description : str
        What was measured.
    members : int
        Number of ensemble members.
    """

    name: str
    unit: str
    direction: Literal["maximise", "minimise"]
    link: Literal["identity", "reciprocal", "log"]
    noise: float | None
    description: str
    members: int


class Benchmark:
    """A benchmark directory, its metrics loaded when first used.

    Parameters
    ----------
    path : str or path
        Directory that holds ``benchmark.toml``.

    Raises
    ------
    FileError
        If the directory can't be read.
    ArtifactError
        If a file is damaged or of another version; metrics are checked when first used.

    Notes
    -----
    Benchmarks may be used from several threads, after a fork, and pickled (by path).

    Examples
    --------
    >>> bench = load()
    >>> archs = bench.space.sample(1000, seed=0)
    >>> accuracy = bench.predict(archs, "accuracy")
    >>> accuracy.shape, accuracy.dtype
    ((1000,), dtype('float32'))
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self._path = Path(fspath(path))
        self._core = _core.Benchmark(self._path)

    def __reduce__(self) -> tuple[Any, ...]:
        return (load, ()) if self._path == _BUNDLED else (Benchmark, (self._path.absolute(),))

    def __repr__(self) -> str:
        return f"<Benchmark {self.name}: {len(self.metrics)} metrics over {self.space!r}>"

    @property
    def name(self) -> str:
        """Name of the benchmark."""
        return self._core.name

    @property
    def path(self) -> Path:
        """Directory of the benchmark."""
        return self._path

    @cached_property
    def space(self) -> Space:
        """Search space of the architectures."""
        return Space._of(self._core.space)

    @cached_property
    def metrics(self) -> Mapping[str, Metric]:
        """Metrics by name, in the benchmark's order."""
        metrics = [Metric(*fields) for fields in self._core.metrics]  # type: ignore[arg-type]
        return MappingProxyType({metric.name: metric for metric in metrics})

    def provenance(self, metric: str) -> dict[str, str]:
        """Give what a metric was made from: hashes, library versions, settings and verified error bounds."""
        return self._core.provenance(self._core.position(metric))

    @overload
    def predict(  # type: ignore[overload-overlap]
        self,
        archs: Architectures,
        metrics: str,
        *,
        return_std: bool = ...,
        dtype: Literal["float32", "float64"] = ...,
        threads: int | None = ...,
    ) -> Prediction: ...

    @overload
    def predict(
        self,
        archs: Architectures,
        metrics: Sequence[str] | None = ...,
        *,
        return_std: bool = ...,
        dtype: Literal["float32", "float64"] = ...,
        threads: int | None = ...,
    ) -> dict[str, Prediction]: ...

    def predict(
        self,
        archs: Architectures,
        metrics: str | Sequence[str] | None = None,
        *,
        return_std: bool = False,
        dtype: Literal["float32", "float64"] = "float32",
        threads: int | None = None,
    ) -> Prediction | dict[str, Prediction]:
        """Predict metrics of architectures.

        Parameters
        ----------
        archs : any form that `Space.encode` takes
            One architecture or many. A C-contiguous ``uint8`` array of shape (n, variables) is
            read in place; other forms are first turned into one.
        metrics : str or sequence of str, optional
            A metric's name, or several, predicted in one pass; all of them by default.
        return_std : bool
            Also give the population standard deviation of the ensemble members' predictions. It
            says how far the surrogates disagree, not how far a measurement is from them.
        dtype : {"float32", "float64"}
            Precision. ``"float32"`` is the fast path: on the scale of the link within 2e-6 standard
            deviations plus one rounding, and a deviation of a member within a fraction of a percent
            of the typical one. ``"float64"`` sums in double precision throughout.
        threads : int, optional
            Threads to use; one a core by default. No result depends on it, nor on how many
            architectures are passed at once.

        Returns
        -------
        array (n,), or a scalar for one architecture
            In the metric's unit: the link inverse of the mean over members. With `return_std` a
            pair (mean, standard deviation). For several metrics a dict of them by name.

        Raises
        ------
        SpaceError
            If an architecture is not one of the space; the message names row and variable.
        MetricError
            If the benchmark has no such metric.
        ArtifactError
            If the metric's file is damaged.

        Notes
        -----
        The interpreter lock is released; Ctrl-C stops a long call.

        Examples
        --------
        >>> bench = load()
        >>> one = bench.space.decode(bench.space.sample(1))[0]
        >>> mean, std = bench.predict(one, "accuracy", return_std=True)
        >>> bool(55 < mean < 75 and 0 < std < 2)
        True
        """
        names = list(self.metrics) if metrics is None else [metrics] if isinstance(metrics, str) else list(metrics)
        if threads is not None and threads < 1:
            raise MetricError(f"threads is {threads}; choose at least 1, or None for one a core")
        positions = [self._core.position(name) for name in names]
        rows = self.space.encode(archs)
        if dtype not in ("float32", "float64"):
            raise MetricError(f"dtype is {dtype!r}; choose float32 or float64")
        run = self._core.predict if dtype == "float32" else self._core.predict_float64
        predictions: list[tuple[Any, Any]] = list(run(rows, positions, return_std, threads))
        if _is_one(archs):
            predictions = [(mean[0], None if std is None else std[0]) for mean, std in predictions]
        results: dict[str, Prediction] = {
            name: mean if std is None else (mean, std) for name, (mean, std) in zip(names, predictions, strict=True)
        }
        return results[names[0]] if isinstance(metrics, str) else results


def _is_one(archs: Architectures) -> bool:
    """Whether a form stands for one architecture rather than a list of one."""
    if isinstance(archs, np.ndarray):
        return archs.dtype == np.uint8 and archs.ndim == 1
    return isinstance(archs, (Mapping, str, int, np.integer))


def load(path: str | PathLike[str] | None = None) -> Benchmark:
    """Open a benchmark.

    Parameters
    ----------
    path : str or path, optional
        A benchmark directory; the bundled Accel-NASBench benchmark by default.

    Returns
    -------
    Benchmark
        Reads `benchmark.toml` now and each metric when it is first used.
    """
    return Benchmark(_BUNDLED if path is None else path)
