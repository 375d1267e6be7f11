"""Benchmarks as they are opened: a directory, its metrics, and what it predicts."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import numpy as np

from accelnas import _core
from accelnas.arguments import check_choice, check_direction, check_threads
from accelnas.benchmark.ladders import chosen, fidelities
from accelnas.caching import cached_property
from accelnas.errors import MetricError
from accelnas.frozen import read_only
from accelnas.metric import Metric
from accelnas.models import derived
from accelnas.models.importances import Importances, importances
from accelnas.notebook import MOST, Table, Tabled
from accelnas.space import Architectures, Space
from accelnas.space.forms import unpack
from accelnas.space.frames import check_output, framed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelnas.models.predictor import Prediction
    from accelnas.space.frames import Output

__all__ = ["Opened"]

Same = TypeVar("Same", bound="Opened")


class Opened(Tabled):
    """The part of `accelnas.Benchmark` that predicts."""

    def __init__(self, path: str | PathLike[str]) -> None:
        self._path = Path(fspath(path))
        self._core = _core.Benchmark(self._path)
        self._derived: Mapping[str, derived.Derivation] = {}

    def __repr__(self) -> str:
        return f"<Benchmark {self.name}: {len(self.metrics)} metrics over {self.space!r}>"

    def _caption(self) -> str:
        space = self.space
        return f"Benchmark {self.name}: {len(self.metrics)} metrics over {space.name}, {space.size:,} architectures"

    def _table(self) -> Table:
        rows = [
            (m.name, m.unit, m.direction, m.noise, m.members, m.expression or m.description)
            for m in list(self.metrics.values())[:MOST]
        ]
        return Table(("metric", "unit", "direction", "noise", "members", "what it is"), rows, len(self.metrics))

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
                members = max(
                    metrics[used].members for used in derived.metrics_of(given.expression, self.space, metrics)
                )
                own = Metric(
                    name, given.unit, given.direction, "identity", None, given.description, members, exact=False
                )
            metrics[name] = replace(own, expression=given.expression)
        return read_only(metrics)

    @cached_property
    def _proven(self) -> dict[Any, Any]:
        """Optima and fronts that searches were compared with."""
        return {}

    def derive(
        self: Same,
        name: str,
        expression: str,
        *,
        unit: str = "",
        direction: str,
        description: str = "",
    ) -> Same:
        """Give a benchmark with one more metric, computed from others; this one stays as it is.

        Parameters
        ----------
        name : str
            Name of the new metric, a Python identifier.
        expression : str
            Numbers, names of metrics, ``+ - * / **`` and the functions abs, exp, log, max, min, sqrt; or a formula of
            choices, such as ``sum(l)`` or ``count(se == 1)``, see `accelnas.models.formulas.formula`; or, by itself,
            ``quantile(latency_zcu102, 0.95)``, which a measurement is not above with this probability, or
            ``sigma(accuracy, -1)``, so many total standard deviations above the prediction (as `predict_interval`
            takes them, on the scale of the link).
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
        >>> import accelnas
        >>> bench = accelnas.load().derive("time_a100", "1000 / throughput_a100", unit="ms", direction="minimise")
        >>> bench.metrics["time_a100"].exact, bench.metrics["time_a100"].link
        (True, 'floored')
        >>> bench = bench.derive("reward", "accuracy * (time_a100 / 0.2) ** -0.07", direction="maximise")
        >>> bench.metrics["reward"].exact
        False
        >>> values = bench.predict(bench.space.sample(5), ["time_a100", "reward"])
        >>> values["reward"].shape, values["reward"].dtype
        ((5,), dtype('float32'))
        """
        end = check_direction("direction", direction)
        derivation = derived.Derivation(name, expression, unit, end, description)
        new = type(self).__new__(type(self))
        new._path = self._path
        new._core = derived.with_derivation(self._core, self.space, self.metrics, derivation)
        new._derived = {**self._derived, name: derivation}
        return new

    def provenance(self, metric: str) -> dict[str, str]:
        """Give what a metric was made from: hashes, library versions, settings and verified error bounds."""
        if metric in self.metrics and not self.metrics[metric].exact:
            return {"expression": self._derived[metric].expression}
        return self._core.provenance(self._core.position(metric))

    def fidelities(self, metric: str) -> dict[int, str]:
        """Say after how many epochs a metric is known.

        Parameters
        ----------
        metric : str
            A metric's name.

        Returns
        -------
        dict of int to str
            The metric that holds each fidelity, by epochs, ascending: ``{1: "accuracy@1", 9: "accuracy"}``. The last
            one is the metric itself. Empty where nothing is known of fewer epochs.

        Raises
        ------
        MetricError
            If the benchmark has no such metric.
        ArtifactError
            If a metric's file is damaged.

        Examples
        --------
        >>> import accelnas
        >>> accelnas.load().fidelities("accuracy")
        {}
        """
        return fidelities(self.metrics, self.provenance, metric)

    @overload
    def predict(  # type: ignore[overload-overlap]
        self,
        archs: Architectures,
        metrics: str,
        *,
        epochs: int | None = ...,
        return_std: bool | Literal["members"] = ...,
        dtype: Literal["float32", "float64"] = ...,
        output: Literal["array"] = ...,
        threads: int | None = ...,
    ) -> Prediction: ...

    @overload
    def predict(
        self,
        archs: Architectures,
        metrics: Sequence[str] | None = ...,
        *,
        epochs: int | None = ...,
        return_std: bool | Literal["members"] = ...,
        dtype: Literal["float32", "float64"] = ...,
        output: Literal["array"] = ...,
        threads: int | None = ...,
    ) -> dict[str, Prediction]: ...

    @overload
    def predict(
        self,
        archs: Architectures,
        metrics: str | Sequence[str] | None = ...,
        *,
        epochs: int | None = ...,
        return_std: bool | Literal["members"] = ...,
        dtype: Literal["float32", "float64"] = ...,
        output: Literal["frame"],
        threads: int | None = ...,
    ) -> Any: ...

    def predict(
        self,
        archs: Architectures,
        metrics: str | Sequence[str] | None = None,
        *,
        epochs: int | None = None,
        return_std: bool | Literal["members"] = False,
        dtype: Literal["float32", "float64"] = "float32",
        output: Output = "array",
        threads: int | None = None,
    ) -> Prediction | dict[str, Prediction] | Any:
        """Predict metrics of architectures.

        Parameters
        ----------
        archs : any form that `Space.encode` takes
            One architecture or many. A C-contiguous ``uint8`` array of shape (n, variables) is
            read in place; other forms are first turned into one.
        metrics : str or sequence of str, optional
            A metric's name, or several, predicted in one pass; all of them by default.
        epochs : int, optional
            Predict what the metrics are after so many epochs, ``NAME@EPOCHS``, see `fidelities`; without names, all
            metrics that have this fidelity.
        return_std : bool or "members"
            Also give the standard deviation of a measurement around the prediction, which was calibrated on
            held-out measurements: how far the ensemble members disagree, and what they all miss. Errors are
            normal, or as `Benchmark.degrees_of_freedom` says. With
            ``"members"``, and for metrics that are not `Metric.calibrated`, the members' population
            standard deviation alone, which understates the error.
        dtype : {"float32", "float64"}
            Precision. ``"float32"`` is the fast path: on the scale of the link within 2e-6 standard
            deviations plus one rounding, and a deviation of a member within a fraction of a percent
            of the typical one. ``"float64"`` sums in double precision throughout.
        output : {"array", "frame"}
            Arrays, or a data frame of the library that `archs` is of, in pandas with its index: a column ``NAME``
            for each metric and ``NAME_std`` for its standard deviation.
        threads : int, optional
            Threads to use; one a core by default. No result depends on it, nor on how many
            architectures are passed at once.

        Returns
        -------
        array (n,), or a scalar for one architecture
            In the metric's unit: the link inverse of the mean over members. With `return_std` a
            pair (mean, standard deviation). For several metrics a dict of them by name. Or a data frame.

        Raises
        ------
        SpaceError
            If an architecture is not one of the space; the message names row and variable.
        MetricError
            If the benchmark has no such metric, or it is not known after so many epochs.
        ParameterError
            If a frame is asked for, and architectures are none.
        ArtifactError
            If the metric's file is damaged.

        Notes
        -----
        The interpreter lock is released; Ctrl-C stops a long call.

        Examples
        --------
        >>> import accelnas
        >>> bench = accelnas.load()
        >>> one = bench.space.decode(bench.space.sample(1))[0]
        >>> mean, std = bench.predict(one, "accuracy", return_std=True)
        >>> bool(55 < mean < 75 and 0 < std < 2)
        True
        """
        if (
            type(metrics) is str
            and metrics.isascii()  # the core reads no text that is no Unicode
            and return_std is False
            and threads is None
            and dtype == "float32"
            and output == "array"
            and epochs is None
            and not self._derived
        ):
            value = self._core.predict_one(archs, metrics)
            if value is not None:
                return np.float32(value)
        names = chosen(self.metrics, metrics, epochs, self.fidelities)
        check_threads(threads)
        check_choice("return_std", return_std, (False, True, "members"))
        check_choice("dtype", dtype, ("float32", "float64"))
        check_output(archs, output)
        std = "members" if return_std == "members" else "total" if return_std else None
        positions = [] if self._derived else [self._core.position(name) for name in names]
        rows = self.space.encode(archs)
        run = self._core.predict if dtype == "float32" else self._core.predict_float64
        predictions: list[tuple[Any, Any]]
        if self._derived:
            source = derived.Source(self.space, self._core, self.metrics, self._derived)
            predictions = source.predict(rows, names, std, dtype, threads)
        else:
            predictions = list(run(rows, positions, std, threads))
        if output == "frame":
            named = [(name, mean, f"{name}_std", std) for name, (mean, std) in zip(names, predictions, strict=True)]
            pairs = [pair for of_metric in named for pair in (of_metric[:2], of_metric[2:])]
            return framed(archs, {name: column for name, column in pairs if column is not None})
        results: dict[str, Prediction] = {
            name: unpack(archs, mean) if std is None else (unpack(archs, mean), unpack(archs, std))
            for name, (mean, std) in zip(names, predictions, strict=True)
        }
        return results[names[0]] if isinstance(metrics, str) else results

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
        >>> import accelnas
        >>> found = accelnas.load().importances("accuracy")
        >>> 0.3 < found.first_order["block6_e"].value + found.first_order["block5_e"].value < 1
        True
        """
        return importances(self._surrogate(metric), self.space, metric, self.metrics[metric].link)

    def _surrogate(self, metric: str) -> _core.Surrogate:
        """Surrogate of a metric that has one."""
        if metric in self.metrics and not self.metrics[metric].exact:
            raise MetricError(f"{metric} is evaluated on predictions and has no tables; ask for the metrics it names")
        return self._core.surrogate(self._core.position(metric))
