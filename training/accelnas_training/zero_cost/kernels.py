"""Proxies of how differently a network treats the images of a batch: NASWOT, Jacobian covariance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from accelnas_training.errors import NetworkError
from accelnas_training.zero_cost.preparing import copied

if TYPE_CHECKING:
    from torch import Tensor

    from accelnas_training.zero_cost.batch import Batch

__all__ = ["jacob_cov", "naswot"]

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
