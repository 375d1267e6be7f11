"""What results about architectures share: a table, a plot, a certificate."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.notebook import Tabled, of_columns
from accelnas.plots.exact import draw_points
from accelnas.plots.style import Plotted, label

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from accelnas.exact.certificate import Certificate
    from accelnas.notebook import Table

__all__ = ["Drawn", "Listed", "Result", "fixed"]


class Drawn(Plotted, Tabled):
    """An answer that is a table and a plot."""

    @abstractmethod
    def columns(self) -> Mapping[str, Any]:
        """Give the columns of the table, by name."""

    def to_polars(self) -> polars.DataFrame:
        """Give the table of `columns`. Needs the extra ``[polars]``."""
        import polars as pl

        columns = dict(self.columns())
        if "architecture" in columns:
            columns["architecture"] = pl.Series(columns["architecture"], dtype=pl.String)
        return pl.DataFrame(columns)

    def _table(self) -> Table:
        return of_columns(self.columns())


class Result(Drawn):
    """An answer with a certificate."""

    certificate: Certificate

    def _label(self, metric: str) -> str:
        """Metric and unit."""
        return label(metric, self.certificate.metrics[metric]["unit"])


class Listed(Result):
    """Architectures and their values, best first."""

    architectures: NDArray[np.uint8]
    metric_values: Mapping[str, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.architectures)

    def columns(self) -> Mapping[str, Any]:
        """Give ``architecture`` (readable strings), and a column of values a metric."""
        return {"architecture": self.certificate.result["architectures"], **self.metric_values}

    def _draw(self, axes: Axes) -> None:
        draw_points(axes, {self._label(metric): column for metric, column in self.metric_values.items()})


def fixed(values: Any, dtype: type[np.generic] | None = None) -> NDArray[Any]:
    """Give an array that can't be changed."""
    array = np.array(values, dtype)
    array.flags.writeable = False
    return array
