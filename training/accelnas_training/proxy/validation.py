"""How well a proxy ranks architectures as the reference does, beside how well either ranks them as itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING

import numpy as np

from accelnas.build.repeats import pooled_noise
from accelnas_training.errors import ProxyError
from accelnas_training.ranks import (
    LEAST_MODELS,
    NO_INTERVAL,
    RESAMPLES,
    Interval,
    interval_over_models,
    interval_over_seeds,
    tau,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accelnas_training.proxy.trainings import Trained

    Floats = NDArray[np.float64]

__all__ = ["SelfAgreement", "Validation", "self_agreement", "validate"]


@dataclass(frozen=True)
class SelfAgreement:
    """How one scheme agrees with itself.

    Attributes
    ----------
    between
        Tau of each pair of its seeds; first that of the first two.
    sigma, pooled
        Standard deviation of accuracy over seeds in points: the mean of architectures' (which is biased low for few
        seeds), and pooled; NaN for one seed.
    seconds, joules
        Mean time and energy of a training; NaN where not measured.
    failures
        Trainings that failed.
    """

    between: tuple[float, ...]
    sigma: float
    pooled: float
    seconds: float
    joules: float
    failures: int


@dataclass(frozen=True)
class Validation:
    """A proxy beside the reference, on the same architectures.

    Attributes
    ----------
    proxy, reference
        What they gave.
    tau, interval
        Between means over seeds, and its bootstrap interval over architectures.
    interval_over_seeds
        Over architectures and seeds; NaN where each scheme has one seed.
    singles
        Tau of each seed of the one with each of the other.
    of_proxy, of_reference
        How each agrees with itself.
    left_out
        Architectures that only one of them has, or that the reference failed on.
    """

    proxy: Trained
    reference: Trained
    tau: float
    interval: Interval
    interval_over_seeds: Interval
    singles: tuple[float, ...]
    of_proxy: SelfAgreement
    of_reference: SelfAgreement
    left_out: int

    @property
    def speedup(self) -> float:
        """Mean time of a training under the reference over that under the proxy."""
        return self.of_reference.seconds / self.of_proxy.seconds

    @property
    def offset(self) -> float:
        """How many points of accuracy the proxy gives more than the reference, on average."""
        return float(np.nanmean(self.proxy.means - self.reference.means))


def validate(proxy: Trained, reference: Trained, *, seed: int = 0, resamples: int = RESAMPLES) -> Validation:
    """Compare a proxy with the reference.

    Parameters
    ----------
    proxy, reference
        What they gave, on whichever architectures; those that both have are compared. The numbers of seeds may differ.
    seed, resamples
        Of the bootstrap over architectures.

    Raises
    ------
    ProxyError
        If they share fewer than 5 architectures on which the reference did not fail.

    Examples
    --------
    >>> choices = np.arange(8, dtype=np.uint8)[:, None]
    >>> values = np.arange(8.0)[:, None]
    >>> from accelnas_training.proxy.trainings import Trained
    >>> slow = Trained(choices, values, 10 + 0 * values, np.nan * values)
    >>> fast = Trained(choices, values % 7, 2 + 0 * values, np.nan * values)
    >>> found = validate(fast, slow)
    >>> round(found.tau, 3), found.speedup
    (0.546, 5.0)
    """
    every = {row.tobytes() for trained in (proxy, reference) for row in trained.choices}
    sound = {row.tobytes(): i for i, row in enumerate(reference.choices) if not math.isnan(reference.means[i])}
    pairs = [(i, sound[row.tobytes()]) for i, row in enumerate(proxy.choices) if row.tobytes() in sound]
    if len(pairs) < LEAST_MODELS:
        raise ProxyError(
            f"proxy and reference share {len(pairs)} architectures that the reference trained; "
            f"at least {LEAST_MODELS} are needed to compare their order"
        )
    rows = np.array(pairs, np.intp)
    proxy, reference = proxy.take(rows[:, 0]), reference.take(rows[:, 1])
    means = proxy.means, reference.means
    several = max(proxy.accuracy.shape[1], reference.accuracy.shape[1]) > 1
    over_seeds = interval_over_seeds(proxy.accuracy, reference.accuracy, seed=seed) if several else NO_INTERVAL
    return Validation(
        proxy,
        reference,
        tau(*means),
        interval_over_models(*means, seed=seed, resamples=resamples),
        over_seeds,
        tuple(tau(a, b) for a, b in product(proxy.accuracy.T, reference.accuracy.T)),
        self_agreement(proxy),
        self_agreement(reference),
        len(every) - len(pairs),
    )


def self_agreement(trained: Trained) -> SelfAgreement:
    """Say how one scheme agrees with itself."""
    sound = trained.accuracy[~np.isnan(trained.means)]
    several = sound.shape[1] > 1 and len(sound) > 0
    return SelfAgreement(
        between=tuple(tau(a, b) for a, b in combinations(trained.accuracy.T, 2)),
        sigma=float(sound.std(axis=1, ddof=1).mean()) if several else math.nan,
        pooled=pooled_noise(list(sound)) if several else math.nan,
        seconds=_mean(trained.seconds),
        joules=_mean(trained.joules),
        failures=trained.failures,
    )


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else math.nan
