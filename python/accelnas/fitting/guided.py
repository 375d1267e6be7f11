"""Searches guided by a model of what was evaluated: Gaussian processes whose draws are tables, so optimised exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accelnas import _core
from accelnas.arguments import check_number, check_whole
from accelnas.errors import SearchError
from accelnas.fitting.anova import AnovaKernel, GaussianProcess, learn, posterior_members

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accelnas.search.protocol import Task, Values
    from accelnas.space import Rows

__all__ = ["ThompsonSampling", "thompson_sampling"]

_KNOWN = 16  # best architectures of a draw, of which the first that is new is asked for
_STEPS = 40  # of learning the parameters
_ROWS = 300  # a step learns from, at most
_FAR = 4.0  # median absolute deviations
_INFEASIBLE = -1e299  # scores below are of architectures that break constraints


@dataclass(frozen=True)
class ThompsonSampling:
    """Model-guided search by Thompson sampling (Thompson 1933), the sample optimised exactly over the whole space.

    A Gaussian process over interactions of the variables is conditioned on all that was told. A draw of its posterior
    (Wilson et al. 2020) is a sum of tables, so its best architecture of the whole space is proven rather than searched
    for; that one is evaluated next, or the best that is new. Draws differ, so several workers get different
    architectures. One objective; ``accelnas[build]`` is needed.

    Parameters
    ----------
    initial : int
        Random architectures before the first draw, at least 2.
    orders : tuple of int
        Largest number of variables in an interaction within 1, 2 and 3 blocks, as `AnovaKernel` takes them: all pairs
        by default.
    exploration : float
        What a draw's deviation from the posterior mean is multiplied by, at least 0: 1 is Thompson sampling, 0 takes
        the best of the mean.

    Notes
    -----
    A run is a function of its seed, whatever the number of threads, on one machine: NumPy's linear algebra may round
    otherwise on another processor.

    Examples
    --------
    >>> import accelnas
    >>> from accelnas.fitting.guided import ThompsonSampling
    >>> bench = accelnas.load("nasbench-macro")
    >>> history = bench.search(ThompsonSampling(initial=10), "accuracy", budget=50, seed=1)
    >>> bool(history.regret()[-1] < 0.3)
    True
    """

    initial: int = 20
    orders: tuple[int, ...] = (2, 2)
    exploration: float = 0.3

    kind = "thompson_sampling"

    def __post_init__(self) -> None:
        check_whole("initial", self.initial, 2)
        check_number("exploration", self.exploration, 0, 100)

    def __call__(self, task: Task) -> _Run:
        """Begin a run.

        Raises
        ------
        SearchError
            If there are several objectives.
        ModelError
            If the orders do not fit the space.
        """
        if len(task.objectives) > 1:
            raise SearchError(
                f"thompson_sampling needs one objective, there are {len(task.objectives)}; make one of them with a "
                "formulation"
            )
        return _Run(self, task)


thompson_sampling = ThompsonSampling()
"""With its defaults, as commands take it: ``accelnas.fitting.guided:thompson_sampling``."""


class _Run:
    """One run, asked and told."""

    asynchronous = True
    takes_start = True

    def __init__(self, settings: ThompsonSampling, task: Task) -> None:
        self._settings, self._space, self._sign = settings, task.space, float(task.signs[0])
        self._chance = np.random.default_rng(task.seed)
        self._kernel = AnovaKernel(task.space, settings.orders)
        self._theta: Values = np.empty(0)
        self._learned = 0
        self._bench = _core.Benchmark.empty(task.space._core)
        self._rows: Rows = np.empty((0, len(task.space.variables)), np.uint8)
        self._scores: Values = np.empty(0)
        self._asked: set[bytes] = set()
        missing = settings.initial - (0 if task.start is None else len(task.start))
        first = [] if task.start is None else [task.start]
        if missing > 0:
            first.append(task.space.sample(missing, int(self._chance.integers(2**63))))
        self._waiting = list(np.concatenate(first))

    def ask(self) -> Rows:
        """Give what is left of the first architectures, then the best one of a draw that is new."""
        if self._waiting or len(np.unique(self._rows, axis=0)) < 2:
            row = self._waiting.pop(0)[None] if self._waiting else self._random()
        else:
            row = self._best_of_draw()
        self._asked.add(row.tobytes())
        return row

    def tell(self, archs: Rows, values: Values) -> None:
        """Take values."""
        self._rows = np.concatenate([self._rows, archs])
        self._scores = np.concatenate([self._scores, self._sign * np.asarray(values, np.float64).reshape(-1)])

    def _random(self) -> Rows:
        return self._space.sample(1, int(self._chance.integers(2**63)))

    def _best_of_draw(self) -> Rows:
        process = self._process()
        # two draws whose mean is that of the posterior
        draws = posterior_members(process, 2, int(self._chance.integers(2**32)))
        weights = 0.5 + 0.5 * self._settings.exploration * np.array([1.0, -1.0])
        cells = [np.tensordot(weights, table, 1).reshape(1, -1) for table in draws.cells]
        surrogate = _core.Surrogate.from_tables(self._space._core, [0.0], draws.sets, cells, draws.over)
        bench = self._bench.with_metric(
            "draw",
            surrogate,
            unit="",
            direction="maximise",
            link="identity",
            noise=None,
            description="",
            provenance={},
        )
        search = _core.Search(bench, "best", [(0, "maximise")], [], k=_KNOWN, threads=1)
        found = search.result(search.run(search.start(1), 0, search.jobs, 1), 1)["rows"]
        new = [row[None] for row in found if row.tobytes() not in self._asked]
        return new[0] if new else self._random()

    def _process(self) -> GaussianProcess:
        targets = self._targets()
        if self._learned == 0 or len(targets) >= 1.5 * self._learned:
            self._learned = len(targets)
            seed = int(self._chance.integers(2**32))
            self._theta = learn(self._kernel, self._rows, targets, [(_ROWS, _STEPS)], seed)
        return GaussianProcess(self._kernel, self._theta, self._rows, targets)

    def _targets(self) -> NDArray[np.float64]:
        """Scores of zero mean and unit variance. How bad the bad ones are says little of where the best ones are.

        So what is far below the median counts as if it were nearer, and what breaks constraints as the worst.
        """
        feasible = self._scores > _INFEASIBLE
        kept = self._scores[feasible] if feasible.any() else np.zeros(1)
        middle = float(np.median(kept))
        least = max(float(kept.min()), middle - _FAR * float(np.median(np.abs(kept - middle))))
        scores = np.where(feasible, np.maximum(self._scores, least), least)
        spread = float(scores.std())
        centred: NDArray[np.float64] = (scores - scores.mean()) / (spread if spread > 0 else 1.0)
        return centred
