"""Print what pip installs with accelnas and extras of it, one requirement a line, from pyproject.toml.

Usage: python requirements.py [--oldest] [EXTRA…] (--oldest: of each the oldest version that is allowed)
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import tomllib

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PROJECT = Path(__file__).parent.parent / "pyproject.toml"


def spread(lines: Iterable[str], extras: dict[str, list[str]]) -> Iterator[str]:
    """Put what an extra brings in the place of its name.

    >>> list(spread(["a>=1", "accelnas[more]"], {"more": ["b>=2"]}))
    ['a>=1', 'b>=2']
    """
    for line in lines:
        if ours := re.match(r"accelnas\[(.*)\]$", line):
            for extra in ours[1].split(","):
                yield from spread(extras[extra], extras)
        else:
            yield line


def oldest(line: str) -> str:
    """Return the requirement of the oldest version allowed, in its newest patch where none is named.

    >>> oldest("numpy>=1.26,<3"), oldest("treelite>=4.7.2,<5"), oldest("tomli>=2; python_version < '3.11'")
    ('numpy~=1.26.0', 'treelite==4.7.2', "tomli~=2.0; python_version < '3.11'")
    """
    name, version, marker = re.fullmatch(r"([\w-]+)>=([\d.]+)[^;]*(;.*)?", line).groups()
    exact = version.count(".") > 1
    return f"{name}{'==' if exact else '~='}{version}{'' if exact else '.0'}{marker or ''}"


if __name__ == "__main__":
    project = tomllib.loads(PROJECT.read_text())["project"]
    chosen = [argument for argument in sys.argv[1:] if argument != "--oldest"]
    required = project["dependencies"] + [f"accelnas[{extra}]" for extra in chosen]
    lines = dict.fromkeys(spread(required, project["optional-dependencies"]))
    print(*(map(oldest, lines) if "--oldest" in sys.argv else lines), sep="\n")
