"""Benchmarks: predicted metrics of architectures."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

from accelnas import _core
from accelnas.arguments import check_threads
from accelnas.benchmark.measurements import Measurements, chosen, unpack
from accelnas.benchmark.searching import Searching
from accelnas.caching import cached_property
from accelnas.errors import MetricError
from accelnas.exact.spread import Spread
from accelnas.exact.tradeoffs import Tradeoffs
from accelnas.exact.whole_space import WholeSpace
from accelnas.frozen import read_only
from accelnas.metric import Metric
from accelnas.models import derived
from accelnas.models.importances import Importances, importances
from accelnas.models.neighbourhood import Neighbourhood, neighbourhood
from accelnas.space import Architectures, Space

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Benchmark", "load"]

_DATA = Path(__file__).parents[1] / "data"
_BUNDLED = {"anova_process": _DATA / "mnasnet", "xgboost": _DATA / "mnasnet-xgboost"}

Values: TypeAlias = Any
"""A NumPy array, or a NumPy scalar where one architecture was asked for."""
Prediction: TypeAlias = "Values | tuple[Values, Values]"


class Benchmark(Measurements, WholeSpace, Tradeoffs, Spread, Searching):
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
    Benchmarks may be used from several threads, after a fork, and pickled (by path and derived metrics).

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
        self._derived: Mapping[str, derived.Derivation] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        # a bundled one by name: another process may have the package elsewhere
        family = next((family for family, path in _BUNDLED.items() if path == self._path), None)
        origin = (self._path.absolute(), None) if family is None else (None, family)
        return (_derive_again, (*origin, tuple(self._derived.values()))) if self._derived else (load, origin)

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
        """Metrics by name, in the benchmark's order, then derived ones."""
        metrics = {fields[0]: Metric(*fields) for fields in self._core.metrics}  # type: ignore[arg-type]
        for name, given in self._derived.items():
            own = metrics.pop(name, None)
            if own is None:
                members = max(metrics[used].members for used in derived.metric_names(given.tree))
                own = Metric(
                    name, given.unit, given.direction, "identity", None, given.description, members, exact=False
                )
            metrics[name] = replace(own, expression=given.expression)
        return read_only(metrics)

    def derive(
        self,
        name: str,
        expression: str,
        *,
        unit: str = "",
        direction: Literal["maximise", "minimise"],
        description: str = "",
    ) -> Benchmark:
        """Give a benchmark with one more metric, computed from others; this one stays as it is.

        Parameters
        ----------
        name : str
            Name of the new metric, a Python identifier.
        expression : str
            Numbers, names of metrics, ``+ - * / **`` and the functions abs, exp, log, max, min, sqrt.
        unit, description : str
            What the values are.
        direction : {"maximise", "minimise"}
            Whether more or less is better.

        Returns
        -------
        Benchmark
            Where the expression is a sum on the scale of a link, such as ``1000 / throughput_a100``
            or ``macs + 2 * params``, the metric is a surrogate like any other (`Metric.exact`). Else
            it is evaluated in float64 on the predictions of the metrics it names, member by member
            for standard deviations, which are calibrated only where the expression is a sum of one
            calibrated metric. Derived metrics can be queried and derived from.

        Raises
        ------
        MetricError
            If the expression holds anything else, names an unknown metric, or mixes ensembles of
            different sizes. `predict` raises it where the expression is undefined.

        Examples
        --------
        >>> bench = load().derive("time_a100", "1000 / throughput_a100", unit="ms", direction="minimise")
        >>> bench.metrics["time_a100"].exact, bench.metrics["time_a100"].link
        (True, 'identity')
        >>> bench = bench.derive("reward", "accuracy * (time_a100 / 0.2) ** -0.07", direction="maximise")
        >>> bench.metrics["reward"].exact
        False
        >>> values = bench.predict(bench.space.sample(5), ["time_a100", "reward"])
        >>> values["reward"].shape, values["reward"].dtype
        ((5,), dtype('float32'))
        """
        derivation = derived.Derivation(name, expression, unit, direction, description)
        new = Benchmark.__new__(Benchmark)
        new._path = self._path
        new._core = derived.with_derivation(self._core, self.metrics, derivation)
        new._derived = {**self._derived, name: derivation}
        return new

    def provenance(self, metric: str) -> dict[str, str]:
        """Give what a metric was made from: hashes, library versions, settings and verified error bounds."""
        if metric in self.metrics and not self.metrics[metric].exact:
            return {"expression": self._derived[metric].expression}
        return self._core.provenance(self._core.position(metric))

    def importances(self, metric: str) -> Importances:
        """Say exactly which variables decide a metric, over the whole space.

        Parameters
        ----------
        metric : str
            A metric that a surrogate predicts.

        Returns
        -------
        Importances
            Moments, Sobol indices and interactions on the scale of the metric's link.

        Raises
        ------
        MetricError
            If there is no such metric, an expression evaluates it, or part of it is a forest.

        Examples
        --------
        >>> found = load().importances("accuracy")
        >>> 0.3 < found.first_order["block6_e"].value + found.first_order["block5_e"].value < 1
        True
        """
        return importances(self._surrogate(metric), self.space, metric, self.metrics[metric].link)

    def neighbourhood(
        self,
        metric: str,
        *,
        starts: int = 10_000,
        samples: int = 100_000,
        optimum: Architectures | None = None,
        seed: int = 0,
        threads: int | None = None,
    ) -> Neighbourhood:
        """Say what a metric's landscape is like: how rugged, how many local optima, how far they draw.

        Parameters
        ----------
        metric : str
            A metric that a surrogate predicts.
        starts : int
            Uniform architectures to climb from, at least 2.
        samples : int
            Further uniform architectures, for the correlations with distance and for neutrality, at least 10.
        optimum : any form of one architecture that `Space.encode` takes, optional
            Where distances are measured to; the best local optimum that the climbs reach by default.
        seed : int
            0 to 2**64 - 1. The starts are ``space.sample(starts, seed)``.
        threads : int, optional
            Threads to use; one a core by default. No result depends on it.

        Returns
        -------
        Neighbourhood
            Numbers that are exact, or come with 95 % intervals.

        Raises
        ------
        MetricError
            If there is no such metric, an expression evaluates it, part of it is a forest, it is the same for
            all architectures, or a number is out of range.
        SpaceError
            If `optimum` is not one architecture of the space.

        Notes
        -----
        The interpreter lock is released; Ctrl-C stops a long call.

        Examples
        --------
        >>> found = load().neighbourhood("accuracy", starts=1000, samples=1000)
        >>> bool(0.9 < found.autocorrelation[0] < 1), found.counts.sum()
        (True, np.int64(1000))
        """
        surrogate = self._surrogate(metric)
        check_threads(threads)
        return neighbourhood(self, surrogate, metric, starts, samples, optimum, seed, threads)

    def _surrogate(self, metric: str) -> _core.Surrogate:
        """Surrogate of a metric that has one."""
        if metric in self.metrics and not self.metrics[metric].exact:
            raise MetricError(f"{metric} is evaluated on predictions and has no tables; ask for the metrics it names")
        return self._core.surrogate(self._core.position(metric))

    @overload
    def predict(  # type: ignore[overload-overlap]
        self,
        archs: Architectures,
        metrics: str,
        *,
        return_std: bool | Literal["members"] = ...,
        dtype: Literal["float32", "float64"] = ...,
        threads: int | None = ...,
    ) -> Prediction: ...

    @overload
    def predict(
        self,
        archs: Architectures,
        metrics: Sequence[str] | None = ...,
        *,
        return_std: bool | Literal["members"] = ...,
        dtype: Literal["float32", "float64"] = ...,
        threads: int | None = ...,
    ) -> dict[str, Prediction]: ...

    def predict(
        self,
        archs: Architectures,
        metrics: str | Sequence[str] | None = None,
        *,
        return_std: bool | Literal["members"] = False,
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
        return_std : bool or "members"
            Also give the standard deviation of a measurement around the prediction, which was calibrated on
            held-out measurements: how far the ensemble members disagree, and what they all miss. With
            ``"members"``, and for metrics that are not `Metric.calibrated`, the members' population
            standard deviation alone, which understates the error.
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
        names = chosen(self.metrics, metrics)
        check_threads(threads)
        if return_std not in (False, True, "members"):
            raise MetricError(f"return_std is {return_std!r}; choose True, False or 'members'")
        std = "members" if return_std == "members" else "total" if return_std else None
        positions = [] if self._derived else [self._core.position(name) for name in names]
        rows = self.space.encode(archs)
        if dtype not in ("float32", "float64"):
            raise MetricError(f"dtype is {dtype!r}; choose float32 or float64")
        run = self._core.predict if dtype == "float32" else self._core.predict_float64
        predictions: list[tuple[Any, Any]]
        if self._derived:
            source = derived.Source(self.space, self._core, self.metrics, self._derived)
            predictions = source.predict(rows, names, std, dtype, threads)
        else:
            predictions = list(run(rows, positions, std, threads))
        results: dict[str, Prediction] = {
            name: unpack(archs, mean) if std is None else (unpack(archs, mean), unpack(archs, std))
            for name, (mean, std) in zip(names, predictions, strict=True)
        }
        return results[names[0]] if isinstance(metrics, str) else results


def _derive_again(path: Path | None, family: str | None, derivations: Sequence[derived.Derivation]) -> Benchmark:
    """Unpickle a benchmark with derived metrics."""
    bench = load(path, family)
    for given in derivations:
        bench = bench.derive(
            given.name, given.expression, unit=given.unit, direction=given.direction, description=given.description
        )
    return bench


def load(path: str | PathLike[str] | None = None, family: str | None = None) -> Benchmark:
    """Open a benchmark.

    Parameters
    ----------
    path : str or path, optional
        A benchmark directory; the bundled Accel-NASBench benchmark by default.
    family : {"anova_process", "xgboost"}, optional
        Model family of the bundled benchmark: the default, which is the best for every metric, or
        XGBoost with the settings that the authors of Accel-NASBench publish, for comparison: accuracy,
        TPUv2 throughput and ZCU102 latency, one model each.

    Returns
    -------
    Benchmark
        Reads `benchmark.toml` now and each metric when it is first used.

    Raises
    ------
    FileError, ArtifactError
        As `Benchmark`.
    MetricError
        If no such family is bundled, or both a path and a family are given.

    Examples
    --------
    >>> ours, theirs = load(), load(family="xgboost")
    >>> archs = ours.space.sample(1000, seed=0)
    >>> bool(abs(ours.predict(archs, "accuracy") - theirs.predict(archs, "accuracy")).mean() < 0.5)
    True
    """
    if path is not None:
        if family is not None:
            raise MetricError(f"path is {str(path)!r} and family {family!r}; give one of them")
        return Benchmark(path)
    if family is not None and family not in _BUNDLED:
        raise MetricError(f"family is {family!r}; choose one of {', '.join(_BUNDLED)}, or fit it with accelnas fit")
    return Benchmark(_BUNDLED[family or "anova_process"])
