"""Networks as ONNX files, checked against PyTorch."""

from __future__ import annotations

import copy
import logging
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from accelnas.errors import MissingExtraError
from accelnas.files import replacing
from accelnas_training.errors import NetworkError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn


BOUND = 1e-4
"""Largest difference between onnxruntime and PyTorch, as a share of the largest output."""


def export_onnx(
    network: nn.Module,
    path: str | Path,
    resolution: int,
    batch: int | None = 1,
    in_channels: int = 3,
) -> float:
    """Write a network as an ONNX file, in evaluation mode, and run it with onnxruntime on random images.

    Parameters
    ----------
    network
        The network; it is left as it was.
    path
        The file, replaced only if nothing fails. Input ``images``, float32 (batch, in_channels, resolution,
        resolution); output ``logits``, float32 (batch, classes).
    resolution
        Height and width of the images in pixels.
    batch
        Images at once; None leaves it open.
    in_channels
        Channels of the images.

    Returns
    -------
    float
        The largest difference from PyTorch, in units of the output.

    Raises
    ------
    NetworkError
        If the network can't be exported, or the file says something else than the network.
    MissingExtraError
        If onnx, onnxscript or onnxruntime is not installed.
    """
    path = Path(path)
    needed("onnx", "onnxscript", "onnxruntime")
    plain = copy.deepcopy(network).to("cpu", torch.float32).eval()
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(batch or 2, in_channels, resolution, resolution, generator=generator)
    shapes = ({0: torch.export.Dim("batch")},) if batch is None else None
    with replacing(path) as temporary:
        _write(plain, images, shapes, temporary)
        return _difference(plain, temporary, path, images)


def _write(network: nn.Module, images: torch.Tensor, shapes: tuple[Any, ...] | None, path: Path) -> None:
    with quiet():
        try:
            program = torch.onnx.export(
                network,
                (images,),
                input_names=["images"],
                output_names=["logits"],
                dynamic_shapes=shapes,
                dynamo=True,
                verbose=False,
            )
        except Exception as error:  # PyTorch's exporter raises many kinds
            said = str(error).strip().partition("\n")[0]
            raise NetworkError(f"the network can't be exported: {said}") from error
    program = cast("torch.onnx.ONNXProgram", program)  # None is for other exporters
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()  # stack traces: half of the file, and paths of this machine
    program.save(path)


def needed(*modules: str) -> None:
    """Raise MissingExtraError for a module that is not installed."""
    for module in modules:
        try:
            __import__(module)
        except ModuleNotFoundError as error:
            raise MissingExtraError(f"{module} is not installed; run: pip install 'accelnas-training[onnx]'") from error


def _difference(network: nn.Module, written: Path, path: Path, images: torch.Tensor) -> float:
    import onnxruntime

    with torch.no_grad():
        wanted = network(images).numpy()
    session: Any = onnxruntime.InferenceSession(written, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"images": images.numpy()})
    difference = float(np.abs(found - wanted).max())
    allowed = BOUND * float(np.abs(wanted).max())
    if not difference <= allowed:  # NaN is a difference too
        raise NetworkError(
            f"{path} would differ from the network by {difference:.2g}, more than {allowed:.2g}; "
            "report the architecture"
        )
    return difference


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the exporter's advice about its own insides to itself."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
