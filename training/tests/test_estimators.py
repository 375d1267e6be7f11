"""Cost estimators: known truths, profiles of blocks, and the comparison with its report."""

import json
from collections import Counter
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from threadpoolctl import threadpool_limits
from typer.testing import CliRunner

import accelnas
from accelnas.errors import DataError
from accelnas.fitting.dataset import from_table
from accelnas.fitting.splits import random_split
from accelnas.networks import network_layers
from accelnas_training.cli import app
from accelnas_training.estimators import comparison, profile
from accelnas_training.estimators.analytical import Roofline, built_counts, fit_roofline, layer_counts
from accelnas_training.estimators.profile import Profile, profile_blocks, read_profile
from accelnas_training.measure import load_protocol, measuring
from accelnas_training.networks import NetworkFamily, NetworkOptions, load_family
from accelnas_training.networks.complexity import build_to_count, complexities, layer_costs
from accelnas_training.sampling import costs
from accelnas_training.transfer.evaluation import Case

KNOWN = ("mnasnet", "nasbench201", "nasbench-macro")
"""Families whose layers follow from formulas."""


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def bench():
    return accelnas.load()


def measured(space, archs, **columns):
    return from_table(pl.DataFrame(space.decode(archs)).with_columns(**columns), space)


def counts_of(space, archs):
    return layer_counts(network_layers(space), space.block_states(archs))


def test_costs_are_the_benchmarks_own(bench):
    archs = bench.space.sample(50)
    layers = counts_of(bench.space, archs)
    for name in ("macs", "params"):
        found = layers.sums(getattr(layers, name))
        np.testing.assert_allclose(found / 1e6, bench.predict(archs, name, dtype="float64"), rtol=1e-9)


@pytest.mark.parametrize("name", KNOWN)
def test_layers_are_those_of_built_networks(name):
    """Convolutions and dense layers: multiply-accumulates, parameters, values read and written."""
    family = load_family(name)
    layers = family.layers()
    for arch in family.space.sample(2, seed=3):
        chosen = family.space.block_states(arch[None])[0]
        own = [*layers.fixed, *(layer for block, state in enumerate(chosen) for layer in layers.states[block][state])]
        expected = [
            (layer.products, layer.weights + layer.biased * layer.outputs, layer.reads, layer.writes)
            for layer in own
            if layer.kind == "convolution"
        ]
        built = layer_costs(build_to_count(family, arch), family.resolution)
        found = [(x.macs, x.params, x.reads, x.writes) for x in built if x.kind in {"Conv2d", "Linear"}]
        assert Counter(found) == Counter(expected)
        assert sum(layer.params for layer in own) == sum(layer.params for layer in built)


def test_layers_without_a_formula_are_those_of_built_networks():
    family = load_family("ofa-mobilenetv3")
    assert family.layers() is None
    archs = family.space.sample(2, seed=1)
    layers = built_counts(family, archs, 64)
    totals = [(one.macs, one.params) for one in complexities(family, archs, 64)]
    assert list(zip(layers.sums(layers.macs), layers.sums(layers.params), strict=True)) == totals
    assert load_family("nasbench201").layers(64) is None
    assert load_family().with_options(width=0.5).layers() is None
    assert NetworkFamily(accelnas.mnasnet_space(), "accelnas_training.networks.mnasnet:build").layers() is None


@pytest.mark.parametrize("name", KNOWN)
def test_roofline_recovers_constants(name):
    space = load_family(name).space
    layers = counts_of(space, space.sample(12, seed=1))
    size, macs = layers.sums(layers.bytes).mean(), layers.sums(layers.macs).mean()
    truth = Roofline(macs, size, 0.01)  # each takes about 1
    found = fit_roofline(layers, truth.predict(layers))
    assert vars(found) == pytest.approx(vars(truth), rel=1e-3)


@pytest.mark.parametrize("truth", [Roofline(5e9, 1e9, 1e-3), Roofline(1e8, 1e12, 1e-4), Roofline(1e13, 2e8, 1e-1)])
def test_roofline_recovers_devices(bench, truth):
    """Bound by both, by computing, by memory: what is never the limit can't be found, but times are."""
    layers = counts_of(bench.space, bench.space.sample(300, seed=1))
    times = truth.predict(layers)
    np.testing.assert_allclose(fit_roofline(layers[:30], times[:30]).predict(layers), times, rtol=2e-3)


