"""The ensemble of one metric: targets on the scale of the link, members, left-out predictions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from accelnas import _core
from accelnas.errors import AccelnasError, DataError, ModelError
from accelnas.fitting.families import FAMILIES, KNOWN_FAMILIES, Sample
from accelnas.fitting.metric import PLATEAU_LINKS
from accelnas.fitting.splits import fold_parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.families.base import Fit
    from accelnas.fitting.known import Features
    from accelnas.fitting.settings import MetricSettings, Settings

    Floats = NDArray[np.float64]

__all__ = [
    "LINKS",
    "Ensemble",
    "Link",
    "beyond",
    "bias_and_scale",
    "fit_ensemble",
    "folds_of",
    "link_of",
    "to_link",
    "usable_rows",
]


@dataclass(frozen=True)
class Link:
    """The scale on which a metric is modelled."""

    apply: Callable[[Any], Any]
    inverse: Callable[[Any], Any]
    slope: Callable[[Any], Any]
    """Size of the inverse's slope at a value of the metric."""
    least: float = -np.inf
    """Modelled values below it stand for the same value of the metric as it."""


LINKS = {
    "identity": Link(lambda y: y, lambda z: z, np.ones_like),
    "reciprocal": Link(lambda y: 1.0 / y, lambda z: 1.0 / z, np.square),
    "log": Link(np.log, np.exp, lambda y: y),
}


class Linked(Protocol):
    """What has a link, and the limit of one that needs it."""

    @property
    def link(self) -> str: ...
    @property
    def limit(self) -> float | None: ...


def link_of(metric: Linked) -> Link:
    """Give the scale on which models of a metric predict."""
    if metric.link in PLATEAU_LINKS:
        return _with_plateau(metric)
    if metric.limit is None:
        return LINKS[metric.link]
    limit, sign = metric.limit, 1.0 if metric.link == "below" else -1.0
    return Link(
        lambda y: -sign * np.log(sign * (limit - y)),
        lambda z: limit - sign * np.exp(-sign * z),
        lambda y: np.abs(limit - y),
    )


def _with_plateau(metric: Linked) -> Link:
    """Give the reciprocal with a ceiling, or the metric itself with a floor; none yet where it is to be found."""
    if metric.link == "floored":
        floor = -np.inf if metric.limit is None else metric.limit
        return Link(lambda y: y, lambda z: np.maximum(z, floor), np.ones_like, floor)
    ceiling = np.inf if metric.limit is None else metric.limit

    def inverse(z: Any) -> Any:
        is_time = np.asarray(z) > 0
        return np.where(is_time, np.minimum(1.0 / np.where(is_time, z, 1.0), ceiling), ceiling)

    return Link(lambda y: 1.0 / y, inverse, np.square, 1.0 / ceiling)


def _with_limit(metric: MetricSettings, values: Floats) -> MetricSettings:
    """Find the ceiling or floor that a metric's settings leave open: the end of the values that are fitted."""
    if metric.limit is not None or metric.link not in PLATEAU_LINKS:
        return metric
    return replace(metric, limit=float(values.max() if metric.link == "capped" else values.min()))


@dataclass(frozen=True)
class Ensemble:
    """The fitted members of one metric; a member's value on the link's scale is ``bias + scale * model``."""

    metric: MetricSettings  # its settings
    fit: Fit  # members, and what they say of rows that they did not see; both standardised
    # scale, bias: from the models to the scale of the link
    scale: float
    bias: float
    rows: NDArray[np.intp]  # intp (n,): rows of the data set that were fitted
    targets: Floats  # float64 (n,): their measured values on the link's scale

    def predict_members(self, choices: NDArray[np.uint8]) -> Floats:
        """Predict with each member on the link's scale, float64 (members, n)."""
        return self.bias + self.scale * self.fit.models.predict(choices)

    def predict(self, choices: NDArray[np.uint8]) -> Floats:
        """Predict the metric, float64 (n,): the link's inverse of the members' mean."""
        return np.asarray(link_of(self.metric).inverse(self.predict_members(choices).mean(axis=0)))

    @property
    def left_out(self) -> tuple[Floats, Floats]:
        """Mean and spread of each fitted row given the other folds, on the link's scale."""
        mean = np.maximum(self.bias + self.scale * self.fit.mean, link_of(self.metric).least)
        return mean, self.scale * self.fit.spread


