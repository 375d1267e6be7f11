"""One machine plays several: OpenBLAS with the kernels of other processors, NumPy without its wider instructions."""

import json
import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest

import accelnas
from accelnas.fitting.provenance import kernels
from reproduced import check_reproduced, same_kernels, tensors

# one worker sets it up
pytestmark = [pytest.mark.xdist_group("kernels"), pytest.mark.slow]

CODE = """
    import sys
    sys.path.insert(0, sys.argv[1])
    import accelnas
    from accelnas.fitting.fit import fit_benchmark
    from accelnas.fitting.settings import read_settings
    from accelnas.fitting.splits import random_split
    from data_samples import sample_dataset
    data = sample_dataset()
    settings = read_settings(sys.argv[2] + "/small.toml")
    fit_benchmark(data, random_split(data), settings, sys.argv[3], verified_rows=500, threads=int(sys.argv[4]))
"""
SETTINGS = """
name = "small"
members = 4
folds = 4
[recipes.process]
family = "anova_process"
parameters = { orders = [2, 2], steps = [[200, 15]], processes = 2 }
[metrics]
throughput_a100 = { recipe = "process", link = "reciprocal" }
"""
METRIC = "throughput_a100"
RECORD = json.loads(kernels())
WIDE = [name for name in RECORD["simd"] if name not in np.show_config(mode="dicts")["SIMD Extensions"]["baseline"]]
OPENBLAS = any(blas["internal_api"] == "openblas" for blas in RECORD["blas"])
AVX2 = bool({"X86_V3", "AVX2"} & set(WIDE))
# what runs on any processor of its kind
OLDER = {"x86_64": ["Prescott"], "aarch64": ["ARMV8"]}.get(RECORD["machine"], []) + ["Haswell"] * AVX2
PLAYED = {"here": {}, "one thread here": {"OPENBLAS_NUM_THREADS": "1"}}
PLAYED |= {core: {"OPENBLAS_CORETYPE": core} for core in OLDER if OPENBLAS}
PLAYED |= {"without wide vectors": {"NPY_DISABLE_CPU_FEATURES": " ".join(WIDE)}} if WIDE else {}


@pytest.fixture(scope="module")
def fits(tmp_path_factory):
    """The same fit with each kind of kernels."""
    folder = tmp_path_factory.mktemp("fits")
    (folder / "small.toml").write_text(SETTINGS)

    def fit(numbered):
        number, (name, changes) = numbered
        code = [
            sys.executable,
            "-c",
            textwrap.dedent(CODE),
            str(Path(__file__).parents[1]),
            folder,
            folder / name,
        ]
        done = subprocess.run(
            [*code, str(1 + number % 2)], env=os.environ | changes, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return name, accelnas.load(folder / name)

    with ThreadPoolExecutor(2) as pool:
        return dict(pool.map(fit, enumerate(PLAYED.items())))


def test_same_kernels_give_the_same_bytes_and_others_stay_within_the_bound(fits):
    assert same_kernels(fits["here"], fits["one thread here"], METRIC)
    for one, two in combinations(fits.values(), 2):
        check_reproduced(one, two, METRIC)


@pytest.mark.skipif(not OPENBLAS or not OLDER, reason="the linear algebra library here can't play another processor's")
def test_the_record_tells_kernels_apart(fits):
    records = {name: json.loads(bench.provenance(METRIC)["kernels"]) for name, bench in fits.items()}
    assert records["here"] == RECORD
    architectures = [{blas["architecture"] for blas in records[core]["blas"]} for core in OLDER]
    assert all(one != two for one, two in pairwise(architectures))
    told = [fits[core] for core in OLDER]
    moved = [tensors(bench, METRIC)["table_cells"].tobytes() for bench in told]
    assert len(set(moved)) > 1 or len(OLDER) == 1, "these kernels round alike, so this test shows nothing"


@pytest.mark.skipif(not WIDE, reason="NumPy has no wider instructions here")
def test_the_record_tells_vectors_apart(fits):
    record = json.loads(fits["without wide vectors"].provenance(METRIC)["kernels"])
    assert record == {**RECORD, "simd": [name for name in RECORD["simd"] if name not in WIDE]}