def test_roofline_adds_layers_up(bench):
    known, archs = network_layers(bench.space), bench.space.sample(5)
    states, counts = bench.space.block_states(archs), counts_of(bench.space, archs)
    compute_only = Roofline(1.0, 1e30, 0.0).predict(counts)
    np.testing.assert_allclose(compute_only, costs(known, lambda layer: layer.macs, states))
    number = costs(known, lambda _: 1, states)
    np.testing.assert_allclose(Roofline(1e30, 1e30, 2.0).predict(counts), 2.0 * number)


def test_comparison_of_a_device_of_blocks(bench, monkeypatch):
    """Where time is a sum over blocks, a table finds it; the profile of the true blocks is exact."""
    monkeypatch.setattr(comparison, "_process", lambda case: np.full(len(case.times), case.times[case.fitted].mean()))
    random = np.random.default_rng(0)
    blocks = [random.uniform(1, 2, block.size).tolist() for block in bench.space.blocks]
    archs = bench.space.sample(700, seed=2)
    truth = Profile("made up", 1, 5.0, blocks, 12.0)
    times = truth.times(bench.space.block_states(archs), "identity")
    data = measured(bench.space, np.concatenate([archs, archs[:20]]), latency_new=pl.Series([*times, *times[:20]]))
    plan = comparison.ComparisonPlan(["latency_new"], few=20, profiles={"latency_new": truth})
    found = {row["estimator"]: row for row in comparison.compare(data, random_split(data), bench, plan).to_dicts()}
    assert found["profiled block table"]["mape"] == pytest.approx(0, abs=1e-9)
    assert found["profiled block table"]["measurements"] == 266
    assert found["profiled block table, scaled"]["r2"] == pytest.approx(1)
    assert found["fitted block table"]["r2"] > 0.9999
    assert found["measured again"]["mape"] == pytest.approx(0, abs=1e-9)  # the repeats agree
    assert found["Gaussian process"]["r2"] < 0.1  # the mean, as made up above
    assert found["transfer, 20 chosen"]["measurements"] == 20
    assert set(pl.DataFrame(list(found.values()))["kind"]) == set(comparison.KINDS)


def test_learned_is_the_benchmarks_model_only_of_the_same_rows(bench, monkeypatch):
    archs = bench.space.sample(60)
    speeds = bench.query(archs, "throughput_a100", seed=1)
    data = measured(bench.space, archs, throughput_a100=pl.Series(speeds))
    case = Case.of(data, random_split(data), "throughput_a100")
    monkeypatch.setattr(comparison, "_process", lambda case: np.zeros(len(case.times)))
    assert comparison._learned(case, bench).name == "Gaussian process"
    same = {"data_sha256": data.sha256, "split_sha256": case.split.sha256}
    monkeypatch.setattr(type(bench), "provenance", lambda *_: same)
    found = comparison._learned(case, bench)
    assert found.name == "compiled model"
    np.testing.assert_allclose(found.predicted, case.times[case.test], rtol=0.05)


def test_a_process_is_fitted(bench, monkeypatch):
    """The settings' own, with few steps."""
    read = comparison.read_settings

    def quick(name):
        settings = read(name)
        settings.metrics[comparison._LIKE].recipe.parameters.update(steps=[[40, 5]], orders=[1, 1])
        return settings

    monkeypatch.setattr(comparison, "read_settings", quick)
    archs = bench.space.sample(80, seed=4)
    data = measured(bench.space, archs, latency_x=pl.Series(bench.predict(archs, "latency_vck190", dtype="float64")))
    case = Case.of(data, random_split(data), "latency_x")
    assert np.corrcoef(comparison._process(case), case.times)[0, 1] > 0.8


def test_cases_refuse(bench):
    archs = bench.space.sample(40)
    data = measured(bench.space, archs, latency_x=pl.Series([0.0, *range(1, 40)]))
    with pytest.raises(DataError, match=r"id 0: latency_x is 0\.0; times and speeds are above 0"):
        Case.of(data, random_split(data), "latency_x")
    few = measured(bench.space, archs, latency_x=pl.Series([1.0, 2.0, *[None] * 38]))
    with pytest.raises(DataError, match="to test; 2 of each are needed"):
        Case.of(few, random_split(few), "latency_x")


