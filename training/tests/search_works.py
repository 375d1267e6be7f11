"""Trainings for tests of searches that cost nothing: a benchmark's predictions; and a driver that can be killed."""

import os
import signal
import sys
import time
from functools import cache

import numpy as np

import accelnas
from accelnas_training.collect.job import Limits, Outcome
from accelnas_training.collect.store import Store
from accelnas_training.collect.work import InlineRunner, Runner, WorkDescription, attempt
from accelnas_training.errors import TrainingFailure
from accelnas_training.schemes import load_scheme
from accelnas_training.search.journal import Journal
from accelnas_training.search.metrics import Metrics
from accelnas_training.search.question import Question, read_sought
from accelnas_training.search.search import Trainer, search

SCHEME = load_scheme("p_star")


@cache
def bench():
    return accelnas.load("nasbench-macro")


def predicted(seconds=0.0, diverges=0.0, offset=0.0):
    """Give a benchmark's accuracy; below `diverges` the training fails. Seed s adds s times the offset."""

    def work(task):
        time.sleep(seconds)
        row = np.array([task.job.architecture], np.uint8)
        accuracy = float(bench().predict(row, "accuracy")[0]) + offset * task.job.seed
        if accuracy < diverges:
            raise TrainingFailure("diverged", "loss is nan in epoch 1")
        values = {"accuracy": accuracy, "accuracy_top5": 100.0, "train_time": accuracy / 10}
        return Outcome(values)

    return work


class Shuffled(Runner):
    """Several workers whose tasks end in an order that chance decides."""

    def __init__(self, workers, seed):
        self._workers, self._chance, self._tasks = workers, np.random.default_rng(seed), []
        self.most = 0

    def start(self, work, timeout):  # noqa: ARG002
        self._work = work.make()

    @property
    def free(self):
        return self._workers - len(self._tasks)

    def submit(self, task):
        self._tasks.append(task)
        self.most = max(self.most, len(self._tasks))

    def wait(self, seconds):
        if not self._tasks or seconds == 0:
            return []
        return [attempt(self._work, self._tasks.pop(int(self._chance.integers(len(self._tasks)))))]

    def close(self):
        self._tasks = []


def asked(algorithm="regularized_evolution", objectives=("accuracy",), subject_to=(), **changes):
    """Give a question."""
    sought = read_sought(known().known, list(objectives), subject_to, changes.pop("penalty", None))
    from accelnas.search.runs.plan import labelled

    ((label, one),) = labelled([algorithm]).items()
    return Question(one, f"{label} {one}", sought, **{"budget": 40, "seed": 1, "scheme": SCHEME, **changes})


def known():
    from accelnas_training.networks import load_family

    return Metrics(load_family("nasbench-macro"), 32, bench())


def made(path, question, runner=None, together=1, report=None, **work):
    """Make a search through a store."""
    description = WorkDescription("search_works:predicted", work)
    with Store.opened(path, bench().space) as store, runner or InlineRunner() as used:
        trainer = Trainer(store, description, used, together, Limits(), report)
        return search(question, known(), trainer)


def killed(path, algorithm, owner=None, name="", calls=0):
    """Search in a process that dies before a method's call of that number; give how it ended, and what it found."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        if owner is not None:
            setattr(owner, name, deadly(getattr(owner, name), calls))
        os.write(writing, made(path, asked(algorithm)).architectures.tobytes())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as output:
        found = output.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), found.hex()


def deadly(method, calls):
    """Give a method whose call of that number kills the process before anything is done."""
    made_calls = []

    def call(*arguments):
        made_calls.append(arguments)
        if len(made_calls) == calls:
            os.kill(os.getpid(), signal.SIGKILL)
        return method(*arguments)

    return call


if __name__ == "__main__":
    # forks of a process that has imported all and used no threads: imports take seconds
    folder, *algorithms = sys.argv[1:]
    for each in algorithms:
        # a result that was not told, an evaluation that was not noted, a training whose result is lost, to the end
        for where in ((Journal, "end", 5), (Journal, "begin", 9), (Store, "record", 7), ()):
            print(each, *killed(f"{folder}/{each}.db", each, *where))
