"""Accuracies of architectures with shared weights, after batch normalisation has counted its statistics anew."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
import torch
from torch import nn
from torch.nn import functional

from accelnas.files import write_frame, write_text
from accelnas_training.collect.summary import check_name
from accelnas_training.errors import TrainingError
from accelnas_training.images import Augmentation, LoaderPlan
from accelnas_training.provenance import environment
from accelnas_training.threads import torch_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike
    from typing import Any

    from torch import Tensor

    from accelnas_training.arrays import Archs
    from accelnas_training.images import Images
    from accelnas_training.oneshot.elastic import ElasticNetwork
    from accelnas_training.schemes import Scheme


_WHOLE = Augmentation(scale=(1, 1), ratio=(1, 1), flip=0.0)  # shuffled, but not altered


class Evaluated(NamedTuple):
    """What a network reaches on the validation images."""

    accuracy: float  # top-1, %
    loss: float  # cross entropy, whose order has no ties where images are few


@dataclass(frozen=True)
class Evaluator:
    """Evaluates networks on the same images.

    Attributes
    ----------
    counting
        Training images from which batch normalisation counts its statistics, batch by batch.
    validation
        Batches of all validation images, and their classes.
    """

    counting: list[Tensor]
    validation: list[tuple[Tensor, Tensor]]

    @classmethod
    def of(cls, images: Images, scheme: Scheme, batches: int, seed: int = 0, device: str = "cpu") -> Evaluator:
        """Load what a scheme trains and validates on, at the resolution of its validation.

        `batches` training batches, in the order of a seed, of whole images: crops would have other statistics than what
        is validated.

        Raises
        ------
        TrainingError
            If there are fewer training batches.
        """
        plan = LoaderPlan(
            batch_size=scheme.batch_size,
            resolution=scheme.resize.validation,
            augmentation=_WHOLE,
            seed=seed,
            epoch=0,
            device=device,
            channels_last=scheme.channels_last,
            crop_share=scheme.resize.validation_crop,
        )
        training = images.loader("train", plan)
        if not 1 <= batches <= len(training):
            raise TrainingError(f"batches is {batches}, of {len(training)} training batches; choose 1 to that many")
        validation = images.loader("validation", LoaderPlan(**{**vars(plan), "augmentation": None}))
        return cls([inputs for inputs, _ in islice(training, batches)], list(validation))

    def evaluate(self, elastic: ElasticNetwork, architecture: Archs) -> Evaluated:
        """Evaluate an architecture on the validation images with shared weights.

        Its batch normalisation counts the means and variances of the training batches first; those that were counted
        while other networks trained would not be its own.
        """
        return _evaluated(self.counted(elastic.extracted(architecture)), self.validation)

    def counted(self, network: nn.Module) -> nn.Module:
        """Let a network count its statistics anew; gives it in evaluation mode."""
        norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # plain means over batches
        network.train()
        with torch.no_grad():
            for inputs in self.counting:
                network(inputs)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        return network.eval()


def _evaluated(network: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> Evaluated:
    """Evaluate a network in evaluation mode."""
    right, loss, count = 0, 0.0, 0
    with torch.inference_mode():
        for inputs, targets in batches:
            outputs = network(inputs).float()
            right += int((outputs.argmax(1) == targets).sum())
            loss += float(functional.cross_entropy(outputs, targets, reduction="sum"))
            count += len(targets)
    return Evaluated(100 * right / count, loss / count)


@torch_threads()
def evaluate_architectures(
    elastic: ElasticNetwork,
    evaluator: Evaluator,
    architectures: Archs,
    report: Callable[[int], object] | None = None,
) -> pl.DataFrame:
    """Evaluate architectures, uint8 (n, variables).

    Gives the space's variables, ``accuracy`` (top-1, %), ``loss`` (cross entropy) and ``seconds`` of each evaluation,
    in their order; `report` is told how many are done.
    """
    values, seconds = [], np.empty(len(architectures))
    for row, architecture in enumerate(architectures):
        began = time.perf_counter()
        values.append(evaluator.evaluate(elastic, architecture))
        seconds[row] = time.perf_counter() - began
        if report is not None:
            report(row + 1)
    table = pl.DataFrame(elastic.family.space.decode(architectures))
    columns = pl.DataFrame(values, schema=list(Evaluated._fields), orient="row")
    return table.with_columns(*columns, seconds=pl.Series(seconds))


def write_accuracies(table: pl.DataFrame, path: str | PathLike[str], about: Mapping[str, Any]) -> None:
    """Write a table, ``.parquet`` or ``.csv``, as `accelnas fit` reads it, and ``PATH.json``: where it comes from.

    Raises
    ------
    accelnas.errors.DataError
        If the file's name ends otherwise.
    """
    path = Path(path)
    check_name(path)
    write_frame(table, path, "csv" if path.suffix == ".csv" else "parquet")
    content = {**about, "environment": environment()}
    write_text(path.with_name(f"{path.name}.json"), json.dumps(content, indent=2) + "\n")
