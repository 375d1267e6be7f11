import numpy as np
import pytest

from accelnas_training.measure.drift import NO_DRIFT, estimate

USUAL = np.array([[2.0], [3.5], [8.0], [20.0]])


def occasions(n, networks=4, gap=60.0):
    times = gap * np.arange(n) * np.ones((networks, 1))
    return times, USUAL[:networks]


def slowdown(times):
    return np.exp(0.2 * np.sin(times / 600) + 0.1 * (times > 2500))


def test_a_known_drift_is_found_exactly_without_noise():
    times, usual = occasions(60)
    drift = estimate(times, usual * slowdown(times))
    found, true = drift.factor(times[0]), slowdown(times[0])
    np.testing.assert_allclose(found / found[0], true / true[0], rtol=1e-9)
    assert drift.before > 0.05
    assert drift.after < 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_correction_helps_what_the_references_are_not(seed):
    rng = np.random.default_rng(seed)
    times, usual = occasions(60)
    drift = estimate(times, usual * slowdown(times) * np.exp(0.01 * rng.standard_normal(times.shape)))
    at = rng.uniform(0, times.max(), 500)
    measured = slowdown(at) * np.exp(0.01 * rng.standard_normal(500))
    before, after = np.log(measured).std(), np.log(measured / drift.factor(at)).std()
    assert after < 0.35 * before
    assert drift.after < 0.35 * drift.before


@pytest.mark.parametrize("seed", range(5))
def test_noise_alone_is_hardly_corrected(seed):
    rng = np.random.default_rng(seed)
    times, usual = occasions(60)
    drift = estimate(times, usual * np.exp(0.05 * rng.standard_normal(times.shape)))
    assert np.abs(drift.logarithms).mean() < 0.5 * 0.05 / 2  # half of what a mean of four would add
    assert drift.after < 1.05 * drift.before


def test_one_disturbed_reference_is_outvoted():
    times, usual = occasions(40)
    latencies = usual * slowdown(times)
    latencies[1, 10:13] *= 3.0
    found = estimate(times, latencies).factor(times[0])
    np.testing.assert_allclose(found[20] / found[10], slowdown(times[0, 20]) / slowdown(times[0, 10]), rtol=0.03)


def test_missing_references_are_left_out():
    times, usual = occasions(30)
    latencies = usual * slowdown(times)
    latencies[2, ::3] = times[2, ::3] = np.nan
    latencies[:, 7] = times[:, 7] = np.nan  # an occasion on which all failed
    drift = estimate(times, latencies)
    assert len(drift.times) == 29
    assert drift.after < 0.1 * drift.before


@pytest.mark.parametrize("shape", [(0, 0), (1, 20), (4, 1)])
def test_too_few_references_correct_nothing(shape):
    drift = estimate(np.zeros(shape), np.ones(shape))
    assert drift is NO_DRIFT
    assert drift.factor(np.array([3.0])).tolist() == [1.0]


def test_a_steady_device_is_left_as_it_is():
    times, usual = occasions(5)
    drift = estimate(times, usual * np.ones(5))
    assert drift.factor(times[0]).tolist() == [1.0] * 5
    assert drift.before == drift.after == 0
