import json

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from accelnas.errors import DataError
from accelnas.fitting.dataset import read_dataset
from accelnas.fitting.metric import MetricSpec
from accelnas.fitting.uncertainty import repeat_noise
from accelnas_training.cli import app
from accelnas_training.collect.job import Job
from accelnas_training.collect.reader import StoreReader
from accelnas_training.collect.store import Store
from accelnas_training.collect.work import InlineRunner, WorkDescription
from accelnas_training.errors import StoreError
from accelnas_training.measure import collection, load_protocol
from accelnas_training.measure.collection import MeasuringPlan, measure_architectures, references
from accelnas_training.measure.repeatability import repeatability
from accelnas_training.measure.table import export
from accelnas_training.networks import NetworkFamily, load_family

LATENCY, THROUGHPUT = load_protocol("cpu_latency"), load_protocol("cpu_throughput")


@pytest.fixture
def family(toy):
    return NetworkFamily(toy)


@pytest.fixture
def measured(tmp_path, monkeypatch, family):
    """Measure on a device that is no more than a formula."""

    def measure(archs, protocols=(LATENCY,), plan=None, stop_after=None, **device):
        work = WorkDescription("measure_stub:make", device)
        monkeypatch.setattr(collection, "_measuring_work", lambda *_: work)
        order = []

        def report(job):
            order.append(job)
            if stop_after == len(order):
                raise KeyboardInterrupt

        path = tmp_path / "speed.db"
        with Store.opened(path, family.space) as store, InlineRunner() as runner:
            measure_architectures(store, family, archs, protocols, runner, plan, report=report)
        return path, order

    return measure


def true_latency(table):
    variables = ["v0", "v1", "v2", "v3"]
    return 1.0 + 2.0 * table.select(variables).sum_horizontal().to_numpy()


def exported(path, tmp_path, **how):
    with StoreReader.opened(path) as store:
        return export(store, tmp_path / "speed.parquet", **how)


def test_references_come_first_in_between_and_last(measured, toy):
    archs = toy.at(np.arange(10))
    _, order = measured(archs, (LATENCY, THROUGHPUT), MeasuringPlan(references=2, every=4))
    occasions = [job.seed for job in order if job.seed < 0]
    assert occasions == [n for n in (-1, -2, -3, -4) for _ in range(4)]
    assert [job.seed < 0 for job in order] == [True] * 4 + ([False] * 8 + [True] * 4) * 2 + [False] * 4 + [True] * 4
    known = {tuple(arch) for arch in references(toy, 2).tolist()}
    assert {job.architecture for job in order if job.seed < 0} == known
    own = [job for job in order if job.seed == 0]
    assert own[0::2] == [Job(job.architecture, LATENCY.digest, 0) for job in own[1::2]]  # protocols share a network
    assert [job.architecture for job in own[::2]] != [tuple(arch) for arch in archs.tolist()]
    assert {job.architecture for job in own} == {tuple(arch) for arch in archs.tolist()}


def test_goes_on_where_it_ended(measured, toy):
    archs, plan = toy.at(np.arange(20)), MeasuringPlan(references=2, every=5)
    with pytest.raises(KeyboardInterrupt):
        measured(archs, plan=plan, stop_after=11)
    path, order = measured(archs, plan=plan)
    assert order[0].seed == -3  # a pause may have changed the device
    assert measured(archs, plan=plan)[1] == []
    with StoreReader.opened(path) as store:
        assert store.jobs("pending") == []
        assert sum(job.seed == 0 for job in store.jobs("done")) == 20


def test_noisy_ones_are_measured_again_until_they_are_not(measured, toy, tmp_path):
    archs = toy.at(np.arange(0, 120, 7))
    path, order = measured(archs, noisy_first=True, plan=MeasuringPlan(references=0))
    again = {job.architecture for job in order if job.seed == 1}
    assert again == {tuple(arch) for arch in archs.tolist() if arch[0] == 2}
    assert not [job for job in order if job.seed == 2]
    table, columns = exported(path, tmp_path)
    # the noisy ones said twice as much; weights leave little of that
    np.testing.assert_allclose(table["latency_cpu_ort"], true_latency(table), rtol=1e-3)
    assert columns["latency_cpu_ort"].noisy == 0
    assert columns["latency_cpu_ort"].outliers == pytest.approx(0.05)


