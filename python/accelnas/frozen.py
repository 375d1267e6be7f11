"""Read-only mappings of results can be pickled and copied, which Python's cannot."""

from __future__ import annotations

import copyreg
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["read_only"]


def read_only(content: Mapping[Any, Any]) -> MappingProxyType[Any, Any]:
    """Give a read-only view of a copy."""
    return MappingProxyType(dict(content))


def _reduced(proxy: MappingProxyType[Any, Any]) -> tuple[Any, ...]:
    return read_only, (dict(proxy),)


copyreg.pickle(MappingProxyType, _reduced)
