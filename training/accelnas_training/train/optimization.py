"""timm's optimizer and learning-rate schedule for a scheme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from timm.optim._optim_factory import create_optimizer_v2
from timm.scheduler.scheduler_factory import create_scheduler_v2
from torch import nn

from accelnas_training.errors import SchemeError

if TYPE_CHECKING:
    from accelnas_training.schemes import Scheme

__all__ = ["learning_rates", "make_optimizer", "make_scheduler"]

_TIMM_NAMES = {"cosine": "cosine", "linear": "poly", "step": "step"}


def make_optimizer(network: nn.Module, scheme: Scheme) -> torch.optim.Optimizer:
    """Make the scheme's optimizer for a network's parameters.

    Raises
    ------
    SchemeError
        If timm has no such optimizer, or that does not take the options.
    """
    asked = scheme.optimizer
    try:
        optimizer: torch.optim.Optimizer = create_optimizer_v2(
            network,
            opt=asked.name,
            lr=asked.lr,
            weight_decay=asked.weight_decay,
            momentum=asked.momentum,
            filter_bias_and_bn=asked.filter_bias_and_bn,
            **asked.options,
        )
    except (AssertionError, ImportError, TypeError, ValueError) as error:
        remedy = "see timm.optim.list_optimizers() and get_optimizer_info(name)"
        raise SchemeError(f"optimizer {asked.name!r}: {error}; {remedy}") from error
    return optimizer


def make_scheduler(optimizer: torch.optim.Optimizer, scheme: Scheme, updates_per_epoch: int) -> Any:
    """Make timm's scheduler, whose ``step_update(n)`` sets the rate of the update after the first n.

    The rate depends on n alone, so a restart needs no more than n.
    """
    schedule = scheme.schedule
    steps = schedule.kind == "step"
    scheduler, _ = create_scheduler_v2(
        optimizer,
        sched=_TIMM_NAMES[schedule.kind],
        # the others reach their peak after the warm-up, and their end at the end; fractions are welcome
        num_epochs=scheme.epochs if steps else scheme.epochs - schedule.warmup_epochs,  # type: ignore[arg-type]
        warmup_prefix=not steps,
        warmup_epochs=schedule.warmup_epochs,  # type: ignore[arg-type]
        warmup_lr=schedule.warmup_lr,
        min_lr=schedule.final_lr,
        decay_epochs=schedule.decay_epochs,
        decay_rate=schedule.decay_rate if steps else 1.0,  # the power of timm's polynomial
        step_on_epochs=False,
        updates_per_epoch=updates_per_epoch,
    )
    return scheduler


def learning_rates(scheme: Scheme, updates_per_epoch: int = 1000) -> list[tuple[float, float]]:
    """Give the learning rates of each epoch's first and last update.

    Raises
    ------
    SchemeError
        As `make_optimizer`.

    Examples
    --------
    >>> from accelnas_training.schemes import load_scheme
    >>> from accelnas_training.train.optimization import learning_rates
    >>> [round(first, 4) for first, _ in learning_rates(load_scheme("p_star"))[:4]]
    [0.0, 0.2125, 0.425, 0.3946]
    """
    optimizer = make_optimizer(nn.Linear(1, 1), scheme)
    scheduler = make_scheduler(optimizer, scheme, updates_per_epoch)
    rates = []
    for epoch in range(scheme.epochs):
        ends = []
        for update in (epoch * updates_per_epoch, (epoch + 1) * updates_per_epoch - 1):
            scheduler.step_update(update)
            ends.append(float(optimizer.param_groups[0]["lr"]))
        rates.append((ends[0], ends[1]))
    return rates
