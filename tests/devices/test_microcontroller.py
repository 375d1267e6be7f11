"""The best network for flash and SRAM is that of enumeration, and says what it takes."""

import math

import numpy as np
import pytest

import accelnas
from accelnas import MetricError, SearchError
from accelnas.devices import microcontroller
from command_line import run

PART = {f"block{b}_{v}": 3 for b in range(7) for v in "kl"} | {"block4_e": 6, "block5_e": 6, "block6_e": 6}


@pytest.mark.parametrize(("flash", "sram", "bits"), [(5000, 1024, 8), (3500, 900, 8), (10_000, 2000, 16), (1, 1, 8)])
def test_it_is_the_best_that_fits(bench, flash, sram, bits):
    draw = bench.space.sample(300_000, seed=3)
    for name, choice in PART.items():
        column = [v.name for v in bench.space.variables].index(name)
        draw[:, column] = bench.space.variables[column].choices.index(choice)
    rows = np.unique(draw, axis=0)
    assert len(rows) == 3**4 * 2**7  # all of the part
    values = bench.predict(rows, ["accuracy", "params", "peak_memory"], dtype="float64")
    taken = values["params"] * 1e6 * bits / 8 / 1024, values["peak_memory"] * 1e6 * bits / 32 / 1024
    fits = (taken[0] <= flash) & (taken[1] <= sram)
    found = microcontroller(bench, flash, sram, bits=bits, within=PART)
    assert found.certificate.verify(bench).passed
    if not fits.any():
        assert math.isnan(found.accuracy)
        assert (found.flash, found.sram) == pytest.approx((taken[0].min(), taken[1].min()))
        return
    best = np.flatnonzero(fits)[values["accuracy"][fits].argmax()]
    assert found.accuracy == values["accuracy"][best]
    np.testing.assert_array_equal(found.architecture, rows[best])
    assert (found.flash, found.sram) == pytest.approx((taken[0][best], taken[1][best]))


def test_what_has_no_answer_is_refused(bench):
    with pytest.raises(SearchError, match="bits is 7; choose 4, 8, 16, 32"):
        microcontroller(bench, 1, 1, bits=7)
    with pytest.raises(SearchError, match="sram is nan"):
        microcontroller(bench, 1, math.nan)
    with pytest.raises(MetricError, match="peak_memory"):
        microcontroller(accelnas.load("nasbench-macro"), 1, 1)


def test_command_says_what_is_taken_or_needed():
    said = run("devices", "mcu", "--flash", 4096, "--sram", 1024).stdout
    assert "accuracy 66.2463, 3,937 KB of flash, 980 KB of SRAM with 8 bits" in said
    said = run("devices", "mcu", "--flash", 1024, "--sram", 320).stdout
    assert "no network fits; the least flash of a network is 1,756 KB, the least SRAM of one 784 KB" in said
