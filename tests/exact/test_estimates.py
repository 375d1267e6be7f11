"""Estimated noise and residuals against the truth that made the data."""

import dataclasses

import numpy as np
import pytest

import accelnas
from accelnas.fitting.dataset import from_table
from accelnas.fitting.ensemble import Ensemble
from accelnas.fitting.families import Fit
from accelnas.fitting.metric import MetricSpec
from accelnas.fitting.settings import read_settings
from accelnas.fitting.uncertainty import LEVELS, coverage, estimate_uncertainty, repeat_noise
from data_samples import sample_table


@pytest.fixture(scope="module")
def dataset():
    return from_table(sample_table(4000), accelnas.mnasnet_space())


def ensemble_of(dataset, link="identity", tail="normal", noise=None):
    """Left-out errors with a spread of .5 and a residual that the last choice of block0_e makes 3 times as large."""
    random = np.random.default_rng(0)
    n = len(dataset)
    draws = random.standard_normal(n) if tail == "normal" else random.standard_t(3, n)
    sizes = np.where(dataset.choices[:, 0] == 2, 3.0, 1.0)
    errors = 0.5 * random.standard_normal(n) + sizes * draws
    metric = dataclasses.replace(read_settings("bundled").metrics["accuracy"], link=link, noise=noise)
    fit = Fit(None, np.zeros(n), np.full(n, 0.5))
    return Ensemble(metric, fit, 1.0, 0.0, np.arange(n), errors), errors


def test_residuals_are_heteroscedastic_and_intervals_cover(dataset):
    ensemble, errors = ensemble_of(dataset)
    found = estimate_uncertainty(dataset, ensemble)
    assert found.factors[2] / found.factors[0] == pytest.approx(3.0, rel=0.2)
    assert np.abs(np.log(found.factors[3:])).max() < 0.15  # all other choices do nothing
    assert found.residual * found.factors[0] == pytest.approx(1.0, rel=0.1)
    starts = np.cumsum([0, *(len(v.choices) for v in dataset.space.variables[:-1])])
    of_row = found.factors[starts + dataset.choices].prod(axis=1)
    scores = np.abs(errors) / np.hypot(0.5, found.residual * of_row)
    assert np.abs(np.array(coverage(scores)) - LEVELS).max() < 0.02
    assert np.allclose(np.sort(scores), found.scores, rtol=1e-5)
    assert len(found.training) == len(np.unique(dataset.choices, axis=0))


def test_heavy_tails_are_covered_as_well_as_normal_intervals_can(dataset):
    found = estimate_uncertainty(dataset, ensemble_of(dataset, tail="student")[0])
    assert np.abs(np.array(coverage(found.scores)) - LEVELS).max() < 0.04


def test_noise_comes_from_repeats_or_from_the_settings(dataset):
    values = dataset.values("accuracy")
    groups = [values[dataset.rows(np.array(ids))] for ids in dataset.report.repeats]
    assert len(groups) == 3
    by_hand = np.sqrt(np.mean([np.var(group, ddof=1) for group in groups]))
    assert repeat_noise(dataset, MetricSpec("accuracy")) == pytest.approx(by_hand)
    assert estimate_uncertainty(dataset, ensemble_of(dataset)[0]).noise == pytest.approx(by_hand)
    # stated in the unit, at the median: on the scale of 1/y it is smaller by the square
    stated = estimate_uncertainty(dataset, ensemble_of(dataset, link="reciprocal", noise=0.3)[0])
    assert stated.noise == pytest.approx(0.3 / np.median(values) ** 2)
