"""How good fronts of runs are, beside the exact front of the whole space or a given one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accelnas import _core
from accelnas.errors import SearchError
from accelnas.exact.front import FrontResult
from accelnas.exact.hypervolume import hypervolume, reference_point
from accelnas.exact.references import published_reference
from accelnas.search.proven import exact_front

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from accelnas.search.objective import Sought
    from accelnas.search.problem import Setting
    from accelnas.search.runs.logs import Logs

    Floats = NDArray[np.float64]

__all__ = ["hypervolumes_so_far", "igd_pluses", "normalised_hypervolumes"]


def normalised_hypervolumes(
    setting: Setting,
    logs: Logs,
    scores: Floats,
    reference: Mapping[str, float] | None,
    front: FrontResult | ArrayLike | None,
) -> NDArray[np.float64]:
    """Give the hypervolume of a run up to each improvement, of these true scores, over that of a front."""
    sought = setting.sought
    points = _points(setting, front)
    origin = published_reference(setting.bench, sought.objectives) if reference is None else reference
    corner = reference_point(sought.labels, origin)
    whole = hypervolume(points, corner, list(sought.directions.values()))
    if not whole > 0:
        raise SearchError(f"no point of the front is better than the reference point {corner}; give a worse one")
    return hypervolumes_so_far(sought, scores, logs.starts, corner) / whole


def _points(setting: Setting, front: FrontResult | ArrayLike | None) -> Floats:
    """Give the values of the exact front, searched if none is given, or of a given one."""
    sought = setting.sought
    if front is None:
        return exact_front(setting).values
    if isinstance(front, FrontResult):
        if front.objectives != sought.objectives:
            raise SearchError(f"the front is of {', '.join(map(str, front.objectives))}, the runs sought {sought}")
        return front.values
    points = np.asarray(front, np.float64)
    if points.ndim != 2 or points.shape[1] != len(sought.labels) or not np.isfinite(points).all():
        raise SearchError(
            f"the front has shape {points.shape}; give a FrontResult, or finite values (n, {len(sought.labels)})"
        )
    return points


def hypervolumes_so_far(
    sought: Sought, scores: Floats, starts: NDArray[np.int64], corner: Sequence[float]
) -> NDArray[np.float64]:
    """Give the hypervolume of each run up to each improvement: float64 (n,); infeasible ones (NaN) add nothing."""
    gains = (scores - np.array(corner)) * sought.signs
    return _core.hypervolumes(np.ascontiguousarray(np.nan_to_num(gains, nan=-1.0)), starts)


def igd_pluses(
    setting: Setting, logs: Logs, scores: Floats, front: FrontResult | ArrayLike | None
) -> NDArray[np.float64]:
    """Give the IGD+ of a run up to each improvement: (n,)."""
    values = _points(setting, front)
    if not len(values):
        raise SearchError("no architecture at all meets the constraints; loosen them")
    signs = setting.sought.signs
    ideal = values * signs
    extent = np.ptp(ideal, axis=0)
    scale = np.where(extent > 0, extent, 1.0)
    points = np.nan_to_num(scores * signs / scale, nan=-np.inf)
    return _core.igd_plus(np.ascontiguousarray(points), logs.starts, np.ascontiguousarray(ideal / scale))
