"""Plots of what no single result holds: ``bench.plot.front``, ``calibration`` and ``correlations``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accelnas.arguments import check_seed, check_whole, shown
from accelnas.benchmark.measurements import Measurements
from accelnas.benchmark.tradeoffs import Tradeoffs
from accelnas.errors import MetricError, ParameterError
from accelnas.exact.front import FrontResult
from accelnas.models.calibration import LEVELS, observed_coverage
from accelnas.models.correlations import kendall_taus
from accelnas.plots.models import correlations_size, draw_calibration, draw_correlations
from accelnas.plots.style import colours, legend, on

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from accelnas.exact.objectives import ObjectiveLike
    from accelnas.space import Architectures

__all__ = ["Plots", "Plotting"]

_SAMPLES = 5_000  # all pairs of so many architectures are compared in half a minute
_INSIDE = 4  # names for which a legend has room among curves


class Plots:
    """The plots of a benchmark; those of single results are their own methods ``plot``.

    All take matplotlib's axes and give them back. Without axes a new figure is made, as wide as a column of a paper;
    ``accelnas.plots.save(axes, "figure.pdf")`` writes a file.
    """

    def __init__(self, bench: Plotting) -> None:
        self._bench = bench

    def front(
        self,
        front: FrontResult | Sequence[ObjectiveLike],
        *,
        networks: Mapping[str, Architectures] | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw an exact front with single networks beside it.

        Parameters
        ----------
        front : FrontResult, or sequence of metrics
            What `pareto_front` gave, or its objectives.
        networks : mapping of str to architecture, optional
            Names and architectures, one each in any form; drawn where predictions lie.
        ax : matplotlib.axes.Axes, optional
            Where to draw.

        Returns
        -------
        matplotlib.axes.Axes
            With limits of the question dashed, and hatched what an interrupted search leaves open.

        Raises
        ------
        SpaceError, MetricError, SearchError
            If a network is no architecture of the space, or the front can't be found.
        ParameterError, MissingExtraError
            If `ax` or `networks` is something else, or matplotlib is not installed.

        Examples
        --------
        >>> import accelnas
        >>> bench = accelnas.load("nasbench-macro")
        >>> axes = bench.plot.front(["accuracy", "params"], networks={"smallest": 0})
        >>> axes.get_xlabel()
        'params [M]'
        """
        found = front if isinstance(front, FrontResult) else self._bench.pareto_front(front)
        marked = {name: self._values(found, name, arch) for name, arch in dict(networks or {}).items()}
        with on(ax, found._size()) as axes:
            found._draw_marked(axes, marked)
        return axes

    def _values(self, front: FrontResult, name: str, arch: Architectures) -> NDArray[np.float64]:
        rows = self._bench.space.encode(arch)
        if len(rows) != 1:
            raise ParameterError(f"network {shown(name)} is {len(rows)} architectures; give one a name")
        metrics = [objective.metric for objective in front.objectives]
        values = self._bench.predict(rows, metrics, dtype="float64")
        return np.array([float(values[metric][0]) for metric in metrics])

    def calibration(self, metrics: str | Sequence[str] | None = None, *, ax: Axes | None = None) -> Axes:
        """Draw how many measurements central intervals cover, against how many they should.

        Intervals are those of `predict`'s standard deviations: of normal errors, or of Student's t
        (`degrees_of_freedom`); the measurements are those left out of the cross-validation that calibrated them.

        Parameters
        ----------
        metrics : str or sequence of str, optional
            One metric or several; by default all that are calibrated.
        ax : matplotlib.axes.Axes, optional
            Where to draw.

        Raises
        ------
        MetricError
            If a metric has no held-out errors, or none of the benchmark has.
        ParameterError, MissingExtraError
            If `ax` is something else, or matplotlib is not installed.
        """
        known = self._bench.metrics
        chosen = [metrics] if isinstance(metrics, str) else list(known if metrics is None else metrics)
        if metrics is None:
            chosen = [name for name in chosen if known[name].exact and known[name].calibrated]
        if not chosen:
            raise MetricError(f"no metric of {self._bench.name} has held-out errors; name one of another benchmark")
        observed = {name: observed_coverage(self._bench._core, self._bench._position(name)) for name in chosen}
        colour = colours(chosen)
        with on(ax, (3.0, 3.0) if len(chosen) <= _INSIDE else (4.6, 3.0)) as axes:
            draw_calibration(axes, LEVELS, observed, colour)
            axes.set_xlabel("level of the interval [%]")
            axes.set_ylabel("measurements inside [%]")
            lines = dict(zip(chosen, axes.get_lines()[-len(chosen) :], strict=True))
            inside = {"loc": "upper left"}
            beside = {"loc": "center left", "bbox_to_anchor": (1.02, 0.5), "borderaxespad": 0}
            legend(axes, lines, **(inside if len(chosen) <= _INSIDE else beside))
        return axes

    def correlations(
        self,
        metrics: Sequence[str] | None = None,
        *,
        samples: int = 1000,
        seed: int = 0,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw Kendall's tau-b between metrics, such as the speeds of devices, on random architectures.

        Parameters
        ----------
        metrics : sequence of str, optional
            All by default.
        samples : int
            2 to 5,000 architectures, ``space.sample(samples, seed)``.
        seed : int
            0 to 2**64 - 1.
        ax : matplotlib.axes.Axes, optional
            Where to draw.

        Returns
        -------
        matplotlib.axes.Axes
            Undefined where a metric is the same for all: a dash.

        Raises
        ------
        MetricError
            If a metric is unknown.
        ParameterError, MissingExtraError
            If a number is out of range, `ax` is something else, or matplotlib is not installed.
        """
        names = list(self._bench.metrics) if metrics is None else list(dict.fromkeys(metrics))
        if not names:
            raise ParameterError("metrics are none; name one or more")
        samples, seed = check_whole("samples", samples, 2, _SAMPLES), check_seed(seed)
        values = self._bench.predict(self._bench.space.sample(samples, seed), names, dtype="float64")
        taus = kendall_taus(np.stack([values[name] for name in names]))
        with on(ax, correlations_size(len(names))) as axes:
            draw_correlations(axes, names, taus)
        return axes


class Plotting(Measurements, Tradeoffs):
    """The part of `accelnas.Benchmark` that draws."""

    @property
    def plot(self) -> Plots:
        """Plots of what no single result holds; results have methods ``plot`` of their own."""
        return Plots(self)
