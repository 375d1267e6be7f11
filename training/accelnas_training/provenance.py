"""Where and with what a result was made."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from accelnas import _core

__all__ = ["environment"]

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
        "git": _git_sha(Path.cwd()),
        "host": platform.node(),
        "platform": platform.platform(),
        "cpu": _cpu(),
        "processors": str(_core.processors()),
        "python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
        **_cuda(),
    }
    return {name: value for name, value in found.items() if value}


def _git_sha(folder: Path) -> str:
    """Read the SHA from the repository's files: git need not be installed."""
    try:
        top = next(each for each in (folder, *folder.parents) if (each / ".git").exists())
        git = top / ".git"
        if git.is_file():  # a further work tree, or a submodule
            git = top / git.read_text().removeprefix("gitdir:").strip()
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        common = git / (git / "commondir").read_text().strip() if (git / "commondir").exists() else git
        for store in (git, common):
            if (store / name).exists():
                return (store / name).read_text().strip()
        packed = (line.split() for line in (common / "packed-refs").read_text().splitlines())
        return next(line[0] for line in packed if line[1:] == [name])
    except (OSError, StopIteration, UnicodeDecodeError):
        return ""


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration, UnicodeDecodeError):
        return platform.processor()


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
