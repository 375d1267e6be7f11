"""Scales of a metric, the likeliest first: which of them is worth the time of a fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from accelnas.errors import ModelError
from accelnas.fitting.anova import AnovaKernel
from accelnas.fitting.anova.selection import judged, likelihood_found

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from accelnas.fitting.ensemble import Link
    from accelnas.space import Space

__all__ = ["likeliest_scales"]


def likeliest_scales(
    space: Space, choices: NDArray[np.uint8], values: NDArray[np.float64], links: Mapping[str, Link], seed: int
) -> list[str]:
    """Sort names of links by how likely values, float64 (n,), are if the scale is a process over triples of variables.

    Densities on a scale become those of the metric by the slope of the link, so that scales are compared fairly (Box
    and Cox, "An analysis of transformations", 1964). Where a block is too large for the process, they stay as they are.
    """
    try:
        kernel = AnovaKernel(space, (3, 3, 3))
    except ModelError:
        return list(links)
    some = judged(len(values), seed)
    found = {}
    with threadpool_limits(1):  # sums in one order
        for name, link in links.items():
            linked = link.apply(values)
            spread = float(linked.std()) or 1.0
            targets = (linked - linked.mean()) / spread
            slopes = np.log(link.slope(values[some]) * spread).sum()
            found[name] = likelihood_found(kernel, choices, targets, seed) - float(slopes)
    return sorted(found, key=lambda name: -found[name])
