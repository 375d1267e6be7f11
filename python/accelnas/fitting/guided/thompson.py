"""Search guided by a Gaussian process, whose draws are tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas import _core
from accelnas.arguments import check_number, check_whole
from accelnas.fitting.anova import AnovaKernel, GaussianProcess, KnownKernel, learn, posterior_members
from accelnas.fitting.guided.run import GuidedRun

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accelnas.fitting.anova.process import Kernel
    from accelnas.fitting.guided.prior import Prior
    from accelnas.search.protocol import Task, Values

    Floats = NDArray[np.float64]

__all__ = ["ThompsonSampling", "thompson_sampling"]

_STEPS = 40  # of learning the parameters
_ROWS = 300  # a step learns from, at most


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
    prior : Prior, optional
        What the mean begins from: a multiple of a known metric, or of a zero-cost score.

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
    prior: Prior | None = None

    kind = "thompson_sampling"

    def __post_init__(self) -> None:
        check_whole("initial", self.initial, 2)
        check_number("exploration", self.exploration, 0, 100)

    def __call__(self, task: Task) -> _Run:
        """Begin a run.

        Raises
        ------
        SearchError
            If there are several objectives, or the prior can't be had of this space.
        ModelError
            If the orders do not fit the space.
        """
        return _Run(self, task)


thompson_sampling = ThompsonSampling()
"""With its defaults, as commands take it: ``accelnas.fitting.guided:thompson_sampling``."""


class _Run(GuidedRun):
    """One run, asked and told."""

    def __init__(self, settings: ThompsonSampling, task: Task) -> None:
        super().__init__(settings.kind, settings.initial, task)
        self._exploration = settings.exploration
        self._choices = AnovaKernel(task.space, settings.orders)
        self._prior = None if settings.prior is None else settings.prior.known(task.space)
        self._theta: Values = np.empty(0)
        self._learned = 0

    def acquisition(self, targets: Floats) -> _core.Surrogate:
        """Give a draw of the posterior; of a prior's weight it has the mean."""
        if self._prior is None:
            return self._draw(GaussianProcess(self._choices, self._learn(self._choices, targets), self.rows, targets))
        known = self._prior.of(self.rows)
        kernel: Any = KnownKernel(self._choices, self._prior.of, 1, interacting=False)
        process = GaussianProcess(kernel, self._learn(kernel, targets), self.rows, targets)
        slope = kernel.linear(process.theta, self.rows, process.alpha)
        rest = GaussianProcess(
            self._choices, process.theta[: self._choices.size], self.rows, targets - known @ slope, process.noise
        )
        parts = [self._draw(rest), self._prior.surrogate]
        return _core.Surrogate.combine(self.space._core, parts, [1.0, float(slope[0]) / self._prior.spread], 0.0)

    def _draw(self, process: GaussianProcess) -> _core.Surrogate:
        # two draws whose mean is that of the posterior
        draws = posterior_members(process, 2, int(self.chance.integers(2**32)))
        weights = 0.5 + 0.5 * self._exploration * np.array([1.0, -1.0])
        cells = [(weights @ table.reshape(2, -1)).reshape(1, -1) for table in draws.cells]
        return _core.Surrogate.from_tables(self.space._core, [0.0], draws.sets, cells, draws.over)

    def _learn(self, kernel: Kernel, targets: Floats) -> Values:
        """Give the kernel's parameters, learned anew after half as many evaluations more."""
        if self._learned == 0 or len(targets) >= 1.5 * self._learned:
            self._learned = len(targets)
            seed = int(self.chance.integers(2**32))
            self._theta = learn(kernel, self.rows, targets, [(_ROWS, _STEPS)], seed)
        return self._theta
