"""Where and with what a result was made."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version

from accelnas import _core
from accelnas.circumstances import processor

_PACKAGES = ("torch", "timm", "torchvision", "onnx", "onnxruntime", "numpy", "accelnas", "accelnas-training")


def environment() -> dict[str, str]:
    """Describe this machine and its software, for provenance; never fails.

    Returns
    -------
    dict
        ``git``: SHA of the commit that the working directory's repository has checked out; ``host``; ``platform``;
        ``cpu``; ``processors``, how many; ``gpus``; ``python``, ``cuda`` and packages: versions. What is not there is
        absent.

    Examples
    --------
    >>> from accelnas_training.provenance import environment
    >>> environment()["python"].count(".")
    2
    """
    found = {
        "git": _git_sha(),
        "host": platform.node(),
        "platform": platform.platform(),
        "cpu": processor(),
        "processors": str(_core.processors()),
        "python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
        **_cuda(),
    }
    return {name: value for name, value in found.items() if value}


def _git_sha() -> str:
    try:
        command = ["git", "rev-parse", "HEAD"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):  # no git, or no repository
        return ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _cuda() -> dict[str, str]:
    try:
        import torch

        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    except Exception:  # a driver that does not fit is a fact of the machine, not an error of the training
        return {}
    return {"gpus": ", ".join(names), "cuda": torch.version.cuda or ""} if names else {}