def usable_rows(dataset: Dataset, metric: MetricSettings, ids: NDArray[np.int64]) -> NDArray[np.intp]:
    """Rows of `ids` that were measured, without outliers if the metric drops them."""
    rows = dataset.rows(ids)
    usable = ~np.isnan(dataset.values(metric.name)[rows])
    if metric.drop_outliers:
        usable &= ~np.isin(ids, dataset.report.outliers.get(metric.name, ()))
    return rows[usable]


def fit_ensemble(
    dataset: Dataset,
    ids: NDArray[np.int64],
    metric: MetricSettings,
    settings: Settings,
    threads: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    members: int | None = None,
    known: Features | None = None,
) -> Ensemble:
    """Fit the members of one metric.

    Parameters
    ----------
    dataset, ids, metric, settings
        The measurements to fit on, and how; the metric is one of the settings'.
    threads
        Members fitted at the same time; None means all cores. The result doesn't depend on it.
    progress
        Called with (metric, members fitted, members in all).
    members
        By default as many as the settings say.
    known
        Known metrics that the models see beside the choices.

    Raises
    ------
    DataError
        If too few rows were measured, or the values don't suit the link.
    ModelError
        If the metric is exact, or the library refuses the recipe.
    """
    if metric.recipe is None:
        raise ModelError(f"{metric.name} is exact; it has no recipe to fit")
    members = members or metric.members or settings.members
    rows = usable_rows(dataset, metric, np.sort(ids))
    if len(rows) < 2 * settings.folds:
        raise DataError(f"{metric.name} has {len(rows)} rows to fit on; {settings.folds} folds need twice as many")
    folds = folds_of(dataset, rows, settings)
    values = dataset.values(metric.name)
    if metric.link not in ("below", "above"):  # repeats and the test part need the link, too
        to_link(values, metric, dataset.ids)
    targets = to_link(values[rows], metric, dataset.ids[rows])
    bias, scale = bias_and_scale(targets, settings.standardise)
    data = Sample(dataset.choices[rows], (targets - bias) / scale)
    tell = progress or (lambda *_: None)
    tell(metric.name, 0, members)
    name = metric.recipe.family
    families, features = (FAMILIES, ()) if known is None else (KNOWN_FAMILIES, (known,))
    family = families[name](metric.recipe, dataset.space, *features)
    try:
        fit = family.fit_ensemble(
            data,
            folds,
            members,
            settings.seed,
            threads or _core.processors(),
            lambda done: tell(metric.name, done, members),
        )
    except AccelnasError:  # says itself what is wrong
        raise
    except (TypeError, ValueError) as error:  # what the libraries raise for wrong parameters
        raise ModelError(f"{family.name} refuses recipe {metric.recipe.name}: {error}") from error
    return Ensemble(_with_limit(metric, values[rows]), fit, scale, bias, rows, targets)


def folds_of(dataset: Dataset, rows: NDArray[np.intp], settings: Settings) -> list[NDArray[np.intp]]:
    """Divide rows of a data set into the folds of some settings, by their positions among the rows."""
    parts = fold_parts(dataset, dataset.ids[rows], settings.folds, settings.seed)
    return [np.searchsorted(rows, dataset.rows(part)) for part in parts]


def beyond(metric: Linked, values: Floats) -> NDArray[np.bool_]:
    """Whether values have none on the scale of a metric's link, bool (n,); NaN is not beyond it."""
    if metric.link in ("identity", "floored"):
        return np.zeros(len(values), bool)
    if metric.link == "below":
        return np.asarray(values >= (metric.limit or 0.0))
    return np.asarray(values <= _least(metric))


def _least(metric: Linked) -> float:
    """Give what values have to lie above, of a link whose values do."""
    return (metric.limit or 0.0) if metric.link == "above" else 0.0


def to_link(values: Floats, metric: MetricSettings, ids: NDArray[np.int64]) -> Floats:
    """Give measured values of some ids on the link's scale.

    Raises
    ------
    DataError
        If a value has none there.
    """
    if (wrong := beyond(metric, values)).any():
        row = int(np.argmax(wrong))
        wanted = f"below {metric.limit or 0.0:g}" if metric.link == "below" else f"above {_least(metric):g}"
        raise DataError(f"id {ids[row]}: {metric.name} is {values[row]}; link {metric.link} needs values {wanted}")
    return np.asarray(link_of(metric).apply(values), np.float64)


def bias_and_scale(targets: Floats, standardise: bool) -> tuple[float, float]:
    """Give what takes standardised targets back: their mean and deviation, or 0 and 1."""
    return (float(targets.mean()), float(targets.std()) or 1.0) if standardise else (0.0, 1.0)  # or: a constant metric
