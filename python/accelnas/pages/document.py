"""One HTML file from its parts: text, style, scripts and data, nothing of which is fetched."""

from __future__ import annotations

import base64
import html
import json
import math
import zlib
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["as_json", "asset", "document", "numbers"]

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="accelnas">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
script-src 'unsafe-inline' 'wasm-unsafe-eval'">
<title>{title}</title>
<style>
{style}
</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p class="quiet">{subtitle}</p>
<button type="button" id="theme" aria-label="switch between light and dark">◐</button>
</header>
<main>
{body}
</main>
<footer>{footer}</footer>
"""


def asset(name: str) -> bytes:
    """Give a file of the package's pages."""
    return (files("accelnas.pages") / "assets" / name).read_bytes()


def document(
    title: str,
    subtitle: str,
    body: str,
    *,
    data: Mapping[str, Any] | None = None,
    scripts: Sequence[str] = ("theme.js",),
    styles: Sequence[str] = (),
    blobs: Mapping[str, bytes] | None = None,
    footer: str = "",
) -> str:
    """Write a page.

    Parameters
    ----------
    title, subtitle, footer : str
        Plain text.
    body : str
        HTML inside of the page's main part.
    data : mapping, optional
        What scripts find as JSON in the element ``data``; infinite and undefined numbers are refused.
    scripts, styles : sequence of str
        Names of assets, in their order; styles besides those of every page.
    blobs : mapping of str to bytes, optional
        What scripts find by these names, deflated and in base64.
    """
    style = "\n".join(asset(name).decode() for name in ("uplot.css", "style.css", *styles))
    parts = [
        _HEAD.format(
            title=html.escape(title), subtitle=html.escape(subtitle), footer=html.escape(footer), body=body, style=style
        )
    ]
    if data is not None:
        # in a script element nothing but its end has a meaning
        text = as_json(data).replace("<", "\\u003c")
        parts.append(f'<script type="application/json" id="data">{text}</script>')
    for name, blob in (blobs or {}).items():
        packed = base64.b64encode(zlib.compress(blob, 9)).decode()
        parts.append(f'<script type="application/octet-stream" id="{html.escape(name, quote=True)}">{packed}</script>')
    parts += [f"<script>\n{asset(name).decode()}\n</script>" for name in scripts]
    return "\n".join([*parts, "</body>", "</html>", ""])


def as_json(data: Mapping[str, Any]) -> str:
    """Give data as JSON in ASCII without spaces; infinite and undefined numbers are refused."""
    return json.dumps(data, allow_nan=False, separators=(",", ":"), ensure_ascii=True)


def numbers(values: Iterable[float]) -> list[float | None]:
    """Give numbers as a page holds them: none where they are infinite or undefined.

    Examples
    --------
    >>> numbers([1, float("nan")])
    [1.0, None]
    """
    return [float(value) if math.isfinite(value) else None for value in values]
