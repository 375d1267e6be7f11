"""Transfer of few measurements: designs, exact recovery of known truths, tables, and what is refused."""

import json

import numpy as np
import polars as pl
import pytest
from threadpoolctl import threadpool_limits

import accelnas
from accelnas import _core
from accelnas.errors import DataError
from accelnas.fitting.dataset import from_table
from accelnas_training.transfer.design import DESIGNS, GROUPS, Features, choose
from accelnas_training.transfer.model import fit_transfer
from accelnas_training.transfer.regression import PRIOR, figures_of, regress
from accelnas_training.transfer.sources import Sources, default_sources, fit_blocks, without


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def bench():
    return accelnas.load()


@pytest.fixture(scope="module")
def features(bench):
    return Features(Sources(bench))


def measured(space, archs, **columns):
    return from_table(pl.DataFrame(space.decode(archs)).with_columns(**columns), space)


def small_bench(path, toy, tables):
    """Write metrics that are sums over the blocks of the toy space."""
    for name, table in tables.items():
        surrogate = _core.Surrogate.additive(toy._core, 2.0, table)
        link = "reciprocal" if name.startswith("throughput") else "identity"
        direction = "maximise" if link == "reciprocal" else "minimise"
        _core.write_metric(path, name, surrogate, unit="", direction=direction, link=link, noise=None,
                           description="", provenance={})  # fmt: skip
    return accelnas.load(path)


def test_block_tables_are_those_of_additive_metrics(tmp_path, toy):
    table = [[0.0, 1.0, 5.0], [0.0, 2.0], [0.0, 1.0, 1.0, 3.0, 2.0], [0.0, 0.5, 0.25, 1.0]]
    bench = small_bench(tmp_path, toy, {"throughput_known": table})
    found = Sources(bench).block_tables
    centred = [np.array(part) - np.mean(part) for part in table]
    spread = np.sqrt(sum(part.var() for part in centred))
    for own, expected in zip(found, centred, strict=True):
        np.testing.assert_allclose(own[:, 0], expected / spread, atol=1e-9)


def test_fit_blocks_of_undetermined_states_stays_finite():
    states = np.array([[0, 0], [1, 1]], np.uint8)
    constant, tables = fit_blocks(states, [2, 3], np.array([[1.0], [3.0]]))
    assert tables[1][2, 0] == pytest.approx(0.0, abs=1e-12)  # never seen
    assert constant[0] + tables[0][1, 0] + tables[1][1, 0] == pytest.approx(3.0)


def test_features_have_unit_length(features):
    groups = features.groups(features.space.sample(4000, seed=5))
    assert len(groups) == len(GROUPS)
    assert [np.square(group).sum(axis=1).mean() for group in groups] == pytest.approx([1, 1, 1, 1], rel=0.08)


def test_tables_are_the_linear_function(features):
    random = np.random.default_rng(1)
    archs = features.space.sample(500, seed=6)
    groups = features.groups(archs)
    weights = [random.standard_normal(group.shape[1]) for group in groups]
    expected = 3.0 + sum(group @ weight for group, weight in zip(groups, weights, strict=True))
    surrogate = features.surrogate(3.0, weights)
    np.testing.assert_allclose(surrogate.predict(archs), expected, rtol=1e-12, atol=1e-12)
    assert (surrogate.order, surrogate.members) == (1, 1)


def test_mixture_of_known_devices_is_recovered(features):
    """A device that is a known truth: twice one device and half of another."""
    archs = features.space.sample(600, seed=7)
    groups = features.groups(archs)
    times = 10 + 2 * groups[0][:, 0] + 0.5 * groups[0][:, 6]
    rows = choose(groups, 20)
    fit = regress([group[rows] for group in groups], times[rows])
    assert figures_of(times, fit.predict(groups)).r2 > 0.9999


def test_any_additive_device_is_recovered_from_enough_measurements(tmp_path, toy):
    known = [[0.0, 1.0, 5.0], [0.0, 2.0], [0.0, 1.0, 1.0, 3.0, 2.0], [0.0, 0.5, 0.25, 1.0]]
    bench = small_bench(tmp_path, toy, {"throughput_known": known})
    truth = [[0.0, 3.0, 1.0], [0.0, 0.1], [0.0, 0.2, 4.0, 1.0, 0.0], [2.0, 0.0, 1.0, 1.0]]
    surrogate = _core.Surrogate.additive(toy._core, 9.0, truth)
    archs = toy.sample(60, seed=3, unique=True)
    data = measured(toy, archs, latency_new=pl.Series(surrogate.predict(archs)))
    everything = toy.range(0, toy.size)
    found = fit_transfer(data, "latency_new", Sources(bench), "identity").predict(everything)
    np.testing.assert_allclose(found, surrogate.predict(everything), rtol=2e-4)


