"""Networks against the data set, the closed form of its costs, timm's own model and PyTorch's own count."""

import numpy as np
import pytest
import timm
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import accelnas
from accelnas.errors import SpaceError
from accelnas.fitting.dataset import read_dataset
from accelnas.networks import network_layers
from accelnas_training.errors import NetworkError
from accelnas_training.networks import NetworkFamily, NetworkOptions, build_network, load_family
from accelnas_training.networks.complexity import complexities, complexity, layer_costs
from archive import generated, published

SPACE = accelnas.mnasnet_space()
FAMILY = load_family("mnasnet")
B0 = "e1_k3_l1_se1-e6_k3_l2_se1-e6_k5_l2_se1-e6_k3_l3_se1-e6_k5_l3_se1-e6_k5_l4_se1-e6_k3_l1_se1"
B0_CHOICES = SPACE.parse(B0)[0]


@pytest.fixture(scope="module", params=[generated, published])
def dataset(request, tmp_path_factory):
    archive = request.param(*[tmp_path_factory.mktemp("archive")] * (request.param is generated))
    if archive is None:
        pytest.skip("the Accel-NASBench archive is not here; name its folder in ACCELNAS_DATA")
    return read_dataset(archive.path)


def test_the_data_set_has_the_same_costs(dataset):
    rows = np.random.default_rng(7).choice(len(dataset), 20, replace=False)
    found = list(complexities(FAMILY, dataset.choices[rows], 224))
    assert [one.params / 1e6 for one in found] == dataset.values("params")[rows].tolist()
    assert [one.dataset_macs / 1e6 for one in found] == dataset.values("macs")[rows].tolist()


def test_the_closed_form_has_the_same_costs():
    rows = SPACE.sample(6, seed=5)
    states = SPACE.block_states(rows)

    def closed_form(of_layer):
        fixed, of_state = network_layers(SPACE).sums(of_layer)
        return (fixed + sum(values[states[:, b]] for b, values in enumerate(of_state))).tolist()

    found = list(complexities(FAMILY, rows, 224))
    assert [one.params for one in found] == closed_form(lambda layer: layer.params)
    assert [one.dataset_macs for one in found] == closed_form(lambda layer: layer.macs)


@pytest.mark.slow
def test_worker_processes_count_alike():
    rows = SPACE.sample(2, seed=5)
    assert list(complexities(FAMILY, rows, 64, workers=2)) == list(complexities(FAMILY, rows, 64))


def test_efficientnet_b0_is_timms_own():
    theirs = timm.create_model("efficientnet_b0", num_classes=1000).eval()
    ours = FAMILY.with_options(activation="silu").build(B0_CHOICES).eval()
    assert complexity(ours, 64).params == 5_288_548
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images), rtol=0, atol=0)


def test_pytorchs_own_counter_agrees_on_any_module():
    class Attending(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches = nn.Conv2d(1, 16, 4, 4)
            self.attention = nn.MultiheadAttention(16, 4, batch_first=True)
            self.up = nn.ConvTranspose1d(16, 8, 3, groups=2)
            self.classify = nn.Linear(8, 5)
            self.scale = nn.Parameter(torch.ones(3))

        def forward(self, images):
            tokens = self.patches(images).flatten(2).transpose(1, 2)
            mixed, _ = self.attention(tokens, tokens, tokens, need_weights=False)
            return self.classify(self.up(mixed.transpose(1, 2)).mean(-1)) @ torch.ones(5, 5)

    for network, resolution, channels in (
        (Attending(), 16, 1),
        (build_network(SPACE.decode(B0_CHOICES)[0], width=0.25, head=0, num_classes=7), 40, 3),
    ):
        found = complexity(network, resolution, channels)
        network.eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(torch.zeros(1, channels, resolution, resolution))
        assert found.macs == counter.get_total_flops() / 2
        assert found.params == sum(p.numel() for p in network.parameters())


def test_counting_leaves_a_network_as_it_was():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.Flatten(), nn.Linear(16, 2))
    network[1].eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    layers = layer_costs(network, 4)
    assert [layer.kind for layer in layers] == ["Conv2d", "BatchNorm2d", "Linear"]
    assert [module.training for module in network.modules()] == [True, True, False, True, True, True]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_layers_add_up():
    network = FAMILY.build(B0_CHOICES)
    layers = layer_costs(network, 64)
    total = complexity(network, 64)
    assert sum(layer.macs for layer in layers) == total.macs
    assert sum(layer.params for layer in layers) == total.params
    assert (layers[0].name, layers[0].output) == ("conv_stem", (32, 32, 32))


