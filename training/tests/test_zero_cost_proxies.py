"""Each proxy against its definition, computed another way on tiny networks."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from accelnas import mnasnet_space
from accelnas_training.errors import NetworkError
from accelnas_training.networks import build_network, load_family
from accelnas_training.networks.builders import SHIPPED
from accelnas_training.zero_cost.batch import Batch, noise, weights
from accelnas_training.zero_cost.gradients import fisher, grad_norm, grasp, snip, synflow
from accelnas_training.zero_cost.kernels import jacob_cov, naswot, zen
from accelnas_training.zero_cost.proxies import PROXIES, Scoring, score_architecture, score_network

CLASSES = 4


@pytest.fixture
def smooth():
    """A small network that has derivatives everywhere, in float64."""
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(2, 3, 3),
        nn.BatchNorm2d(3),
        nn.SiLU(),
        nn.Conv2d(3, 2, 1),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(8, CLASSES),
    ).double()


@pytest.fixture
def batch():
    drawn = noise(5, 4, seed=2, channels=2, classes=CLASSES)
    return Batch(drawn.images.double(), drawn.labels, drawn.seed)


@pytest.fixture(scope="module")
def mobile():
    """The smallest network of the space."""
    space = mnasnet_space()
    torch.manual_seed(0)
    return build_network(space.decode(space.at([0]))[0], num_classes=10, width=0.25)


def numerical_gradient(network, batch, step=1e-6):
    """Give the gradient with respect to the weights by central differences, (weights,)."""
    network = copy.deepcopy(network).train()
    layers = weights(network)
    start = parameters_to_vector(layers).detach()
    found = torch.empty_like(start)

    def loss(at):
        vector_to_parameters(at, layers)
        with torch.no_grad():
            return float(cross_entropy(network(batch.images), batch.labels))

    for i in range(len(start)):
        change = torch.zeros_like(start)
        change[i] = step
        found[i] = (loss(start + change) - loss(start - change)) / (2 * step)
    return found


def exact_gradient(network, batch, at):
    network = copy.deepcopy(network).train()
    layers = weights(network)
    vector_to_parameters(at, layers)
    loss = cross_entropy(network(batch.images), batch.labels)
    return parameters_to_vector(torch.autograd.grad(loss, layers))


def test_snip_and_gradient_norm_are_sums_over_finite_differences(smooth, batch):
    gradient = numerical_gradient(smooth, batch)
    at = parameters_to_vector(weights(smooth)).detach()
    assert snip(smooth, batch) == pytest.approx(float((at * gradient).abs().sum()), rel=1e-5)
    sizes = [weight.numel() for weight in weights(smooth)]
    norms = sum(float(part.norm()) for part in gradient.split(sizes))
    assert grad_norm(smooth, batch) == pytest.approx(norms, rel=1e-5)


def test_grasp_uses_the_hessians_product_with_the_gradient(smooth, batch):
    at = parameters_to_vector(weights(smooth)).detach()
    gradient = exact_gradient(smooth, batch, at)
    step = 1e-5
    ahead, behind = (exact_gradient(smooth, batch, at + sign * step * gradient) for sign in (1, -1))
    product = (ahead - behind) / (2 * step)
    assert grasp(smooth, batch) == pytest.approx(-float((at * product).sum()), rel=1e-5)


def test_grasp_is_the_gradients_squared_norm_where_normalisation_follows_each_layer(batch):
    torch.manual_seed(3)
    norms = [nn.BatchNorm2d(channels, eps=1e-12) for channels in (3, CLASSES)]
    network = nn.Sequential(
        nn.Conv2d(2, 3, 3), norms[0], nn.SiLU(), nn.Conv2d(3, CLASSES, 2), norms[1], nn.Flatten()
    ).double()
    gradient = exact_gradient(network, batch, parameters_to_vector(weights(network)).detach())
    assert grasp(network, batch) == pytest.approx(float(gradient.square().sum()), rel=1e-6)


def test_fisher_squares_what_each_image_loses_without_a_channel(batch):
    torch.manual_seed(4)
    first, last = nn.Conv2d(2, 3, 3).double(), nn.Linear(12, CLASSES).double()
    network = nn.Sequential(first, nn.ReLU(inplace=True), nn.Flatten(), last)
    expected = 0.0
    for image, label in zip(batch.images, batch.labels, strict=True):
        # scaling a channel's output by s: the loss's derivative at s = 1 is the sum of activation times gradient
        scales = [torch.ones(1, 3, 1, 1).double().requires_grad_(), torch.ones(1, CLASSES).double().requires_grad_()]
        hidden = (first(image[None]) * scales[0]).relu().flatten(1)
        loss = cross_entropy(last(hidden) * scales[1], label[None])
        expected += sum(float(g.square().sum()) for g in torch.autograd.grad(loss, scales))
    assert fisher(network, batch) == pytest.approx(expected / (2 * len(batch.images)), rel=1e-9)


def test_synflow_of_linear_layers_is_the_product_of_absolute_weights():
    torch.manual_seed(5)
    network = nn.Sequential(nn.Flatten(), nn.Linear(8, 5, bias=False), nn.Linear(5, 3, bias=False))
    product = torch.ones(1, 8).double()
    for weight in weights(network):
        product = product @ weight.detach().double().abs().T
    batch = noise(2, 2, seed=0, channels=2, classes=3)
    # each layer's weights carry the whole flow
    assert synflow(network, batch) == pytest.approx(math.log(2 * float(product.sum())), rel=1e-12)


def test_synflow_leaves_normalisations_out_and_keeps_their_activations(mobile):
    batch = noise(2, 32, seed=0, classes=10)
    plain = copy.deepcopy(mobile)
    for module in plain.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.constant_(module.weight, 7.0)
    assert synflow(mobile, batch) == synflow(plain, batch)
    assert isinstance(mobile.bn1.act, nn.ReLU)


def test_synflow_passes_the_range_of_float32():
    network = nn.Sequential(nn.Flatten(), *[nn.Linear(4, 4, bias=False) for _ in range(60)])
    for weight in weights(network):
        nn.init.constant_(weight, -100.0)
    batch = noise(2, 2, seed=0, channels=1, classes=4)
    assert synflow(network, batch) == pytest.approx(
        math.log(60) + 2 * math.log(4) + 59 * math.log(4) + 60 * math.log(100)
    )


def test_naswot_is_the_determinant_of_counted_equal_bits():
    torch.manual_seed(6)
    network = nn.Sequential(nn.Conv2d(1, 3, 2), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(12, 6), nn.ReLU())
    batch = noise(4, 3, seed=0, channels=1)
    hidden = network[0](batch.images).flatten(1)
    codes = torch.cat([hidden > 0, network[3](hidden.relu()) > 0], dim=1).tolist()
    kernel = np.array([[sum(a == b for a, b in zip(one, other, strict=True)) for other in codes] for one in codes])
    assert naswot(network, batch) == pytest.approx(np.log(abs(np.linalg.det(kernel))), rel=1e-9)


def test_naswot_needs_rectifiers():
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2), nn.Tanh())
    with pytest.raises(NetworkError, match="no ReLU or activation like it; leave this proxy out"):
        naswot(network, noise(2, 2, seed=0, channels=1))


def test_jacob_cov_uses_the_correlations_of_the_images_jacobians():
    torch.manual_seed(7)
    network = nn.Sequential(nn.Flatten(), nn.Linear(8, 6), nn.SiLU(), nn.Linear(6, 3)).double()
    drawn = noise(4, 2, seed=1, channels=2, classes=3)
    batch = Batch(drawn.images.double(), drawn.labels)
    rows = [torch.autograd.functional.jacobian(lambda x: network(x).sum(), image[None]) for image in batch.images]
    eigenvalues = np.linalg.eigvalsh(np.corrcoef(torch.stack(rows).flatten(1).numpy())) + 1e-5
    assert jacob_cov(network, batch) == pytest.approx(-(np.log(eigenvalues) + 1 / eigenvalues).sum(), rel=1e-6)


class Plain(nn.Module):
    """Two convolutions; the second has a residual link, as timm writes it."""

    def __init__(self, has_skip):
        super().__init__()
        self.has_skip = has_skip
        self.first, self.norm, self.second = (
            nn.Conv2d(2, 3, 3, bias=False),
            nn.BatchNorm2d(3, eps=1e-12),
            nn.Conv2d(3, 3, 1),
        )

    def forward_features(self, x):
        x = self.norm(self.first(x))
        return self.second(x.relu()) + x if self.has_skip else self.second(x.relu())

    def forward(self, x):
        return self.forward_features(x).mean((2, 3))


def test_zen_compares_features_of_near_images_and_adds_normalised_scales():
    network = Plain(has_skip=False).double()
    shape = (3, 2, 6, 6)
    batch = Batch(torch.zeros(shape).double(), torch.zeros(3, dtype=torch.int64), seed=9)
    generator = torch.Generator().manual_seed(9)
    for layer in (network.first, network.second):
        layer.weight.data = torch.randn(layer.weight.shape, generator=generator).double()
    network.second.bias.data.zero_()
    image, change = torch.randn((2, *shape), generator=generator).double()

    def features(x):
        hidden = network.first(x)
        mean, std = hidden.mean((0, 2, 3), keepdim=True), hidden.std((0, 2, 3), keepdim=True, correction=0)
        return network.second(((hidden - mean) / std).relu())

    with torch.no_grad():
        distances = (features(image) - features(image + 0.01 * change)).flatten(1).norm(dim=1)
        variances = network.first(image).transpose(0, 1).flatten(1).var(1)
    expected = float(distances.mean().log()) + 0.5 * float(variances.mean().log())
    assert zen(network, batch) == pytest.approx(expected, rel=1e-9)
    assert zen(Plain(has_skip=True).double(), batch) == pytest.approx(expected, rel=1e-9)


def test_zen_needs_features(smooth, batch):
    with pytest.raises(NetworkError, match="no method forward_features; add it, or leave this proxy out"):
        zen(smooth, batch)


def test_networks_are_left_as_they_were(mobile):
    before = copy.deepcopy(mobile.state_dict())
    batch = noise(2, 32, seed=0, classes=10)
    scores = score_network(mobile, batch)
    assert list(scores) == list(PROXIES)
    assert all(torch.equal(before[name], value) for name, value in mobile.state_dict().items())
    assert all(parameter.grad is None for parameter in mobile.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in mobile.modules())
    again = score_network(mobile, batch)
    assert {name: score.value for name, score in scores.items()} == {name: score.value for name, score in again.items()}


@pytest.mark.parametrize("name", SHIPPED)
def test_networks_of_all_families_have_scores(name):
    family = load_family(name).with_options(num_classes=10, width=0.25)
    scoring = Scoring(resolution=32, batch_size=2)
    scores = score_architecture(family, family.space.sample(1, seed=3)[0], scoring)
    assert list(scores) == list(PROXIES)
    assert all(math.isfinite(score.value) for score in scores.values())


def test_scores_that_are_not_finite_are_errors():
    dead = nn.Sequential(nn.Flatten(), nn.Linear(4, 3, bias=False))
    nn.init.zeros_(dead[1].weight)
    with pytest.raises(NetworkError, match="synflow is -inf; use more pixels, another seed, or leave this proxy out"):
        score_network(dead, noise(2, 2, seed=0, channels=1, classes=3), ["synflow"])
    with pytest.raises(NetworkError, match="jacob_cov is nan"):
        score_network(dead, noise(2, 2, seed=0, channels=1, classes=3), ["jacob_cov"])


def test_unknown_proxies_are_errors(smooth, batch):
    with pytest.raises(NetworkError, match="unknown proxy 'zenith'; choose from params, macs"):
        score_network(smooth, batch, ["zenith"])
    with pytest.raises(NetworkError, match="no proxy is named; choose from params"):
        score_network(smooth, batch, [])


def test_a_network_without_second_derivatives_is_said():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Hardsigmoid(), nn.Flatten(), nn.Linear(16, 10))
    with pytest.raises(NetworkError, match=r"grasp: derivative for .* is not implemented; .* leave this proxy out"):
        score_network(network, noise(4, 4, seed=0, classes=10), ["grasp"])