def test_a_limit_on_measuring_again(measured, toy):
    archs = toy.at(np.arange(0, 120, 7))
    _, order = measured(archs, noisy_first=True, plan=MeasuringPlan(references=0, again=0))
    assert len(order) == len(archs)


def test_correction_of_drift_helps(measured, toy, tmp_path):
    archs = toy.at(np.arange(60))
    path, _ = measured(archs, (LATENCY, THROUGHPUT), MeasuringPlan(every=5), drift=0.2, noise=0.005)
    table, columns = exported(path, tmp_path)
    for name, column in columns.items():
        assert column.drift.before > 0.05
        assert column.drift.after < 0.25 * column.drift.before
        true = true_latency(table) if name == "latency_cpu_ort" else 1e3 / true_latency(table)
        error = np.log(table[name].to_numpy() / true)
        assert error.std() < 0.03  # 0.14 as measured
    beside = json.loads((tmp_path / "speed.parquet.json").read_text())
    kept = beside["columns"]["latency_cpu_ort"]
    assert kept["spread_of_references_corrected_by_the_others"] < 0.25 * kept["spread_of_references"]
    assert beside["environments"] == [{"results": 60 * 2 + 13 * 6, "host": "stub"}]


def test_pairs_take_out_what_no_drift_explains(measured, toy, tmp_path):
    archs = toy.at(np.arange(60))
    path, _ = measured(
        archs, (LATENCY, THROUGHPUT), MeasuringPlan(every=10, repeats=2, again=0), paired=0.1, noise=0.003
    )
    table, columns = exported(path, tmp_path)
    for name, column in columns.items():
        assert column.spread > 0.06
        assert column.drift.before < 0.006
        true = true_latency(table) if name == "latency_cpu_ort" else 1e3 / true_latency(table)
        error = np.log(table[name].to_numpy() / true)
        assert (error - np.median(error)).std() < 0.005
        assert abs(np.median(error)) < 0.05  # the pace's own median
    with StoreReader.opened(path) as store:
        found = repeatability(store, LATENCY.digest)
    assert found.measured.share > 0.08
    assert found.corrected.share < 0.006
    assert found.column.spread > 10 * found.column.drift.before


def test_the_export_is_a_data_set(measured, toy, tmp_path):
    path, _ = measured(toy.at(np.arange(12)), (LATENCY, THROUGHPUT), MeasuringPlan(references=2))
    names = {"cpu_latency": "latency_mine", THROUGHPUT.digest[:9]: "throughput_mine"}
    table, _ = exported(path, tmp_path, metrics=names)
    data = read_dataset(tmp_path / "speed.parquet", toy)
    assert data.metrics == ("latency_mine", "throughput_mine")
    assert set(data.table.columns) == set(table.columns)
    np.testing.assert_allclose(data.values("latency_mine"), true_latency(data.table))
    once = data.table.filter(pl.col("latency_mine_std") > 0.008 * pl.col("latency_mine"))
    assert len(once) >= 10  # references were measured more often, and are known better
    np.testing.assert_allclose(once["latency_mine_std"], 0.01 * true_latency(once))
    exported(path, tmp_path, metrics={"cpu_latency": "latency_mine"})
    again = pl.read_parquet(tmp_path / "speed.parquet")
    assert again["id"].to_list() == table["id"].to_list()


@pytest.mark.parametrize(
    ("metrics", "error", "message"),
    [
        ({"cpu_latency": "speed"}, DataError, "column 'speed' of cpu_latency: name it latency_DEVICE"),
        ({"cpu_throughput": "latency_a"}, DataError, "column 'latency_a' of cpu_throughput: name it throughput_DEVICE"),
        (
            {"cpu_latency": "latency_a", "torch_cpu_latency": "latency_a"},
            DataError,
            "are both latency_a; name their columns",
        ),
        ({"gpu_latency": "latency_gpu"}, StoreError, "gpu_latency: 0 in .*; choose one of cpu_latency"),
    ],
)
def test_columns_that_can_not_be(measured, toy, tmp_path, metrics, error, message):
    path, _ = measured(
        toy.at([0]), (LATENCY, THROUGHPUT, load_protocol("torch_cpu_latency")), MeasuringPlan(references=0)
    )
    with pytest.raises(error, match=message):
        exported(path, tmp_path, metrics=metrics)