def test_a_module_inside_another_with_parameters_counts_once():
    class Outer(nn.Linear):
        def __init__(self):
            super().__init__(12, 12)
            self.inner = nn.Linear(12, 2)

        def forward(self, images):
            return self.inner(super().forward(images.flatten(1)))

    outer, inner = layer_costs(Outer(), 2)
    assert (outer.macs, outer.params, inner.macs, inner.params) == (144, 156, 24, 26)


@pytest.mark.parametrize(
    "options", [{"width": 0.5}, {"width": 1.4, "stem": 16}, {"head": 0}, {"activation": "hard_swish"}]
)
def test_options_make_working_networks(options):
    family = FAMILY.with_options(num_classes=7, in_channels=1, dropout=0.2, **options)
    network = family.build(SPACE.at([123_456_789])[0])
    out = network(torch.randn(2, 1, 32, 32))
    assert out.shape == (2, 7)
    out.sum().backward()
    assert all(p.grad is not None for p in network.parameters())
    assert network.conv_stem.out_channels == {0.5: 16, 1.4: 24}.get(options.get("width"), 32)


def test_weights_follow_from_the_seed():
    def weights(seed):
        torch.manual_seed(seed)
        return FAMILY.build(SPACE.at([0])[0]).state_dict()

    once, again, other = weights(1), weights(1), weights(2)
    assert all(torch.equal(once[name], again[name]) for name in once)
    assert not torch.equal(once["conv_stem.weight"], other["conv_stem.weight"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_classes": 0}, "num_classes is 0; expected at least 1"),
        ({"head": 1.5}, "head is 1.5; expected a whole number"),
        ({"stem": True}, "stem is True; expected a whole number"),
        ({"width": "big"}, "width is 'big'; expected a finite number"),
        ({"width": 0}, "width is 0.0; expected more than 0"),
        ({"width": float("nan")}, "width is nan; expected a finite number"),
        ({"dropout": 1}, "dropout is 1.0; expected less than 1"),
        ({"activation": 3}, "activation is 3; expected a string"),
        ({"activation": "best"}, "activation is 'best'; use a name of timm's"),
        ({"activation": ""}, "activation is ''; use a name of timm's"),
        ({"classes": 10}, r"unknown key classes; is num_classes meant\?"),
        ({"depth": 2}, "unknown key depth; choose among num_classes, in_channels, width, "),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(NetworkError, match=message):
        build_network(SPACE.decode(B0_CHOICES)[0], **options)


def test_what_does_not_fit_is_named(toy):
    with pytest.raises(NetworkError, match=r"architecture has no block0_e; .* name the builder of your own space"):
        NetworkFamily(toy).build(toy.at([0])[0])
    with pytest.raises(SpaceError, match="block0_e"):
        FAMILY.build(np.full(28, 9, np.uint8))
    with pytest.raises(NetworkError, match=r"an image of 3 × 2 × 2 does not go through the network: .* more pixels"):
        complexity(nn.Sequential(nn.Conv2d(3, 1, 3), nn.Flatten()), 2)
    with pytest.raises(NetworkError, match=r"gives \(1, 1, 2, 2\); expected \(images, classes\)"):
        complexity(nn.Conv2d(3, 1, 1), 2)
    with pytest.raises(NetworkError, match="gives tuple; expected"):
        complexity(nn.Sequential(nn.Flatten(2), nn.MaxPool1d(2, return_indices=True)), 2)


def test_equal_options_are_equal():
    assert NetworkOptions(width=1) == NetworkOptions(width=1.0)
    assert FAMILY.with_options(width=1).digest == FAMILY.digest
