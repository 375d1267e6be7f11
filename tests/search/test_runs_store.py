"""Finished parts are kept: calls that go on, killed processes, damaged files, full disks, Ray."""

import os
import resource
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import accelnas
from accelnas import FileError, MissingExtraError
from accelnas.search import RegularizedEvolution, SuccessiveHalving
from accelnas.search.runs import engine, read_runs
from accelnas.search.runs.logs import Logs
from accelnas.space import Space
from interrupts import interrupt
from search_samples import BENCH, LIMITS, WITHIN, same_logs


@dataclass(frozen=True)
class Sampled:
    """An algorithm of Python with a setting."""

    first: int
    kind = "sampled"

    def __call__(self, task):
        number = self.first
        while True:
            yield task.space.sample(1, number)
            number += 1


CALL = {"objective": "accuracy", "runs": 1200, "budget": 30, "seed": 4}
SETTINGS = [
    {"objective": "accuracy", "noise": True, "clock": "train_time"},
    {"objective": "latency_zcu102", "subject_to": LIMITS, "clock": "train_time"},
    {"objective": "accuracy", "subject_to": "accuracy >= 90"},
    {"objective": ["accuracy", "latency_zcu102", "macs"], "within": WITHIN},
    {"objective": lambda archs: archs.sum(axis=1), "within": WITHIN},
]


@pytest.fixture
def made(monkeypatch):
    """The parts that are run, in their order."""
    parts, real = [], engine.run_part

    def watching(plan, part, *more):
        parts.append((plan.label, part.start, part.stop))
        return real(plan, part, *more)

    monkeypatch.setattr(engine, "run_part", watching)
    return parts


def test_the_same_call_goes_on(tmp_path, made):
    expected = BENCH.simulate("random_search", **CALL)
    made.clear()
    first = BENCH.simulate("random_search", **CALL, output=tmp_path / "new" / "folder")
    assert made == [("random_search", 0, 1000), ("random_search", 1000, 1200)]
    files = sorted((tmp_path / "new" / "folder").iterdir())
    assert [path.name[-23:] for path in files] == ["0000000-0000999.parquet", "0001000-0001199.parquet"]
    again = BENCH.simulate("random_search", **CALL, output=tmp_path / "new" / "folder", threads=1)
    assert len(made) == 2
    files[1].unlink()
    partly = BENCH.simulate("random_search", **CALL, output=tmp_path / "new" / "folder")
    assert made[2:] == [("random_search", 1000, 1200)]
    for runs in (first, again, partly):
        same_logs(runs.logs, expected.logs)
    more = BENCH.simulate("random_search", **{**CALL, "runs": 2300}, output=tmp_path / "new" / "folder")
    assert made[3:] == [("random_search", 1000, 2000), ("random_search", 2000, 2300)]
    same_logs(more.logs, expected.logs, 1200)


@pytest.mark.parametrize("setting", SETTINGS)
def test_what_is_read_is_what_was_found(tmp_path, made, setting):
    call = {**setting, "runs": 40, "budget": 60, "seed": 1, "output": tmp_path}
    found, read = (BENCH.simulate("random_search", **call) for _ in range(2))
    assert len(made) == 1
    same_logs(read.logs, found.logs)
    assert found.to_polars().equals(read.to_polars())
    assert {entry.dtype for entry in vars(read.logs).values()} == {entry.dtype for entry in vars(found.logs).values()}


def test_runs_without_recommendation_are_read(tmp_path, made):
    call = {"objective": "accuracy", "noise": True, "runs": 5, "budget": 20, "seed": 1, "output": tmp_path}
    found, read = (BENCH.simulate(SuccessiveHalving(), **call) for _ in range(2))
    assert len(made) == 1
    same_logs(read.logs, found.logs)
    assert np.isnan(read.best_values).all()


def test_other_calls_make_their_own_parts(tmp_path, made):
    derived = BENCH.derive("double", "2 * accuracy", direction="maximise")
    call = {"objective": "accuracy", "runs": 3, "budget": 30, "seed": 4, "output": tmp_path}
    changes = [
        {},
        {"seed": 5},
        {"budget": 31},
        {"objective": "macs"},
        {"objective": [("accuracy", "minimise")]},
        {"subject_to": "macs <= 400"},
        {"subject_to": "macs <= 400", "penalty": 1.0},
        {"subject_to": "macs <= 400", "penalty": 2.0},
        {"within": {"block0_e": 1}},
        {"noise": True},
        {"clock": "train_time"},
        {"runs": 4},
    ]
    for change in changes:
        BENCH.simulate("random_search", **{**call, **change})
    for algorithm in (RegularizedEvolution(), RegularizedEvolution(10, 5), {"mine": "random_search"}):
        BENCH.simulate(algorithm, **call)
    derived.simulate("random_search", **{**call, "objective": "double"})
    other = BENCH.derive("double", "3 * accuracy", direction="maximise")
    other.simulate("random_search", **{**call, "objective": "double"})
    total = len(changes) + 3 + 2
    assert len(made) == len(list(tmp_path.iterdir())) == total
    BENCH.simulate("random_search", **call)
    assert len(made) == total


