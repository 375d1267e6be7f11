"""What else the machine does: figures taken while others work are told apart from those that are not."""

from __future__ import annotations

import os
from pathlib import Path
from time import monotonic, sleep

SLACK = 0.2  # of a core that a search needs may be busy with something else
GLANCE = 0.3  # seconds


def busy_seconds() -> float:
    """Sum what all cores have worked since the start of the machine, the time taken by its host included."""
    user, nice, system, _idle, _wait, interrupts, soft, stolen = map(
        int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    )
    return (user + nice + system + interrupts + soft + stolen) / os.sysconf("SC_CLK_TCK")


def is_free(others: float, threads: int) -> bool:
    """Say whether so many threads had cores of their own, where so many cores were busy with something else."""
    return others <= len(os.sched_getaffinity(0)) - threads + SLACK


class Patience:
    """Waits for free cores, for so many seconds in all."""

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    def wait(self, threads: int) -> None:
        """Return once so many cores are free, or when there is no patience left."""
        while self.left > 0:
            start, busy = monotonic(), busy_seconds()
            sleep(GLANCE)
            if is_free((busy_seconds() - busy) / (monotonic() - start), threads):
                return
            self.left -= monotonic() - start
