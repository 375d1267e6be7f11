"""Gaussian processes whose members are posterior draws: over interactions of a few choices, or of all."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from accelnas.arguments import check_whole
from accelnas.errors import ModelError
from accelnas.fitting.anova import (
    AnovaKernel,
    GaussianProcess,
    ProductKernel,
    Tables,
    learn,
    likeliest,
    posterior_members,
    robust,
)
from accelnas.fitting.anova.kernel import DIMENSIONS
from accelnas.fitting.families.base import Fit, Models, ParameterFamily

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from accelnas import Space
    from accelnas.fitting.anova.process import Kernel
    from accelnas.fitting.families.base import Recipe, Rows, Sample

    Floats = NDArray[np.float64]

__all__ = ["AnovaProcess", "ProductProcess"]

LARGEST = 1 << 20  # joint choices of a table of draws
SCARCE = 100  # rows of which processes find so different parameters that the average of more of them is better
LIKELIHOOD = "likelihood"  # of orders and positions: what makes the data likelier
OVER_VARIABLES: Sequence[Sequence[int]] = ((2, 2), (3, 3, 3), (4, 4, 3))  # orders to grow through
OVER_BLOCKS: Sequence[Sequence[int]] = ((1, 2), (1, 2, 3))
AGREEMENT = 1e-8  # of tables with the kernel's own sums, in standard deviations


class Process(ParameterFamily):
    """A Gaussian process with a kernel of its own."""

    library = "scipy.linalg"
    closed_form = True
    steps: ClassVar[dict[str, Any]] = {
        "steps": [[1000, 90], [2500, 20]],  # (rows, steps) of learning
        "noise_factor": 1.0,  # on the learned standard deviation of the noise
        "processes": 2,  # learned apart, and averaged
        # to at most so many rows, what a fold left out would predict has parameters learned without the fold, not those
        # of all rows, which know a little of it
        "relearned": 0,
        "robust": False,  # whether noise may have heavy tails
    }

    def __init__(self, recipe: Recipe, space: Space) -> None:
        super().__init__(recipe, space)
        parameters = self.parameters
        self._kernel = self.kernel(space)
        self._steps = [(int(rows), int(count)) for rows, count in parameters["steps"]]
        self._noise = float(parameters["noise_factor"])
        self._processes = int(parameters["processes"])
        self._relearned = check_whole("relearned", parameters["relearned"], 0, 1 << 20, ModelError)
        self._robust = parameters["robust"]
        if not isinstance(self._robust, bool):
            raise ModelError(f"recipe {recipe.name}: robust is {self._robust!r}; choose true or false")
        if not self._steps or self._noise <= 0 or self._processes < 1:
            raise ModelError(f"recipe {recipe.name}: steps, noise_factor and processes must be positive")

    @abstractmethod
    def kernel(self, space: Space) -> Kernel:
        """Covariances of the space's architectures, before any data are seen."""

    def select(self, data: Sample, seed: int) -> Kernel:  # noqa: ARG002 nothing to choose
        """Give the kernel that suits the data; its axes are those of `kernel`."""
        return self._kernel

    def fit(self, train: Sample, val: Sample, seed: int) -> Tables:  # noqa: ARG002 no early stopping
        """Posterior mean of one process."""
        return posterior_members(self._process(self.select(train, seed), train, seed), 1, seed)

    def gather(self, members: Sequence[Any]) -> Models:
        tables, axes = Tables.joined(members), self._kernel.axes
        size = sum(cells.size for cells in tables.cells)
        return Models(lambda choices: tables.predict(axes(choices)), len(tables.constants), size, tables=tables)

    def fit_ensemble(
        self,
        data: Sample,
        folds: Sequence[Rows],
        members: int,
        seed: int,
        threads: int,
        tell: Callable[[int], None],
    ) -> Fit:
        """Fit `processes` processes on all rows and draw the members from them in equal shares.

        What folds left out would predict follows from the processes in closed form, or from one learned without each.
        """
        processes = min(self._processes, members)
        if members % processes:
            raise ModelError(f"recipe {self.recipe.name}: {members} members from {processes} processes; use a divisor")
        kernel = self.select(data, seed)
        jobs = (delayed(self._draw)(kernel, data, folds, members // processes, seed + p) for p in range(processes))
        parts: list[tuple[Any, Floats, Floats]] = []
        for part in Parallel(n_jobs=min(threads, processes), return_as="generator")(jobs):
            parts.append(part)
            tell(len(parts) * members // processes)
        means = np.stack([mean for _, mean, _ in parts])
        variances = np.stack([spread**2 for _, _, spread in parts])
        mean, variance = means.mean(axis=0), variances.mean(axis=0) + means.var(axis=0)
        if len(data.targets) <= self._relearned:
            seeds = range(seed, seed + (processes if len(data.targets) <= SCARCE else 1))
            left_out = (delayed(self._without)(kernel, data, fold, seeds) for fold in folds)
            for fold, (own, spread) in zip(folds, Parallel(n_jobs=min(threads, len(folds)))(left_out), strict=True):
                mean[fold], variance[fold] = own, spread
        return Fit(self.gather([tables for tables, _, _ in parts]), mean, np.sqrt(variance))

    def _process(self, kernel: Kernel, data: Sample, seed: int) -> GaussianProcess:
        with threadpool_limits(1):  # sums in one order
            theta = learn(kernel, data.choices, data.targets, self._steps, seed)
            theta[kernel.noise] += 2 * np.log(self._noise)
            process = GaussianProcess(kernel, theta, data.choices, data.targets)
            return robust(process) if self._robust else process

    def _draw(
        self, kernel: Kernel, data: Sample, folds: Sequence[Rows], members: int, seed: int
    ) -> tuple[Any, Floats, Floats]:
        """Members of one process, and its mean and spread of each row without the row's fold."""
        process = self._process(kernel, data, seed)
        with threadpool_limits(1):
            drawn = self.made(process, members, seed)
            mean, variance = process.left_out(folds)
        return drawn, mean, np.sqrt(np.maximum(variance - process.noise, 0.0))

    def made(self, process: GaussianProcess, members: int, seed: int) -> Any:
        """Give members of a process as `gather` takes them."""
        tables = posterior_members(process, members, seed)
        some = process.choices[:200]
        error = np.abs(process.predict(some) - tables.predict(process.kernel.axes(some)).mean(axis=0)).max()
        if error > AGREEMENT:
            raise ModelError(f"the process's tables are off by {error:.2g} standard deviations; raise noise_factor")
        return tables

    def _without(self, kernel: Kernel, data: Sample, fold: Rows, seeds: Sequence[int]) -> tuple[Floats, Floats]:
        """Mean and variance of a fold's rows by processes that learn from the others alone."""
        others = data.take(np.setdiff1d(np.arange(len(data.targets)), fold, assume_unique=True))
        processes = [self._process(kernel, others, seed) for seed in seeds]
        with threadpool_limits(1):
            means, variances = np.stack([process.posterior(data.choices[fold]) for process in processes], axis=1)
        return means.mean(axis=0), np.maximum(variances, 0.0).mean(axis=0) + means.var(axis=0)

    def __getstate__(self) -> dict[str, Any]:
        """Spaces and what stops threads stay with the parent process."""
        return {**self.__dict__, "space": None, "_stopped": None}


class AnovaProcess(Process):
    """Gaussian processes over interactions of a few variables: the posterior's mean and draws are tables."""

    name = "anova_process"
    defaults: ClassVar[dict[str, Any]] = {
        "orders": [3, 3, 3],  # see AnovaKernel; "likelihood" grows them as long as the data become likelier
        "over": "variables",
        "positions": "line",  # of choices; or "plane", or "likelihood" for the likelier
        **Process.steps,
    }

    def kernel(self, space: Space) -> AnovaKernel:
        orders, positions = self._alternatives()
        return AnovaKernel(space, orders[0], self.parameters["over"], positions[0])

    def select(self, data: Sample, seed: int) -> AnovaKernel:
        """Give the kernel whose orders, then positions, make the data likelier."""
        all_orders, all_positions = self._alternatives()
        over = self.parameters["over"]
        with threadpool_limits(1):  # sums in one order
            grown = [AnovaKernel(self.space, orders, over, all_positions[0]) for orders in all_orders]
            orders = likeliest(grown, data.choices, data.targets, seed).orders
            placed = [AnovaKernel(self.space, orders, over, positions) for positions in all_positions]
            return likeliest(placed, data.choices, data.targets, seed)

    def _alternatives(self) -> tuple[Sequence[Any], Sequence[str]]:
        """Orders and positions among which the likelihood decides, or those stated."""
        orders, positions = self.parameters["orders"], self.parameters["positions"]
        grown = OVER_BLOCKS if self.parameters["over"] == "blocks" else OVER_VARIABLES
        return (
            grown if orders == LIKELIHOOD else [orders],
            list(DIMENSIONS) if positions == LIKELIHOOD else [positions],
        )


class ProductProcess(Process):
    """Gaussian processes over all variables at once, whose choices have no order: one table over the whole space."""

    name = "product_process"
    compiles = False
    defaults: ClassVar[dict[str, Any]] = {**Process.steps, "steps": [[700, 120]]}

    def kernel(self, space: Space) -> ProductKernel:
        cells = math.prod(len(variable.states) for variable in space.variables)
        if cells > LARGEST:
            raise ModelError(
                f"{self.name} is for spaces of at most {LARGEST:,} joint choices, {space.name} has {cells:,}; "
                "use anova_process"
            )
        return ProductKernel(space)
