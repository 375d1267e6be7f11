import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelnas_training.collect import collector
from accelnas_training.collect.collector import collect
from accelnas_training.collect.job import Delivery, Job, Limits, Outcome
from accelnas_training.collect.reader import StoreReader
from accelnas_training.collect.store import FullDiskError, Store
from accelnas_training.collect.summary import problems
from accelnas_training.collect.work import InlineRunner, WorkDescription
from accelnas_training.errors import StoreError, TrainingError
from collect_driver import SPACE, jobs
from collect_works import value

WORKS = WorkDescription("collect_works:works")
TESTS = Path(__file__).parent


@pytest.fixture
def store(tmp_path):
    with Store.opened(tmp_path / "s.db", SPACE) as opened:
        opened.add_scheme("scheme", "quick", {"epochs": 2})
        yield opened


def endings(store):
    query = "SELECT ending, kind, count(*) FROM attempts GROUP BY 1, 2"
    return {(ending, kind): count for ending, kind, count in store.connection.execute(query)}


def check_all_there(path, count):
    with StoreReader.opened(path) as reader:
        assert problems(reader) == []
        assert [values["accuracy"] for values in reader.values(jobs(count))] == [value(job) for job in jobs(count)]
        return Counter(ending for (ending,) in reader.connection.execute("SELECT ending FROM attempts"))


def test_collects_every_job_once_and_goes_on_where_it_ended(store):
    said, recorded = [], []
    with InlineRunner() as runner:
        first = collect(store, jobs(3), WORKS, runner, report=said.append, recorded=recorded.append)
        end = collect(store, [*jobs(5), *jobs(5)], WORKS, runner, recorded=recorded.append)
        assert collect(store, store.jobs("pending"), WORKS, runner).jobs == 0
    assert (first.done, first.jobs, end.done, end.jobs, end.quarantined) == (3, 3, 5, 5, 0)
    assert [now.done for now in said] == [0, 1, 2, 3]
    assert recorded == jobs(5)
    assert endings(store) == {("done", None): 5}
    check_all_there(store.path, 5)


def test_failures_are_tried_again_or_given_up(store, tmp_path):
    ways = {"0": "nothing", "1": "error", "2": "memory", "3": "diverged"}
    wanted = [Job((0, 0), "scheme", seed) for seed in range(4)]
    work = WorkDescription("collect_works:goes_wrong", {"folder": str(tmp_path), "how": ways})
    with InlineRunner() as runner:
        end = collect(store, wanted, work, runner, Limits(retries=1))
        assert store.states(wanted) == ["done", "done", "done", "quarantined"]
        assert endings(store)["failed", "diverged"] == endings(store)["failed", "out of memory"] == 1
        always = WorkDescription("collect_works:always", {"how": "error"})
        assert collect(store, jobs(2), always, runner, Limits(retries=2)).quarantined == 1  # the first job is done
    assert (end.done, end.quarantined) == (3, 1)
    assert endings(store)["failed", "error"] == 1 + 3
    (message,) = store.connection.execute("SELECT message FROM attempts WHERE kind = 'error' LIMIT 1").fetchone()
    assert message.endswith("RuntimeError: an error of the work\n")


def test_work_that_is_not_there_or_has_a_time_limit_here(store):
    for function, message in (("no.module:f", "No module"), ("math:none", "none"), ("math", "package.module:function")):
        with InlineRunner() as runner, pytest.raises(TrainingError, match=message):
            collect(store, jobs(1), WorkDescription(function), runner)
    with InlineRunner() as runner, pytest.raises(TrainingError, match="timeout is 5 s, and nothing ends a job"):
        collect(store, jobs(1), WORKS, runner, Limits(timeout=5))
    with InlineRunner() as runner, pytest.raises(StoreError, match="add the scheme before"):
        collect(store, [Job((0, 0), "unknown", 0)], WORKS, runner)


def limit(store, spare):
    (pages,) = store.connection.execute("PRAGMA page_count").fetchone()
    store.connection.execute(f"PRAGMA max_page_count = {pages + spare}")


class Filling(InlineRunner):
    """Gives outcomes that take room."""

    def wait(self, seconds):
        deliveries = super().wait(seconds)
        text = "x" * 2000
        return [
            Delivery(d.task, "done", 0, "h:1", Outcome(d.outcome.values, {"text": f"{d.task.attempt}{text}"}))
            for d in deliveries
        ]


def test_a_full_disk_is_waited_for(store, monkeypatch):
    monkeypatch.setattr(collector, "_PAUSE", 0.01)
    store.add(jobs(15))
    limit(store, 4)
    notes = []

    def watch(now):
        if now.note:
            notes.append((now.note, now.in_hand))
            if len(notes) == 4:
                store.connection.execute("PRAGMA max_page_count = 99999")

    with Filling() as runner:
        assert collect(store, jobs(15), WORKS, runner, report=watch).done == 15
    assert len(notes) == 4
    assert "is full; make room: 1 outcomes wait in memory; trying again in 0.02 s" in notes[1][0]
    assert check_all_there(store.path, 15) == {"done": 15}


