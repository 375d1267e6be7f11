"""The families of the package: each by name, by an architecture's variables, trained for a step and exported."""

import pytest
import torch

from accelnas import spaces
from accelnas_training.errors import NetworkError
from accelnas_training.networks import NetworkFamily, NetworkOptions, build_network, load_family
from accelnas_training.networks.builders import SHIPPED
from accelnas_training.networks.complexity import complexity
from accelnas_training.networks.export import export_onnx
from accelnas_training.zero_cost.batch import noise
from accelnas_training.zero_cost.proxies import score_network

OTHERS = sorted(SHIPPED.keys() - {"mnasnet"})


@pytest.mark.parametrize("name", SHIPPED)
def test_a_family_is_known_by_its_name_and_its_variables(name, tmp_path):
    family = load_family(name)
    assert family.space == spaces.load(name)
    assert NetworkFamily.from_dict(family.to_dict()).digest == family.digest
    row = family.space.sample(1, seed=4)[0]
    counted = complexity(family.build(row), family.resolution)
    found = build_network({"name": "extra columns are left alone", **family.space.decode([row])[0]})
    assert complexity(found, family.resolution) == counted
    (tmp_path / "f.toml").write_text(f'builder = "{name}"\n')
    assert load_family(tmp_path / "f.toml").digest == family.digest
    (tmp_path / "f.toml").write_text(f'builder = "{name}"\noptions = {{ num_classes = 7 }}\n')
    assert load_family(tmp_path / "f.toml").options == NetworkOptions(num_classes=7)


@pytest.mark.parametrize("name", OTHERS)
def test_a_step_of_training_changes_all_weights(name):
    torch.manual_seed(0)
    family = load_family(name).with_options(num_classes=4, in_channels=1, dropout=0.1)
    network = family.build(family.space.sample(1, seed=0)[0])
    before = {key: value.clone() for key, value in network.named_parameters()}
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    out = network(torch.randn(8, 1, 32, 32))
    assert out.shape == (8, 4)
    torch.nn.functional.cross_entropy(out, torch.arange(8) % 4).backward()
    optimizer.step()
    assert all(parameter.grad is not None for parameter in network.parameters())
    moved = [key for key, value in network.named_parameters() if not torch.equal(value, before[key])]
    assert len(moved) > 0.9 * len(before)
    assert torch.isfinite(network(torch.randn(8, 1, 32, 32))).all()


@pytest.mark.parametrize("name", OTHERS)
def test_weights_follow_from_the_seed(name):
    family = load_family(name)

    def weights(seed):
        torch.manual_seed(seed)
        return family.build(family.space.sample(1, seed=0)[0]).state_dict()

    once, again, other = weights(1), weights(1), weights(2)
    assert all(torch.equal(once[key], again[key]) for key in once)
    assert not all(torch.equal(once[key], other[key]) for key in once)


@pytest.mark.parametrize("name", OTHERS)
def test_proxies_without_training_score_them(name):
    torch.manual_seed(0)
    family = load_family(name).with_options(num_classes=4)
    network = family.build(family.space.sample(1, seed=2)[0])
    scores = score_network(network, noise(4, 32, seed=0, classes=4), ("grad_norm", "grasp", "synflow", "zen"))
    assert len({score.value for score in scores.values()}) == 4


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_networks_are_exported(name, tmp_path):
    torch.manual_seed(0)
    family = load_family(name).with_options(num_classes=4)
    network = family.build(family.space.sample(1, seed=1)[0])
    network(torch.randn(8, 3, 32, 32))
    export_onnx(network, tmp_path / "network.onnx", 32, batch=None)  # it compares


@pytest.mark.parametrize(
    ("name", "change", "options", "message"),
    [
        ("nasbench201", {"edge_0_1": "conv1"}, {}, "edge_0_1 is 'conv1'; builder 'nasbench201' knows none, skip_"),
        ("nasbench201", {"edge_0_1": ["none"]}, {}, r"edge_0_1 is \['none'\]; builder 'nasbench201' knows"),
        ("nasbench201", {}, {"stem": 8}, "stem is 8, but networks of builder 'nasbench201' have it fixed"),
        ("nasbench201", {}, {"head": 0}, "head is 0, but networks of builder 'nasbench201' have it fixed"),
        ("nasbench-macro", {"layer7": None}, {}, "layer7 is None; builder 'nasbench-macro' knows identity, mb3_k3"),
        ("nasbench-macro", {}, {"activation": "best"}, "activation is 'best'; use a name of timm's"),
        ("ofa-mobilenetv3", {}, {"stem": 8}, "stem is 8, but networks of builder 'ofa-mobilenetv3' have it fixed"),
        ("ofa-mobilenetv3", {}, {"activation": "silu"}, "activation is 'silu', but networks of builder 'ofa"),
    ],
)
def test_what_does_not_fit_is_said(name, change, options, message):
    space = spaces.load(name)
    architecture = space.decode(space.sample(1, seed=0))[0] | change
    with pytest.raises(NetworkError, match=message):
        build_network(architecture, **options)


def test_other_variables_and_a_lost_one_are_said():
    with pytest.raises(NetworkError, match=r"architecture has v0, …: no builder .* \(mnasnet, nasbench201, nasb"):
        build_network({"v0": 1})
    space = spaces.load("nasbench201")
    architecture = space.decode(space.at([0]))[0]
    del architecture["edge_0_2"]
    with pytest.raises(NetworkError, match="architecture has no edge_0_2; builder 'nasbench201' needs it"):
        build_network(architecture, "nasbench201")