def test_profiles_come_back_from_files(tmp_path):
    made = Profile("digest", 8, 1.5, [[1.0, 2.0], [3.0]], 4.0)
    made.write(tmp_path / "blocks.json")
    again = read_profile(tmp_path / "blocks.json")
    assert again == made
    states = np.array([[1, 0]], np.uint8)
    assert again.times(states, "identity") == pytest.approx([6.5])  # ms of a pass
    assert again.times(states, "reciprocal") == pytest.approx([6.5 / 8000])  # s of an image
    (tmp_path / "other.json").write_text(json.dumps({"blocks": []}))
    with pytest.raises(DataError, match=r"other\.json is no profile of blocks"):
        read_profile(tmp_path / "other.json")
    (tmp_path / "empty.json").write_text(json.dumps({**vars(made), "blocks": []}))
    with pytest.raises(DataError, match="holds no blocks"):
        read_profile(tmp_path / "empty.json")


def test_profiling_measures_every_block_with_its_own_input(monkeypatch):
    seen = []

    def measured(subject, _protocol):
        seen.append((type(subject.module).__name__, subject.shape))
        pace = (1.0, 3.0, 1.5)[len(seen) % 3]
        return SimpleNamespace(latency_ms=2 * pace, reference_ms=5 * pace)

    monkeypatch.setattr(measuring, "measure_subject", measured)
    family = NetworkFamily(_few_states(), options=NetworkOptions(num_classes=4, width=0.25))
    found = profile_blocks(family, load_protocol("cpu_latency").changed(resolution=32))
    assert [len(block) for block in found.blocks] == [2, 1, 1, 1, 1, 4, 1]
    assert found.measurements == len(seen) == 2 + 11
    values = [found.fixed / 2, *(value for block in found.blocks for value in block)]
    assert values == pytest.approx([3.0] * len(values))  # at the reference's usual pace, 1.5
    assert [shape for _, shape in seen[:4]] == [(3, 32, 32), (80, 1, 1), (8, 16, 16), (8, 16, 16)]
    assert seen[-1][1] == (48, 1, 1)
    assert {name for name, _ in seen} == {"Sequential"}


def _few_states():
    """Give MnasNet's variables, nearly all with one choice."""
    lines = ["[space]", 'name = "few"']
    for block in range(7):
        l_choices = "[1, 2]" if block in (0, 5) else "[1]"
        e_choices = "[1, 4]" if block == 5 else "[1]"
        choices = {"e": e_choices, "k": "[3]", "l": l_choices, "se": "[false]"}
        variables = ", ".join(
            f'{{ name = "block{block}_{symbol}", symbol = "{symbol}", choices = {own} }}'
            for symbol, own in choices.items()
        )
        lines += ["[[space.blocks]]", f'name = "block{block}"', f"variables = [{variables}]"]
    return accelnas.Space("\n".join(lines))


@pytest.mark.parametrize("name", ["nasbench201", "nasbench-macro", "ofa-mobilenetv3"])
def test_profiling_measures_whole_networks_where_blocks_do_not_show(name, monkeypatch):
    """Where times add up over blocks, the profile is exact."""
    family = load_family(name)
    space, random = family.space, np.random.default_rng(0)
    truth = Profile("made up", 1, 5.0, [random.uniform(1, 2, block.size).tolist() for block in space.blocks], 1.0)

    def measured(subject, _protocol):
        states = space.block_states(subject.module[None])
        return SimpleNamespace(latency_ms=truth.times(states, "identity")[0], reference_ms=np.nan)

    monkeypatch.setattr(profile, "_whole", lambda _family, archs, image: ((arch, image) for arch in archs))
    monkeypatch.setattr(profile, "Subject", lambda module, *_: SimpleNamespace(module=module))
    monkeypatch.setattr(measuring, "measure_subject", measured)
    shares = []
    found = profile_blocks(family, load_protocol("cpu_latency"), shares.append)
    assert found.measurements == len(shares) <= 1 + sum(block.size - 1 for block in space.blocks)
    assert shares[-1] == 1
    states = space.block_states(space.sample(200, seed=9))
    np.testing.assert_allclose(found.times(states, "identity"), truth.times(states, "identity"), rtol=1e-9)
    networks = list(profile._whole(family, space.sample(1), (3, 32, 32)))
    assert len(networks) == 1


