"""What learns: a network with its optimizer, schedule, loss scale and running average."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from typing import TYPE_CHECKING, Any

import torch
from timm.loss.cross_entropy import LabelSmoothingCrossEntropy
from timm.optim._optim_factory import create_optimizer_v2
from timm.scheduler.scheduler_factory import create_scheduler_v2
from timm.utils.model_ema import ModelEmaV3
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from accelnas_training.errors import SchemeError, TrainingError

if TYPE_CHECKING:
    from accelnas_training.schemes import Scheme
    from accelnas_training.train.places import Place


_TIMM_NAMES = {"cosine": "cosine", "linear": "poly", "step": "step"}


def make_optimizer(network: nn.Module, scheme: Scheme) -> torch.optim.Optimizer:
    """Make the scheme's optimizer for a network's parameters.

    Raises SchemeError if timm has no such optimizer, or that does not take the options.
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
    """Give the learning rates of each epoch's first and last update; raises as `make_optimizer`.

    Examples
    --------
    >>> from accelnas_training.schemes import load_scheme
    >>> from accelnas_training.train.learner import learning_rates
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


_PRECISIONS = {"float16": torch.float16, "bfloat16": torch.bfloat16}


class Learner:
    """A network, moved to the place's device, and all that changes while it learns.

    Raises TrainingError if the scheme asks for dropout that the network does not have.
    """

    def __init__(self, network: nn.Module, scheme: Scheme, place: Place, updates_per_epoch: int) -> None:
        self.scheme, self.place, self.updates = scheme, place, 0
        if scheme.dropout:
            if not hasattr(network, "drop_rate"):
                raise TrainingError(
                    f"the scheme's dropout is {scheme.dropout:g}, but {type(network).__name__} has no drop_rate; "
                    "let it obey one, or set the scheme's to 0"
                )
            setattr(network, "drop_rate", scheme.dropout)  # noqa: B010 (not a tensor)
        self.network = network.to(place.device)
        if scheme.channels_last:
            network.to(memory_format=torch.channels_last)
        self.optimizer = make_optimizer(self.network, scheme)
        self.scheduler = make_scheduler(self.optimizer, scheme, updates_per_epoch)
        self.average = ModelEmaV3(self.network, decay=scheme.ema) if scheme.ema else None
        self.scaler = torch.amp.GradScaler(place.device.type, enabled=scheme.precision == "float16")
        self.criterion = LabelSmoothingCrossEntropy(scheme.label_smoothing)  # type: ignore[no-untyped-call]
        self.model: nn.Module = self.network
        if place.processes > 1:
            own = [place.device.index] if place.device.type == "cuda" else None
            # each process normalises by its own batches; their statistics are averaged after the epoch
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # the argument's next name is not in older releases
                self.model = DistributedDataParallel(self.network, device_ids=own, broadcast_buffers=False)
        self.scheduler.step_update(0)

    @property
    def validated(self) -> nn.Module:
        """The network whose results count: the running average if there is one."""
        network: nn.Module = self.network if self.average is None else self.average.module
        return network

    @property
    def lr(self) -> float:
        """The learning rate of the next update."""
        return float(self.optimizer.param_groups[0]["lr"])

    def precision(self) -> AbstractContextManager[Any]:
        """Compute inside with the scheme's precision."""
        kind = _PRECISIONS.get(self.scheme.precision)
        return torch.autocast(self.place.device.type, dtype=kind) if kind else nullcontext()

    def alone(self) -> AbstractContextManager[Any]:
        """Gather gradients inside without exchanging them with other processes."""
        return self.model.no_sync() if isinstance(self.model, DistributedDataParallel) else nullcontext()

    def gather(self, inputs: torch.Tensor, targets: torch.Tensor, share: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Gather the gradients of a batch, one of so many of the next update; give its loss and outputs."""
        with self.precision():
            outputs = self.model(inputs)
            loss = self.criterion(outputs, targets)
        self.scaler.scale(loss / share if share > 1 else loss).backward()
        return loss.detach(), outputs

    def update(self) -> None:
        """Change the weights by the gradients that were gathered."""
        if self.scheme.clip:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.network.parameters(), self.scheme.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()
        self.updates += 1
        if self.average is not None:
            self.average.update(self.network, self.updates)
        self.scheduler.step_update(self.updates)

    def agree(self) -> None:
        """Average the statistics of normalisation over all processes, which then hold the same network."""
        if self.place.processes == 1:
            return
        buffers = [self.network.buffers(), self.average.module.buffers() if self.average is not None else ()]
        for buffer in chain(*buffers):
            if buffer.is_floating_point():
                distributed.all_reduce(buffer)
                buffer /= self.place.processes

    def state(self) -> dict[str, Any]:
        """Give everything that changes: tensors and plain values."""
        return {
            "network": dict(self.network.state_dict()),
            "average": None if self.average is None else dict(self.average.module.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "updates": self.updates,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a state."""
        self.network.load_state_dict(state["network"])
        if self.average is not None:
            self.average.module.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        for parameter, values in self.optimizer.state.items():
            for name, value in values.items():
                if isinstance(value, torch.Tensor) and value.shape == parameter.shape:
                    # laid out in memory as it was: a checkpoint knows no channels_last
                    values[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
        self.scaler.load_state_dict(state["scaler"])
        self.updates = state["updates"]
        self.scheduler.step_update(self.updates)
