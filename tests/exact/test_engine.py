"""Searches that are interrupted, killed, divided and put together find the same as whole ones."""

import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import accelnas
from accelnas import FileError, MissingExtraError, SearchError
from accelnas.exact import (
    BestQuestion,
    Certificate,
    CountQuestion,
    LexicographicQuestion,
    Part,
    RunOptions,
    merge_shards,
    run_shard,
)
from accelnas.exact.answer import certified
from accelnas.exact.engine import CHUNK, Finished, Run, prepare
from accelnas.exact.solve import solve
from interrupts import interrupt

WITHIN = {"block0_e": 1, "block1_e": [4, 6], "block2_e": [4, 6], "block3_e": 6, "block4_e": 4}
CONSTRAINT = "accuracy >= 60"


@pytest.fixture(scope="module")
def whole(bench):
    return bench.count(CONSTRAINT, within=WITHIN)


@pytest.fixture
def question():
    return CountQuestion(CONSTRAINT, within=WITHIN)


def same(found, expected):
    assert found.certificate.result == expected.certificate.result
    assert found.certificate.counts == expected.certificate.counts
    assert found.certificate.bound == expected.certificate.bound
    assert found.certificate.complete


class Interrupt:
    """Progress that interrupts once so many architectures are settled."""

    def __init__(self, after):
        self.after, self.calls = after, []

    def __call__(self, done, total):
        self.calls.append((done, total))
        if done >= self.after:
            raise KeyboardInterrupt


