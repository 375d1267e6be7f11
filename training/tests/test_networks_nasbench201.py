"""Networks of NAS-Bench-201: published costs, a count by hand, and what the operations do."""

import pytest
import torch
from torch import nn

import accelnas
from accelnas import spaces
from accelnas_training.networks import build_network, load_family
from accelnas_training.networks.complexity import complexities

SPACE = spaces.load("nasbench201")


def network_of(*operations, **options):
    """Build the network of the edges 0→1, 0→2, 1→2, 0→3, 1→3, 2→3."""
    return build_network(dict(zip((variable.name for variable in SPACE.variables), operations, strict=True)), **options)


@pytest.mark.parametrize(
    ("architecture", "params", "macs"),  # in millions, as printed for CIFAR-10
    [
        ("none_none_none-none_none_none", 0.073306, 7.78304),
        ("skip_skip_skip-skip_skip_skip", 0.073306, 7.78304),
        ("c3_c3_c1-skip_c3_c3", 1.073466, 153.27296),  # the best one on CIFAR-10
        ("c3_c3_c3-skip_c3_c3", 1.288506, 184.73024),  # the best one on CIFAR-100
        ("c3_c3_c3-c3_c3_c3", 1.531546, 220.11968),
    ],
)
def test_costs_are_those_published(architecture, params, macs):
    (found,) = complexities(load_family("nasbench201"), SPACE.parse([architecture]), 32)
    assert (found.params / 1e6, found.macs / 1e6) == (params, macs)


def test_costs_are_those_of_the_benchmark():
    """There they are sums over edges."""
    bench = accelnas.load("nasbench201")
    rows = bench.space.sample(200, seed=3)
    found = list(complexities(load_family("nasbench201"), rows, 32))
    stated = bench.predict(rows, ["params", "macs"], dtype="float64")
    assert [one.params / 1e6 for one in found] == stated["params"].tolist()
    assert [one.macs / 1e6 for one in found] == stated["macs"].tolist()


def test_a_node_is_the_sum_of_its_edges():
    torch.manual_seed(0)
    network = network_of("avg_pool_3x3", "skip_connect", "nor_conv_3x3", "none", "nor_conv_1x1", "skip_connect")
    cell = network.features.cells[0].eval()
    images = torch.randn(2, 16, 8, 8)
    first = nn.functional.avg_pool2d(images, 3, 1, 1, count_include_pad=False)
    second = images + cell.edges["1_2"](first)
    torch.testing.assert_close(cell(images), cell.edges["1_3"](first) + second)
    kinds = [type(module) for module in cell.edges["1_2"]]
    assert kinds == [nn.ReLU, nn.Conv2d, nn.BatchNorm2d]


def test_without_any_edge_only_the_classifier_speaks():
    network = network_of(*["none"] * 6).eval()
    out = network(torch.randn(3, 3, 32, 32))
    assert torch.equal(out, out[:1].expand(3, -1))
    out.sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_width_is_of_all_stages():
    network = network_of(*["nor_conv_1x1"] * 6, width=0.5, num_classes=3)
    cells = network.features.cells
    assert [cells[i].edges["0_1"][1].out_channels for i in (0, 6, -1)] == [8, 16, 32]
