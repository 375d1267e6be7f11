"""Mean regrets agree with plain Python algorithms, run in the same farm, within their bootstrap error."""

import random
from collections import deque
from functools import cache

import numpy as np
import pytest
from pymoo.algorithms.moo.nsga3 import NSGA3
from pymoo.core.mutation import Mutation
from pymoo.operators.crossover.ux import UniformCrossover
from pymoo.operators.sampling.rnd import IntegerRandomSampling
from pymoo.util.ref_dirs import get_reference_directions
from scipy.stats import bootstrap

import accelnas
from accelnas.adapters.pymoo import pymoo_algorithm
from accelnas.search import Nsga3, RegularizedEvolution

BENCH = accelnas.load()
RUNS, BUDGET = 150, 600
AT = [20, 50, 100, 200, 400, 600]


@cache
def evolution(population, sample):
    """Regularized evolution as its paper writes it (Real et al. 2019)."""

    def run(task):
        chance = random.Random(task.seed)
        cards = [len(variable.choices) for variable in task.space.variables]
        alive = deque()
        while True:
            if len(alive) < population:
                child = [chance.randrange(n) for n in cards]
            else:
                parent, _ = max(chance.choices(alive, k=sample), key=lambda member: member[1])
                child = list(parent)
                place = chance.randrange(len(cards))
                child[place] = chance.choice([c for c in range(cards[place]) if c != child[place]])
            scores = yield np.array([child], np.uint8)
            alive.append((child, scores[0]))
            if len(alive) > population:
                alive.popleft()

    return run


def uniform(task):
    """Random search by `Space.sample`."""
    yield task.space.sample(task.budget, seed=task.seed)


class OtherChoice(Mutation):
    """Gives each variable another choice with one chance in their number."""

    def _do(self, problem, x, *_args, random_state=None, **_options):
        sizes = problem.xu + 1
        other = (x + random_state.integers(1, np.maximum(sizes, 2), size=x.shape)) % sizes
        return np.where(random_state.random(x.shape) < 1 / problem.n_var, other, x)


def peers_nsga3(m, partitions, population):
    """NSGA-III of pymoo with our operators."""

    def make(_seed):
        return NSGA3(
            get_reference_directions("das-dennis", m, n_partitions=partitions),
            pop_size=population,
            sampling=IntegerRandomSampling(),
            crossover=UniformCrossover(prob=0.9),
            mutation=OtherChoice(),
            eliminate_duplicates=True,
        )

    return pymoo_algorithm(make)


def interval(ours, theirs):
    """Where the difference of two means lies, by the bootstrap."""
    return bootstrap(
        (ours, theirs),
        lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
        confidence_level=0.999,
        n_resamples=1_000,
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval


@pytest.mark.slow
@pytest.mark.parametrize(("m", "partitions"), [(3, 12), (4, 6)])
def test_nsga3_finds_as_much_as_that_of_pymoo(m, partitions):
    names, at = ["accuracy", "latency_zcu102", "params", "macs"][:m], [500, 1000, 2000]
    call = {"objective": names, "budget": 2000}
    known = BENCH.simulate(Nsga3(500), names, runs=1, budget=50_000, seed=0).front(0)[1]
    ours = BENCH.simulate("nsga3", **call, runs=300, seed=1).hypervolume(at, front=known)
    theirs = BENCH.simulate(peers_nsga3(m, partitions, 100), **call, runs=30, seed=2).hypervolume(at, front=known)
    for i in range(len(at)):
        difference = interval(ours[:, i], theirs[:, i])
        # as much within a part in 300 of what is known
        assert difference.low <= 0.003, (at[i], ours[:, i].mean(), theirs[:, i].mean())
        assert difference.high >= -0.003, (at[i], ours[:, i].mean(), theirs[:, i].mean())
        assert difference.high - difference.low < 0.015


@cache
def regrets_of(plain, metric):
    return BENCH.simulate(plain, metric, runs=RUNS, budget=BUDGET, seed=12).regret(AT)


def alike(native, plain, metric="accuracy", more=RUNS):
    ours = BENCH.simulate(native, metric, runs=more, budget=BUDGET, seed=11).regret(AT)
    theirs = regrets_of(plain, metric)
    for i, evaluations in enumerate(AT):
        difference = interval(ours[:, i], theirs[:, i])
        assert difference.low <= 0 <= difference.high, evaluations
        # the intervals are narrow enough to tell algorithms apart
        assert difference.high - difference.low < 0.6 * ours[:, i].mean()
    return ours.mean(axis=0), theirs.mean(axis=0)


@pytest.mark.parametrize("settings", [(20, 10), (50, 5)])
def test_regularized_evolution_is_that_of_the_paper(settings):
    alike(RegularizedEvolution(*settings), evolution(*settings), more=2_000)


def test_random_search_is_uniform():
    alike("random_search", uniform, more=2_000)


def test_random_search_is_not_evolution():
    with pytest.raises(AssertionError):
        alike("random_search", evolution(20, 10), more=2_000)


def test_random_architectures_are_uniform():
    rows = BENCH.search("random_search", "accuracy", budget=200_000, seed=4).architectures
    for column, variable in zip(rows.T, BENCH.space.variables, strict=True):
        n = len(variable.choices)
        counts = np.bincount(column, minlength=n)
        assert ((counts - len(rows) / n) ** 2 / (len(rows) / n)).sum() < 25  # chi-squared, at most 3 degrees
    pairs = np.corrcoef(rows.astype(float).T) - np.eye(28)
    assert np.abs(pairs).max() < 0.012
