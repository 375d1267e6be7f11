"""Pairs of networks and accelerators: costs are sums over layers, accuracy stays, and what can't be is refused."""

import numpy as np
import pytest

import accelnas
from accelnas import FileError, MetricError, ModelError, hardware, spaces
from accelnas.hardware.engines import ENGINES
from accelnas.hardware.engines.traffic import external_bytes
from accelnas.networks import Layer, network_layers

SMALL = {
    "dpu": {"size": [512, 4096], "cores": [1, 3], "alu": [2, 4], "clock": 300},
    "eyeriss": {"rows": 12, "cols": [8, 14], "clock": 200},
    "tpu": {"rows": 128, "cols": [64, 256], "clock": 700, "bandwidth": [34, 900]},
}


@pytest.mark.parametrize("accelerator", SMALL)
@pytest.mark.parametrize("networks", ["accel-nasbench", "nasbench201", "nasbench-macro"])
def test_costs_are_sums_over_the_layers_of_each_network(networks, accelerator, tmp_path):
    bench, family = accelnas.load(networks), hardware.load_accelerator(accelerator).restricted(SMALL[accelerator])
    first = next(iter(bench.metrics))
    pairs = hardware.join(bench, family, tmp_path / "pairs", metrics=[first])
    rows = pairs.space.sample(40, seed=1)
    width = len(bench.space.variables)
    own = rows[:, :width]
    np.testing.assert_allclose(
        pairs.predict(rows, first, dtype="float64"), bench.predict(own, first, dtype="float64"), rtol=1e-14
    )
    layers, engine = network_layers(bench.space), ENGINES[family.engine]
    configurations, numbers = family.configurations(), family.space.index(rows[:, width:]).astype(int)
    values = pairs.predict(rows, [*engine.layer_costs, *engine.own_costs], dtype="float64")
    for row, states in enumerate(bench.space.block_states(own)):
        one = {name: column[numbers[row] : numbers[row] + 1] for name, column in configurations.items()}
        chosen = [layer for block, state in enumerate(states) for layer in layers.states[block][state]]
        costs = [engine.of_layer(layer, one, family.constants) for layer in (*layers.fixed, *chosen)]
        for name, cost in engine.layer_costs.items():
            total = sum(float(of_layer[name][0]) for of_layer in costs)
            expected = 1 / total if cost.link == "reciprocal" else total
            assert values[name][row] == pytest.approx(expected, rel=1e-12)
        for name, of_one in engine.of_own(one, family.constants).items():
            assert values[name][row] == pytest.approx(float(of_one[0]), rel=1e-12)


@pytest.mark.parametrize("accelerator", SMALL)
def test_ratios_are_those_of_their_parts_and_the_best_is_on_their_front(accelerator, tmp_path):
    some = SMALL[accelerator] | ({} if accelerator == "dpu" else {"dataflow": "weight", "bandwidth": 1})
    some = some | ({"bandwidth": [34, 900]} if accelerator == "tpu" else {})
    family = hardware.load_accelerator(accelerator).restricted(some)
    pairs = hardware.join(accelnas.load("nasbench-macro"), family, tmp_path / "pairs")
    rows = pairs.space.range(0, pairs.space.size)
    values = pairs.predict(rows, dtype="float64")
    product = values["energy"] * values["latency"]
    np.testing.assert_array_equal(values["energy_delay_product"], product)
    np.testing.assert_array_equal(values["power"], values["energy"] / values["latency"])
    configurations, numbers = family.configurations(), family.space.index(rows[:, -len(family.space.variables) :])
    units = configurations["rows"] * configurations["cols"] if accelerator != "dpu" else configurations["size"] / 2
    cycles = values["latency"] * 1e3 * configurations["clock"][numbers.astype(int)]
    if accelerator == "dpu":
        cycles = 1e6 * configurations["clock"][numbers.astype(int)] / values["throughput"]
        units = units * configurations["cores"]
    expected = values["macs"] * 1e6 / (cycles * units[numbers.astype(int)])
    np.testing.assert_allclose(values["utilisation"], expected, rtol=1e-12)
    assert 0 < expected.min() < expected.max() <= 1

    bound = float(np.quantile(values["accuracy"], 0.9))
    front = pairs.pareto_front(["energy", "latency"], subject_to=f"accuracy >= {bound!r}")
    found = pairs.predict(front.architectures, "energy_delay_product", dtype="float64")
    assert found.min() == product[values["accuracy"] >= bound].min()
    with pytest.raises(MetricError, match=r"use the metrics that it names \(.* front: Benchmark\.pareto_front"):
        pairs.best("energy_delay_product")
    again = accelnas.load(tmp_path / "pairs")
    assert "power" not in again.metrics
    assert hardware.with_ratios(again).metrics == pairs.metrics
    with pytest.raises(ModelError, match="is of no accelerator; give a benchmark that join made"):
        hardware.with_ratios(accelnas.load())


def test_parameters_and_operations_are_those_that_are_published():
    for name in ("nasbench201", "nasbench-macro"):
        bench = accelnas.load(name)
        rows = bench.space.sample(300, seed=2)
        states = bench.space.block_states(rows)
        for metric, of_layer in (("params", lambda layer: layer.params), ("macs", lambda layer: layer.products)):
            fixed, of_blocks = network_layers(bench.space).sums(of_layer)
            total = fixed + sum(values[states[:, block]] for block, values in enumerate(of_blocks))
            np.testing.assert_allclose(bench.predict(rows, metric, dtype="float64") * 1e6, total, rtol=1e-12)


