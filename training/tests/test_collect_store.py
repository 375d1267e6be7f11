import re
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelnas
from accelnas import databases
from accelnas_training.collect.job import Delivery, Job, Limits, Outcome
from accelnas_training.collect.reader import StoreReader
from accelnas_training.collect.store import FullDiskError, Store
from accelnas_training.collect.summary import problems
from accelnas_training.errors import StoreError

JOBS = [Job((a, b, 4, 0), "scheme", seed) for seed in (0, 1) for a in range(3) for b in range(2)]
LIMITS = Limits(retries=1, losses=2)
MEMORY = Path("/dev/shm")  # noqa: S108 (a folder of its own in it; a disk would be waited for)


def opened(path, toy, about=None):
    return Store.opened(path, toy, about)


def filled(store, jobs=JOBS):
    store.add_scheme("scheme", "quick", {"epochs": 2})
    store.add(jobs)
    return store


def done(task, value=1.0, **others):
    return Delivery(task, "done", 0.5, "host:7", Outcome({"accuracy": value, **others}, {"torch": "2"}))


def failed(task, kind="error"):
    return Delivery(task, "failed", 0.5, "host:7", kind=kind, message="Traceback\nit failed")


def lost(task):
    return Delivery(task, "worker lost", 0.5, "host:7", message="gone")


def test_keeps_what_it_is_given(tmp_path, toy):
    path = tmp_path / "s.db"
    with opened(path, toy) as store:
        filled(store)
        assert store.record(done(store.begin(JOBS[3]), 0.1 + 0.2, energy=float("nan")), LIMITS) == "done"
    with opened(path, toy) as store:
        assert store.add(JOBS[::-1]) == list(range(12, 0, -1))  # the numbers that they had
        assert store.values(JOBS[3:5]) == [{"accuracy": 0.1 + 0.2}, None]
        assert store.states([*JOBS[3:5], Job((0, 0, 0, 0), "scheme", 9)]) == ["done", "pending", None]
        assert store.schemes() == {"scheme": ("quick", {"epochs": 2})}
        frame = store.results("scheme")
        assert frame.columns == ["id", "scheme", "seed", "v0", "v1", "v2", "v3", "accuracy"]
        assert frame.rows() == [(4, "scheme", 0, 1, 1, 4, 0, 0.1 + 0.2)]
        assert store.results("another").height == 0
        assert store.architectures("scheme").tolist() == [list(job.architecture) for job in JOBS[:6]]
        assert problems(store) == []


def test_means_are_over_seeds(tmp_path, toy):
    with opened(tmp_path / "s.db", toy) as store:
        filled(store)
        for job, value in ((JOBS[1], 10.0), (JOBS[7], 20.0), (JOBS[0], 5.0)):
            store.record(done(store.begin(job), value), LIMITS)
        archs, values = store.means("scheme", "accuracy")
        assert archs.dtype == np.uint8
        assert archs.tolist() == [list(JOBS[0].architecture), list(JOBS[1].architecture)]
        assert values.tolist() == [5, 15]


def test_a_second_delivery_changes_nothing_and_is_noted(tmp_path, toy):
    with opened(tmp_path / "s.db", toy) as store:
        task = filled(store).begin(JOBS[0])
        other = store.begin(JOBS[0])
        assert store.record(done(task, 1.0), LIMITS) == "done"
        for delivery in (done(task, 1.0), done(other, 2.0), failed(task), lost(other)):
            assert store.record(delivery, LIMITS) == "done"
        assert store.values([JOBS[0]]) == [{"accuracy": 1.0}]
        rows = store.connection.execute("SELECT ending, message FROM attempts ORDER BY id").fetchall()
        assert rows == [
            ("done", None),
            ("duplicate", "accuracy is 2.0, the result 1.0"),
            ("duplicate", "equal to the result"),
            ("duplicate", "Traceback\nit failed"),
            ("duplicate", "gone"),
        ]
        assert problems(store) == []


