"""What is measured: a module, and its ONNX files, which are made when first needed."""

from __future__ import annotations

import copy
import logging
import time
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accelnas.errors import MissingExtraError
from accelnas_training.measure.errors import MeasurementError

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from torch import nn

    from accelnas_training.measure.protocol import Quantisation

__all__ = ["Subject", "needed"]


@dataclass
class Subject:
    """A module with one input and one output; several protocols measure it.

    Attributes
    ----------
    module : torch.nn.Module
        In float32 on the processor; left as it is.
    shape : tuple of int
        Of the input, without the batch.
    folder : Path
        For the ONNX files.
    reference : Subject, optional
        What its passes are paired with, where the protocol pairs passes.
    export_seconds : dict of str to float
        What making each ONNX file took, by the file's name.
    """

    module: nn.Module
    shape: tuple[int, ...]
    folder: Path
    reference: Subject | None = None
    export_seconds: dict[str, float] = field(default_factory=dict)

    def plain(self) -> nn.Module:
        """Give a copy of the module in evaluation mode."""
        return copy.deepcopy(self.module).eval()

    def images(self, batch: int) -> torch.Tensor:
        """Give noise as input, float32 (batch, *shape), the same every time."""
        import torch

        return torch.randn(batch, *self.shape, generator=torch.Generator().manual_seed(0))

    def onnx(self, batch: int | None = None) -> Path:
        """Give the ONNX file: float32, input ``images``, output ``logits``, the first dimension `batch` or open.

        Raises
        ------
        MeasurementError
            If the module can't be exported.
        MissingExtraError
            If onnx is not installed.
        """
        path = self.folder / ("open.onnx" if batch is None else f"batch{batch}.onnx")
        if not path.exists():
            started = time.perf_counter()
            if batch is None:
                self._export(path)
            else:
                fix_batch(self.onnx(), path, batch)
            self.export_seconds[path.name] = time.perf_counter() - started
        return path

    def int8(self, quantisation: Quantisation, batch: int | None = None) -> Path:
        """Give the ONNX file with 8-bit weights and activations between quantisation nodes.

        Raises
        ------
        MeasurementError
            If the module can't be exported or quantised.
        ImagesError
            If the images can't be opened, or have another number of channels.
        MissingExtraError
            If onnx or onnxruntime is not installed.
        """
        from accelnas_training.measure.quantise import quantise

        count, source = quantisation.count, quantisation.images
        stem = f"int8-{count}-{''.join(c if c.isalnum() else '-' for c in source)}"
        path = self.folder / (f"{stem}.onnx" if batch is None else f"{stem}-batch{batch}.onnx")
        if not path.exists():
            started = time.perf_counter()
            if batch is None:
                quantise(self.onnx(), path, self.shape, quantisation)
            else:
                fix_batch(self.int8(quantisation), path, batch)
            self.export_seconds[path.name] = time.perf_counter() - started
        return path

    def _export(self, path: Path) -> None:
        import torch

        from accelnas_training.measure.threads import torch_threads

        needed("onnx")
        # the exporter by tracing is 13 times faster than that of `torch.export`, and networks are many
        logger = logging.getLogger("torch.onnx")
        level = logger.level
        logger.setLevel(logging.ERROR)
        try:
            with warnings.catch_warnings(), torch_threads(1):  # more wait for each other in such short work
                warnings.simplefilter("ignore")
                torch.onnx.export(
                    self.plain(),
                    (self.images(1),),
                    path,
                    input_names=["images"],
                    output_names=["logits"],
                    dynamic_axes={"images": {0: "batch"}, "logits": {0: "batch"}},
                    dynamo=False,
                )
        except Exception as error:  # PyTorch's exporter raises many kinds
            path.unlink(missing_ok=True)
            said = str(error).strip().partition("\n")[0]
            raise MeasurementError("unsupported", f"the module can't be exported: {said}") from error
        finally:
            logger.setLevel(level)


def fix_batch(source: Path, path: Path, batch: int) -> None:
    """Write an ONNX file with its open first dimension set: compilers for boards want all sizes."""
    needed("onnx")
    import onnx

    model = onnx.load(source)
    del model.graph.value_info[:]  # shapes in between, with the batch open
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = batch
    onnx.save(onnx.shape_inference.infer_shapes(model), path)


def needed(*modules: str) -> None:
    """Raise MissingExtraError for a module that is not installed."""
    for module in modules:
        try:
            __import__(module)
        except ModuleNotFoundError as error:
            raise MissingExtraError(f"{module} is not installed; run: pip install 'accelnas-training[onnx]'") from error
