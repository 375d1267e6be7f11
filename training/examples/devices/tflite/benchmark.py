"""Run TFLite's benchmark_model on an adb device, and print what it found as a line of JSON."""

import argparse
import json
import re
import subprocess


def main() -> None:
    """Print {"latency_ms": …, "latency_std_ms": …, "passes": …}."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", help="path on the device")
    parser.add_argument("--threads", default="1")
    parser.add_argument("--passes", default="50")
    parser.add_argument("--program", default="/data/local/tmp/benchmark_model", help="path on the device")
    chosen = parser.parse_args()
    command = ["adb", "shell", chosen.program, f"--graph={chosen.network}"]
    command += [f"--num_threads={chosen.threads}", f"--num_runs={chosen.passes}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # the first such line is of the warm-up, the last of the passes; times are microseconds
    found = re.findall(r"count=(\d+).*?avg=([\d.e+]+).*?std=([\d.e+]+)", done.stdout + done.stderr)
    if done.returncode != 0 or not found:
        raise SystemExit(f"benchmark_model ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    passes, mean, deviation = found[-1]
    print(
        json.dumps({"latency_ms": float(mean) / 1e3, "latency_std_ms": float(deviation) / 1e3, "passes": int(passes)})
    )


if __name__ == "__main__":
    main()