def test_a_result_that_comes_late_is_a_result(tmp_path, toy):
    with opened(tmp_path / "s.db", toy) as store:
        task = filled(store).begin(JOBS[0])
        store.record(lost(task), LIMITS)
        assert store.record(failed(task), LIMITS) == "pending"  # it has ended before: a duplicate
        assert store.record(done(task), LIMITS) == "done"
        assert problems(store) == []


@pytest.mark.parametrize(
    ("deliveries", "states"),
    [
        ([failed, failed], ["pending", "quarantined"]),
        ([lost, lost, lost], ["pending", "pending", "quarantined"]),
        ([lost, failed, lost, failed], ["pending", "pending", "pending", "quarantined"]),
        ([lambda task: failed(task, "diverged")], ["quarantined"]),
        ([lambda task: failed(task, "out of memory")], ["pending"]),
        ([lambda task: Delivery(task, "timed out", 9.0, "host:7")] * 2, ["pending", "quarantined"]),
    ],
)
def test_gives_jobs_up_by_the_limits(tmp_path, toy, deliveries, states):
    with opened(tmp_path / "s.db", toy) as store:
        filled(store)
        assert [store.record(deliver(store.begin(JOBS[0])), LIMITS) for deliver in deliveries] == states
        assert store.release() == (states[-1] == "quarantined")
        assert store.states(JOBS[:1]) == ["pending"]
        if states[-1] == "quarantined":  # it may fail anew
            assert store.record(failed(store.begin(JOBS[0])), LIMITS) == "pending"


def test_one_driver_at_a_time_and_many_readers(tmp_path, toy):
    path = tmp_path / "s.db"
    with opened(path, toy) as store:
        filled(store)
        with (
            pytest.raises(StoreError, match=r"in use by process .+:\d+ since .*; wait for it to end"),
            opened(path, toy),
        ):
            pass
        code = f"from accelnas_training.collect.store import Store\nwith Store.opened({str(path)!r}): pass"
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert "is in use by process" in other.stderr
        with StoreReader.opened(path) as reader:
            store.record(done(store.begin(JOBS[0])), LIMITS)
            assert reader.values(JOBS[:1]) == [{"accuracy": 1.0}]
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                reader.connection.execute("DELETE FROM jobs")
    with opened(path, toy):
        pass


def test_a_file_system_of_a_network_is_refused_and_left_alone(tmp_path, toy, monkeypatch):
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"40 22 0:50 / {tmp_path}/shared rw - gpfs fs1 rw\n")
    monkeypatch.setattr(databases, "_MOUNTS", mounts)
    (tmp_path / "shared").mkdir()
    with (
        pytest.raises(StoreError, match=r"network \(gpfs\).*; put the store on the driver's own disk, workers may be"),
        opened(tmp_path / "shared/s.db", toy),
    ):
        pass
    assert not list((tmp_path / "shared").iterdir())
    with opened(tmp_path / "s.db", toy):
        pass
    (tmp_path / "s.db").rename(tmp_path / "shared/s.db")  # a copy may be read there
    with StoreReader.opened(tmp_path / "shared/s.db") as reader:
        assert reader.space == toy


def test_another_space_family_or_version_is_refused(tmp_path, toy, other_toy):
    path = tmp_path / "s.db"
    with opened(path, toy, {"family": "a" * 64, "images": "b" * 64}):
        pass
    with pytest.raises(StoreError, match=r"is of space toy \(\w{12}\), not other \(\w{12}\)"), opened(path, other_toy):
        pass
    with (
        pytest.raises(StoreError, match=r"is of images b{12}, not c{12}; use another file"),
        opened(path, toy, {"family": "a" * 64, "images": "c" * 64}),
    ):
        pass
    with pytest.raises(StoreError, match=r"is of family a{12}, not none"), opened(path, toy, {"images": "b" * 64}):
        pass
    with Store.opened(path) as store:
        store.connection.execute("PRAGMA user_version = 7")
    with pytest.raises(StoreError, match="store of version 7, and this program reads 1"), StoreReader.opened(path):
        pass


