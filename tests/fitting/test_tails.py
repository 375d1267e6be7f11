"""Tails of errors against scipy's distributions, and draws whose tails are known."""

import numpy as np
import pytest
from scipy import stats

from accelnas.fitting.tails import CANDIDATES, central_size, heavy_tails, log_density


@pytest.mark.parametrize("freedom", [2.1, 3.0, 7.9, 40.0, None])
def test_sizes_and_densities_are_those_of_a_standard_deviation_of_one(freedom):
    scale = 1.0 if freedom is None else np.sqrt((freedom - 2) / freedom)
    expected = stats.norm() if freedom is None else stats.t(freedom, scale=scale)
    assert expected.std() == pytest.approx(1.0)
    for level in (1e-6, 0.5, 0.8, 0.95, 0.999):
        assert central_size(level, freedom) == pytest.approx(expected.interval(level)[1], rel=1e-9)
    scores = np.linspace(-60, 60, 1001)
    np.testing.assert_allclose(log_density(scores, freedom), expected.logpdf(scores), rtol=1e-9)


def fitted(draws, deviation):
    size = float(np.sqrt(np.mean(draws**2)))
    return heavy_tails(np.abs(draws), lambda level: level * deviation, (0.01 * size, 3 * size))


@pytest.mark.parametrize("freedom", [3.0, 6.0])
def test_tails_are_those_that_scipy_finds(freedom):
    """Of errors whose deviations differ: likelihoods of scores and of a scale are those of scipy's fit."""
    random = np.random.default_rng(1)
    deviation = np.exp(random.normal(0, 0.5, 4000))
    scores = random.standard_t(freedom, 4000)
    found = fitted(scores * deviation, deviation)
    likeliest, *_ = stats.t.fit(scores, floc=0)
    assert abs(np.searchsorted(CANDIDATES, found) - np.searchsorted(CANDIDATES, likeliest)) <= 1
    assert found == pytest.approx(freedom, rel=0.25)


def test_only_clear_tails_are_found():
    random = np.random.default_rng(2)
    normal = [fitted(random.standard_normal(rows), np.ones(rows)) for rows in (50, 100, 400, 4000) for _ in range(20)]
    assert normal.count(None) >= 78
    few = [fitted(random.standard_t(30, 100), np.ones(100)) for _ in range(20)]
    assert few.count(None) >= 17  # a hundred rows can't tell
    assert heavy_tails(np.zeros(50), lambda level: np.full(50, level), (0.05, 2.0)) is None
