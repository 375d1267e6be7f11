"""Networks as ONNX files, checked against PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

__all__ = ["export_onnx"]


def export_onnx(
    network: nn.Module,
    path: str | Path,
    resolution: int,
    batch: int | None = 1,
    in_channels: int = 3,
    check: bool = True,
) -> float:
    """Write a network as ONNX and give the largest difference of onnxruntime from PyTorch; batch None is any."""
    raise NotImplementedError