def test_nothing_measured_yet(tmp_path, toy):
    path = tmp_path / "speed.db"
    with Store.opened(path, toy) as store:
        store.add_scheme(LATENCY.digest, LATENCY.name, LATENCY.to_dict())
    with pytest.raises(DataError, match="no measurements by cpu_latency yet; measure some first"):
        exported(path, tmp_path)
    with StoreReader.opened(path) as store, pytest.raises(DataError, match=r"ends in \.txt; choose \.parquet or \.csv"):
        export(store, tmp_path / "speed.txt")


def test_repeatability_is_better_without_drift(measured, toy):
    archs = toy.at(np.arange(0, 120, 3))
    path, order = measured(archs, plan=MeasuringPlan(every=5, repeats=2, again=0), drift=0.3, noise=0.002)
    first, second = ([job.architecture for job in order if job.seed == seed] for seed in (0, 1))
    assert first != second
    assert sorted(first) == sorted(second)
    with StoreReader.opened(path) as store:
        found = repeatability(store, LATENCY.digest)
        assert repeatability(store, LATENCY.digest, archs[5:15]).architectures == 10
    assert found.architectures == 40
    assert found.measured.share > 0.1
    assert found.corrected.share < 0.2 * found.measured.share
    assert found.corrected.tau > found.measured.tau
    assert found.column.drift.after < 0.2 * found.column.spread


def test_each_measurement_can_have_a_row(measured, toy, tmp_path):
    path, _ = measured(
        toy.at(np.arange(12)), (LATENCY, THROUGHPUT), MeasuringPlan(references=2, repeats=2, again=0), noise=0.01
    )
    table, _ = exported(path, tmp_path, each=True)
    assert table.height == 24
    assert table["id"].n_unique() == 24
    data = read_dataset(tmp_path / "speed.parquet", toy)
    assert data.metrics == ("latency_cpu_ort", "throughput_cpu_ort")
    assert sorted(map(len, data.report.repeats)) == [2] * 12
    assert 0.005 < repeat_noise(data, MetricSpec("latency_cpu_ort", link="log")) < 0.02
    np.testing.assert_allclose(table["latency_cpu_ort_std"], 0.01 * table["latency_cpu_ort"])


def test_one_measurement_is_no_repetition(measured, toy):
    path, _ = measured(toy.at(np.arange(4)), plan=MeasuringPlan(references=0))
    with StoreReader.opened(path) as store, pytest.raises(DataError, match="0 architectures were measured twice"):
        repeatability(store, LATENCY.digest)


@pytest.mark.slow
def test_a_real_measurement_shares_the_network(tmp_path):
    family = load_family().with_options(num_classes=10, width=0.25, head=32)
    few = {"resolution": 32, "timing.passes": 2, "timing.seconds": 0, "timing.warm_up_seconds": 0.01}
    protocols = [LATENCY.changed(**few), THROUGHPUT.changed(**few), load_protocol("torch_cpu_latency").changed(**few)]
    path = tmp_path / "speed.db"
    with Store.opened(path, family.space, {"family": family.digest}) as store, InlineRunner() as runner:
        measure_architectures(
            store, family, family.space.sample(2, seed=0), protocols, runner, MeasuringPlan(references=1, again=0)
        )
        jobs = store.jobs("done")
        assert len(jobs) == 3 * (2 + 2)
        values = dict(zip(jobs, store.values(jobs), strict=True))
    export, reuse = (
        [own["prepare_seconds"] for job, own in values.items() if job.scheme == protocol.digest]
        for protocol in protocols[:2]
    )
    assert np.median(reuse) < np.median(export)
    assert all(own["latency_ms"] > 0 and own["measured_at"] > 1.7e9 for own in values.values())


