import math
import os
import shutil
import subprocess
import sys
import textwrap
from itertools import chain, count, repeat
from pathlib import Path

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
    assert len(time_passes(told(repeat(0.25)), Timing(passes=3, seconds=1.0))[0]) == 4
    assert len(time_passes(told(repeat(0.25)), Timing(passes=7, seconds=1.0))[0]) == 7


def test_passes_of_a_reference_are_in_between():
    order = []
    once, beside = (
        lambda name=name, took=took: order.append(name) or took for name, took in (("own", 1.0), ("it", 4.0))
    )
    seconds, reference = time_passes(once, Timing(passes=2, seconds=11.0), beside)
    assert order == ["own", "it"] * 3
    assert (seconds.tolist(), reference.tolist()) == ([1.0] * 3, [4.0] * 3)


def test_pairs_see_through_a_clock_that_changes():
    rng = np.random.default_rng(0)
    clock = np.exp(0.2 * np.sin(np.arange(60) / 5))
    jitter = rng.normal(1, 0.01, (2, 60))
    own, reference = 0.01 * clock * jitter[0], 0.02 * clock * jitter[1]
    own[7] *= 3  # someone else ran just then
    alone, paired = summary(own, 1, 4.0, 0), summary(own, 1, 4.0, 0, reference)
    assert paired.outliers == 1
    assert paired.reference_ms / paired.latency_ms == pytest.approx(2.0, rel=5e-3)
    assert alone.spread > 0.1
    assert paired.spread == pytest.approx(0.014, rel=0.3)
    assert paired.throughput_std / paired.throughput == pytest.approx(paired.spread, rel=0.05)
    assert math.isnan(alone.reference_ms)


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


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is known on Linux alone")
def test_memory_is_what_a_process_took():
    code = """
        from accelnas_training.measure.machine import ResidentMemory
        memory = ResidentMemory()
        memory.forget_peak()
        held = bytearray(b"x") * 50_000_000
        del held
        print(memory.grown_mb())
    """  # in a process of its own: what others do not use any more may leave the memory meanwhile
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert 45 < float(done.stdout) < 80


CORES = """
from torch import nn
import torch
from accelnas_training.measure import load_protocol, measure_module
seen = []
class Seeing(nn.Conv2d):
    def forward(self, x):
        seen.append(torch.get_num_threads())
        return super().forward(x)
quick = load_protocol("torch_cpu_throughput").changed(resolution=8, **{"timing.passes": 2, "timing.seconds": 0})
found = measure_module(Seeing(3, 8, 3), (3, 8, 8), quick)
print(found.processors, found.threads, *{*seen})
"""


@pytest.mark.skipif(shutil.which("taskset") is None, reason="no taskset on this system")
def test_all_cores_are_those_of_the_process():
    command = ["taskset", "-c", str(min(os.sched_getaffinity(0))), sys.executable, "-c", CORES]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.split() == ["1", "1", "1"]
