"""A device whose speed is known: for tests of collections."""

import math

import numpy as np

from accelnas_training.collect.job import Outcome


def make(pace=60.0, drift=0.0, noise=0.0, noisy_first=False, paired=0.0, session=0, slower=0.0, energy=None):
    """A latency of 1 ms and 2 ms a choice index, times a drift, a pace that references beside see too, and noise.

    Sessions, by their number, are a day apart; one may be `slower` by the exponential of that.
    """
    count = 0

    def measure(task):
        nonlocal count
        now = 1e9 + 86_400.0 * session + pace * count
        rng = np.random.default_rng([session, count])
        count += 1
        true = 1.0 + 2.0 * sum(task.job.architecture)
        factor = math.exp(drift * math.sin(2 * math.pi * (now - 1e9) / 6000.0) + noise * rng.standard_normal() + slower)
        spread = 0.5 if noisy_first and task.job.seed == 0 and task.job.architecture[0] == 2 else 0.01
        wrong = 2.0 if spread == 0.5 else 1.0
        beside = math.exp(paired * rng.standard_normal())
        latency = true * factor * wrong * beside
        values = {
            "latency_ms": latency,
            "latency_std_ms": spread * latency,
            "throughput": 1e3 / latency,
            "throughput_std": spread * 1e3 / latency,
            "passes": 20.0,
            "outliers": 1.0,
            "measured_at": now,
            "session_at": float(session),
            "processors": 8.0 + session,
            "threads": 2.0,
        }
        if energy is not None:
            values["energy_mj"] = energy[task.scheme["name"]] * latency
        if paired:
            values["reference_ms"] = 5.0 * beside
        return Outcome(values, {"host": "stub"})

    return measure