def test_tables_say_how_each_was_measured(measured, toy, tmp_path):
    measured(toy.at(np.arange(6)), plan=MeasuringPlan(references=0))
    path, _ = measured(toy.at(np.arange(12)), plan=MeasuringPlan(references=0, repeats=2, again=0), session=1)
    names = [f"latency_cpu_ort_{what}" for what in ("session", "processors", "threads")]
    each, columns = exported(path, tmp_path, each=True)
    assert len(columns["latency_cpu_ort"].names) == 2
    assert sorted(each.select(names).rows()) == [(0, 8, 2)] * 6 + [(1, 9, 2)] * 18
    together, _ = exported(path, tmp_path)
    assert sorted(together.select(names).rows(), key=str) == [(1, 9, 2)] * 6 + [(None, None, 2)] * 6
    assert read_dataset(tmp_path / "speed.parquet", toy).metrics == ("latency_cpu_ort",)


def test_effects_of_sessions_are_kept_and_can_be_taken_out(measured, toy, tmp_path):
    own = {"references": 0, "again": 0}
    measured(toy.at(np.arange(30)), (LATENCY, THROUGHPUT), MeasuringPlan(**own), noise=0.01)
    measured(
        toy.at(np.arange(30)), (LATENCY, THROUGHPUT), MeasuringPlan(repeats=2, **own), noise=0.01, session=1, slower=0.2
    )
    path, _ = measured(toy.at(np.arange(60)), (LATENCY, THROUGHPUT), MeasuringPlan(**own), noise=0.01, session=2)
    raw, _ = exported(path, tmp_path, each=True)
    table, columns = exported(path, tmp_path, each=True, sessions=True)
    beside = json.loads((tmp_path / "speed.parquet.json").read_text())
    assert beside["corrected_for_sessions"]
    for name in ("latency_cpu_ort", "throughput_cpu_ort"):
        kept = beside["columns"][name]["effects_of_sessions_corrected"]
        assert kept["effects"] == pytest.approx([-0.1, 0.1, None], abs=0.01)
        assert len(beside["columns"][name]["sessions"]) == 3
        took_longer = raw[name] / table[name] if name == "latency_cpu_ort" else table[name] / raw[name]
        correction = columns[name].sessions_corrected.correction
        np.testing.assert_allclose(np.log(took_longer), correction[table[f"{name}_session"]], atol=1e-12)
        assert correction == pytest.approx([-0.1, 0.1, 0.0], abs=0.01)
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["measure", "sessions", str(path)]).stdout
    assert shown.count("not comparable") == 6  # of each protocol, as measured, in pairs and corrected


def test_drift_takes_sessions_out_where_there_are_references(measured, toy, tmp_path):
    measured(toy.at(np.arange(30)), plan=MeasuringPlan(every=5, again=0), noise=0.01)
    path, _ = measured(toy.at(np.arange(60)), plan=MeasuringPlan(every=5, again=0), noise=0.01, session=1, slower=0.2)
    _, columns = exported(path, tmp_path)
    column = columns["latency_cpu_ort"]
    assert column.sessions.effects == pytest.approx([-0.1, 0.1], abs=0.01)
    assert np.abs(column.sessions_corrected.effects).max() < 0.01


def test_energies_of_two_batches_are_two_columns(measured, toy, tmp_path):
    energy = {"cpu_latency": 7.0, "cpu_throughput": 3.0}
    path, _ = measured(toy.at(np.arange(6)), (LATENCY, THROUGHPUT), MeasuringPlan(references=0), energy=energy)
    table, _ = exported(path, tmp_path)
    assert [name for name in table.columns if name.startswith("energy")] == [
        "energy_cpu_ort_batch1",
        "energy_cpu_ort_batch8",
    ]
    np.testing.assert_allclose(table["energy_cpu_ort_batch1"], 7 * true_latency(table))
    np.testing.assert_allclose(table["energy_cpu_ort_batch8"], 3 * true_latency(table))
    alike = THROUGHPUT.changed(name="alike", batch=1)
    path, _ = measured(toy.at(np.arange(6)), (alike,), MeasuringPlan(references=0), energy={"alike": 1.0})
    with pytest.raises(DataError, match="two protocols give energy_mine_batch1; name their columns after different"):
        exported(path, tmp_path, metrics={"cpu_latency": "latency_mine", "alike": "throughput_mine"})