def test_profiling_command(tmp_path, monkeypatch):
    asked = []

    def profiled(family, protocol, _progress):
        asked.append((family.builder, protocol.resolution))
        return Profile(protocol.digest, 1, 1.0, [[1.0]], 1.0, networks=3)

    monkeypatch.setattr(profile, "profile_blocks", profiled)
    arguments = ["profile-blocks", "cpu_latency", "--family", "nasbench201", "--set", "resolution=32"]
    result = CliRunner().invoke(app, [*arguments, "-o", str(tmp_path / "cells.json")])
    assert result.exit_code == 0, result.output
    assert asked == [("nasbench201", 32)]
    assert read_profile(tmp_path / "cells.json").measurements == 3


def test_estimating_another_family(tmp_path, monkeypatch):
    """A roofline's times of networks of cells, by the command."""
    monkeypatch.setattr(comparison, "_process", lambda case: np.full(len(case.times), 1.0))
    space = load_family("nasbench201").space
    archs = space.sample(120, seed=5, unique=True)
    times = Roofline(1e8, 1e7, 0.01).predict(counts_of(space, archs))
    pl.DataFrame(space.decode(archs)).with_columns(latency_cpu=pl.Series(times)).write_csv(tmp_path / "data.csv")
    report = tmp_path / "report.md"
    for of_space in (["--family", "nasbench201"], ["--space", "nasbench201"]):
        arguments = ["estimate", str(tmp_path / "data.csv"), "--split", "random", "-o", str(report), *of_space]
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        found = {row["estimator"]: row for row in pl.read_parquet(tmp_path / "report.parquet").to_dicts()}
        assert found["roofline"]["mape"] < 0.01
        assert found["MACs"]["mape"] > 0.1


def test_estimating_without_formulas(bench, monkeypatch):
    """Layers are those of built networks, where there are builders; else analytical estimators are left out."""
    monkeypatch.setattr(comparison, "_process", lambda case: np.full(len(case.times), 1.0))
    family = load_family("nasbench-macro").with_options(width=0.5)
    archs = family.space.sample(40, seed=5)
    layers = built_counts(family, archs, 16)
    data = measured(family.space, archs, latency_x=pl.Series(Roofline(1e8, 1e7, 0.01).predict(layers)))
    plan = comparison.ComparisonPlan(family=family, resolution=16)
    found = {row["estimator"]: row for row in comparison.compare(data, random_split(data), bench, plan).to_dicts()}
    assert found["roofline"]["mape"] < 0.1
    space = load_family("ofa-mobilenetv3").space
    data = measured(space, space.sample(40, seed=5), latency_x=pl.Series(np.arange(1.0, 41)))
    without = comparison.compare(data, random_split(data), bench, comparison.ComparisonPlan())
    assert set(found) - set(without["estimator"]) == {"parameters", "MACs", "roofline"}


def test_command(tmp_path, bench, monkeypatch):
    monkeypatch.setattr(comparison, "_process", lambda case: np.full(len(case.times), 1.0))
    archs = bench.space.sample(200, seed=5)
    table = pl.DataFrame(bench.space.decode(archs)).with_columns(
        latency_cpu=pl.Series(bench.query(archs, "latency_zcu102", seed=1)),
        throughput_cpu=pl.Series(np.arange(1.0, 201)),
    )
    table.write_csv(tmp_path / "data.csv")
    blocks = [[1.0] * block.size for block in bench.space.blocks]
    Profile("digest", 1, 1.0, blocks, 1.0).write(tmp_path / "blocks.json")
    arguments = ["estimate", str(tmp_path / "data.csv"), "--split", "random", "-o", str(tmp_path / "report.md")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "200")
        result = CliRunner().invoke(app, [*arguments, "--profile", f"latency_cpu={tmp_path / 'blocks.json'}"])
    assert result.exit_code == 0, result.output
    assert "roofline" in result.output
    text = (tmp_path / "report.md").read_text()
    assert "## latency_cpu" in text
    assert "## throughput_cpu" in text
    assert "profiled block table, scaled" in text
    assert (tmp_path / "report.svg").read_text().startswith("<?xml")
    assert pl.read_parquet(tmp_path / "report.parquet")["metric"].n_unique() == 2
    result = CliRunner().invoke(app, [*arguments, "--profile", "latency_cpu"])
    assert result.exit_code != 0
    assert "write METRIC=FILE" in result.output
