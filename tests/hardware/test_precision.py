"""Bits of blocks as variables: costs and losses by hand, best pairs by enumeration."""

from dataclasses import replace

import numpy as np
import pytest

import accelnas
from accelnas import hardware
from accelnas.errors import ModelError
from accelnas.hardware.engines import ENGINES

LOSS = hardware.Precision("test", "made up", "accuracy", (4, 8, 16), ((1.5, 0.25, 0.0), (2.5, 0.125, 0.0)))


def small(bits=16):
    fixed = {"rows": 12, "dataflow": "row", "weight_buffer": 8, "input_buffer": 64, "output_buffer": 36, "bandwidth": 1}
    array = hardware.load_accelerator("eyeriss").restricted({**fixed, "clock": 200})
    return replace(array, parameters={**array.parameters, "bits": (bits,)})


@pytest.fixture(scope="module")
def macro():
    return accelnas.load("nasbench-macro")


@pytest.fixture(scope="module")
def pairs(macro):
    return hardware.join(macro, small(), metrics=["accuracy", "params"], precision=LOSS)


def parted(bench, pairs, rows):
    """Give the rows of networks, the bits of blocks as choice indices, and the rest."""
    names = [variable.name for variable in pairs.space.variables]
    own = [names.index(variable.name) for variable in bench.space.variables]
    bits = [names.index(f"bits_{block.name}") for block in bench.space.blocks]
    rest = [i for i in range(len(names)) if i not in {*own, *bits}]
    return rows[:, own], rows[:, bits], rows[:, rest]


def test_a_metric_of_networks_less_what_bits_lose(macro, pairs):
    rows = pairs.space.sample(2000, seed=0)
    networks, bits, _ = parted(macro, pairs, rows)
    lost = np.array(LOSS.loss[0])[bits[:, 0]] + np.array(LOSS.loss[1])[bits[:, 1]]
    expected = macro.predict(networks, "accuracy", dtype="float64") - lost
    assert pairs.predict(rows, "accuracy", dtype="float64") == pytest.approx(expected, abs=1e-10)
    assert np.array_equal(pairs.predict(rows, "params"), macro.predict(networks, "params"))


def test_costs_are_of_each_layer_with_the_bits_of_its_block(macro, pairs):
    layers, engine = hardware.network_layers(macro.space), ENGINES["array"]
    rows = pairs.space.sample(20, seed=1)
    networks, bits, rest = parted(macro, pairs, rows)
    cards = [[len(v.choices) for v in macro.space.variables[first : first + 4]] for first in (0, 4)]
    configurations = small().configurations()
    for row, own, widths, (cols,) in zip(rows, networks, bits, rest, strict=True):
        fixed = {name: values[[cols]] for name, values in configurations.items()}
        states = [np.ravel_multi_index(own[4 * i : 4 * i + 4], cards[i]) for i in range(2)]
        parts = [(layers.fixed, 16), *((layers.states[i][states[i]], LOSS.bits[widths[i]]) for i in range(2))]
        for name in engine.layer_costs:
            summed = 0.0
            for part, width in parts:
                costs = [engine.of_layer(x, {**fixed, "bits": np.array([width])}, small().constants) for x in part]
                summed += sum(cost[name][0] for cost in costs)
            assert pairs.predict(row[None], name, dtype="float64")[0] == pytest.approx(summed, rel=1e-9)


@pytest.mark.parametrize("names", [["energy"], ["weight_size", "latency"], ["traffic", "area"]])
def test_the_best_is_that_of_enumeration(pairs, names):
    rows = pairs.space.range(0, pairs.space.size)
    values = pairs.predict(rows, [*names, "accuracy"], dtype="float64")
    limits = {name: float(np.quantile(values[name], 0.2)) for name in names}
    good = np.logical_and.reduce([values[name] <= most for name, most in limits.items()])
    found = pairs.best("accuracy", subject_to=[f"{name} <= {most!r}" for name, most in limits.items()])
    assert 0 < good.sum() < len(rows)
    assert found.values[0] == pytest.approx(values["accuracy"][good].max(), abs=1e-9)


@pytest.mark.parametrize("name", ["accuracy", "macs", "throughput_3090", "train_time"])
def test_blocks_may_have_further_variables(name):
    bench = accelnas.load()
    joint = hardware.joined.joint_space(bench.space, small(), hardware.load_precision("digits").useful())
    wider = bench._surrogate(name).extended(joint._core)
    rows = joint.sample(500, seed=2)
    names = [variable.name for variable in joint.variables]
    own = rows[:, [names.index(variable.name) for variable in bench.space.variables]]
    narrower = bench._surrogate(name).predict(np.ascontiguousarray(own))
    np.testing.assert_allclose(wider.predict(rows), narrower, rtol=1e-13)


def test_choices_that_gain_nothing_are_left_out():
    same = hardware.Precision("same", "", "accuracy", (4, 8, 16), ((1.0, 0.5, 0.5), (1.0, 1.0, 0.75)))
    assert same.useful() == same
    assert replace(same, loss=same.loss[:1]).useful().bits == (4, 8)
    assert replace(same, loss=((1.0, -0.1, 0.0),)).useful() == replace(same, bits=(4, 8), loss=((1.0, 0.0),))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("bits = [4, 8]", r"bits are \[4, 8\] and loss is None; give a list of each"),
        ("bits = [8, 4]\nloss = [1, 0]", r"bits are \[8, 4\]; give one or several, ascending"),
        ("bits = [4, 8]\nloss = [1]", r"loss \[1\] is not of bits \[4, 8\]; give one a choice"),
        ("bits = [4, 8]\nloss = []", "loss has no row; give one for all blocks, or one a block"),
        ("bits = [4, 64]\nloss = [1, 0]", "one of bits is 64; choose an integer of 1 to 32"),
        ("bits = [4, 8]\nloss = [1, nan]", "a loss is nan; choose a finite number"),
        ("bits = [4, 8]\nloss = [1, 0]\nbit = 3", "there is no key 'bit'; use name, source, metric"),
    ],
)
def test_files_that_do_not_hold_together_are_refused(tmp_path, content, message):
    file = tmp_path / "mine.toml"
    file.write_text(content + "\n")
    with pytest.raises(ModelError, match=message):
        hardware.load_precision(file)


def test_joins_that_can_not_have_bits_are_refused(macro):
    with pytest.raises(ModelError, match="dpu: engine dpu has 8 bits alone; leave precision out"):
        hardware.join(macro, "dpu", precision=LOSS)
    with pytest.raises(ModelError, match="digits has losses of 7 blocks, nasbench-macro has 2; give one row for all"):
        hardware.join(macro, small(), precision="digits")
    with pytest.raises(
        ModelError, match=r"test says what few bits lose of accuracy, .* \(params\); take it, or say what"
    ):
        hardware.join(macro, small(), metrics=["params"], precision=LOSS)
    with pytest.raises(ModelError, match="there is no precision 'cifar'; choose digits, or name a file"):
        hardware.load_precision("cifar")
    with pytest.raises(ModelError, match="throughput_zcu102 has the link"):
        hardware.join(accelnas.load(), small(), precision=replace(LOSS, metric="throughput_zcu102", loss=LOSS.loss[:1]))