def damage(path, how):
    frame = pl.read_parquet(path)
    if how == "cut":
        path.write_bytes(path.read_bytes()[:-50])
    elif how == "text":
        path.write_text("no parquet")
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "columns":
        frame.drop("evaluation").write_parquet(path)
    elif how == "runs":
        frame.with_columns(pl.col("run") + 7).write_parquet(path)
    elif how == "order":
        frame.reverse().write_parquet(path)
    elif how == "index":
        frame.with_columns(pl.lit(2**64 - 1, pl.UInt64).alias("index")).write_parquet(path)
    elif how == "words":
        frame.with_columns(pl.col("run").cast(pl.String) + "x").write_parquet(path)
    else:
        path.unlink()
        path.mkdir()


@pytest.mark.parametrize("how", ["cut", "text", "empty", "columns", "runs", "order", "index", "words", "folder"])
def test_damaged_parts_are_named(tmp_path, how):
    call = {"objective": "accuracy", "runs": 5, "budget": 20, "seed": 1, "output": tmp_path}
    BENCH.simulate("random_search", **call)
    (path,) = tmp_path.iterdir()
    damage(path, how)
    with pytest.raises(FileError) as caught:
        BENCH.simulate("random_search", **call)
    assert str(path) in str(caught.value)
    assert "delete the file to make these runs again" in str(caught.value)


