"""Benchmarks from Python: predictions, damage, processes, threads, interruption."""

import _thread
import json
import multiprocessing
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import accelnas
from accelnas import ArtifactError, FileError, MetricError, ParameterError, SpaceError

GOLDEN = Path(__file__).parents[1] / "golden" / "v1"
B0 = "e1_k3_l1_se1-e6_k3_l2_se1-e6_k5_l2_se1-e6_k3_l3_se1-e6_k5_l3_se1-e6_k5_l4_se1-e6_k3_l1_se1"


# The link, and the slope of its inverse.
LINKS = {
    "identity": (lambda y: y, lambda y: np.ones_like(y)),
    "reciprocal": (lambda y: 1 / y, lambda y: y**2),
    "capped": (lambda y: 1 / y, lambda y: y**2),
    "log": (np.log, lambda y: y),
}


@pytest.mark.parametrize("version", ["v1", "v4", "v5"])
def test_golden_artifacts_of_every_version_still_predict_the_same(version: str) -> None:
    golden = GOLDEN.parent / version
    expected = json.loads((golden / "expected.json").read_text())
    bench = accelnas.load(golden)
    rows = bench.space.range(0, bench.space.size)
    for name, values in expected.items():
        exact = bench.predict(rows, name, dtype="float64")
        np.testing.assert_allclose(exact, values["float64"], rtol=1e-14)
        mean, std = bench.predict(rows, name, return_std=True)
        assert mean.tobytes().hex() == values["float32"]
        np.testing.assert_allclose(std, values["std"], rtol=0.02, atol=1e-6)
        if "query" in values:
            np.testing.assert_allclose(bench.query(rows, name, seed=1), values["query"], rtol=1e-14)
            interval = np.array(bench.predict_interval(rows, name, level=0.9))
            np.testing.assert_allclose(interval, [values["lower"], values["upper"]], rtol=1e-14)


def test_the_bundled_benchmark_agrees_with_the_published_ensemble(bench: accelnas.Benchmark) -> None:
    # The released 10-member ensemble of Accel-NASBench says 65.74 % and 883.5 images/s.
    assert abs(bench.predict(B0, "accuracy") - 65.74) < 0.5
    assert abs(bench.predict(B0, "throughput_tpuv2") - 883.5) < 25
    # Parameters and MACs of EfficientNet-B0 in this space are functions of its blocks.
    assert abs(bench.predict(B0, "params", dtype="float64") - 5.288548) < 1e-6
    exact = ("macs", "params", "peak_memory")
    assert all(metric.members == 10 for name, metric in bench.metrics.items() if name not in exact)
    assert len(bench.metrics) == 18


def test_shapes_and_dtypes(bench: accelnas.Benchmark) -> None:
    rows = bench.space.sample(5)
    mean, std = bench.predict(rows, "accuracy", return_std=True)
    assert mean.shape == std.shape == (5,)
    assert mean.dtype == std.dtype == np.float32
    assert (std > 0).all()
    everything = bench.predict(rows)
    assert list(everything) == list(bench.metrics)
    two = bench.predict(rows, ["accuracy", "params"], return_std=True, dtype="float64")
    assert two["accuracy"][0].dtype == np.float64
    np.testing.assert_array_equal(two["params"][1], 0)
    for one in (rows[0], bench.space.decode(rows)[0], bench.space.format(rows)[0], int(bench.space.index(rows)[0])):
        value = bench.predict(one, "accuracy")
        assert isinstance(value, np.float32)
        assert value == mean[0]
    assert bench.predict(pl.DataFrame(bench.space.decode(rows)), "accuracy").tolist() == mean.tolist()
    assert bench.predict(rows[:0], "accuracy").shape == (0,)


def test_bits_do_not_depend_on_threads_or_batch(bench: accelnas.Benchmark) -> None:
    rows = bench.space.sample(40_000, seed=4)
    names = list(bench.metrics)
    whole = bench.predict(rows, names, return_std=True, threads=2)
    parts = [bench.predict(rows[i : i + 7001], names, return_std=True, threads=1) for i in range(0, 40_000, 7001)]
    for name in names:
        for k in range(2):
            np.testing.assert_array_equal(whole[name][k], np.concatenate([part[name][k] for part in parts]))


def test_float32_is_close_to_float64(bench: accelnas.Benchmark) -> None:
    rows = bench.space.sample(20_000, seed=1)
    for name in bench.metrics:
        exact, exact_std = bench.predict(rows, name, return_std=True, dtype="float64")
        mean, std = bench.predict(rows, name, return_std=True)
        rounding = np.spacing(np.abs(exact).astype(np.float32)).astype(float)
        # The bound holds on the scale of the link; the slope of its inverse carries it over.
        link, slope = LINKS[bench.metrics[name].link]
        bound = 2e-6 * link(exact).std() * slope(exact) + 1.5 * rounding
        assert (np.abs(mean - exact) <= bound).all(), name
        if bench.metrics[name].link == "identity":
            # A standard deviation moves no more than the members do.
            stated = bench._core.deviation_bound(bench._core.position(name))
            assert np.abs(std - exact_std).max() <= stated + 1e-6 * exact_std.max(), name
        np.testing.assert_allclose(std, exact_std, rtol=0.02, atol=1e-5 * exact.std())


