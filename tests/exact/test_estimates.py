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
    assert found.degrees_of_freedom is None
    assert np.abs(np.array(coverage(scores, None)) - LEVELS).max() < 0.02
    assert np.allclose(np.sort(scores), found.scores, rtol=1e-5)
    assert len(found.training) == len(np.unique(dataset.choices, axis=0))


def test_heavy_tails_have_a_student_t(dataset):
    ensemble, errors = ensemble_of(dataset, tail="student")
    normal, found = (estimate_uncertainty(dataset, ensemble, tails=tails) for tails in ("normal", "likelihood"))
    assert normal.degrees_of_freedom is None
    assert np.abs(np.array(coverage(normal.scores, None)) - LEVELS).max() < 0.04
    assert 2.9 < found.degrees_of_freedom < 4.2  # three, and the normal spread
    assert np.abs(np.array(coverage(found.scores, found.degrees_of_freedom)) - LEVELS).max() < 0.015
    # what the middle of a normal distribution says of the deviation is too small
    sizes = np.where(dataset.choices[:, 0] == 2, 3.0, 1.0)
    small = errors[sizes == 1].std()
    assert normal.residual * normal.factors[0] < 0.85 * small
    assert found.residual * found.factors[0] == pytest.approx(small, rel=0.15)


def test_gross_outliers_do_not_ruin_what_is_said_of_the_rest(dataset):
    ensemble, errors = ensemble_of(dataset)
    clean = estimate_uncertainty(dataset, ensemble)
    targets = errors.copy()
    targets[::50] += 1e5  # 2 % of the rows
    found = estimate_uncertainty(dataset, dataclasses.replace(ensemble, targets=targets))
    assert found.degrees_of_freedom == 2.5
    covered = coverage(found.scores, found.degrees_of_freedom)
    assert np.abs(np.array(covered) - LEVELS).max() < 0.06
    assert found.factors[2] / found.factors[0] == pytest.approx(clean.factors[2] / clean.factors[0], rel=0.2)


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
