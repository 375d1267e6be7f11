"""What pages offer to copy makes the same runs again."""

import shlex

import pytest

import accelnas
from accelnas.pages.copied import commanded, simulated
from accelnas.pages.searches import searches
from accelnas.search.runs import read_runs
from command_line import run

BENCH = accelnas.load("nasbench201")


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"time": 2e3},
        {"workers": 3},
        {"workers": 3, "synchronous": True, "time": 2e3},
        {"start": BENCH.space.sample(2, 0)},
        {"workers": 2, "start": BENCH.space.sample(2, 0), "start_counts": False},
    ],
)
def test_copies_make_the_same_runs(more, tmp_path):
    task = {"runs": 5, "budget": 40, "seed": 3, "clock": "macs"}
    made = BENCH.simulate(["random_search", "local_search"], "cifar10", output=tmp_path / "own", **task, **more)
    (read,) = read_runs(tmp_path / "own", accelnas.load)
    names = {}
    exec(simulated(read), names)  # noqa: S102
    run(*shlex.split(commanded(read))[1:], "--no-exact", "--folder", tmp_path / "command")
    (commanded_runs,) = read_runs(tmp_path / "command", accelnas.load)
    for label, runs in made.items():
        for again in (read, names["found"], commanded_runs):
            assert again[label].logs.times.tolist() == runs.logs.times.tolist()
            assert again[label].logs.evaluations.tolist() == runs.logs.evaluations.tolist()
            assert again[label].plan.key() == runs.plan.key()
    assert "begin with" in searches([read]) or "start" not in more