def test_a_core_of_the_zcu102_is_the_published_one():
    core = hardware.load_accelerator("dpu").restricted({"size": 4096, "cores": 1, "alu": 4, "clock": 300})
    own = ENGINES["dpu"].of_own(core.configurations(), core.constants)
    assert own["peak"][0] == pytest.approx(1.2288)  # 4,096 operations a cycle
    assert own["dsp_slices"][0] == pytest.approx(710, rel=0.01)  # PG338 4.1, table of ALU parallelism
    assert own["luts"][0] == pytest.approx(51.388, rel=0.03)


def test_traffic_is_least_where_something_fits_and_falls_with_buffers():
    layer = Layer("convolution", 96, 240, 28)
    sizes = np.array([1, 2, 4, 8, 16, 64, 4096])
    least = layer.weights + layer.reads + layer.writes
    for other in (1, 4096):
        found = external_bytes(layer, np.full(7, 8), sizes, np.full(7, other))
        assert (np.diff(found) <= 0).all()
        assert found[-1] == least
        assert (found == least).all() == (other == 4096)
    again = external_bytes(layer, np.array([8]), np.array([10]), np.array([10]))[0]
    assert again == least + min(layer.reads * 2, layer.weights * 7)  # 22.5 KB of weights, 73.5 KB of inputs


def test_accelerators_that_do_not_hold_together_are_refused(tmp_path):
    text = (accelnas.hardware.named.DATA / "hardware" / "dpu.toml").read_text()
    for old, new, message in (
        ('engine = "dpu"', 'engine = "gpu"', "engine is 'gpu'; choose 'array' or 'dpu'"),
        ("cores = [1, 2, 3, 4]", "", "engine dpu needs the parameter 'cores'; give it"),
        ("cores = [1, 2, 3, 4]", "cores = []", "cores has no choice; give one or several"),
        ("cores = [1, 2, 3, 4]", "cores = [5]", "cores has the choice 5; use 1 or 2 or 3 or 4"),
        ("cores = [1, 2, 3, 4]", "cores = [1]\nspeed = 3", "engine dpu has no parameter 'speed'"),
        ("clock = [150, 200, 250, 300]", "clock = [0]", "clock has the choice 0; use numbers above 0"),
        ("clock = [150, 200, 250, 300]", 'clock = ["fast"]', "clock has the choice 'fast'; use numbers above 0"),
        ('value = 0.0, source = "ideal"', 'value = -1.0, source = "ideal"', "constant layer_overhead is -1.0; give"),
        ("{ 8 = 0.3 }", "{ eight = 0.3 }", "constant mac_energy depends on ['eight']; use numbers"),
        ("[constants]", "[constant]", "there is no key 'constant'"),
        ("value = { 8 = 0.3 }", "value = 0.3", "constant mac_energy is 0.3; give a table of numbers above 0"),
        (
            "value = { 8 = 0.3 }",
            "value = { 8 = 0 }",
            "constant mac_energy is {8.0: 0.0}; give a table of numbers above",
        ),
        ("value = 162.5", "value = { 8 = 162.5 }", "constant dram_energy is {8.0: 162.5}; give a number"),
        ("cores = [1, 2, 3, 4]", "cores = true", "cores has the choice True"),
    ):
        assert old in text
        path = tmp_path / "mine.toml"
        path.write_text(text.replace(old, new))
        with pytest.raises(ModelError) as error:
            hardware.load_accelerator(path)
        assert message in str(error.value), error.value
    with pytest.raises(ModelError, match="there is no accelerator 'npu'; choose dpu, eyeriss, tpu, or name a file"):
        hardware.load_accelerator("npu")
    with pytest.raises(FileError, match=r"npu\.toml"):
        hardware.load_accelerator(tmp_path / "npu.toml")
    dpu = hardware.load_accelerator("dpu")
    with pytest.raises(ModelError, match="dpu has no parameter 'rows'; it has size, cores, alu, bandwidth, clock"):
        dpu.restricted({"rows": 1})
    with pytest.raises(ModelError, match="dpu: clock is 201; it can be 150, 200, 250, 300"):
        dpu.restricted({"clock": 201})


def test_joins_that_can_not_be_are_refused(tmp_path):
    with pytest.raises(ModelError, match=r"1,152 configurations, beside blocks of 125 choices tables take 524; fix"):
        hardware.join(accelnas.load("nasbench201"), "dpu")
    with pytest.raises(ModelError, match="layers of darts are not known, only those of mnasnet, nasbench201, nasbench"):
        network_layers(spaces.load("darts"))
    with pytest.raises(MetricError, match='unknown metric "top1"'):
        hardware.join(accelnas.load(), "dpu", metrics=["top1"])
    with pytest.raises(FileError, match="exists; name a new folder"):
        hardware.join(accelnas.load(), "dpu", tmp_path)
    small = hardware.load_accelerator("dpu").restricted({"cores": 1, "alu": 4, "clock": [250, 300]})
    pairs = hardware.join(accelnas.load(), small, metrics=["accuracy"])
    with pytest.raises(ModelError, match="layers of mnasnet-dpu are not known"):
        hardware.join(pairs, "eyeriss")
    assert pairs.space.size == 104_485_552_128 * 8 * 3 * 2
    with pytest.raises(ModelError, match="the first 7 blocks of nasbench201 do not begin with those of mnasnet; put"):
        accelnas.load()._surrogate("accuracy").extended(accelnas.load("nasbench201").space._core)