@pytest.mark.parametrize("open_it", [StoreReader.opened, Store.opened])
def test_what_is_no_store_is_refused(tmp_path, open_it):
    with pytest.raises(StoreError, match="does not exist"), open_it(tmp_path / "none.db"):
        pass
    text, empty, other = (tmp_path / name for name in ("text.db", "empty.db", "other.db"))
    text.write_text("no database " * 99)
    empty.touch()
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE t (a)")
    connection.close()
    for path, message in ((text, "not a database"), (empty, "not a store"), (other, "not a store")):
        with pytest.raises(StoreError, match=message), open_it(path):
            pass
    with pytest.raises(StoreError, match=r"folder .* does not exist"), Store.opened(tmp_path / "no" / "s.db"):
        pass


def test_a_damaged_store_is_found(tmp_path, toy):
    path = tmp_path / "s.db"
    with opened(path, toy) as store:
        filled(store)
        (root,) = store.connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'jobs'").fetchone()
        (size,) = store.connection.execute("PRAGMA page_size").fetchone()
    content = bytearray(path.read_bytes())
    content[(root - 1) * size : root * size] = b"\xa5" * size
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"s\.db.*(damaged|malformed)"), Store.opened(path):
        pass
    path.write_bytes(content[: size * 2])
    with pytest.raises(StoreError, match=r"s\.db.*(damaged|malformed)"), Store.opened(path):
        pass


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        ("UPDATE jobs SET state = 'done' WHERE id = 2", "job 2 is done and has no result"),
        ("UPDATE jobs SET state = 'pending' WHERE id = 1", "job 1 has a result and is not done"),
        ("DELETE FROM result_values", "job 1 has a result without values"),
        ("UPDATE attempts SET ending = 'failed'", "job 1 has a result of an attempt that did not give it"),
        ("UPDATE attempts SET job = 3", "job 1 has a result of an attempt that did not give it"),
        ("DELETE FROM results", "job 1 has an attempt that is done and gave no result"),
        ("DELETE FROM results", "a row of result_values refers to one that is not there"),
        ("UPDATE jobs SET architecture = x'09000000' WHERE id = 5", "job 5 is not of space toy: .*v0"),
    ],
)
def test_check_says_what_does_not_hold_together(tmp_path, toy, harm, message):
    with opened(tmp_path / "s.db", toy) as store:
        store.record(done(filled(store).begin(JOBS[0])), LIMITS)
        store.connection.execute("PRAGMA foreign_keys = OFF")
        store.connection.execute(harm)
        found = problems(store)
    assert any(re.match(message, text) for text in found), found


def test_adding_needs_a_scheme_and_an_architecture(tmp_path, toy):
    with opened(tmp_path / "s.db", toy) as store:
        assert store.add([]) == []
        with pytest.raises(StoreError, match=r"scheme scheme is not in .*; add the scheme before its jobs"):
            store.add(JOBS)
        filled(store)
        with pytest.raises(accelnas.SpaceError, match="v0"):
            store.add([JOBS[0], replace(JOBS[0], architecture=(3, 0, 0, 0))])
        assert len(store.jobs()) == len(JOBS)


def test_schemes_are_found_by_name_and_digest(tmp_path, toy):
    with opened(tmp_path / "s.db", toy) as store:
        with pytest.raises(StoreError, match=r"scheme not given: 0 in .*; choose one of none"):
            store.scheme()
        store.add_scheme("ab12", "quick", {})
        assert store.scheme() == store.scheme("quick") == store.scheme("ab") == "ab12"
        store.add_scheme("ab34", "slow", {})
        for called in (None, "ab", "fast"):
            with pytest.raises(StoreError, match=r"choose one of quick \(ab12\), slow \(ab34\)"):
                store.scheme(called)


