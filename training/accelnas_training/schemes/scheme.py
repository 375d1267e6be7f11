"""A training scheme: everything that says how a network is trained, as data."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping  # noqa: TC003 (types of fields are looked up)
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from accelnas.caching import cached_property
from accelnas_training.checked import Checked, Range
from accelnas_training.errors import SchemeError
from accelnas_training.images.base import Augmentation


@dataclass(frozen=True)
class Resize(Checked):
    """Progressive resizing: which resolution each epoch trains at. Epochs count from 0.

    Attributes
    ----------
    start, end
        Pixels a side up to `start_epoch`, and from `end_epoch` on; between them linear.
    validation, validation_crop
        Pixels a side of the validation images, and the share of the shorter side that their centre crop keeps.
    start_epoch, end_epoch
        The ramp's ends; one that ends after the training is cut off.
    multiple
        Between its ends, the resolution is rounded to a multiple of this many pixels.
    """

    where = "resize"
    start: Annotated[int, Range(least=1)]
    end: Annotated[int, Range(least=1)]
    validation: Annotated[int, Range(least=1)]
    start_epoch: Annotated[int, Range(least=0)] = 0
    end_epoch: Annotated[int, Range(least=0)] = 0
    multiple: Annotated[int, Range(least=1)] = 32
    validation_crop: Annotated[float, Range(more_than=0, most=1)] = 0.875

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.end_epoch < self.start_epoch:
            raise SchemeError(
                f"resize.end_epoch is {self.end_epoch}, before resize.start_epoch {self.start_epoch}; swap them"
            )


@dataclass(frozen=True)
class Optimizer(Checked):
    """An optimizer of timm.

    Attributes
    ----------
    name
        As ``timm.optim.list_optimizers()`` has it; ``momentum`` is plain SGD, ``sgd`` Nesterov's.
    lr
        The peak learning rate, for a whole batch of the scheme: it is not scaled.
    momentum, weight_decay
        As the optimizer defines them.
    filter_bias_and_bn
        No weight decay on biases and one-dimensional tensors.
    options
        Further arguments of the optimizer, such as ``eps``.
    """

    where = "optimizer"
    name: str
    lr: Annotated[float, Range(more_than=0)]
    momentum: Annotated[float, Range(least=0, less_than=1)] = 0.9
    weight_decay: Annotated[float, Range(least=0)] = 0.0
    filter_bias_and_bn: bool = True
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Schedule(Checked):
    """How the learning rate changes, update by update.

    Attributes
    ----------
    kind
        ``cosine`` or ``linear``: from the peak, after the warm-up, to `final_lr` at the end. ``step``: times
        `decay_rate` every `decay_epochs`, counted from the start.
    warmup_epochs, warmup_lr
        Linear from `warmup_lr` to the peak; epochs may be fractions.
    final_lr
        Where cosine and linear end.
    decay_epochs, decay_rate
        For ``step`` alone.
    """

    where = "schedule"
    kind: Annotated[str, Range(choices=("cosine", "linear", "step"))]
    warmup_epochs: Annotated[float, Range(least=0)] = 0.0
    warmup_lr: Annotated[float, Range(least=0)] = 0.0
    final_lr: Annotated[float, Range(least=0)] = 0.0
    decay_epochs: Annotated[float, Range(more_than=0)] = 1.0
    decay_rate: Annotated[float, Range(more_than=0, most=1)] = 1.0


@dataclass(frozen=True)
class Scheme(Checked):
    """How networks are trained; what does not change a result (devices, workers) is not part of it.

    Attributes
    ----------
    name
        What people call it; not part of the digest.
    epochs
        Passes over the training images.
    batch_size
        Images of one update, over all devices and accumulated steps.
    resize, optimizer, schedule, augmentation
        See the classes.
    label_smoothing
        Share of the target that is spread over all classes.
    dropout
        For networks that drop out before the classifier as timm's do (``drop_rate``); 0 leaves them as they are.
    ema
        Decay of the running average of the weights, which is then what is validated; 0 means none.
    precision
        ``float32``, or ``float16`` or ``bfloat16`` where autocast allows.
    channels_last
        Keep images and weights with the channels last, which is faster on recent GPUs.
    accumulation
        Steps whose gradients make one update.
    clip
        Longest norm of the gradient; 0 means any.
    stop
        Epochs after which the training ends early, its learning rate and resolutions as of all of them; 0 means that it
        does not. One that was stopped can go on.

    Examples
    --------
    >>> from accelnas_training.schemes import load_scheme
    >>> scheme = load_scheme("p_star")
    >>> scheme.epochs, [scheme.resolution(epoch) for epoch in (0, 11, 13)]
    (16, [160, 160, 192])
    >>> shorter = scheme.changed(epochs=8, **{"resize.end": 176}, name="shorter")
    >>> shorter.digest == scheme.digest
    False
    """

    name: str
    epochs: Annotated[int, Range(least=1)]
    batch_size: Annotated[int, Range(least=1)]
    resize: Resize
    optimizer: Optimizer
    schedule: Schedule
    augmentation: Augmentation = field(default_factory=Augmentation)
    label_smoothing: Annotated[float, Range(least=0, less_than=1)] = 0.0
    dropout: Annotated[float, Range(least=0, less_than=1)] = 0.0
    ema: Annotated[float, Range(least=0, less_than=1)] = 0.0
    precision: Annotated[str, Range(choices=("float32", "float16", "bfloat16"))] = "float32"
    channels_last: bool = False
    accumulation: Annotated[int, Range(least=1)] = 1
    clip: Annotated[float, Range(least=0)] = 0.0
    stop: Annotated[int, Range(least=0)] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.batch_size % self.accumulation:
            raise SchemeError(
                f"batch_size {self.batch_size} is no multiple of accumulation {self.accumulation}; choose one"
            )
        if self.schedule.kind != "step" and self.schedule.warmup_epochs >= self.epochs:
            raise SchemeError(
                f"schedule.warmup_epochs {self.schedule.warmup_epochs:g} leaves nothing of {self.epochs} epochs; "
                "lower it or train for longer"
            )
        if self.stop > self.epochs:
            raise SchemeError(f"stop is {self.stop}, after the {self.epochs} epochs; lower it, or leave it out")

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything but the name: 64 hex digits."""
        return self.digest_of("accelnas scheme 1\n", ("name",) if self.stop else ("name", "stop"))

    @property
    def trained_epochs(self) -> int:
        """Epochs that are trained: all, or those until the stop."""
        return self.stop or self.epochs

    @cached_property
    def whole(self) -> Scheme:
        """The scheme without a stop: what a training is part of."""
        return self.changed(stop=0) if self.stop else self

    def until(self, epochs: int) -> Scheme:
        """Give the scheme that stops after so many epochs; itself where these are all.

        Examples
        --------
        >>> from accelnas_training.schemes import load_scheme
        >>> scheme = load_scheme("p_star")
        >>> scheme.until(4).trained_epochs, scheme.until(4).whole.digest == scheme.digest, scheme.until(16) is scheme
        (4, True, True)
        """
        return self.whole if epochs == self.epochs else self.changed(stop=epochs, name=f"{self.name}@{epochs}")

    def resolution(self, epoch: int) -> int:
        """Pixels a side in an epoch, which count from 0."""
        resize = self.resize
        if epoch >= resize.end_epoch:
            return resize.end
        if epoch <= resize.start_epoch:
            return resize.start
        share = (epoch - resize.start_epoch) / (resize.end_epoch - resize.start_epoch)
        exact = resize.start + share * (resize.end - resize.start)
        rounded = math.floor(exact / resize.multiple + 0.5) * resize.multiple
        low, high = sorted((resize.start, resize.end))
        return min(max(rounded, low), high)


