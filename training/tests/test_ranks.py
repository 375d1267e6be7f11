"""Tau and its intervals equal SciPy's, which takes seconds for them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import bootstrap, kendalltau

from accelnas_training.ranks import interval_over_models, interval_over_seeds, tau

values = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=12)


@given(values)
def test_tau_is_scipys(pairs):
    first, second = np.array(pairs, float).T
    expected = kendalltau(first, second).statistic
    assert tau(first, second) == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_failures_rank_last_and_tie_with_each_other():
    first, second = np.array([np.nan, 1.0, 2.0, np.nan, 3.0]), np.arange(5.0)
    assert tau(first, second) == kendalltau([0, 1, 2, 0, 3], second).statistic
    assert math.isnan(tau(np.full(5, np.nan), second))


def noisy(count, noise, seed=0, seeds=1):
    generator = np.random.default_rng(seed)
    truth = generator.normal(size=(count, 1))
    return [truth + noise * generator.normal(size=(count, seeds)) for _ in range(2)]


@pytest.mark.parametrize("noise", [0.2, 1.0])
def test_the_interval_is_scipys(noise):
    first, second = (each[:, 0] for each in noisy(30, noise))
    expected = bootstrap(
        (first, second),
        lambda a, b: kendalltau(a, b).statistic,
        paired=True,
        vectorized=False,
        n_resamples=599,
        method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval
    found = interval_over_models(first, second)
    assert found == pytest.approx(tuple(expected), abs=0.05)


def test_the_seed_decides():
    first, second = (each[:, 0] for each in noisy(20, 0.5))
    assert interval_over_models(first, second, seed=1) == interval_over_models(first, second, seed=1)
    assert interval_over_models(first, second, seed=1) != interval_over_models(first, second, seed=2)


def test_intervals_of_what_leaves_nothing_open():
    straight = np.arange(10.0)
    assert interval_over_models(straight, straight) == (1.0, 1.0)
    assert interval_over_models(straight, -straight) == (-1.0, -1.0)
    for low, high in (interval_over_models(straight, np.ones(10)), interval_over_models(straight[:2], straight[:2])):
        assert math.isnan(low)
        assert math.isnan(high)
    assert math.isnan(interval_over_seeds(straight[:2, None], straight[:2, None]).low)


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Of normal values with correlation ρ, tau is 2/π arcsin ρ."""
    truth = 2 / np.pi * np.arcsin(1 / (1 + 0.5**2))
    hits = 0
    for seed in range(60):
        low, high = interval_over_models(*(each[:, 0] for each in noisy(40, 0.5, seed)), resamples=299)
        hits += low <= truth <= high
    assert 51 <= hits <= 60


def test_seeds_widen_the_interval():
    first, second = noisy(20, 0.7, seeds=3)
    over_models = interval_over_models(first.mean(axis=1), second.mean(axis=1))
    over_seeds = interval_over_seeds(first, second)
    assert over_seeds.high - over_seeds.low > 0.8 * (over_models.high - over_models.low)
    assert over_seeds.low < over_models.low
