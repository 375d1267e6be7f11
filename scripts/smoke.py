"""Try an installed wheel: declared dependencies, size, command line, prediction, pickling, threads.

Usage: python smoke.py WHEEL (in an environment that holds nothing but that wheel)
"""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
import sysconfig
import zipfile
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distributions, requires
from pathlib import Path

import accelnas

DECLARED = {"numpy", "typer", "rich"}
LARGEST_DATA, LARGEST_WHEEL = 15_000_000, 20_000_000
FREE_THREADS = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
EFFICIENTNET_B0 = "e1_k3_l1_se1-e6_k3_l2_se1-e6_k5_l2_se1-e6_k3_l3_se1-e6_k5_l3_se1-e6_k5_l4_se1-e6_k3_l1_se1"


def check(passed: bool, complaint: str) -> None:
    """Stop with a complaint unless a check has passed."""
    if not passed:
        sys.exit(f"smoke test failed: {complaint}")


def normal(name: str) -> str:
    """Return a distribution's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def required(name: str) -> set[str]:
    """Return the names a distribution requires without extras."""
    lines = [line for line in requires(name) or [] if "extra ==" not in line]
    return {normal(re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]) for line in lines}


def run(*arguments: str, stdin: str = "") -> str:
    """Run the installed command line and return what it writes."""
    program = Path(sys.executable).parent / "accelnas"
    done = subprocess.run([program, *arguments], input=stdin, capture_output=True, text=True, check=False)
    command = " ".join(arguments)
    check(done.returncode == 0, f"accelnas {command} exits {done.returncode}:\n{done.stderr}")
    return done.stdout


def check_dependencies() -> None:
    """Only the declared dependencies, and what these require, are installed."""
    check(required("accelnas") == DECLARED, f"accelnas requires {sorted(required('accelnas'))}")
    installed = {normal(d.metadata["Name"]) for d in distributions()} - {"pip", "setuptools"}
    reached, waiting = set[str](), ["accelnas"]
    while waiting:
        name = waiting.pop()
        if name in installed and name not in reached:
            reached.add(name)
            waiting += required(name)
    check(installed == reached, f"not declared, yet installed: {sorted(installed - reached)}")


def check_wheel(path: Path) -> None:
    """One wheel serves every Python from 3.10 on, and another the one with free threads; both are small."""
    version = "cp{}{}".format(*sys.version_info)
    tag = f"-{version}-{version}t-" if FREE_THREADS else "-cp310-abi3-"
    check(tag in path.name, f"{path.name} is not the wheel of {tag.strip('-')}")
    size = path.stat().st_size
    check(size <= LARGEST_WHEEL, f"the wheel is {size:,} bytes, not at most {LARGEST_WHEEL:,}")
    with zipfile.ZipFile(path) as wheel:
        sizes = {i.filename: i.file_size for i in wheel.infolist() if "/data/" in i.filename}
        names = set(wheel.namelist())
        crates = [wheel.read(n).decode() for n in names if re.search(r"/sboms/.*\.cyclonedx\.json$", n)]
    total = sum(sizes.values())
    check(0 < total <= LARGEST_DATA, f"bundled data is {total:,} bytes, not 1 to {LARGEST_DATA:,}")
    check("accelnas/py.typed" in names, "py.typed is missing: types do not ship")
    for licence in ("LICENSE", "NOTICE"):
        check(any(n.endswith(f"/licenses/{licence}") for n in names), f"{licence} is missing")
    check(len(crates) == 1, "the list of its crates (SBOM) is missing")
    places = set(re.findall(r'path\+file://([^"#]*)/rust/', crates[0]))
    check(places == {"/accelnas"}, f"the list of its crates names where it was built: {sorted(places)}")


def check_command_line() -> None:
    """Help, information, and a pipe from a sample to its predictions."""
    check("predict" in run("--help"), "--help does not name predict")
    check("accuracy" in run("info"), "info does not name accuracy")
    sampled = run("sample", "-n", "1000", "--seed", "1")
    scored = run("predict", "-", "--metrics", "accuracy", "--std", stdin=sampled)
    lines = scored.splitlines()
    check(lines[0] == "architecture,accuracy,accuracy_std", f"predict writes {lines[0]}")
    check(len(lines) == 1001, f"predict writes {len(lines) - 1} rows for 1000")


def check_python() -> None:
    """Predictions for EfficientNet-B0, alone and after pickling."""
    bench = accelnas.load()
    mean, std = bench.predict(EFFICIENTNET_B0, "accuracy", return_std=True)
    check(65.2 <= mean <= 66.2 and 0 < std < 1, f"EfficientNet-B0 scores {mean} ± {std} %")
    speed = bench.predict(EFFICIENTNET_B0, "throughput_tpuv2")
    check(859 <= speed <= 909, f"EfficientNet-B0 runs at {speed} images/s on TPUv2")
    again = pickle.loads(pickle.dumps(bench))  # noqa: S301 (made in this line)
    check(again.predict(EFFICIENTNET_B0, "accuracy") == mean, "pickling changes a prediction")


def check_threads() -> None:
    """Threads at once predict what one does, and the module lets Python go without its lock."""
    if FREE_THREADS:
        check(not sys._is_gil_enabled(), "importing accelnas turns the GIL on")
    bench = accelnas.load()
    samples = [bench.space.sample(2000, seed=seed % 4) for seed in range(64)]
    alone = [bench.predict(rows, "accuracy").tobytes() for rows in samples[:4]]
    fresh = accelnas.load()  # whose tables the threads fill together
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda rows: fresh.predict(rows, "accuracy").tobytes(), samples))
    check(together == alone * 16, "threads predict what one alone does not")


if __name__ == "__main__":
    os.environ.pop("PYTHONPATH", None)
    check_dependencies()
    check_wheel(Path(sys.argv[1]))
    check_command_line()
    check_python()
    check_threads()
    wheel = Path(sys.argv[1])
    print(f"smoke test passed: {wheel.name}, {wheel.stat().st_size:,} bytes, {accelnas._core.kernels()}")
