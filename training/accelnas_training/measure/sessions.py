"""By how much one session, a process that measured, was slower or faster than others, seen by networks of several."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import stdtrit

from accelnas.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accelnas_training.arrays import Floats, Rows

# blocks of a session: few, which Student's t makes up for, so that they are long beside what disturbs neighbours
_BLOCKS = 4
_LEAST = 3  # measurements of a block


@dataclass(frozen=True, eq=False)
class SessionEffects:
    """What sessions share, beside what repeats within one differ by. All are natural logarithms: shares, if small."""

    networks: int  # that were measured in several of the sessions that are compared
    # of each session, that of its measurements' logarithms from the mean over sessions, float64 (sessions,); and half
    # the width of its 95 % interval. NaN where no chain of networks in common leads to the others
    effects: Floats
    margins: Floats
    # variance of the sessions' effects, by the ANOVA method: hardly biased, so it may be less than 0
    variance: float
    # standard deviation of a network's mean in a session from what networks and sessions explain, and of repeats of a
    # network within a session; NaN without repeats
    apart: float
    within: float

    @property
    def between(self) -> float:
        """Standard deviation between sessions; 0 where the variance is less."""
        return math.sqrt(max(0.0, self.variance))

    @property
    def correction(self) -> Floats:
        """What to take off the logarithms of each session: its effect, as far as noise does not explain it.

        Effects are shrunk by the share that sessions have in their variance (a margin is two standard errors or more);
        0 where a session is not compared. float64 (sessions,).
        """
        between = self.between**2
        share = between / np.maximum(between + (self.margins / 2) ** 2, np.finfo(np.float64).tiny)
        found: Floats = np.nan_to_num(self.effects * share)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Give all of it, of JSON's types; NaN is null."""
        return {
            "networks": self.networks,
            "effects": _known(self.effects),
            "margins_95": _known(self.margins),
            "variance_between": self.variance,
            "std_between": self.between,
            "std_apart": self.apart,
            "std_within": None if math.isnan(self.within) else self.within,
        }


def session_effects(networks: Rows, sessions: Rows, times: Floats, latencies: Floats) -> SessionEffects:
    """Estimate the effects of sessions from measurements of the same networks.

    A measurement's logarithm is its network's, plus its session's effect, which is random, plus noise; effects are by
    least squares. Repeats of a network in a session are averaged first, since what a process does to one network (where
    its memory is, which code was chosen) stays within the session: so many repeats do not make few networks sure.
    Networks of one session say nothing and are left out. Where networks in common do not connect all sessions, those
    of the largest connected part are compared, the others are not. The variance is that of a one-way random-effects
    model beside fixed networks (Henderson's method 3, which is ANOVA's where every network is in every session).

    Intervals (Student's t, Satterthwaite's degrees of freedom) add up two parts of noise. One is of a network in a
    session: networks disagree about sessions. The other is shared by what was measured one after the other, on which
    networks agree: means of four blocks of consecutive measurements of a session differ. Blocks so long allow for
    disturbances of a small part of a session; slower ones can't be told from its effect. Resampling blocks alone would
    miss the first part, resampling networks the second, and there are too few of either for a bootstrap.

    Parameters
    ----------
    networks, sessions
        Number of each measurement's network, and of its session, from 0, intp (n,).
    times
        When it was measured, in any unit, float64 (n,).
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
    >>> latencies = usual[network] * np.array([1.0, 1.21])[session] * noise
    >>> found = session_effects(network, session, np.arange(6.0), latencies)
    >>> np.exp(found.effects).round(3).tolist(), round(found.between, 3)
    ([0.909, 1.1], 0.135)
    """
    chosen = _connected(networks, sessions)
    compared, session = np.unique(sessions[chosen], return_inverse=True)
    logarithms = np.log(latencies)
    within = _within(*_cells(networks, sessions), logarithms)
    cells, cell = _cells(networks[chosen], session)
    count, means = np.bincount(cell), _means(cell, logarithms[chosen])
    of_network, of_session = map(_indicators, cells)
    number, every = of_network.shape[1], len(compared)
    freedom = len(count) - number - every + 1
    if every < 2 or freedom < 1:
        raise DataError(
            f"{number} networks were measured in several of {len(np.unique(sessions))} sessions; measure at least 2 "
            "networks again in each of 2 sessions or more"
        )
    # without the networks' own means; the sessions' effects add up to 0
    own = of_network / of_network.sum(axis=0)
    left, design = (each - own @ (of_network.T @ each) for each in (means, of_session))
    products = design.T @ design
    inverse = np.linalg.pinv(products)
    effects = inverse @ (design.T @ left)
    residuals = left - design @ effects
    noise = float(residuals @ residuals) / freedom

    block, blocks = _blocks(session, times[chosen])
    is_in_one = _is_in_one(cell, block)
    # the error of a network that was measured in one block alone, unlike that of its other sessions, and of repeats
    beside = residuals / (1 - 1 / (of_network @ of_network.sum(axis=0)))
    errors = logarithms[chosen] - means[cell] + np.where(is_in_one, beside, 0.0)[cell]
    size = of_session.sum(axis=0)
    sums = np.bincount(block, errors / (count * size[cells[1]])[cell])
    shared = np.bincount(np.repeat(np.arange(every), blocks), sums**2) * blocks / np.maximum(1, blocks - 1)
    # of this, independent noise is in the networks' part, too, which may be less than repeats have
    independent = np.bincount(cells[1], np.where(is_in_one, noise, within**2 / count)) / size**2
    more, most = (
        np.where(blocks > 1, shared - each, 0.0) for each in (independent, np.minimum(independent, noise / size))
    )

    explained = float(effects @ products @ effects)
    variance = explained - (every - 1) * noise - float(np.diag(products) @ more)
    weights = (np.eye(every) - 1 / every) ** 2  # of each session's mean in each effect
    parts = noise * np.diag(inverse), weights @ np.maximum(0.0, most)
    found = np.full((2, sessions.max() + 1), np.nan)
    found[:, compared] = effects, _margins(*parts, freedom, max(1, min([_BLOCKS, *blocks[blocks > 1]]) - 1))
    return SessionEffects(number, found[0], found[1], variance / float(np.trace(products)), math.sqrt(noise), within)


