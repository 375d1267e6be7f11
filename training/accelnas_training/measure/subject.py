"""What is measured: a module, and its ONNX files of 32 and 8 bits, which are made when first needed."""

from __future__ import annotations

import copy
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from accelnas_training.errors import ImagesError, MeasurementError
from accelnas_training.images import LoaderPlan, open_images
from accelnas_training.networks.export import needed, quiet
from accelnas_training.threads import torch_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from accelnas_training.measure.protocol import Quantisation


@dataclass
class Subject:
    """A module with one input and one output; several protocols measure it."""

    module: nn.Module  # in float32 on the processor; left as it is
    shape: tuple[int, ...]  # of the input, without the batch
    folder: Path  # for the ONNX files
    reference: Subject | None = None  # what its passes are paired with, where the protocol pairs passes

    def plain(self) -> nn.Module:
        """Give a copy of the module in evaluation mode."""
        return copy.deepcopy(self.module).eval()

    def images(self, batch: int) -> torch.Tensor:
        """Give noise as input, float32 (batch, *shape), the same every time."""
        return torch.randn(batch, *self.shape, generator=torch.Generator().manual_seed(0))

    def onnx(self, batch: int | None = None) -> Path:
        """Give the ONNX file: float32, input ``images``, output ``logits``, the first dimension `batch` or open.

        Raises MeasurementError if the module can't be exported, MissingExtraError if onnx is not installed.
        """
        return self._made("", batch, self._export)

    def int8(self, quantisation: Quantisation, batch: int | None = None) -> Path:
        """Give the ONNX file with 8-bit weights and activations between quantisation nodes; raises as `quantise`."""
        count, source = quantisation.count, quantisation.images
        stem = f"int8-{count}-{''.join(c if c.isalnum() else '-' for c in source)}"
        return self._made(stem, batch, lambda path: quantise(self.onnx(), path, self.shape, quantisation))

    def _made(self, stem: str, batch: int | None, make: Callable[[Path], None]) -> Path:
        """Give a file with an open first dimension, or from it that of a batch; each is made once."""
        path = self.folder / f"{stem or 'open'}.onnx"
        if not path.exists():
            make(path)
        if batch is not None:
            source, path = path, self.folder / f"{stem}-batch{batch}.onnx".lstrip("-")
            if not path.exists():
                fix_batch(source, path, batch)
        return path

    def _export(self, path: Path) -> None:
        needed("onnx")
        try:
            # the exporter by tracing is 13 times faster than that of `torch.export`, and networks are many
            with quiet(), torch_threads(1):  # more wait for each other in such short work
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


def fix_batch(source: Path, path: Path, batch: int) -> None:
    """Write an ONNX file with its open first dimension set: compilers for boards want all sizes."""
    needed("onnx")
    import onnx

    model = onnx.load(source)
    del model.graph.value_info[:]  # shapes in between, with the batch open
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = batch
    onnx.save(onnx.shape_inference.infer_shapes(model), path)


def quantise(source: Path, path: Path, shape: tuple[int, ...], how: Quantisation) -> None:
    """Write an ONNX file whose weights (per channel) and activations (per tensor) have 8 bits.

    Of a float32 file with input ``images`` (batch, *shape). Raises MeasurementError if the network can't be quantised,
    ImagesError if the images can't be opened or have another number of channels, MissingExtraError if onnx or
    onnxruntime is not installed.
    """
    needed("onnx", "onnxruntime")
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._images = _images(shape, how)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            image = next(self._images, None)
            return None if image is None else {"images": image}

    root = logging.getLogger()  # where ONNX Runtime logs its advice
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        quantize_static(source, path, Reader(), quant_format=QuantFormat.QDQ, per_channel=True)
    except ImagesError:
        raise
    except Exception as error:  # ONNX Runtime raises many kinds
        path.unlink(missing_ok=True)
        raise MeasurementError("unsupported", f"the network can't be quantised: {error}") from error
    finally:
        root.setLevel(level)


def _images(shape: tuple[int, ...], how: Quantisation) -> Iterator[NDArray[Any]]:
    """Give images one by one, float32 (1, *shape)."""
    if how.images == "noise":
        rng = np.random.default_rng(0)
        for _ in range(how.count):
            yield rng.standard_normal((1, *shape), np.float32)
        return
    images = open_images(how.images)
    channels, height, width = shape
    if images.channels != channels or height != width:
        raise ImagesError(
            f"{how.images} has square images of {images.channels} channels, and the network's are {height}x{width} of "
            f"{channels}; calibrate with 'noise' or other images"
        )
    plan = LoaderPlan(batch_size=1, resolution=height, augmentation=None, seed=0, epoch=0)
    for (batch, _), _ in zip(images.loader("validation", plan), range(how.count), strict=False):
        yield batch.numpy()
