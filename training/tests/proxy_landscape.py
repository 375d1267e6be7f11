"""Trainings that cost nothing: accuracy is an architecture's capacity and a noise that shorter training has more of."""

import hashlib
from dataclasses import replace

import numpy as np

from accelnas_training.collect.job import Outcome
from accelnas_training.errors import TrainingFailure
from accelnas_training.proxy.candidates import cost
from accelnas_training.proxy.settings import ProxySettings
from accelnas_training.proxy.trainings import Measured, Training
from accelnas_training.schemes import Scheme, load_scheme

REFERENCE = load_scheme("reference").changed(epochs=100)
BASE = load_scheme("p_star").changed(**{"resize.start_epoch": 0, "resize.end_epoch": 0, "schedule.warmup_epochs": 0})
CHOICES = {"epochs": (5, 10, 20, 40), "resize.end": (64, 128), "resize.start": (64, 128)}
SECONDS = 1e-6
WEIGHTS = np.array([1.0, 1.3, 0.7, 0.9, 1.1, 0.53])


def settings(**changes):
    """Settings of a search; 40 epochs of 128 pixels are too slow, 20 the best that are not."""
    given = {"reference": REFERENCE, "base": BASE, "choices": CHOICES, "longest": 0.5, "images": "digits"}
    return replace(ProxySettings(**given), **changes)


def noise(scheme):
    """The scheme's standard deviation: more epochs and more pixels have less."""
    return 0.0 if scheme.name == "reference" else 16 / scheme.epochs * (128 / scheme.resize.end) ** 1.5


class Landscape:
    """Trains at once, and remembers what it was asked."""

    def __init__(self, fails=(), limit=None):
        self.fails = fails  # (architecture, epochs) that diverge
        self.limit = limit  # trainings before the machine dies
        self.known = {}
        self.calls = 0

    def __call__(self, trainings):
        self.calls += 1
        return [self.measured(training) for training in trainings]

    def measured(self, training):
        key = training.architecture, training.scheme.digest, training.seed
        if key not in self.known:
            if self.limit is not None and len(self.known) >= self.limit:
                raise KeyboardInterrupt
            self.known[key] = self._train(training)
        return self.known[key]

    def _train(self, training):
        if (training.architecture, training.scheme.epochs) in self.fails:
            return Measured()
        capacity = float(np.dot(training.architecture, WEIGHTS))
        text = f"{training.architecture} {training.scheme.digest} {training.seed}"
        drawn = np.random.default_rng(int(hashlib.sha256(text.encode()).hexdigest()[:12], 16)).normal()
        seconds = SECONDS * cost(training.scheme) * (1 + capacity / 30)
        return Measured(50 + capacity + noise(training.scheme) * drawn, seconds, 100 * seconds)


def landscape_work(diverges=()):
    """Train on the landscape as a worker does; `diverges` are architectures."""
    landscape = Landscape()

    def work(task):
        if list(task.job.architecture) in [list(architecture) for architecture in diverges]:
            raise TrainingFailure("diverged", "loss is nan in epoch 1")
        name = "reference" if task.scheme["epochs"] == REFERENCE.epochs else "candidate"
        scheme = Scheme.from_dict({**task.scheme, "name": name})
        found = landscape([Training(task.job.architecture, scheme, task.job.seed)])[0]
        return Outcome({"accuracy": found.accuracy, "train_time": found.seconds, "energy": found.joules})

    return work