def _connected(networks: Rows, sessions: Rows) -> NDArray[np.bool_]:
    """Choose the measurements of the largest part whose sessions are connected by networks in common, bool (n,)."""
    cells, cell = _cells(networks, sessions)
    repeated = np.bincount(cells[0])[cells[0]] > 1
    nodes, number = (cells[0], networks.max() + 1 + cells[1]), networks.max() + sessions.max() + 2
    edges = coo_array((np.ones(repeated.sum()), tuple(each[repeated] for each in nodes)), (number, number))
    parts, part = connected_components(edges, directed=False)
    cells_of = np.bincount(part[nodes[0]][repeated], minlength=parts)
    networks_of, sessions_of = (np.bincount(part[np.unique(each[repeated])], minlength=parts) for each in nodes)
    shows_noise = cells_of >= np.maximum(1, networks_of + sessions_of)
    best = np.lexsort((cells_of, sessions_of, shows_noise))[-1]
    chosen: NDArray[np.bool_] = (repeated & (part[nodes[0]] == best))[cell]
    return chosen


def _cells(networks: Rows, sessions: Rows) -> tuple[Rows, Rows]:
    """Give what was measured, a network in a session, intp (2, cells), and which of it each measurement is, (n,)."""
    cells, cell = np.unique(np.stack([networks, sessions]), axis=1, return_inverse=True)
    return cells, cell.reshape(-1)


def _means(cell: Rows, values: Floats) -> Floats:
    means: Floats = np.bincount(cell, values) / np.bincount(cell)
    return means


def _within(cells: Rows, cell: Rows, logarithms: Floats) -> float:
    """Give the standard deviation of repeats of a network in a session; NaN without repeats."""
    repeats = len(cell) - cells.shape[1]
    squares = (logarithms - _means(cell, logarithms)[cell]) ** 2
    return math.sqrt(float(squares.sum()) / repeats) if repeats else math.nan


def _blocks(session: Rows, times: Floats) -> tuple[Rows, Rows]:
    """Give the block of consecutive measurements that each is in, intp (n,), and how many each session has."""
    sizes = np.bincount(session)
    blocks = np.clip(sizes // _LEAST, 1, _BLOCKS)
    order = np.lexsort((times, session))
    place = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    found = np.empty(len(order), np.intp)
    first, number, size = (np.repeat(each, sizes) for each in (np.cumsum(blocks) - blocks, blocks, sizes))
    found[order] = first + place * number // size
    return found, blocks


def _is_in_one(cell: Rows, block: Rows) -> NDArray[np.bool_]:
    """Say of which cells all measurements are in one block, bool (cells,)."""
    pairs, _ = _cells(cell, block)
    found: NDArray[np.bool_] = np.bincount(pairs[0]) == 1
    return found


def _margins(of_networks: Floats, of_blocks: Floats, networks_freedom: int, blocks_freedom: int) -> Floats:
    """Give half the widths of 95 % intervals from two parts of a variance, float64 (n,) each."""
    total, least = of_networks + of_blocks, np.finfo(np.float64).tiny
    parts = of_networks**2 / networks_freedom + of_blocks**2 / blocks_freedom
    freedom = np.maximum(1.0, total**2 / np.maximum(parts, least))
    margins: Floats = stdtrit(freedom, 0.975) * np.sqrt(total)
    return margins


def _indicators(numbers: Rows) -> Floats:
    """Give a column a distinct number, 1 where it is, float64 (n, distinct)."""
    found: Floats = (numbers[:, None] == np.unique(numbers)).astype(np.float64)
    return found


def _known(values: Floats) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values.tolist()]