def counting(checkpoint, threads=2):
    """Start a process that counts and says how far it is."""
    code = f"""
        import accelnas
        bench = accelnas.load()
        tell = lambda done, total: print(done, flush=True)
        options = accelnas.exact.RunOptions(checkpoint={str(checkpoint)!r})
        found = bench.count({CONSTRAINT!r}, within={WITHIN!r}, options=options, threads={threads}, progress=tell)
        print("count", int(found), flush=True)
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_progress_rises_to_the_size(bench, whole):
    calls = []
    found = bench.count(CONSTRAINT, within=WITHIN, progress=lambda *call: calls.append(call))
    same(found, whole)
    done = [call[0] for call in calls]
    assert done == sorted(done)
    assert calls[-1] == (found.size, found.size)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_change_nothing(bench, whole, threads):
    same(bench.count(CONSTRAINT, within=WITHIN, threads=threads), whole)
    limits = {"subject_to": "latency_zcu102 <= 5", "within": WITHIN, "k": 7}
    same(bench.best("accuracy", threads=threads, **limits), bench.best("accuracy", threads=2, **limits))


def test_killed_runs_go_on(bench, whole, tmp_path):
    checkpoint = tmp_path / "count.sqlite"
    for part in (0.25, 0.6):
        with counting(checkpoint) as process:
            for line in process.stdout:
                if int(line) > part * whole.size:
                    break
            process.kill()
        assert process.returncode == -signal.SIGKILL
    calls = []
    found = bench.count(
        CONSTRAINT, within=WITHIN, options=RunOptions(checkpoint=checkpoint), progress=lambda *call: calls.append(call)
    )
    assert calls[0][0] > 0.4 * whole.size  # nothing was done twice
    same(found, whole)
    again = bench.count(
        CONSTRAINT, within=WITHIN, options=RunOptions(checkpoint=checkpoint), progress=lambda *call: calls.append(call)
    )
    same(again, whole)
    assert again.certificate.seconds > found.certificate.seconds / 2  # of the file, not its own


def test_ctrl_c_raises_and_keeps_the_checkpoint(bench, whole, tmp_path):
    checkpoint = tmp_path / "count.sqlite"
    interrupt = Interrupt(whole.size // 3)
    with pytest.raises(KeyboardInterrupt):
        bench.count(CONSTRAINT, within=WITHIN, options=RunOptions(checkpoint=checkpoint), progress=interrupt)
    calls = []
    found = bench.count(
        CONSTRAINT, within=WITHIN, options=RunOptions(checkpoint=checkpoint), progress=lambda *call: calls.append(call)
    )
    assert calls[0][0] > 0.2 * whole.size
    same(found, whole)


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ on Windows")
def test_a_signal_stops_within_a_fifth_of_a_second(tmp_path):
    with counting(tmp_path / "count.sqlite") as process:
        process.stdout.readline()
        errors, used = interrupt(process)
    assert "KeyboardInterrupt" in errors
    assert used < 2  # of two threads, the interpreter's end included


def test_what_a_part_of_the_jobs_found_is_marked_as_incomplete(bench, question):
    asked = question.resolve(bench)
    search = prepare(bench, asked, None)
    state = search.run(search.start(None), 0, search.jobs // 2, None, lambda _done: None)
    found = certified(bench, asked, search, Finished(state, 0.0, 1, "threads"))
    certificate = found.certificate
    assert not certificate.complete
    assert 0 < certificate.counts.total < certificate.size
    if isinstance(question, BestQuestion):
        assert "the search was ended early" in certificate.bound
    else:
        assert certificate.bound == "nothing: the search was interrupted"
    assert Certificate.from_json(certificate.to_json()) == certificate
    checks = {check.name: check.status for check in certificate.verify(bench).checks}
    assert checks["counts"] == "skipped"


@pytest.mark.parametrize("parts", [2, 5])
def test_shards_equal_the_whole(bench, whole, question, parts, tmp_path):
    files = []
    for part in range(1, parts + 1):
        files.append(tmp_path / f"{part}.json")
        run_shard(bench, question, part, parts).save(files[-1])
    same(merge_shards(bench, files[::-1]), whole)
    assert Part.load(files[0]).parts == parts


@pytest.mark.slow
def test_shards_of_the_best(bench):
    limits = {"subject_to": ["latency_zcu102 <= 5", "macs < 300"], "within": WITHIN, "k": 20}
    question = BestQuestion("accuracy", **limits)
    jobs = prepare(bench, question.resolve(bench), None).jobs
    more = jobs // CHUNK + 3  # the last ones have nothing to do
    found = merge_shards(bench, [run_shard(bench, question, part, more) for part in range(1, more + 1)])
    expected = bench.best("accuracy", **limits)
    assert found.certificate.result == expected.certificate.result
    assert found.certificate.counts.total == question.size(bench)
    assert found.certificate.verify(bench, rerun=True).passed


def test_shards_have_checkpoints_and_progress_of_their_own(bench, question, tmp_path):
    calls = []
    how = {"options": RunOptions(checkpoint=tmp_path / "a"), "progress": lambda *call: calls.append(call)}
    first = run_shard(bench, question, 1, 3, **how)
    assert calls[-1][0] == calls[-1][1] < question.size(bench)
    assert run_shard(bench, question, 1, 3, **how).state == first.state
    with pytest.raises(SearchError, match="is the checkpoint of another question, benchmark or version"):
        run_shard(bench, question, 2, 3, **how)


@pytest.mark.slow
def test_shards_at_fault_are_refused(bench, question, tmp_path):
    one, two = (run_shard(bench, question, part, 2) for part in (1, 2))
    other = run_shard(bench, CountQuestion("accuracy >= 61", within=WITHIN), 2, 2)
    for parts, message in [
        ([], "no shards to merge"),
        ([one], "shard 2 of 2 is missing, 1 are given; run it first"),
        ([one, one, two], "shard 1 of 2 is given twice; give each once"),
        ([one, other], "<Part 2 of 2 of count> is of another question, benchmark or version"),
        ([one, Part(**{**vars(two), "state": one.state})], "jobs 0 to 63 are done twice"),
        ([one, Part(**{**vars(two), "state": other.state})], "the state is of another question"),
        ([one, Part(**{**vars(two), "state": "{}"})], "the state is not readable"),
    ]:
        with pytest.raises(SearchError, match=message):
            merge_shards(bench, parts)
    path = tmp_path / "part.json"
    one.save(path)
    content = json.loads(path.read_text())
    for field, value in {"part": 3, "key": "x", "seconds": -1, "engine": "spark", "state": 3}.items():
        path.write_text(json.dumps({**content, field: value}))
        with pytest.raises(SearchError, match=f"{field} is "):
            Part.load(path)
    path.write_text(json.dumps({**content, "more": 1}))
    with pytest.raises(SearchError, match="unknown field more"):
        Part.load(path)


def test_checkpoints_at_fault_are_refused(bench, whole, tmp_path):
    checkpoint = tmp_path / "count.sqlite"

    def count(constraint=CONSTRAINT, **more):
        return bench.count(constraint, within=WITHIN, options=RunOptions(checkpoint=checkpoint), **more)

    same(count(), whole)
    with pytest.raises(SearchError, match="another question, benchmark or version; name another file, or remove it"):
        count("accuracy >= 61")
    with sqlite3.connect(checkpoint) as connection:
        connection.execute("UPDATE search SET state = 'nothing'")
    connection.close()
    with pytest.raises(SearchError, match="is damaged: its sha256 is not that of its fields; remove it to start again"):
        count()
    with sqlite3.connect(checkpoint) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(SearchError, match="has version 7, this is 2; name another checkpoint"):
        count()
    checkpoint.write_bytes(b"no database" * 1000)
    with pytest.raises(SearchError, match="is no checkpoint: file is not a database; remove it or name another file"):
        count()
    data = tmp_path / "data.sqlite"
    with sqlite3.connect(data) as connection:
        connection.execute("CREATE TABLE precious (a)")
    connection.close()
    checkpoint = data
    with pytest.raises(SearchError, match="has version 0, this is 2"):
        count()
    checkpoint = tmp_path / "none" / "count.sqlite"
    with pytest.raises(FileError, match="unable to open database file"):
        count()


def test_one_run_at_a_time_uses_a_checkpoint(bench, tmp_path):
    checkpoint = tmp_path / "count.sqlite"

    def second(*_call):
        bench.count(CONSTRAINT, within=WITHIN, options=RunOptions(checkpoint=checkpoint))

    with pytest.raises(FileError, match="database is locked; another run may be using it"):
        bench.count(CONSTRAINT, within=WITHIN, options=RunOptions(checkpoint=checkpoint), progress=second)


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limit of file sizes here")
def test_a_full_disk_is_reported(tmp_path):
    code = f"""
        import resource, accelnas
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            options = accelnas.exact.RunOptions(checkpoint={str(tmp_path / "c.sqlite")!r})
            accelnas.load().count({CONSTRAINT!r}, within={WITHIN!r}, options=options)
        except accelnas.FileError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, capture_output=True, text=True)
    assert "c.sqlite: " in done.stdout


