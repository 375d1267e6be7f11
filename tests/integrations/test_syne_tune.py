"""The blackbox of Syne Tune, and the recipe contributed to it: run where it is installed, by `make training-test`."""

import copy
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import accelnas
from accelnas.adapters.syne_tune import to_blackbox
from search_driver import CHAIN
from small_samples import random_benchmark

pytest.importorskip("syne_tune", reason="not installed here; make training-test runs it")
INTEGRATION = Path(__file__).parents[2] / "integrations" / "syne_tune"


def test_syne_tune_blackbox_of_a_conditional_space(tmp_path):
    metrics = [("quality", "maximise", "identity", 0.0, 1.0), ("hours", "minimise", "log", 5.0, 1.0)]
    bench = random_benchmark(tmp_path, CHAIN, [(0, 1), (2,), (3,)], metrics)
    bench = bench.derive("time", "3600 * hours", unit="s", direction="minimise")
    blackbox = copy.deepcopy(to_blackbox(bench, ["quality", "2 * depth"], clock="time"))
    assert blackbox.objectives_names == ["quality", "2 * depth", "elapsed_time"]
    chance = np.random.default_rng(1)
    archs = []
    for _ in range(50):
        config = {v.name: v.choices[chance.integers(len(v.choices))] for v in CHAIN.variables}
        found = blackbox(config, fidelity=1)
        try:
            arch = CHAIN.encode([config])
        except accelnas.SpaceError:  # a near architecture is evaluated
            assert np.isfinite(list(found.values())).all()
            continue
        archs.append(arch)
        expected = bench.predict(arch, ["quality", "hours"], dtype="float64")
        twice = 2 * CHAIN.decode(arch)[0]["depth"]  # of the canonical form
        assert list(found.values()) == pytest.approx([expected["quality"][0], twice, 3600 * expected["hours"][0]])
    assert 0 < len(archs) < 50
    with pytest.raises(accelnas.SpaceError):
        blackbox({"op": "conv"}, fidelity=1)
    with pytest.raises(accelnas.MetricError, match="noise"):
        blackbox(CHAIN.decode(archs[0])[0], seed=1)
    with pytest.raises(accelnas.MetricError, match='clock accuracy is in "%"'):
        to_blackbox(accelnas.load(), clock="accuracy")
    with pytest.raises(accelnas.MetricError, match='unknown metric "speed"'):
        to_blackbox(bench, ["speed"])
    timed = bench.derive("elapsed_time", "2 * hours", unit="s", direction="minimise")
    with pytest.raises(accelnas.MetricError, match="derive it by another name"):
        to_blackbox(timed)


@pytest.mark.slow
def test_syne_tune_with_the_contribution_passes_its_tests(tmp_path):
    import syne_tune

    shutil.copytree(Path(syne_tune.__file__).parent, tmp_path / "syne_tune", ignore=shutil.ignore_patterns("*.pyc"))
    with (INTEGRATION / "accelnas.patch").open("rb") as patch:
        subprocess.run(["patch", "--strip=1"], stdin=patch, cwd=tmp_path, check=True, capture_output=True)
    for folder in ("syne_tune", "tst"):
        shutil.copytree(INTEGRATION / folder, tmp_path / folder, dirs_exist_ok=True)
    package = str(Path(accelnas.__file__).parents[1])
    environment = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{package}", "SYNETUNE_FOLDER": str(tmp_path / "results")}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tst"],
        cwd=tmp_path,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
