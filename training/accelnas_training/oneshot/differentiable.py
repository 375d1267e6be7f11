"""Differentiable search: probabilities of choices follow gradients, and what is likely in the end is the answer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
import torch

from accelnas_training.checked import Checked, Range
from accelnas_training.errors import SchemeError
from accelnas_training.threads import torch_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from accelnas_training.arrays import Archs, Floats
    from accelnas_training.tables import TableLayer

    Loss = Callable[[list[torch.Tensor]], torch.Tensor]  # of probabilities (runs, choices) a variable: (runs,)

METHODS = ("fbnet", "proxylessnas")


@dataclass(frozen=True)
class Differentiable(Checked):
    """How logits of choices are optimised.

    Attributes
    ----------
    method
        ``fbnet``: relaxed choices, drawn by Gumbel-softmax, whose temperature falls (Wu et al. 2019).
        ``proxylessnas``: one choice of each variable is drawn, and the gradient of its gates goes to the
        probabilities (Cai et al. 2019, equation 4). Of both, the cost is that expected under the probabilities:
        relaxed choices that are still hot would cost the same whatever the logits are.
    steps
        Updates of the logits.
    learning_rate
        Of Adam.
    hottest, coldest
        First and last temperature of ``fbnet``; geometric in between.
    multiplier_rate
        How fast the price of an exceeded budget rises, for each step and share that is exceeded.
    """

    error = SchemeError
    where = "search"
    method: Annotated[str, Range(choices=METHODS)] = "fbnet"
    steps: Annotated[int, Range(least=1)] = 600
    learning_rate: Annotated[float, Range(more_than=0)] = 0.05
    hottest: Annotated[float, Range(more_than=0)] = 5.0
    coldest: Annotated[float, Range(more_than=0)] = 0.1
    multiplier_rate: Annotated[float, Range(least=0)] = 0.5

    def temperature(self, step: int) -> float:
        """Give the temperature of a step.

        Examples
        --------
        >>> how = Differentiable(steps=3)
        >>> [round(how.temperature(step), 2) for step in range(3)]
        [5.0, 0.71, 0.1]
        """
        share = step / max(1, self.steps - 1)
        return math.exp((1 - share) * math.log(self.hottest) + share * math.log(self.coldest))


@dataclass(frozen=True)
class Cost:
    """What an architecture costs, by a metric's tables: it counts with a weight, or has a budget."""

    layer: TableLayer
    weight: float = 0.0  # of the cost in the loss
    budget: float | None = None  # that the cost should not exceed


@torch_threads()
def search(
    loss: Loss,
    counts: Sequence[int],
    how: Differentiable,
    seeds: Sequence[int],
    cost: Cost | None = None,
    report: Callable[[int], object] | None = None,
) -> Archs:
    """Optimise the logits of independent choices.

    Parameters
    ----------
    loss
        Given the probabilities, or drawn choices, of each variable, float64 (runs, choices), gives (runs,): what is to
        be small, with gradients.
    counts
        Choices of each variable.
    how
        Method, steps and rates.
    seeds
        One a run; runs are independent of each other.
    cost
        What is to be paid. A budget is kept by a multiplier, which rises while the expected cost exceeds it, and falls
        while there is room.
    report
        Told how many steps are done.

    Returns
    -------
    uint8 array (runs, variables)
        The likeliest architecture at the end of each run; with a budget, the last one of the way that keeps it, or at
        the end the one that exceeds it least.
    """
    runs = len(seeds)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    logits = [torch.zeros(runs, count, dtype=torch.float64, requires_grad=True) for count in counts]
    optimizer = torch.optim.Adam(logits, lr=how.learning_rate)
    price = torch.zeros(runs, dtype=torch.float64)
    kept, least = np.zeros((runs, len(counts)), np.uint8), np.full(runs, np.inf)
    for step in range(how.steps):
        probabilities = [each.softmax(-1) for each in logits]
        uniforms = torch.stack([torch.rand(sum(counts), dtype=torch.float64, generator=each) for each in generators])
        noise = -(-uniforms.clamp(min=1e-12).log()).log()
        drawn = _drawn(logits, probabilities, torch.split(noise, list(counts), -1), how, step)
        total = loss(drawn)
        if cost is not None:
            paid = cost.layer(probabilities)
            total = total + cost.weight * paid
            if cost.budget is not None:
                over = paid / cost.budget - 1
                total = total + price * over
                price = (price + how.multiplier_rate * over.detach()).clamp(min=0)
        optimizer.zero_grad()
        torch.autograd.backward(total.sum())
        optimizer.step()
        _keep(logits, cost, kept, least)
        if report is not None:
            report(step + 1)
    return kept


def _drawn(
    logits: list[torch.Tensor],
    probabilities: list[torch.Tensor],
    noise: Sequence[torch.Tensor],
    how: Differentiable,
    step: int,
) -> list[torch.Tensor]:
    """Draw choices: relaxed ones, or one of each variable, whose gradient is that of the probabilities."""
    pairs = list(zip(logits, noise, strict=True))
    if how.method == "fbnet":
        return [((each + own) / how.temperature(step)).softmax(-1) for each, own in pairs]
    gates = [torch.nn.functional.one_hot((each + own).argmax(-1), each.shape[-1]).double() for each, own in pairs]
    return [gate + each - each.detach() for gate, each in zip(gates, probabilities, strict=True)]


@torch.no_grad()
def _keep(logits: list[torch.Tensor], cost: Cost | None, kept: Archs, least: Floats) -> None:
    """Take over the likeliest architectures of runs that now keep the budget, or exceed it less than before."""
    likeliest = torch.stack([each.argmax(-1) for each in logits], -1).numpy().astype(np.uint8)
    changed = np.flatnonzero((likeliest != kept).any(axis=1) | np.isinf(least))
    excess = np.zeros(len(changed))
    if cost is not None and cost.budget is not None and len(changed):
        excess = np.maximum(cost.layer(cost.layer.one_hot(likeliest[changed])).numpy() - cost.budget, 0)
    better = changed[excess <= least[changed]]
    least[better] = excess[excess <= least[changed]]
    kept[better] = likeliest[better]
