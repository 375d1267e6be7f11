"""Top-1 after quantisation to 8 bits by ONNX Runtime."""

from __future__ import annotations

import logging
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from accelnas_training.accuracy.batches import CALIBRATED, calibration, share_right, validation
from accelnas_training.networks.export import export_onnx, needed
from accelnas_training.threads import usual_threads

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor, nn

    from accelnas_training.images import Images
    from accelnas_training.schemes import Scheme


def int8_accuracy(network: nn.Module, images: Images, scheme: Scheme, *, calibrated: int = CALIBRATED) -> float:
    """Quantise a trained network to 8 bits, without training it again, and validate what comes out.

    ONNX Runtime's static quantisation: weights int8, symmetric, a scale for each output channel; activations uint8, a
    range for each tensor, from the smallest to the largest value that training images give; batch normalisation
    folded into convolutions before. The quantised network is evaluated operation by operation, so that the result is
    the same on every processor: kernels of processors without VNNI may saturate where others do not.

    Parameters
    ----------
    network
        Takes float32 (b, channels, r, r), gives (b, classes); left as it was.
    images, scheme
        What it was trained on, and how: its validation images, in the scheme's size.
    calibrated
        Training images by which ranges are calibrated.

    Returns
    -------
    float
        Top-1 of the validation images, %.

    Raises
    ------
    NetworkError
        If the network can't be exported to ONNX.
    ImagesError
        If there are no images to calibrate with.
    MissingExtraError
        If onnx, onnxscript or onnxruntime is not installed.

    Examples
    --------
    >>> import torch
    >>> from accelnas_training import load_scheme, open_images
    >>> scheme = load_scheme("p_star").changed(**{"resize.validation": 8})
    >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    >>> 0 < int8_accuracy(network, open_images("digits"), scheme) < 100
    True
    """
    with tempfile.TemporaryDirectory(prefix="accelnas-int8-") as folder:
        path = Path(folder) / "network.onnx"
        resolution = scheme.resize.validation
        export_onnx(network, path, resolution, batch=None, in_channels=images.channels)
        quantise_onnx(path, path, calibration(images, scheme, calibrated))
        session = _session(path)

        def outputs(inputs: Tensor) -> Tensor:
            return torch.from_numpy(session.run(None, {"images": inputs.numpy()})[0])

        return share_right(outputs, validation(images, scheme))


def quantise_onnx(path: Path, output: Path, batches: Sequence[Tensor]) -> None:
    """Write the quantised form of an ONNX file, calibrated by batches of images, float32 (b, channels, r, r) each.

    Raises MissingExtraError if onnx or onnxruntime is not installed.
    """
    needed("onnx", "onnxruntime")
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        """The batches, one after the other."""

        def __init__(self) -> None:
            self._left = iter(batches)

        def get_next(self) -> dict[str, Any] | None:
            """Give the next one, None after the last."""
            return next(({"images": batch.numpy()} for batch in self._left), None)

    with tempfile.TemporaryDirectory(prefix="accelnas-int8-") as folder, _quiet():
        folded = Path(folder) / "folded.onnx"
        quant_pre_process(path, folded, skip_symbolic_shape=True)
        quantization.quantize_static(
            folded,
            output,
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            calibrate_method=quantization.CalibrationMethod.MinMax,
        )


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = usual_threads()
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantiser's advice about its own insides to itself."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
