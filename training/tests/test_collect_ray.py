"""Ray takes seconds to start: one small cluster serves all these tests, and the drivers that they kill."""

import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
import ray

from accelnas_training.collect.collector import collect
from accelnas_training.collect.job import Job, Limits
from accelnas_training.collect.ray_runner import RayRunner
from accelnas_training.collect.store import Store
from accelnas_training.collect.work import WorkDescription
from accelnas_training.errors import TrainingError
from collect_driver import SPACE, jobs
from test_collect_collector import TESTS, check_all_there, drive, wait_for


@pytest.fixture(scope="module")
def runner():
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(TESTS), *([before] if before else [])])  # of the workers
    with RayRunner(2, cpus_each=0.25) as made:
        yield made
    os.environ.pop("PYTHONPATH")
    if before is not None:
        os.environ["PYTHONPATH"] = before
    assert not ray.is_initialized()


@pytest.fixture
def store(tmp_path):
    with Store.opened(tmp_path / "s.db", SPACE) as opened:
        opened.add_scheme("scheme", "quick", {})
        yield opened


def attempts(store):
    return store.connection.execute("SELECT ending, kind, worker, message FROM attempts ORDER BY id").fetchall()


@pytest.mark.slow
def test_workers_that_go_wrong_in_every_way(runner, store, tmp_path):
    ways = dict(enumerate(["nothing", "error", "die", "exit", "hang", "diverged", "memory"]))
    wanted = [Job((0, 0), "scheme", seed) for seed in ways]
    how = {str(seed): way for seed, way in ways.items()}
    work = WorkDescription("collect_works:goes_wrong", {"folder": str(tmp_path), "how": how})
    end = collect(store, wanted, work, runner, Limits(retries=1, losses=1, timeout=3))
    assert (end.done, end.quarantined) == (6, 1)
    assert store.states(wanted) == ["done"] * 5 + ["quarantined", "done"]
    found = Counter((ending, kind) for ending, kind, _, _ in attempts(store))
    assert found == {
        ("done", None): 6,
        ("failed", "error"): 1,
        ("failed", "diverged"): 1,
        ("failed", "out of memory"): 1,
        ("worker lost", None): 2,
        ("timed out", None): 1,
    }
    messages = {ending: message for ending, _, _, message in attempts(store)}
    assert messages["timed out"] == "took longer than 3 s"
    assert "died" in messages["worker lost"]
    assert all(worker and ":" in worker for _, _, worker, _ in attempts(store))


def test_a_worker_killed_midway_is_replaced_and_the_others_are_kept(runner, store, tmp_path):
    log = tmp_path / "log"
    log.mkdir()
    work = WorkDescription("collect_works:works", {"seconds": 0.3, "log": str(log)})
    killed = []

    def kill(now):
        started = sorted(log.iterdir())
        if now.done >= 2 and started and not killed:
            killed.append(int(started[-1].name.split("-")[1]))
            os.kill(killed[0], signal.SIGKILL)

    collect(store, jobs(8), work, runner, report=kill)
    assert check_all_there(store.path, 8) == {"done": 8, "worker lost": 1}
    processes = {name.name.split("-")[1] for name in log.iterdir()}
    assert len(processes) <= 3  # two, and one in the place of the killed
    collect(store, jobs(10), work, runner)  # the same work: workers and their imports are used again
    assert len({name.name.split("-")[1] for name in log.iterdir()} - processes) <= 1


@pytest.mark.slow
def test_work_that_can_not_be_made_ends_the_collection(runner, store):
    with pytest.raises(TrainingError, match=r"no worker becomes ready: worker .*ValueError: no such images on this"):
        collect(store, jobs(2), WorkDescription("collect_works:can_not_be_made"), runner)
    with pytest.raises(TrainingError, match=r"no worker becomes ready: .*died"):
        collect(store, jobs(2), WorkDescription("collect_works:dies_when_made"), runner)
    assert attempts(store) == []


@pytest.mark.slow
def test_a_driver_killed_midway_leaves_what_ended_and_its_workers_end(runner, tmp_path):
    runner.start(WorkDescription("collect_works:works"), None)  # the cluster is there
    address = ray.get_runtime_context().gcs_address
    path, log = tmp_path / "driven.db", tmp_path / "log"
    log.mkdir()
    arguments = f'{{"seconds": 0.5, "log": "{log}"}}'
    driver = drive(path, 6, address, arguments=arguments)
    wait_for(driver, "2")
    os.kill(driver.pid, signal.SIGKILL)
    driver.communicate()
    driver = drive(path, 6, address, arguments=arguments)
    out, err = driver.communicate()
    assert out.endswith("end 6 0\n"), err
    found = check_all_there(path, 6)
    assert found["done"] == 6
    assert 1 <= found["abandoned"] <= 2
    wait_until(lambda: not any(alive(name) for name in log.iterdir()))


def alive(name: Path) -> bool:
    status = Path("/proc", name.name.split("-")[1], "cmdline")
    return status.exists() and b"_Actor" in status.read_bytes()


def wait_until(true):
    until = time.monotonic() + 600
    while not true():
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"workers": 0}, "workers is 0; choose 1 or more"),
        ({"workers": 1, "cpus_each": -1}, "a worker occupies -1 CPU"),
        ({"workers": 1, "gpus_each": float("inf")}, "a worker occupies inf GPU"),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(TrainingError, match=message):
        RayRunner(**settings)


def test_a_machine_that_never_has_room_is_refused(store):
    with RayRunner(1, gpus_each=99) as impossible, pytest.raises(TrainingError, match="a worker needs 99 GPU and this"):
        collect(store, jobs(1), WorkDescription("collect_works:works"), impossible)