def test_a_full_disk_changes_nothing(tmp_path, toy):
    with opened(tmp_path / "s.db", toy) as store:
        filled(store)
        tasks = [store.begin(job) for job in JOBS]
        (pages,) = store.connection.execute("PRAGMA page_count").fetchone()
        store.connection.execute(f"PRAGMA max_page_count = {pages}")
        recorded = []

        def record_all():
            for task in tasks:
                long = Outcome({"accuracy": 1.0}, {"text": f"{task.attempt}" * 900})
                store.record(replace(done(task), outcome=long), LIMITS)
                recorded.append(task.job)

        with pytest.raises(FullDiskError, match="full; make room"):
            record_all()
        assert store.jobs("done") == recorded
        assert problems(store) == []
        store.connection.execute("PRAGMA max_page_count = 9999")
        for task in tasks[len(recorded) :]:
            store.record(done(task), LIMITS)
        assert len(store.jobs("done")) == len(JOBS)
        assert problems(store) == []


def test_outcomes_hold_finite_numbers_by_good_names():
    for values, message in (
        ({"top 1": 1.0}, "a value is named 'top 1'"),
        ({"speed": float("inf")}, "speed is inf"),
        ({"speed": float("nan")}, "no value of speed is a number"),
        ({}, "no value of a result is a number"),
    ):
        with pytest.raises(StoreError, match=message):
            Outcome(values)


@pytest.mark.parametrize(
    ("limits", "message"),
    [({"retries": -1}, "retries is -1"), ({"timeout": 0}, "timeout is 0"), ({"patience": float("nan")}, "patience is")],
)
def test_limits_are_checked(limits, message):
    with pytest.raises(StoreError, match=message):
        Limits(**limits)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "done", "failed", "lost", "timed out", "full", "room", "reopen", "release"]),
        st.integers(0, 30),
        st.integers(0, 2),
    ),
    max_size=40,
)


@settings(deadline=None, max_examples=60)
@given(EVENTS)
def test_whatever_happens_each_job_has_one_result_and_none_acknowledged_is_lost(toy, events):
    """Deliveries in any order, twice, late, with drivers dying and disks filling up between them."""
    jobs = JOBS[:4]
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        path = Path(folder, "s.db")
        acknowledged, tasks = {}, []
        manager = opened(path, toy)
        store = filled(manager.__enter__(), jobs)
        for event, which, value in events:
            if event == "reopen":
                store.connection.close()  # as a driver that dies: nothing is tidied up
                with suppress(sqlite3.ProgrammingError, StoreError):
                    manager.__exit__(None, None, None)
                manager = opened(path, toy)
                store = manager.__enter__()
            elif event in ("full", "room"):
                (pages,) = store.connection.execute("PRAGMA page_count").fetchone()
                store.connection.execute(f"PRAGMA max_page_count = {pages if event == 'full' else 99999}")
            elif event == "release":
                store.release()
            elif event == "begin":
                with suppress(FullDiskError):
                    tasks.append(store.begin(jobs[which % len(jobs)]))
            elif tasks:
                task = tasks[which % len(tasks)]
                text = "x" * 3000 * value  # the disk is filled by some
                how = {
                    "done": replace(done(task, float(value)), outcome=Outcome({"accuracy": value}, {"t": text})),
                    "failed": failed(task),
                    "lost": lost(task),
                    "timed out": Delivery(task, "timed out", 9.0, "host:7", message=text),
                }[event]
                before = store.states([task.job])
                with suppress(FullDiskError):
                    state = store.record(how, LIMITS)
                    assert before != ["done"] or state == "done"
                    if event == "done":
                        assert state == "done"
                        acknowledged.setdefault(task.job, float(value))
            kept = zip(jobs, store.values(jobs), strict=True)
            assert {job: values["accuracy"] for job, values in kept if values} == acknowledged
        assert problems(store) == []
        assert set(store.jobs("done")) == set(acknowledged)
        manager.__exit__(None, None, None)