def test_a_time_limit_refuses_long_searches(bench):
    with pytest.raises(SearchError, match=r"time_limit is 1.5 s, but about \d.* are needed \(.* % are done after 1"):
        bench.count(CONSTRAINT, options=RunOptions(time_limit=1.5))
    assert bench.count(
        CONSTRAINT, within={**WITHIN, "block4_e": 1}, options=RunOptions(time_limit=100)
    ).certificate.complete


def test_a_time_limit_ends_searches_that_may_be_ended(bench):
    options = RunOptions(time_limit=0.02, anytime=True)
    limits = ["latency_zcu102 <= 5", "macs < 300", "throughput_a100 >= 10000"]
    found = bench.best("accuracy", subject_to=limits, k=5, options=options)
    whole = bench.best("accuracy", subject_to=limits, k=5)
    assert found.bound >= whole.values[0] >= found.values[0]
    front = bench.pareto_front(["accuracy", "macs"], options=options)
    assert not front.is_complete
    stages = bench.solve(LexicographicQuestion(["accuracy", "macs"], [0.5], limits), options=options)
    assert all(stage.is_complete for stage in stages[:-1])


def test_what_is_found_wholly_or_not_at_all_is_not_ended(bench):
    options = RunOptions(anytime=True)
    with pytest.raises(SearchError, match="anytime is of the best and of fronts, a count is found wholly or not at"):
        bench.count(CONSTRAINT, options=options)
    with pytest.raises(SearchError, match="a shard is found wholly"):
        run_shard(bench, BestQuestion("accuracy"), 1, 2, options=options)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda bench: bench.count(CONSTRAINT, threads=0), "threads is 0; choose an integer of 1 to"),
        (lambda _: RunOptions("spark"), "engine is 'spark'; choose 'threads', 'ray' or 'scan'"),
        (lambda _: RunOptions(time_limit=0), "time_limit is 0; choose seconds above 0"),
    ],
)
def test_options_at_fault_are_refused(bench, ask, message):
    with pytest.raises(accelnas.ParameterError, match=message):
        ask(bench)
    with pytest.raises(accelnas.ParameterError, match="shard is 3; choose an integer of 1 to 2"):
        run_shard(bench, CountQuestion(CONSTRAINT), 3, 2)


