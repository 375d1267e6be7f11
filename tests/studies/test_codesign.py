"""Joint design against enumeration and its alternatives, and calibration against known constants."""

from types import SimpleNamespace

import numpy as np
import pytest

import accelnas
from accelnas import hardware
from accelnas.errors import DataError, ModelError, SearchError
from studies import codesign_calibration
from studies.codesign import study_codesign
from studies.codesign_calibration import DEVICES, FITTED, calibrate, fit_constants, network_times
from studies.codesign_gains import APPROACHES, KNOWN, Task, gains, joined, limits_of, searched


@pytest.fixture(scope="module")
def networks():
    return accelnas.load("nasbench-macro")


@pytest.fixture(scope="module")
def task(networks):
    some = {"size": [512, 1600, 4096], "cores": 1, "alu": 4, "bandwidth": [9.6, 19.2], "clock": [200, 300]}
    accelerator = hardware.load_accelerator("dpu").restricted(some)
    pairs = joined(networks, accelerator)
    return Task(pairs, networks, accelerator, "dsp_slices", limits_of(pairs, "dsp_slices", 0.35))


@pytest.fixture(scope="module")
def front(networks):
    return networks.pareto_front(["accuracy", "macs"]).architectures


def test_nothing_is_better_than_the_joint_design(task, networks, front):
    every = task.pairs.space.range(0, task.pairs.space.size)
    values = {name: task.pairs.predict(every, name, dtype="float64") for name in ("accuracy", *task.limits)}
    kept = np.all([values[name] <= limit for name, limit in task.limits.items()], axis=0)
    found = gains(task, KNOWN["dpu"].published, networks.space.parse("1_1_1_1-1_1_1_1"), front, starts=4)
    assert found.joint == values["accuracy"][kept].max()
    assert not found.published_fits  # 706 DSP slices
    assert tuple(found.found) == APPROACHES
    inside = {name: value for name, value in found.found.items() if name != "published accelerator"}
    assert all(np.isnan(value) or value <= found.joint for value in inside.values())
    assert inside["alternating, median"] >= inside["drawn accelerator, median"]
    assert inside["two stages"] <= found.joint
    judged = searched(task, found.joint, runs=4, budget=30)
    assert all((one.regret[one.infeasible == 0] >= 0).all() for one in judged.values())


def test_limits_that_no_pair_keeps_leave_nothing(task, networks, front):
    none = Task(task.pairs, networks, task.accelerator, task.area, task.limits | {"latency": 1e-6})
    found = gains(none, KNOWN["dpu"].published, networks.space.parse("1_1_1_1-1_1_1_1"), front, starts=2)
    assert np.isnan(found.joint)
    assert found.pair == ""
    assert np.isnan(list(found.found.values())).all()
    assert found.failed == 2


def test_the_quickest_configuration_is_that_of_enumeration(task, networks):
    network = networks.space.sample(1, seed=3)
    chosen = task.quickest(network)
    rows = np.hstack([np.repeat(network, len(task.configurations), axis=0), task.configurations])
    latency, energy, area = (task.pairs.predict(rows, name, dtype="float64") for name in task.limits)
    inside = area <= task.limits["dsp_slices"]
    assert inside[chosen]
    assert (latency * energy)[chosen] == (latency * energy)[inside].min()


def test_known_constants_are_recovered(networks):
    accelerator = hardware.load_accelerator("dpu").restricted(DEVICES["latency_zcu102"][1])
    layers = hardware.network_layers(networks.space)
    states = networks.space.block_states(networks.space.sample(150, seed=1))
    known = dict(zip(FITTED, (0.6, 0.3, 0.02), strict=True))
    measured = network_times(accelerator, layers, states, known)
    assert fit_constants(accelerator, layers, states, measured) == pytest.approx(known, rel=1e-3)


def test_engines_have_no_error_on_their_own_times(monkeypatch):
    bench, known = accelnas.load(), dict(zip(FITTED, (0.6, 0.3, 0.02), strict=True))
    choices = bench.space.sample(80, seed=2)
    states, layers = bench.space.block_states(choices), hardware.network_layers(bench.space)
    columns = {"macs": bench.predict(choices, "macs", dtype="float64")}
    for metric, (name, configuration) in DEVICES.items():
        accelerator = hardware.load_accelerator(name).restricted(configuration)
        times = network_times(accelerator, layers, states, known if name == "dpu" else None)
        columns[metric] = times if metric.startswith("latency") else 1e3 / (0.25 * times)
    monkeypatch.setattr(codesign_calibration, "fit_constants", lambda *_: known)
    data = SimpleNamespace(space=bench.space, choices=choices, metrics=tuple(columns), values=columns.__getitem__)
    found = calibrate(data)
    fitted = {"latency_zcu102": "engine, three constants"} | dict.fromkeys(list(DEVICES)[1:], "engine × a constant")
    for metric, label in fitted.items():
        figures = found.figures.filter(metric=metric, estimate=label)
        assert figures["τ"][0] == pytest.approx(1)
        assert figures["mean absolute error [%]"][0] == pytest.approx(0, abs=1e-9)
    assert found.residuals.filter(by="eighth of MACs")["networks"].sum() == 3 * 40
    few = SimpleNamespace(space=data.space, choices=choices, metrics=("macs",), values=data.values)
    with pytest.raises(DataError, match="the data has no latency_zcu102"):
        calibrate(few)


def test_the_study_refuses_what_it_can_not_do():
    with pytest.raises(ModelError, match="'abacus' is no accelerator"):
        study_codesign(None, accelerators=["abacus"])
    with pytest.raises(SearchError, match="there are 1 runs"):
        study_codesign(None, runs=1)
