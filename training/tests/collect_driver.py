"""A driver in a process of its own, for tests that kill it."""

import json
import sys

import accelnas
from accelnas_training.collect.collector import collect
from accelnas_training.collect.job import Job, Limits
from accelnas_training.collect.store import Store
from accelnas_training.collect.work import InlineRunner, WorkDescription

# not conftest's: it imports PyTorch, which takes seconds
SPACE = accelnas.Space(
    """
[space]
name = "toy"
[[space.blocks]]
name = "b"
variables = [
  { name = "v0", symbol = "a", choices = [0, 1, 2] },
  { name = "v1", symbol = "b", choices = [0, 1, 2, 3, 4] },
]
"""
)


def jobs(count):
    return [Job.of(architecture, "scheme", 0) for architecture in SPACE.range(0, count)]


def main(path, count, where, function, arguments):
    if where == "inline":
        runner = InlineRunner()
    else:
        from accelnas_training.collect.ray_runner import RayRunner

        runner = RayRunner(2, cpus_each=0.5, address=None if where == "local" else where)
    with Store.opened(path, SPACE) as store, runner:
        store.add_scheme("scheme", "quick", {})
        work = WorkDescription(function, json.loads(arguments))
        print("ready", flush=True)
        end = collect(store, jobs(int(count)), work, runner, Limits(), report=lambda now: print(now.done, flush=True))
    print("end", end.done, end.quarantined, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
