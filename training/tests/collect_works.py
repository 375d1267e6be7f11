"""Works for tests: cheap, and able to fail, wait, die and count."""

import os
import signal
import time
from pathlib import Path

from accelnas_training.collect.job import Outcome
from accelnas_training.errors import TrainingFailure


def value(job):
    """Give what `works` gives for a job."""
    return float(sum((place + 1) * choice for place, choice in enumerate(job.architecture)) + 100 * job.seed)


def works(seconds=0.0, log=None):
    """Give a value after a while; write each call's job and process to a file of its own."""

    def work(task):
        if log is not None:
            Path(log, f"{task.attempt}-{os.getpid()}-{task.job.key}").touch()
        time.sleep(seconds)
        return Outcome({"accuracy": value(task.job), "train_time": seconds}, {"process": str(os.getpid())})

    return work


def goes_wrong(folder, how):
    """Go wrong at the first attempt at each job, then work; `how` may be by seed."""
    plain = works()

    def work(task):
        first = Path(folder, f"first-{task.job.key}")
        if not first.exists():
            first.touch()
            ways[how if isinstance(how, str) else how[str(task.job.seed)]]()
        return plain(task)

    return work


def always(how):
    """Go wrong at every attempt."""

    def work(_task):
        ways[how]()

    return work


def can_not_be_made():
    raise ValueError("no such images on this machine")


def dies_when_made():
    os.kill(os.getpid(), signal.SIGKILL)


def _raise(error):
    raise error


ways = {
    "nothing": lambda: None,
    "error": lambda: _raise(RuntimeError("an error of the work")),
    "diverged": lambda: _raise(TrainingFailure("diverged", "loss is nan in epoch 3")),
    "memory": lambda: _raise(TrainingFailure("out of memory", "4 GB asked for")),
    "die": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "exit": lambda: os._exit(3),
    "hang": lambda: time.sleep(3600),
}
