"""What an interrupted process still does, in processor time: seconds would depend on the machine's load."""

import math
import os
import resource
import signal
import subprocess
from pathlib import Path


def interrupt(process: subprocess.Popen) -> tuple[str, float]:
    """Send SIGINT; give what the process wrote to stderr, and its processor seconds since."""
    before, others = _seconds(process.pid), _of_children()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=600)
    return errors, _of_children() - others - before


def _seconds(pid: int) -> float:
    """Processor seconds of a process so far; infinite where they can't be known, which any bound on the rest allows."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return math.inf
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
