"""By how much one session, a process that measured, was slower or faster than others, seen by networks of several."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import stdtrit

from accelnas.errors import DataError

if TYPE_CHECKING:
    from accelnas_training.arrays import Floats, Rows


@dataclass(frozen=True, eq=False)
class SessionEffects:
    """What sessions share, beside what repeats within one differ by. All are natural logarithms: shares, if small."""

    networks: int  # that were measured in several sessions
    # of each session, that of its measurements' logarithms from the mean over sessions, float64 (sessions,); and half
    # the width of its 95 % interval (Student's t)
    effects: Floats
    margins: Floats
    # variance of the sessions' effects, by the ANOVA method: unbiased, so less than 0 where it is little beside noise
    variance: float
    # standard deviation of a network's mean in a session from what networks and sessions explain, and of repeats of a
    # network within a session; NaN without repeats
    apart: float
    within: float

    @property
    def between(self) -> float:
        """Standard deviation between sessions; 0 where the variance is less."""
        return math.sqrt(max(0.0, self.variance))

    def to_dict(self) -> dict[str, Any]:
        """Give all of it, of JSON's types; NaN is null."""
        return {
            "networks": self.networks,
            "effects": self.effects.tolist(),
            "margins_95": self.margins.tolist(),
            "variance_between": self.variance,
            "std_between": self.between,
            "std_apart": self.apart,
            "std_within": None if math.isnan(self.within) else self.within,
        }


def session_effects(networks: Rows, sessions: Rows, latencies: Floats) -> SessionEffects:
    """Estimate the effects of sessions from measurements of the same networks.

    A measurement's logarithm is its network's, plus its session's effect, which is random, plus noise. Repeats of a
    network in a session are averaged first, since what a process does to one network (where its memory is, which code
    was chosen) stays within the session: so many repeats do not make few networks sure. Networks of one session say
    nothing and are left out. The variance is that of a one-way random-effects model beside fixed networks (Henderson's
    method 3, which is ANOVA's where every network is in every session).

    Parameters
    ----------
    networks, sessions
        Number of each measurement's network, and of its session, intp (n,).
    latencies
        In any unit, float64 (n,).

    Raises
    ------
    DataError
        If there are fewer than two sessions, or too few networks that were measured in several.

    Examples
    --------
    >>> network, session = np.tile([0, 1, 2], 2), np.repeat([0, 1], 3)
    >>> usual, noise = np.array([2.0, 3.0, 5.0]), np.exp([0, 0.01, -0.01, 0, -0.01, 0.01])
    >>> found = session_effects(network, session, usual[network] * np.array([1.0, 1.21])[session] * noise)
    >>> np.exp(found.effects).round(3).tolist(), round(found.between, 3)
    ([0.909, 1.1], 0.135)
    """
    cells, cell = np.unique(np.stack([networks, sessions]), axis=1, return_inverse=True)
    cell = cell.reshape(-1)
    count = np.bincount(cell)
    logarithms = np.log(latencies)
    means = np.bincount(cell, logarithms) / count
    repeats = len(cell) - len(count)
    within = math.sqrt(float(((logarithms - means[cell]) ** 2).sum()) / repeats) if repeats else math.nan

    shared = np.bincount(cells[0])[cells[0]] > 1
    means = means[shared]
    of_network = _indicators(cells[0][shared])
    of_session = _indicators(cells[1][shared])
    number, every = of_network.shape[1], len(np.unique(sessions))
    freedom = len(means) - number - every + 1
    if every < 2 or of_session.shape[1] < every or freedom < 1:
        raise DataError(
            f"{number} networks were measured in several of {every} sessions; measure at least 2 networks again in "
            "each of 2 sessions or more"
        )
    # without the networks' own means; the sessions' effects add up to 0
    own = of_network / of_network.sum(axis=0)
    left, design = (each - own @ (of_network.T @ each) for each in (means, of_session))
    inverse = np.linalg.pinv(design.T @ design)
    if np.linalg.matrix_rank(design) < every - 1:
        raise DataError(f"some of {every} sessions have no network in common; measure the same networks in each")
    effects = inverse @ (design.T @ left)
    explained = float(effects @ (design.T @ left))
    noise = max(0.0, float(left @ left) - explained) / freedom
    variance = (explained - (every - 1) * noise) / float(np.trace(design.T @ design))
    margins = float(stdtrit(freedom, 0.975)) * np.sqrt(noise * np.diag(inverse))
    return SessionEffects(number, effects, margins, variance, math.sqrt(noise), within)


def _indicators(numbers: Rows) -> Floats:
    """Give a column a distinct number, 1 where it is, float64 (n, distinct)."""
    found: Floats = (numbers[:, None] == np.unique(numbers)).astype(np.float64)
    return found
