"""The searchers whose regrets are compared: ours, with and without a model, and those of other libraries.

Libraries are imported when a searcher is made, so that one that is not installed stops nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from importlib import import_module, metadata
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import accelnas

AT = (50, 150, 600)  # evaluations after which regrets are compared
SYNE_TUNE = "syne_tune.optimizer.schedulers.searchers"


@dataclass(frozen=True)
class Task:
    """A metric of a benchmark, whose best architecture is sought."""

    benchmark: str
    metric: str
    title: str
    large: bool = False


TASKS = {
    "nasbench201": Task("nasbench201", "cifar100", "NAS-Bench-201, `cifar100`"),
    "nasbench-macro": Task("nasbench-macro", "accuracy", "NAS-Bench-Macro, `accuracy`"),
    "mnasnet": Task("accel-nasbench", "accuracy", "MnasNet, `accuracy`", large=True),
}


@dataclass(frozen=True)
class Searcher:
    """A searcher, and how many of its seeds end after each of `AT`, short ones first."""

    title: str
    make: Callable[[accelnas.Benchmark], Any]
    runs: tuple[int, int, int] = (20, 20, 5)
    library: str | None = None
    small: bool = False  # not of the large space

    def budget(self, seed: int) -> int:
        """Give the evaluations of a seed's run, 0 where there is none."""
        ends = zip(AT, accumulate(self.runs), strict=True)
        return next((at for at, end in ends if seed < end), 0)

    def version(self) -> str:
        """Give the library's version."""
        return "" if self.library is None else metadata.version(self.library)


def _thompson(bench: accelnas.Benchmark, prior: str | None = None) -> Any:
    from accelnas.fitting.guided import Prior, ThompsonSampling

    if prior is None:
        return ThompsonSampling()
    return ThompsonSampling(prior=Prior.function(_noise) if prior == "noise" else Prior.metric(bench, prior))


def _noise(rows: Any) -> Any:
    """Score architectures by chance: the worst prior."""
    return np.random.default_rng(0).random(len(rows))


def _trees(_bench: accelnas.Benchmark) -> Any:
    from accelnas.fitting.guided import BoostedTrees

    return BoostedTrees()


def _optuna(sampler: str, _bench: accelnas.Benchmark) -> Any:
    from accelnas.adapters.optuna import optuna_algorithm

    kind = getattr(import_module("optuna.samplers"), sampler)
    return optuna_algorithm(lambda seed: kind(seed=seed))


def _smac(_bench: accelnas.Benchmark) -> Any:
    from accelnas.adapters.smac import smac_algorithm

    return smac_algorithm()


def _syne_tune(module: str, name: str, _bench: accelnas.Benchmark) -> Any:
    from accelnas.adapters.syne_tune import syne_tune_algorithm

    return syne_tune_algorithm(getattr(import_module(f"{SYNE_TUNE}.{module}"), name))


NATIVE = {
    "random_search": "random search",
    "regularized_evolution": "regularised evolution",
    "local_search": "local search",
}
SLOW = (16, 5, 0)  # 600 evaluations of one seed take minutes
CONFORMAL = "conformal.conformal_quantile_regression_searcher"
SEARCHERS: dict[str, Searcher] = {
    "tpe": Searcher("Optuna TPESampler", partial(_optuna, "TPESampler"), library="optuna"),
    "thompson": Searcher("`ThompsonSampling`", _thompson),
    "trees": Searcher("`BoostedTrees`", _trees, (14, 0, 5)),
    "macs": Searcher("`ThompsonSampling`, prior `macs`", partial(_thompson, prior="macs"), (20, 5, 5)),
    # of spaces that are small enough for any function
    "noise": Searcher("`ThompsonSampling`, prior chance", partial(_thompson, prior="noise"), SLOW, small=True),
    # how many architectures it begins with depends on the budget that it is told
    "smac": Searcher("SMAC3", _smac, SLOW, library="smac"),
    "bore": Searcher("Syne Tune BORE", partial(_syne_tune, "bore", "Bore"), SLOW, library="syne-tune"),
    "gp": Searcher("Optuna GPSampler", partial(_optuna, "GPSampler"), SLOW, library="optuna"),
    "cqr": Searcher(
        "Syne Tune CQR", partial(_syne_tune, CONFORMAL, "ConformalQuantileRegression"), (16, 5, 0), library="syne-tune"
    ),
}
