"""Where and with what a result was made."""

from __future__ import annotations

__all__ = ["environment"]


def environment() -> dict[str, str]:
    """Describe this machine and its software, for provenance; never fails.

    Returns
    -------
    dict
        ``git``: SHA of the commit of the working directory's repository, absent without one; ``host``; ``platform``;
        ``cpu``; ``device``: the GPUs, absent without any; and versions: ``python``, ``torch``, ``timm``,
        ``torchvision``, ``accelnas``, ``accelnas-training``, ``cuda``.
    """
    raise NotImplementedError
