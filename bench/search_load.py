"""What else the machine does: figures taken while others work are told apart from those that are not."""

from __future__ import annotations

import os
from pathlib import Path
from time import monotonic, sleep

QUIET = 0.2  # cores busy with something else, up to which a figure counts as undisturbed
GLANCE = 0.3  # seconds


def busy_seconds() -> float:
    """Sum what all cores have worked since the start of the machine, the time taken by its host included."""
    user, nice, system, _idle, _wait, interrupts, soft, stolen = map(
        int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    )
    return (user + nice + system + interrupts + soft + stolen) / os.sysconf("SC_CLK_TCK")


class Patience:
    """Waits for a quiet machine, for so many seconds in all."""

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    def wait(self) -> None:
        """Return once hardly anything else runs, or when there is no patience left."""
        while self.left > 0:
            start, busy = monotonic(), busy_seconds()
            sleep(GLANCE)
            share = (busy_seconds() - busy) / (monotonic() - start)
            if share <= QUIET:
                return
            self.left -= monotonic() - start
