"""Published numbers, each with its source: ``published.toml``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelnas.files import parse_toml, read_text

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PUBLISHED"]

_NAME = "published.toml"
PUBLISHED: Mapping[str, Any] = parse_toml(read_text(Path(__file__).with_name(_NAME)), _NAME)
