"""Layers of MnasNet against the data set, and peak memory against a run that frees what it can."""

import numpy as np
import pytest

import accelnas
from accelnas.errors import ModelError
from accelnas.fitting.costs import block_costs
from accelnas.fitting.fit import fit_benchmark
from accelnas.fitting.settings import read_settings
from accelnas.fitting.splits import random_split
from accelnas.networks import network_layers
from accelnas.networks.memory import peak_memory_surrogate
from archive import REPEATS, ROWS
from data_samples import archived_dataset, sample_dataset

B0 = "e1_k3_l1_se1-e6_k3_l2_se1-e6_k5_l2_se1-e6_k3_l3_se1-e6_k5_l3_se1-e6_k5_l4_se1-e6_k3_l1_se1"
LAYERS = network_layers(accelnas.mnasnet_space())
SUMS = {"macs": LAYERS.sums(lambda layer: layer.macs), "params": LAYERS.sums(lambda layer: layer.params)}


def totals(metric, states):
    fixed, values = SUMS[metric]
    return fixed + sum(of_state[states[:, b]] for b, of_state in enumerate(values))


def test_every_measured_architecture_is_reproduced(archive):
    dataset = archived_dataset(archive)
    assert len(dataset) == (5138 if archive.published else ROWS + REPEATS)
    states = dataset.space.block_states(dataset.choices)
    for metric, (_, values) in SUMS.items():
        np.testing.assert_array_equal(totals(metric, states) / 1e6, dataset.values(metric))
        recovered = block_costs(dataset, metric)
        for of_block, known in zip(values, recovered.values, strict=True):
            np.testing.assert_array_equal(of_block - of_block[0], known)


def test_the_bundled_benchmark_has_the_sums():
    bench = accelnas.load()
    rows = bench.space.sample(20_000, seed=3)
    states = bench.space.block_states(rows)
    for metric in SUMS:
        np.testing.assert_allclose(
            bench.predict(rows, metric, dtype="float64"), totals(metric, states) / 1e6, rtol=1e-14
        )
    assert totals("params", bench.space.block_states(bench.space.parse([B0]))) == 5_288_548  # EfficientNet-B0


def simulated_peak(arch):
    """Largest number of float32 values alive at once, tensor by tensor."""
    sizes, peak = {}, 0

    def run(output, size, inputs, free=()):
        nonlocal peak
        assert all(name in sizes for name in inputs)
        sizes[output] = size
        peak = max(peak, sum(sizes.values()))
        for name in free:
            del sizes[name]

    pixels = 112
    sizes["image"] = 3 * 224**2
    run("x", 32 * pixels**2, ["image"], ["image"])
    channels = [32, 16, 24, 40, 80, 112, 192, 320]
    for b, stride in enumerate([1, 2, 2, 2, 1, 2, 1]):
        for repeat in range(arch[f"block{b}_l"]):
            inputs, outputs = channels[b + (repeat > 0)], channels[b + 1]
            wide, shortcut = inputs * arch[f"block{b}_e"], repeat > 0
            wide_name = "x"
            if arch[f"block{b}_e"] > 1:
                run("wide", wide * pixels**2, ["x"], [] if shortcut else ["x"])
                wide_name = "wide"
            pixels = pixels if shortcut else pixels // stride
            run("deep", wide * pixels**2, [wide_name], [] if shortcut and wide_name == "x" else [wide_name])
            if arch[f"block{b}_se"]:
                run("mean", wide, ["deep"])
                run("inner", inputs // 4, ["mean"], ["mean"])
                run("gate", wide, ["inner"], ["inner"])
                run("gated", wide * pixels**2, ["deep", "gate"], ["deep", "gate"])
                sizes["deep"] = sizes.pop("gated")
            run("y", outputs * pixels**2, ["deep"], ["deep"])
            if shortcut:
                run("sum", outputs * pixels**2, ["x", "y"], ["x", "y"])
                sizes["y"] = sizes.pop("sum")
            sizes["x"] = sizes.pop("y")
    run("features", 1280 * pixels**2, ["x"], ["x"])
    run("mean", 1280, ["features"], ["features"])
    run("classes", 1000, ["mean"], ["mean"])
    return peak


def test_peak_memory_is_that_of_a_run():
    space = accelnas.mnasnet_space()
    surrogate = peak_memory_surrogate()
    assert (surrogate.order, surrogate.members) == (3, 1)
    rows = space.sample(1500, seed=8)
    expected = np.array([simulated_peak(arch) for arch in space.decode(rows)]) * 4 / 1e6
    np.testing.assert_allclose(surrogate.predict(rows), expected, rtol=1e-14)
    assert len(np.unique(expected)) > 5


def test_peak_memory_is_the_largest_over_all_products_of_block_states():
    space = accelnas.mnasnet_space()
    surrogate = peak_memory_surrogate()
    own = [np.array([max(layer.values for layer in state) for state in states]) for states in LAYERS.states]
    ends = max(layer.values for layer in LAYERS.fixed)
    # The maximum is monotone in every block's peak: the least and the greatest state of each other block bracket it.
    for pick in (np.argmin, np.argmax):
        states = np.tile([pick(values) for values in own], (36 * 36, 1)).astype(np.uint8)
        states[:, 0], states[:, 1] = np.divmod(np.arange(36 * 36), 36)
        of_block = np.stack([values[states[:, b]] for b, values in enumerate(own)], axis=1)
        expected = np.maximum(of_block.max(axis=1), ends) * 4 / 1e6
        np.testing.assert_allclose(surrogate.predict(space.encode(states)), expected, rtol=1e-14)
    # And states of other blocks change nothing.
    rows = space.sample(200_000, seed=1)
    early = rows.copy()
    early[:, 8:] = 0
    np.testing.assert_array_equal(surrogate.predict(rows), surrogate.predict(early))


def test_fit_writes_the_formula_without_data_for_it(tmp_path):
    dataset = sample_dataset(60)
    split = random_split(dataset, (0.8, 0.1, 0.1), seed=1)
    (result,) = fit_benchmark(dataset, split, read_settings("bundled"), tmp_path / "bench", metrics=["peak_memory"])
    assert (result.figures, result.members, result.noise) == (None, 1, 0)
    bench, bundled = accelnas.load(tmp_path / "bench"), accelnas.load()
    metric = bench.metrics["peak_memory"]
    assert metric == bundled.metrics["peak_memory"]
    assert (metric.unit, metric.direction, metric.noise) == ("MB", "minimise", 0)
    rows = bench.space.sample(500)
    expected = peak_memory_surrogate().predict(rows)
    for one in (bench, bundled):
        np.testing.assert_allclose(one.predict(rows, "peak_memory", dtype="float64"), expected, rtol=1e-14)
        assert one.provenance("peak_memory")["recipe"] == "formula"


def test_other_spaces_are_refused():
    text = accelnas.mnasnet_space().to_toml().replace('name = "mnasnet"', 'name = "other"')
    other = accelnas.Space(text)
    with pytest.raises(ModelError, match="formulas are known for the space mnasnet, not for other"):
        peak_memory_surrogate(other)