def simulating(folder, before=""):
    """Start a process that makes many parts and says which is done."""
    code = f"""
        import resource, accelnas
        from accelnas.search.runs import engine, read_runs
        engine.PART = 20
        {before}
        tell = lambda done, total, best: print(done, flush=True)
        try:
            accelnas.load().simulate("regularized_evolution", "accuracy", runs=400, budget=2_000, seed=1,
                                     output={str(folder)!r}, progress=tell, threads=1)
        except accelnas.FileError as error:
            print(error)
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.slow
def test_killed_processes_go_on(tmp_path, made, monkeypatch):
    with simulating(tmp_path) as process:
        for line in process.stdout:
            if int(line) >= 5 * 20 * 2_000:
                break
        process.kill()
    assert process.returncode == -signal.SIGKILL
    kept = len(list(tmp_path.glob("*.parquet")))
    assert 4 <= kept < 20
    monkeypatch.setattr(engine, "PART", 20)
    call = {"objective": "accuracy", "runs": 400, "budget": 2_000, "seed": 1}
    found = BENCH.simulate("regularized_evolution", **call, output=tmp_path)
    assert len(made) == 20 - kept
    same_logs(found.logs, BENCH.simulate("regularized_evolution", **call).logs)


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limit of file sizes here")
def test_a_full_disk_leaves_no_half_file(tmp_path):
    with simulating(tmp_path, "resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))") as process:
        output, errors = process.communicate(timeout=600)
    assert f"{tmp_path}/regularized-evolution-" in output, errors
    assert not list(tmp_path.iterdir())


def test_folders_that_cannot_be_are_refused(tmp_path):
    (tmp_path / "file").write_text("")
    call = {"objective": "accuracy", "runs": 5, "budget": 20, "seed": 1}
    with pytest.raises(FileError, match=r"file.*; choose another folder"):
        BENCH.simulate("random_search", **call, output=tmp_path / "file" / "folder")
    with pytest.raises(FileError, match=r"file.*; choose another folder"):
        BENCH.simulate("random_search", **call, output=tmp_path / "file")


def test_missing_libraries_name_their_extra(tmp_path, monkeypatch):
    call = {"objective": "accuracy", "runs": 5, "budget": 20, "seed": 1}
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "polars", None)
        with pytest.raises(MissingExtraError, match=r"polars is not installed; run: pip install 'accelnas\[polars\]'"):
            BENCH.simulate("random_search", **call, output=tmp_path)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"ray is not installed; run: pip install 'accelnas\[ray\]'"):
        BENCH.simulate("random_search", **call, engine="ray")


def test_settings_of_algorithms_of_python_tell_runs_apart(tmp_path):
    made = [
        BENCH.simulate(Sampled(first), "accuracy", runs=2, budget=3, seed=1, output=tmp_path) for first in (1, 2, 1)
    ]
    assert made[0].logs.rows.tolist() == made[2].logs.rows.tolist()
    assert made[0].logs.rows.tolist() != made[1].logs.rows.tolist()
    assert len(list(tmp_path.glob("*.parquet"))) == 2
    read = [one for comparison in read_runs(tmp_path, lambda _: BENCH) for one in comparison.values()]
    assert {one.plan.key() for one in read} == {one.plan.key() for one in made}


def test_spaces_beyond_64_bits_keep_strings(tmp_path):
    block = '[[space.blocks]]\nname = "b{0}"\nvariables = [{{ name = "v{0}", choices = [1, 2, 3, 4] }}]\n'
    space = Space('[space]\nname = "wide"\n' + "".join(block.format(i) for i in range(40)))
    assert space.size == 4**40
    chance = np.random.default_rng(1)
    rows = chance.integers(0, 4, (6, 40)).astype(np.uint8)
    ends = (np.zeros(2), np.full(2, 9))
    logs = Logs(np.array([2, 4]), np.array([1, 5, 1, 2, 3, 9]), rows, chance.random((6, 1)), np.empty(0), *ends)
    frame = logs.to_polars(space, ["x"], 1000)
    frame.write_parquet(tmp_path / "part")
    same_logs(Logs.from_polars(space, ["x"], pl.read_parquet(tmp_path / "part"), range(1000, 1002), logs.ends), logs)


def test_progress_counts_everything(tmp_path):
    for output in (None, tmp_path):
        calls = []
        BENCH.simulate("random_search", **CALL, output=output, progress=lambda *call, to=calls: to.append(call))
        done = [call[0] for call in calls]
        assert done == sorted(done)
        assert calls[-1][:2] == (1200 * 30, 1200 * 30)
        assert calls[-1][2] == BENCH.simulate("random_search", **CALL).best_values.max()


@pytest.mark.parametrize("algorithm", ["'regularized_evolution'", "crowd"])
def test_a_signal_stops_a_simulation(algorithm):
    code = f"""
        import accelnas
        def crowd(task):
            while True:
                yield task.space.sample(100, seed=1)
        told = []
        def tell(*call):
            if not told:
                told.append(print("on", flush=True))
        accelnas.load().simulate({algorithm}, "accuracy", runs=100_000, budget=100_000, seed=1, progress=tell)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        errors, used = interrupt(process)
    assert "KeyboardInterrupt" in errors
    assert used < 2  # of two threads, the interpreter's end included


def test_what_progress_raises_stops_the_runs():
    def stop(*_call):
        raise LookupError("enough")

    for algorithm in ("random_search", accelnas.search.native("random_search")):
        with pytest.raises(LookupError, match="enough"):
            BENCH.simulate(algorithm, **CALL, progress=stop)


RAY = """
    import sys
    sys.path.insert(0, sys.argv[1])
    import accelnas, ray
    from accelnas.search.runs import engine, read_runs
    from search_samples import same_logs

    ray.init("local", num_cpus=2, log_to_driver=False, include_dashboard=False)
    engine.PART = 100
    bench = accelnas.load()

    def mine(task):
        while True:
            yield task.space.sample(5, seed=task.seed)

    call = dict(runs=450, budget=40, seed=3)
    for algorithm in ("regularized_evolution", mine):
        for setting in ({"objective": "accuracy", "noise": True}, {"objective": lambda archs: archs.sum(axis=1)}):
            expected = bench.simulate(algorithm, **call, **setting)
            found = bench.simulate(algorithm, **call, **setting, engine="ray", output=sys.argv[2])
            same_logs(found.logs, expected.logs)
    ray.shutdown()
    print("all equal")
"""


@pytest.mark.slow
def test_ray_finds_the_same(tmp_path):
    # Ray keeps files of its own in the home folder
    environment = {**os.environ, "HOME": str(tmp_path), "RAY_USAGE_STATS_ENABLED": "0"}
    command = [
        sys.executable,
        "-c",
        textwrap.dedent(RAY),
        str(Path(__file__).parents[1]),
        str(tmp_path / "runs"),
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.stdout.endswith("all equal\n"), done.stderr