def test_a_disk_that_stays_full_ends_the_collection_and_loses_nothing_acknowledged(store, monkeypatch):
    monkeypatch.setattr(collector, "_PAUSE", 0.01)
    store.add(jobs(15))
    limit(store, 4)
    recorded = []
    message = r"make room and start again: 1 outcomes in hand could not be written for 0\.1 s, and their jobs"
    with Filling() as runner, pytest.raises(FullDiskError, match=message):
        collect(store, jobs(15), WORKS, runner, Limits(patience=0.1), recorded=recorded.append)
    assert 0 < len(recorded) < 15
    assert store.jobs("done") == recorded
    store.connection.execute("PRAGMA max_page_count = 99999")
    with InlineRunner() as runner:
        assert collect(store, store.jobs("pending"), WORKS, runner).jobs == 15 - len(recorded)
    check_all_there(store.path, 15)


class Hostile:
    """A runner that delivers in any order, late, twice, or a failure after a result."""

    def __init__(self, seed, workers):
        self.random, self.workers, self.waits_for = random.Random(seed), workers, ""  # noqa: S311
        self.out, self.given = [], []

    def start(self, work, timeout):
        pass

    @property
    def free(self):
        return self.workers - len(self.out)

    def submit(self, task):
        self.out.append(task)

    def wait(self, _seconds):
        deliveries = []
        if self.given and self.random.random() < 0.5:
            deliveries.append(self.random.choice(self.given))  # a second time
        if self.out:
            task = self.out.pop(self.random.randrange(len(self.out)))
            result = Delivery(task, "done", 0.1, "h:1", Outcome({"accuracy": value(task.job)}))
            bad = Delivery(task, self.random.choice(["failed", "worker lost", "timed out"]), 0.1, "h:1", kind="error")
            deliveries.append(self.random.choice([result, bad]))
            self.given += [deliveries[-1], result]  # it was not dead after all: its result may come later
        return deliveries

    def close(self):
        pass


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(0, 4))
def test_hostile_deliveries_give_every_job_one_result(seed, workers, retries):
    with tempfile.TemporaryDirectory() as folder, Store.opened(f"{folder}/s.db", SPACE) as store:
        store.add_scheme("scheme", "quick", {})
        store.connection.execute("PRAGMA synchronous = OFF")
        recorded = []
        limits = Limits(retries=retries, losses=retries)
        end = collect(store, jobs(5), WORKS, Hostile(seed, workers), limits, recorded=recorded.append)
        assert problems(store) == []
        states = store.states(jobs(5))
        assert (end.done, end.quarantined, end.running) == (states.count("done"), states.count("quarantined"), 0)
        assert end.finished
        assert Counter(recorded) == Counter(store.jobs("done"))
        for job, values in zip(jobs(5), store.values(jobs(5)), strict=True):
            assert values is None or values == {"accuracy": value(job)}


def drive(path, count, where, function="works", arguments="{}"):
    command = [
        sys.executable,
        TESTS / "collect_driver.py",
        path,
        str(count),
        where,
        f"collect_works:{function}",
        arguments,
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=TESTS)


def wait_for(driver, line):
    for said in driver.stdout:
        if said.strip() == line:
            return
    raise AssertionError(driver.stderr.read())


def test_a_driver_that_is_killed_is_gone_on_with(tmp_path):
    path, arguments = tmp_path / "s.db", '{"seconds": 0.1}'
    driver = drive(path, 8, "inline", arguments=arguments)
    wait_for(driver, "3")
    os.kill(driver.pid, signal.SIGKILL)
    driver.communicate()
    with StoreReader.opened(path) as reader:
        assert 3 <= len(reader.jobs("done")) < 8
        assert problems(reader) == []
    out, err = drive(path, 8, "inline", arguments=arguments).communicate()
    assert out.endswith("end 8 0\n"), err
    assert check_all_there(path, 8) == {"done": 8, "abandoned": 1}


def test_ctrl_c_keeps_what_ended(tmp_path):
    path = tmp_path / "s.db"
    driver = drive(path, 8, "inline", arguments='{"seconds": 2}')
    wait_for(driver, "1")
    os.kill(driver.pid, signal.SIGINT)
    _, err = driver.communicate()
    assert "KeyboardInterrupt" in err
    with sqlite3.connect(path) as connection:
        found = Counter(ending for (ending,) in connection.execute("SELECT ending FROM attempts"))
    connection.close()
    assert found == {"done": 1, "abandoned": 1}


def test_a_store_is_read_while_it_is_written(tmp_path):
    path = tmp_path / "s.db"
    driver = drive(path, 6, "inline", arguments='{"seconds": 0.05}')
    wait_for(driver, "ready")
    seen = [0]
    while seen[-1] < 6:
        with StoreReader.opened(path) as reader:
            seen.append(len(reader.jobs("done")))
        time.sleep(0.02)
    assert seen == sorted(seen)
    assert driver.communicate()[0].endswith("end 6 0\n")
