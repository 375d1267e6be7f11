"""Measure what a newcomer waits for: an empty environment, the wheel, a first prediction and a first figure.

Usage: python first_minute.py WHEEL (fails where the processor's time is a minute or more)
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ALLOWED = 60.0  # seconds of the processor: how long a download takes is no fault of the wheel
PREDICTION = "import accelnas; b = accelnas.load(); print(b.predict(b.space.sample(1, seed=1), 'accuracy')[0], '%')"
FIGURE = "import accelnas, accelnas.plots as p; b = accelnas.load(); p.save(b.plot.correlations(), 'first.png')"


def main(wheel: Path) -> None:
    """Run each step in a folder of its own, and say what it takes."""
    with tempfile.TemporaryDirectory() as folder:
        python = f"{folder}/venv/bin/python"
        install = [python, "-m", "pip", "install", "--quiet", "--no-cache-dir"]
        steps = {
            "environment": [sys.executable, "-m", "venv", "venv"],
            "wheel": [*install, str(wheel)],
            "first prediction": [python, "-c", PREDICTION],
            "matplotlib": [*install, f"{wheel}[plots]"],
            "first figure": [python, "-c", FIGURE],
        }
        total = 0.0
        for name, command in steps.items():
            started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(command, cwd=folder, check=True)
            after, waited = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - started
            used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            total += used
            print(f"{name:17} {used:5.1f} s of the processor, {waited:5.1f} s waited")
        drawn = (Path(folder) / "first.png").stat().st_size
    print(f"{'together':17} {total:5.1f} s of the processor; {drawn:,} bytes drawn")
    if total >= ALLOWED:
        sys.exit(f"a newcomer waits {total:.0f} s, not less than {ALLOWED:.0f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
