"""8 bits after training, by ONNX Runtime."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas_training.errors import ImagesError
from accelnas_training.measure.errors import MeasurementError
from accelnas_training.measure.subject import needed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from accelnas_training.measure.protocol import Quantisation

__all__ = ["quantise"]


def quantise(source: Path, path: Path, shape: tuple[int, ...], how: Quantisation) -> None:
    """Write an ONNX file whose weights (per channel) and activations (per tensor) have 8 bits.

    Parameters
    ----------
    source
        A float32 file with input ``images`` (batch, *shape).
    path
        What to write.
    shape
        Of the input, without the batch.
    how
        What ranges of activations are observed on.

    Raises
    ------
    MeasurementError
        If the network can't be quantised.
    ImagesError
        If the images can't be opened, or have another number of channels.
    MissingExtraError
        If onnx or onnxruntime is not installed.
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
    from accelnas_training.images import LoaderPlan, open_images

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