def test_fewer_measurements_beside_known_devices_beat_none(bench):
    """The A100 as the tables know it, from all boards but its own: better than MACs and parameters alone."""
    archs = bench.space.sample(1500, seed=8)
    times = 1 / bench.predict(archs, "throughput_a100", dtype="float64")
    taus = {}
    for name, names in (("known", without(default_sources(bench), ["a100"])), ("costs", ["macs", "params"])):
        groups = Features(Sources(bench, names)).groups(archs)
        rows = choose(groups, 30)
        taus[name] = figures_of(times, regress([g[rows] for g in groups], times[rows]).predict(groups)).tau
    assert taus["known"] > 0.95 > taus["costs"]


@pytest.mark.parametrize("design", DESIGNS)
def test_designs(features, design):
    groups = features.groups(features.space.sample(300, seed=9))
    rows = choose(groups, 40, design, seed=1)
    assert len(set(rows.tolist())) == 40
    np.testing.assert_array_equal(rows[:10], choose(groups, 10, design, seed=1))


def test_designs_lower_the_variance_more_than_chance(features):
    groups = features.groups(features.space.sample(300, seed=10))
    left = {}
    for design in DESIGNS:
        rows = choose(groups, 25, design)
        prior = PRIOR.covariance(groups)
        inner = prior[np.ix_(rows, rows)] + PRIOR.noise * np.eye(25)
        left[design] = np.trace(prior - prior[:, rows] @ np.linalg.solve(inner, prior[rows]))
    assert max(left.values()) == left["random"] > 2 * left["variance"]


def test_choose_refuses(features):
    groups = features.groups(features.space.sample(5))
    with pytest.raises(DataError, match="6 of 5 candidates"):
        choose(groups, 6)
    with pytest.raises(DataError, match="design is 'best'; choose one of variance"):
        choose(groups, 2, "best")


def test_left_out_is_what_leaving_out_gives():
    """The closed form against fits without each row, with the scales fixed by noise-free data."""
    random = np.random.default_rng(4)
    groups = [random.standard_normal((12, 2)) for _ in GROUPS]
    values = 20 + groups[0] @ [1.0, 2.0] + 0.1 * random.standard_normal(12)
    full = regress(groups, values)
    unit, noise = values.std(), np.square(values / values.mean())
    prior = full.scales.covariance(groups) + np.diag(full.scales.noise * noise)
    for row in range(12):
        rest = np.arange(12) != row
        targets = (values[rest] - values.mean()) / unit
        guess = prior[row, rest] @ np.linalg.solve(prior[np.ix_(rest, rest)], targets)
        assert full.left_out[row] == pytest.approx(values.mean() + unit * guess, rel=1e-6)


def test_written_metric_says_what_the_fit_says(tmp_path, bench):
    archs = bench.space.sample(40, seed=11)
    speed = bench.query(archs, "throughput_zcu102", seed=1)
    data = measured(bench.space, np.concatenate([archs, archs[:3]]),
                    throughput_mine=pl.Series(np.concatenate([speed, speed[:3] * 1.01])))  # fmt: skip
    sources = Sources(bench, without(default_sources(bench), ["zcu102"]))
    found = fit_transfer(data, "throughput_mine", sources, "reciprocal")
    assert len(found.rows) == 40  # repeats are one architecture
    assert found.left_out.r2 > 0.5
    assert 0 <= found.impossible(bench.space.sample(1000)) < 0.2
    found.write(tmp_path / "mine", unit="images/s", description="made up")
    again = accelnas.load(tmp_path / "mine")
    metric = again.metrics["throughput_mine"]
    assert (metric.unit, metric.direction, metric.link) == ("images/s", "maximise", "reciprocal")
    assert metric.calibrated
    assert metric.noise == pytest.approx(0.01 * np.median(speed) / 2**0.5, rel=0.5)
    some = bench.space.sample(200, seed=12)
    np.testing.assert_allclose(again.predict(some, "throughput_mine", dtype="float64"), found.predict(some), rtol=1e-9)
    lower, upper = again.predict_interval(archs, "throughput_mine", level=0.8)
    assert ((lower <= speed) & (speed <= upper)).mean() > 0.7
    provenance = again.provenance("throughput_mine")
    assert json.loads(provenance["known"]) == sources.names
    assert provenance["measured"] == "40"
    assert again.best("throughput_mine").certificate is not None  # exact searches work on it


def test_fit_refuses(bench):
    archs = bench.space.sample(6)
    sources = Sources(bench, ["macs"])
    with pytest.raises(DataError, match=r"latency_x is -1\.0; times and speeds are above 0"):
        fit_transfer(measured(bench.space, archs, latency_x=pl.Series([1.0, 2, 3, 4, 5, -1])), "latency_x", sources,
                     "identity")  # fmt: skip
    data = measured(bench.space, archs, latency_x=pl.Series([1.0, 2, 3, 4, None, None]))
    with pytest.raises(DataError, match="measured for 4 architectures; measure at least 5"):
        fit_transfer(data, "latency_x", sources, "identity")
    with pytest.raises(DataError, match="link is 'log'; choose reciprocal or identity"):
        fit_transfer(data, "latency_x", sources, "log")


def test_sources_refuse(bench):
    with pytest.raises(DataError, match="train_time has link log"):
        Sources(bench, ["train_time"])
    with pytest.raises(DataError, match="has no known device"):
        Sources(bench, [])
