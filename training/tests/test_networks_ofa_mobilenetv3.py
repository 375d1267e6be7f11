"""Networks of Once-for-All's MobileNetV3 space: counts of the authors' code, and a count by formula."""

import pytest

from accelnas import spaces
from accelnas_training.errors import NetworkError
from accelnas_training.networks import build_network, load_family
from accelnas_training.networks.complexity import complexities

SPACE = spaces.load("ofa-mobilenetv3")
STAGES = ((24, 2, False), (40, 2, True), (80, 2, False), (112, 1, True), (160, 2, True))  # channels, stride, gates


def extreme(position):
    """Give the smallest (0) or the largest (-1) choice of every variable."""
    return {variable.name: variable.choices[position] for variable in SPACE.variables}


def eighths(number):
    rounded = max(8, int(number + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * number else rounded


def by_formula(architecture, resolution=224):
    """Count (params, macs) layer by layer, of 1,000 classes at width 1."""
    pixels = (resolution // 2) ** 2
    params = 3 * 16 * 9 + 2 * 16 + 16 * 9 + 2 * 16 + 16 * 16 + 2 * 16
    macs = pixels * (3 * 16 * 9 + 16 * 9 + 16 * 16)
    before = 16
    for number, (after, stride, gate) in enumerate(STAGES, 1):
        for layer in range(1, architecture[f"stage{number}_depth"] + 1):
            kernel, expand = (architecture[f"stage{number}_layer{layer}_{what}"] for what in ("kernel", "expand"))
            inner, smaller = before * expand, pixels // (stride if layer == 1 else 1) ** 2
            squeezed = eighths(inner / 4)
            weights = (before * inner, kernel * kernel * inner, inner * after)
            params += sum(weights) + 4 * inner + 2 * after + gate * (2 * inner * squeezed + squeezed + inner)
            macs += weights[0] * pixels + sum(weights[1:]) * smaller + gate * 2 * inner * squeezed
            before, pixels = after, smaller
    params += 160 * 960 + 2 * 960 + 960 * 1280 + 1280 * 1000 + 1000
    return params, macs + 160 * 960 * pixels + 960 * 1280 + 1280 * 1000


@pytest.mark.parametrize(
    ("position", "width", "params"),
    [(0, 1.0, 3_410_792), (-1, 1.0, 7_664_760), (0, 1.2, 4_602_456), (-1, 1.2, 10_701_632)],
)
def test_parameters_are_those_of_the_authors(position, width, params):
    network = build_network(extreme(position), width=width)
    assert sum(parameter.numel() for parameter in network.parameters()) == params


def test_costs_are_those_by_formula():
    rows = SPACE.sample(6, seed=2)
    found = complexities(load_family("ofa-mobilenetv3"), rows, 224)
    assert [(one.params, one.macs) for one in found] == [
        by_formula(architecture) for architecture in SPACE.decode(rows)
    ]
    assert any(None in architecture.values() for architecture in SPACE.decode(rows))


def test_layers_beyond_the_depth_mean_nothing():
    short = {**extreme(-1), **{f"stage{number}_depth": 2 for number in range(1, 6)}}
    bare = {name: value for name, value in short.items() if "layer3" not in name and "layer4" not in name}
    found = [sum(p.numel() for p in build_network(one, "ofa-mobilenetv3").parameters()) for one in (short, bare)]
    assert found[0] == found[1] == by_formula(short)[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stage2_depth": None}, "stage2_depth is None; builder 'ofa-mobilenetv3' needs a whole number of at least 1"),
        ({"stage1_layer2_kernel": None}, "stage1_layer2_kernel is None; .* whole number"),
        ({"stage1_layer2_kernel": 4}, "stage1_layer2_kernel is 4; kernels are odd"),
        ({"stage5_layer4_expand": 0}, "stage5_layer4_expand is 0; .* at least 1"),
        ({"stage5_layer4_expand": True}, "stage5_layer4_expand is True; .* whole number"),
        ({"stage3_depth": 5}, "architecture has no stage3_layer5_kernel; builder 'ofa-mobilenetv3' needs it"),
    ],
)
def test_what_is_no_such_network_is_said(change, message):
    with pytest.raises(NetworkError, match=message):
        build_network({**extreme(-1), **change})


def test_a_head_is_needed():
    with pytest.raises(NetworkError, match="head is 0, but networks of builder 'ofa-mobilenetv3' need one"):
        build_network(extreme(0), head=0)