def test_missing_ray_names_the_extra(bench, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"ray is not installed; run: pip install 'accelnas\[ray\]'"):
        bench.count(CONSTRAINT, within=WITHIN, options=RunOptions("ray"))


RAY = """
    import os, signal, sys
    from pathlib import Path
    import ray, accelnas
    from accelnas.exact import RunOptions

    ray.init("local", num_cpus=2, log_to_driver=False, include_dashboard=False)
    bench, killed = accelnas.load(), []
    whole = bench.count({constraint!r}, within={within!r})

    def workers():
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if (process / "cmdline").read_bytes().startswith(b"ray::_do_chunk"):
                    yield int(process.name)
            except OSError:
                continue

    def kill_one(done, total):
        if not killed:
            killed.extend(list(workers())[:1])
            os.kill(killed[0], signal.SIGKILL)

    found = bench.count({constraint!r}, within={within!r}, options=RunOptions("ray", {checkpoint!r}), progress=kill_one)
    assert killed
    assert found.certificate.result == whole.certificate.result
    assert found.certificate.counts == whole.certificate.counts
    assert found.certificate.complete

    limits = dict(subject_to="latency_zcu102 <= 5", within={within!r}, k=9)
    best = bench.best("accuracy", options=RunOptions("ray"), **limits)
    assert best.certificate.result == bench.best("accuracy", **limits).certificate.result
    assert best.certificate.counts.total == best.certificate.size

    calls = []
    tell = lambda *call: calls.append(call)
    again = bench.count({constraint!r}, within={within!r}, options=RunOptions(checkpoint={checkpoint!r}), progress=tell)
    assert again.certificate.counts == whole.certificate.counts and not calls
    ray.shutdown()
    print("all equal")
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="workers are found in /proc")
def test_ray_survives_a_killed_worker(tmp_path):
    code = textwrap.dedent(RAY).format(constraint=CONSTRAINT, within=WITHIN, checkpoint=str(tmp_path / "ray.sqlite"))
    # Ray keeps files of its own in the home folder
    environment = {**os.environ, "HOME": str(tmp_path), "RAY_USAGE_STATS_ENABLED": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=600)
    assert done.stdout.endswith("all equal\n"), done.stderr


@pytest.mark.slow
def test_a_scan_evaluates_everything_and_finds_the_same(bench):
    limits = {"subject_to": "latency_zcu102 <= 5", "within": WITHIN, "k": 7}
    proven, scanned = bench.best("accuracy", **limits), bench.best("accuracy", options=RunOptions("scan"), **limits)
    assert scanned.certificate.result == proven.certificate.result
    assert scanned.certificate.counts.evaluated == scanned.certificate.size > proven.certificate.counts.evaluated
    assert scanned.certificate.verify(bench).passed
    question = CountQuestion(CONSTRAINT)
    with pytest.raises(SearchError, match="'scan', which is not divided"):
        run_shard(bench, question, 1, 2, options=RunOptions("scan"))
    with pytest.raises(SearchError, match="'scan', which finds the best, not a count"):
        solve(bench, question, Run(RunOptions("scan")))