def test_wrong_arguments(bench: accelnas.Benchmark) -> None:
    rows = bench.space.sample(3)
    with pytest.raises(MetricError, match=r'unknown metric "\ud800"; the metrics are accuracy'):
        bench.predict(0, "\ud800")
    with pytest.raises(MetricError, match='unknown metric "speed"; the metrics are accuracy'):
        bench.predict(rows, "speed")
    with pytest.raises(ParameterError, match="dtype is 'float16'"):
        bench.predict(rows, "accuracy", dtype="float16")  # type: ignore[call-overload]
    with pytest.raises(ParameterError, match="threads is 0"):
        bench.predict(rows, "accuracy", threads=0)
    wrong = bench.space.sample(100_000)
    wrong[77_777, 5] = 2
    for std in (False, True):
        with pytest.raises(
            SpaceError, match=r"row 77777: block1_k has choice index 2; choose one of 0 to 1 \(choices 3, 5\)"
        ):
            bench.predict(wrong, "accuracy", return_std=std)


def test_damaged_benchmarks(tmp_path: Path) -> None:
    def damaged(name: str, change: bytes | None) -> accelnas.Benchmark:
        target = tmp_path / "bench"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(GOLDEN, target)
        if change is None:
            (target / name).unlink()
        else:
            (target / name).write_bytes(change)
        return accelnas.load(target)

    toml = (GOLDEN / "benchmark.toml").read_bytes()
    metric = next(iter(json.loads((GOLDEN / "expected.json").read_text())))
    file = f"{metric}.safetensors"
    content = (GOLDEN / file).read_bytes()
    for change in (content[:-1], content[:50], b"", content[:100] + b"x" + content[101:]):
        bench = damaged(file, change)
        with pytest.raises(ArtifactError, match=file):
            bench.predict(0, metric)
    with pytest.raises(FileError, match=file):
        damaged(file, None).predict(0, metric)
    with pytest.raises(ArtifactError, match="format version 6, this accelnas reads versions up to 5; update accelnas"):
        damaged("benchmark.toml", toml.replace(b"format_version = 1", b"format_version = 6"))
    with pytest.raises(FileError, match=r"benchmark\.toml"):
        accelnas.load(tmp_path / "nothing")


def _predict_in_child(bench: accelnas.Benchmark, queue: "multiprocessing.Queue[float]") -> None:
    queue.put(float(bench.predict(bench.space.sample(100_000), "accuracy", threads=2).sum(dtype=np.float64)))


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_processes(bench: accelnas.Benchmark, method: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system can't start processes by {method}")
    expected = float(bench.predict(bench.space.sample(100_000), "accuracy", threads=2).sum(dtype=np.float64))
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=_predict_in_child, args=(bench, queue))
    process.start()
    assert queue.get(timeout=600) == expected
    process.join(600)
    assert process.exitcode == 0


def test_threads_and_pickle(bench: accelnas.Benchmark) -> None:
    fresh = pickle.loads(pickle.dumps(bench))
    rows = bench.space.sample(20_000)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: fresh.predict(rows, "latency_zcu102", return_std=True), range(16)))
    for mean, std in results:
        np.testing.assert_array_equal(mean, results[0][0])
        np.testing.assert_array_equal(std, results[0][1])
    golden = pickle.loads(pickle.dumps(accelnas.load(GOLDEN)))
    assert golden.name == accelnas.load(GOLDEN).name


def _predict_for(seconds: float, bench: accelnas.Benchmark, rows: np.ndarray) -> None:
    start = time.process_time()
    while time.process_time() < start + seconds:
        bench.predict(rows, return_std=True, threads=1)


def test_ctrl_c_stops_a_long_call(bench: accelnas.Benchmark) -> None:
    rows = np.tile(bench.space.sample(1_000_000), (4, 1))
    bench.predict(rows[:10_000], return_std=True)
    timer = threading.Timer(0.3, _thread.interrupt_main)
    # a shell's background jobs start without a handler
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    start = time.process_time()
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            _predict_for(60, bench, rows)
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.process_time() < start + 30
    assert np.isfinite(bench.predict(rows[:10], "accuracy")).all()


def test_importing_and_querying_need_numpy_alone() -> None:
    code = (
        "import sys, numpy; before = set(sys.modules); import accelnas; accelnas.load().predict(0, 'accuracy');"
        "new = {m.split('.')[0] for m in set(sys.modules) - before};"
        "print(sorted(m for m in new if m not in sys.stdlib_module_names and m not in ('accelnas', 'numpy')))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_complete_tables_are_bundled():
    names = accelnas.benchmarks()
    assert {name: accelnas.load(name).space.size for name in names} == {
        "accel-nasbench": 104_485_552_128,
        "nasbench201": 15_625,
        "nasbench-macro": 6_561,
    }
    assert accelnas.load("accel-nasbench").space == accelnas.load().space
    assert round(float(accelnas.load("nasbench-macro").best("accuracy").values[0]), 2) == 93.13  # as published
    for name in names:
        bench = accelnas.load(name)
        again = pickle.loads(pickle.dumps(bench))
        assert (again.space, list(again.metrics)) == (bench.space, list(bench.metrics))
    derived = accelnas.load("nasbench-macro").derive("density", "accuracy / params", direction="maximise")
    assert pickle.loads(pickle.dumps(derived)).best("accuracy").values[0] == derived.best("accuracy").values[0]
