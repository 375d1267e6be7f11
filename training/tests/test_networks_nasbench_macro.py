"""Networks of NAS-Bench-Macro: their costs are those that its authors publish."""

import numpy as np
import pytest

import accelnas
from accelnas import spaces
from accelnas_training.networks import build_network, load_family
from accelnas_training.networks.complexity import complexities

KINDS = ("identity", "mb3_k3", "mb6_k5")

# fmt: off
PUBLISHED = (  # its smallest and its largest network, and others by chance: params and flops of its file
    ("00000000", 387_882, 7_713_280), ("22222222", 2_932_586, 105_660_928), ("11022220", 1_977_674, 68_903_424),
    ("22112000", 824_106, 57_524_736), ("11201122", 2_386_378, 65_546_752), ("00110022", 2_185_578, 44_925_440),
    ("02220121", 2_098_986, 69_941_760), ("12202011", 1_559_946, 63_312_384), ("12110110", 1_114_826, 48_638_464),
    ("11112220", 1_893_258, 65_909_248), ("22210211", 1_742_314, 70_959_616), ("10102001", 1_050_314, 36_647_424),
    ("12100122", 2_270_538, 62_118_400), ("11000200", 707_914, 28_082_688), ("20120001", 1_063_850, 42_373_632),
    ("02110022", 2_245_994, 59_965_952), ("12200011", 1_340_810, 49_500_672), ("01120021", 1_900_586, 52_163_072),
    ("10011112", 1_958_282, 49_003_008), ("01120102", 1_616_554, 50_010_624), ("22111100", 828_202, 54_475_264),
    ("01001210", 1_206_762, 36_581_888), ("20221122", 2_591_850, 78_350_848), ("22222120", 1_936_362, 87_493_120),
    ("02211001", 1_135_786, 51_708_416), ("12222121", 2_326_538, 88_168_960), ("21220222", 2_680_234, 83_542_528),
    ("20202122", 2_488_298, 71_838_208), ("01122121", 2_239_402, 70_224_384), ("10111010", 1_038_282, 35_860_992),
)
# fmt: on


def rows_of(keys):
    architectures = [{f"layer{i}": KINDS[int(digit)] for i, digit in enumerate(key)} for key in keys]
    return spaces.load("nasbench-macro").encode(architectures)


def test_costs_are_those_published():
    found = complexities(load_family("nasbench-macro"), rows_of(key for key, *_ in PUBLISHED), 32)
    assert [(one.params, one.macs) for one in found] == [(params, macs) for _, params, macs in PUBLISHED]


@pytest.mark.slow
def test_costs_are_those_of_the_benchmark():
    bench = accelnas.load("nasbench-macro")
    rows = bench.space.sample(100, seed=1)
    found = list(complexities(load_family("nasbench-macro"), rows, 32))
    stated = {name: bench.predict(rows, name, dtype="float64") for name in ("params", "macs")}
    assert np.array_equal([one.params / 1e6 for one in found], stated["params"])
    assert np.array_equal([one.macs / 1e6 for one in found], stated["macs"])


def test_width_stem_and_head_are_options():
    network = build_network(dict.fromkeys((f"layer{i}" for i in range(8)), "mb3_k3"), width=0.5, stem=16, head=0)
    assert network.features.stem[0].out_channels == 8
    assert network.classifier.in_features == 128