_FOLDER = Path(__file__).parent

SHIPPED = ("reference", "p_star")


def load_scheme(name_or_path: str | Path) -> Scheme:
    """Read a scheme: ``reference`` or ``p_star``, those of the Accel-NASBench paper, or a TOML file.

    Raises
    ------
    SchemeError
        If there is no such scheme or file, or it is not a scheme; the message names the key.

    Examples
    --------
    >>> from accelnas_training.schemes import load_scheme
    >>> load_scheme("reference").optimizer.name
    'rmsproptf'
    """
    return Scheme.read(name_or_path, "scheme", _FOLDER, SHIPPED)


def to_toml(scheme: Scheme) -> str:
    """Write a scheme out in full, as `load_scheme` reads it.

    Examples
    --------
    >>> from accelnas_training.schemes import load_scheme, to_toml
    >>> print(to_toml(load_scheme("p_star")))
    name = "p_star"
    epochs = 16
    ...
    """
    return "\n".join(_lines("", scheme.to_dict())) + "\n"


def _lines(name: str, table: dict[str, Any]) -> list[str]:
    inner = {key: value for key, value in table.items() if isinstance(value, dict)}
    # JSON's strings, numbers, booleans and arrays are TOML's
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items() if key not in inner]
    if name and lines:
        lines = ["", f"[{name}]", *lines]
    for key, value in inner.items():
        lines += _lines(f"{name}.{key}".lstrip("."), value)
    return lines
