import math
from itertools import chain, count, repeat

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from accelnas_training.measure import Timing
from accelnas_training.measure.timing import is_kept, summary, time_passes, warm_up


def told(seconds):
    return iter(seconds).__next__


def test_warming_up_ends_when_windows_agree():
    falling = [0.9, 0.5, 0.3, 0.2, 0.15, 0.12]
    assert (
        warm_up(told(chain(falling, repeat(0.1))), Timing(warm_up=2, steady=0.01, warm_up_seconds=9))
        == len(falling) + 4
    )
    assert warm_up(told(repeat(0.1)), Timing(warm_up=3)) == 6


def test_warming_up_ends_in_time():
    never = (2.0**-n for n in count())
    assert warm_up(told(never), Timing(warm_up=1, warm_up_seconds=1.7)) == 3  # 1 + 1/2 + 1/4


def test_both_passes_and_seconds_are_reached():
    assert len(time_passes(told(repeat(0.25)), Timing(passes=3, seconds=1.0))) == 4
    assert len(time_passes(told(repeat(0.25)), Timing(passes=7, seconds=1.0))) == 7


@given(arrays(np.float64, st.integers(1, 40), elements=st.floats(1e-6, 1e3)), st.floats(1.5, 10))
def test_most_passes_are_kept(seconds, outlier):
    kept = is_kept(seconds, outlier)
    assert kept.sum() * 2 >= len(seconds)
    measured = summary(seconds, 4, outlier, 0)
    assert measured.outliers == len(seconds) - kept.sum()
    assert seconds[kept].min() * 999.99 <= measured.latency_ms <= seconds[kept].max() * 1000.01
    assert measured.throughput == pytest.approx(4e3 / measured.latency_ms)


def test_outliers_do_not_move_the_mean_but_are_counted():
    rng = np.random.default_rng(0)
    quiet = rng.normal(0.01, 1e-4, 200)
    disturbed = quiet.copy()
    disturbed[::20] *= 5
    clean, noisy = summary(quiet, 1, 4.0, 0), summary(disturbed, 1, 4.0, 0)
    assert noisy.outliers >= 10
    assert noisy.latency_ms == pytest.approx(clean.latency_ms, rel=1e-3)
    assert noisy.latency_std_ms == pytest.approx(clean.latency_std_ms, rel=0.1)


def test_equal_passes_have_no_outliers_and_one_pass_no_spread():
    assert is_kept(np.full(9, 0.2), 4.0).all()
    assert math.isnan(summary(np.array([0.2]), 1, 4.0, 3).latency_std_ms)
    assert math.isnan(summary(np.array([0.2]), 1, 4.0, 3).spread)
