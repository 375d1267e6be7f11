"""Proxies of how differently a network treats images: NASWOT, Jacobian covariance, Zen-score."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from accelnas_training.errors import NetworkError
from accelnas_training.zero_cost.batch import NORMS, WEIGHTED, copied

if TYPE_CHECKING:
    from accelnas_training.zero_cost.batch import Batch


_RECTIFIERS = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SiLU, nn.GELU, nn.Hardswish, nn.Mish)

_FLOOR = 1e-5  # added to eigenvalues, as in the paper


def naswot(network: nn.Module, batch: Batch) -> float:
    r"""Give the log-determinant of the kernel of Hamming distances between activation patterns.

    .. math:: \log \lvert \det K_H \rvert, \quad (K_H)_{ij} = N_A - d_H(c_i, c_j)

    Mellor et al. 2021, "Neural Architecture Search without Training" (arXiv 2006.04647, version 3), equations 1 and 2:
    :math:`c_i` says which of the :math:`N_A` rectifier units image i activates. Other activations than ReLU are treated
    alike: a unit is active where its input is above 0. Batch normalisation uses the batch's statistics. Units that no
    image activates add the same to each entry of the kernel.

    Raises
    ------
    NetworkError
        If the network has no rectifiers.
    """
    network = copied(network)
    kernel = torch.zeros(len(batch.images), len(batch.images), dtype=torch.float64, device=batch.images.device)
    units = 0

    def compare(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        nonlocal units
        signs = torch.where(inputs[0].flatten(1) > 0, 1.0, -1.0)
        kernel.add_(signs @ signs.T)  # equal minus different bits
        units += signs.shape[1]

    for module in network.modules():
        if isinstance(module, _RECTIFIERS):
            module.register_forward_pre_hook(compare)
    with torch.no_grad():
        network(batch.images)
    if not units:
        raise NetworkError("naswot: the network has no ReLU or activation like it; leave this proxy out")
    return float(torch.linalg.slogdet((kernel + units) / 2).logabsdet)


def jacob_cov(network: nn.Module, batch: Batch) -> float:
    r"""Say how little the images' Jacobians are correlated.

    .. math:: -\sum_i \Bigl( \log (\lambda_i + k) + \frac{1}{\lambda_i + k} \Bigr), \quad k = 10^{-5}

    with :math:`\lambda_i` the eigenvalues of the correlation matrix of the rows
    :math:`J_n = \partial \sum_k f_k / \partial x_n`. Mellor et al. 2020, the first version of "Neural Architecture
    Search without Training" (arXiv 2006.04647, version 1), section 3; the ``jacob_cov`` of Abdelfattah et al. 2021.
    Batch normalisation uses the batch's statistics.
    """
    network = copied(network)
    images = batch.images.clone().requires_grad_()
    (jacobian,) = torch.autograd.grad(network(images).sum(), images)
    correlations: Any = torch.corrcoef(jacobian.flatten(1).double())
    if not bool(torch.isfinite(correlations).all()):  # an image that changes nothing
        return float("nan")
    shifted = torch.linalg.eigvalsh(correlations).clamp(min=0) + _FLOOR  # rounding makes some slightly negative
    return -float((shifted.log() + 1 / shifted).sum())


_STEP = 0.01  # alpha of the paper


def zen(network: nn.Module, batch: Batch) -> float:
    r"""Give the Zen-score: the Gaussian complexity of the features, scaled back by the batch normalisations.

    .. math:: \log \mathbb{E}_{x, \epsilon} \lVert f(x) - f(x + \alpha \epsilon) \rVert_F
              + \sum_l \log \sqrt{\textstyle\sum_c \sigma_{lc}^2 / m_l}, \quad \alpha = 0.01

    Lin et al. 2021, "Zen-NAS: a zero-shot NAS for high-performance image recognition" (arXiv 2102.01063), algorithm 1.
    :math:`f` gives the feature map before pooling; weights, `x` and :math:`\epsilon` are standard Gaussian, drawn from
    the batch's seed, of which only the shape counts besides; :math:`\sigma_{lc}^2` is the variance of channel c of
    :math:`m_l` before batch normalisation l. Residual links are removed in blocks that say so by timm's attribute
    ``has_skip``; gates of squeeze-and-excite stay.

    Raises
    ------
    NetworkError
        If the network has no method ``forward_features``.
    """
    network = copied(network)
    features = getattr(network, "forward_features", None)
    if features is None:
        raise NetworkError("zen: the network has no method forward_features; add it, or leave this proxy out")
    generator = torch.Generator().manual_seed(batch.seed)
    _draw_weights(network, generator)
    image, change = torch.randn((2, *batch.images.shape), generator=generator).to(batch.images)
    scales: list[Tensor] = []

    def measure(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        variances = inputs[0].transpose(0, 1).flatten(1).var(1)
        scales.append(variances.mean().log() / 2)

    with torch.no_grad():
        hooks = [m.register_forward_pre_hook(measure) for m in network.modules() if isinstance(m, NORMS)]
        first = features(image)
        for hook in hooks:
            hook.remove()
        distance = (first - features(image + _STEP * change)).flatten(1).norm(dim=1).mean()
    scale = math.fsum(float(scale) for scale in scales)
    return float(distance.log()) + scale


def _draw_weights(network: nn.Module, generator: torch.Generator) -> None:
    for module in network.modules():
        if hasattr(module, "has_skip"):
            setattr(module, "has_skip", False)  # noqa: B010 (not declared by torch)
        if isinstance(module, WEIGHTED):
            with torch.no_grad():
                module.weight.copy_(torch.randn(module.weight.shape, generator=generator))
                if module.bias is not None:
                    module.bias.zero_()
