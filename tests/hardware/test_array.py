"""Cycles of arrays of multipliers against SCALE-Sim's, and against what no array can undercut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelnas.hardware.engines import array_cycles
from accelnas.networks import Layer

# cycles of the traces of SCALE-Sim 3.0.0 (accelnas study array), of one channel times the channels where depthwise:
# dataflow, inputs, outputs, pixels, kernel, stride, groups, rows, cols, cycles
SIMULATED = [
    ("weight", 3, 32, 224, 3, 2, 1, 64, 64, 12734),
    ("weight", 3, 32, 224, 3, 2, 1, 16, 8, 100656),
    ("output", 3, 32, 224, 3, 2, 1, 96, 64, 24235),
    ("output", 3, 32, 224, 3, 2, 1, 12, 12, 153762),
    ("weight", 112, 192, 7, 1, 1, 1, 16, 96, 2450),
    ("weight", 16, 96, 112, 1, 1, 1, 32, 128, 12734),
    ("weight", 672, 112, 14, 1, 1, 1, 12, 16, 91728),
    ("output", 144, 40, 28, 1, 1, 1, 64, 64, 3510),
    ("output", 16, 16, 112, 1, 1, 1, 128, 48, 18620),
    ("output", 320, 1920, 7, 1, 1, 1, 24, 24, 87840),
    ("weight", 160, 160, 28, 3, 2, 160, 16, 8, 37440),
    ("weight", 768, 768, 7, 5, 1, 768, 64, 12, 143616),
    ("weight", 64, 64, 112, 5, 2, 64, 12, 128, 630912),
    ("output", 160, 160, 28, 3, 2, 160, 12, 8, 73440),
    ("output", 240, 240, 28, 3, 1, 240, 64, 24, 296400),
    ("output", 96, 96, 112, 5, 2, 96, 24, 96, 1798368),
    ("weight", 24, 6, 1, 1, 1, 1, 24, 64, 111),
    ("weight", 448, 28, 1, 1, 1, 1, 8, 12, 4536),
    ("output", 64, 4, 1, 1, 1, 1, 16, 24, 102),
    ("output", 48, 1152, 1, 1, 1, 1, 64, 64, 3132),
]
sizes = st.integers(1, 200)


def cycles(layer, rows, cols, dataflow, folds="separate"):
    """Cycles of one configuration."""
    one = {"rows": rows, "cols": cols, "dataflow": dataflow, "folds": folds}
    return array_cycles(layer, {name: np.array([value]) for name, value in one.items()})


def streamed(layer, rows, cols, dataflow):
    """Cycles of an array with a second set of weights or sums, fold after fold and cycle after cycle."""
    depth, pixels = layer.kernel**2 * layer.inputs // layer.groups, layer.after**2
    over_rows, values = (depth, pixels) if dataflow == "weight" else (pixels, depth)
    folds = layer.groups * -(-over_rows // rows) * -(-(layer.outputs // layer.groups) // cols)
    weights, sums = dataflow == "weight", dataflow == "output"
    clock = rows if weights else 0  # the first weights are shifted in
    free = 0  # when the second set is
    for fold in range(folds):
        if sums:
            clock = max(clock, free - values)  # sums may go to the second set when it is empty
        begin, clock = clock, clock + values
        if weights and fold < folds - 1:
            clock = max(clock, begin + rows)
        free = clock + rows
    return clock + rows + cols - 2  # the last values pass the array


@pytest.mark.parametrize("pair", SIMULATED, ids=str)
def test_cycles_are_those_of_scale_sim(pair):
    dataflow, *shape, rows, cols, simulated = pair
    assert cycles(Layer("convolution", *shape), rows, cols, dataflow) == simulated


@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 12), st.sampled_from([1, 3])),
    depthwise=st.booleans(),
    rows=st.integers(1, 24),
    cols=st.integers(1, 24),
    dataflow=st.sampled_from(["weight", "output"]),
)
def test_overlapped_folds_are_those_of_an_array_with_two_sets(shape, depthwise, rows, cols, dataflow):
    inputs, outputs, pixels, kernel = shape
    layer = Layer(
        "convolution", inputs, inputs if depthwise else outputs, pixels, kernel, 1, inputs if depthwise else 1
    )
    found = cycles(layer, rows, cols, dataflow, "overlapped")
    assert found == streamed(layer, rows, cols, dataflow)
    assert found <= cycles(layer, rows, cols, dataflow)


def test_configurations_are_computed_together():
    layer = Layer("convolution", 112, 192, 7)
    rows, cols, dataflows = np.array([16, 24, 8]), np.array([96, 8, 32]), np.array(["weight", "output", "row"])
    folds = np.array(["overlapped", "separate", "separate"])
    together = array_cycles(layer, {"rows": rows, "cols": cols, "dataflow": dataflows, "folds": folds})
    alone = [cycles(layer, *one)[0] for one in zip(rows, cols, dataflows, folds, strict=True)]
    assert together.tolist() == alone


@given(
    inputs=sizes,
    outputs=sizes,
    pixels=st.integers(1, 60),
    kernel=st.sampled_from([1, 3, 5, 7]),
    depthwise=st.booleans(),
    rows=sizes,
    cols=sizes,
    dataflow=st.sampled_from(["weight", "output", "row"]),
    folds=st.sampled_from(["separate", "overlapped"]),
)
def test_no_multiplier_takes_two_products_a_cycle(
    inputs, outputs, pixels, kernel, depthwise, rows, cols, dataflow, folds
):
    channels = {"inputs": inputs, "outputs": inputs, "groups": inputs} if depthwise else {"inputs": inputs}
    layer = Layer(**{"kind": "convolution", "outputs": outputs, "pixels": pixels, "kernel": kernel, **channels})
    assert cycles(layer, rows, cols, dataflow, folds)[0] >= layer.products / (rows * cols)
