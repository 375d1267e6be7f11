"""JSON from and to strangers."""

from __future__ import annotations

import json
from typing import Any

from accelnas.errors import ParameterError
from accelnas.exact.fields import Fields
from accelnas.exact.files import parse_json

__all__ = ["parsed", "written"]

_WRITER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def parsed(body: bytes, what: str = "the body") -> Any:
    """Parse strict JSON in UTF-8.

    Raises
    ------
    ParameterError
        If it is none, holds no Unicode, or an object has a name twice.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ParameterError(f"{what} is not UTF-8 ({error.reason}); send JSON in UTF-8") from None
    content = parse_json(text, what, ParameterError)
    if "\\u" in text:  # else there is no half of a character in it
        Fields.of_stranger({"content": content}, what)
    return content


def written(content: Any) -> bytes:
    """Write JSON; halves of characters that a client sent are escaped."""
    return _WRITER.encode(content).encode("ascii")
