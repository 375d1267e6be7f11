"""What gross outliers do to an ANOVA process, and to a robust one: ``python -m studies.outliers``.

Functions of pairs of six variables with four choices, of standard deviation 1, are measured with normal noise of .1;
2 % of the measurements are off by a multiple of that. Errors are those on all 4,096 architectures, against the truth;
figures are in docs/concepts/surrogates.md.
"""

from __future__ import annotations

import argparse
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from accelnas.fitting.anova import AnovaKernel, GaussianProcess, learn, robust
from accelnas.space.definition import defined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["errors"]

NOISE = 0.1
SHARE = 50  # one row in so many is an outlier
STEPS = [(300, 60)]


def errors(rows: int, multiple: float, draw: int) -> list[float]:
    """Give mean absolute errors without outliers, with them, and of a robust process with them."""
    variables = {f"b{b}": [{"name": f"v{b}{i}", "choices": [0, 1, 2, 3]} for i in range(2)] for b in range(3)}
    space = defined("outliers", variables)
    random = np.random.default_rng(draw)
    choices = space.range(0, space.size)
    truth = _function(choices, random)
    some = np.sort(random.permutation(len(truth))[:rows])
    clean = truth[some] + NOISE * random.standard_normal(rows)
    outlying = clean.copy()
    outlying[random.permutation(rows)[: rows // SHARE]] += multiple * NOISE * random.choice([-1, 1], rows // SHARE)
    found = []
    for measured in (clean, outlying):
        mean, scale = measured.mean(), measured.std()
        kernel, targets = AnovaKernel(space, [2, 2]), (measured - mean) / scale
        process = GaussianProcess(kernel, learn(kernel, choices[some], targets, STEPS, 0), choices[some], targets)
        fitted = (process, robust(process)) if measured is outlying else (process,)
        found += [float(np.abs(mean + scale * one.predict(choices) - truth).mean()) for one in fitted]
    return found


def _function(choices: NDArray[np.uint8], random: np.random.Generator) -> Floats:
    """Sum over choices and pairs of them, of mean 0 and deviation 1."""
    values = np.zeros(len(choices))
    for column in choices.T:
        values += random.standard_normal(4)[column]
    for one, other in combinations(choices.T, 2):
        values += 0.5 * random.standard_normal((4, 4))[one, other]
    return np.asarray((values - values.mean()) / values.std())


def main() -> None:
    """Show the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[150, 600])
    parser.add_argument("--multiples", type=float, nargs="+", default=[10.0, 50.0])
    parser.add_argument("--draws", type=int, default=4)
    given = parser.parse_args()
    print("| rows | outliers off by | without outliers | with outliers | robust |\n|---|---|---|---|---|")
    with threadpool_limits(1):
        for rows in given.rows:
            for multiple in given.multiples:
                found = np.array([errors(rows, multiple, draw) for draw in range(given.draws)])
                means = " | ".join(f"{mean:.3f}" for mean in found.mean(axis=0))
                print(f"| {rows} | {multiple:g} sd | {means} |", flush=True)


if __name__ == "__main__":
    main()
