"""How variables are divided into blocks and written in readable strings."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING, Any

from accelnas import _core

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelnas.space.parts import Choice

__all__ = ["blocks_of"]

# block0_e, stage1.kernel, layer3_op: a block, and what its variable is called there (not edge_0_1)
_PREFIXED = re.compile(r"(?P<block>.*?\d)[\W_]+(?P<local>.*[^\W\d_].*)")
# kernel_0 and width_0: what a variable is called, and the number of its block
_NUMBERED = re.compile(r"(?P<local>.*[^\W\d_])[\W_]*(?P<number>\d+)")


def blocks_of(variables: Mapping[str, Sequence[Choice]]) -> dict[str, list[dict[str, Any]]]:
    """Propose blocks of variables, with the symbols and labels of readable strings.

    Variables whose names share a numbered part (``block0_e`` and ``block0_k``, ``kernel_0`` and ``width_0``) make a
    block, or several where it had too many states; every other one is a block by itself. Symbols are short, and differ
    between variables of different names within blocks.

    Examples
    --------
    >>> found = blocks_of({"block0_e": [1, 4], "block0_se": [False, True], "block1_e": [1, 4], "width": [16, 32]})
    >>> {block: [variable["symbol"] for variable in inside] for block, inside in found.items()}
    {'block0': ['e', 'se'], 'block1': ['e'], 'width': ['w']}
    """
    places = _places(list(variables))
    symbols = _symbols(dict.fromkeys(local for _, local in places.values()))
    groups: dict[str, list[str]] = {}
    for name, (block, _) in places.items():
        groups.setdefault(block, []).append(name)
    blocks: dict[str, list[dict[str, Any]]] = {}
    for block, names in groups.items():
        parts = _parts(names, variables)
        for number, part in enumerate(parts):
            title = block if len(parts) == 1 else f"{block}.{number}"
            while title in blocks or (title != block and title in groups):
                title += "+"
            blocks[title] = [_described(name, symbols[places[name][1]], variables[name]) for name in part]
    return blocks


def _places(names: list[str]) -> dict[str, tuple[str, str]]:
    """Give each variable's block, and its name within that."""
    numbered = {name: found for name in names if (found := _NUMBERED.fullmatch(name))}
    stems = Counter(found["local"] for found in numbered.values())
    numbers = Counter(found["number"] for found in numbered.values() if stems[found["local"]] > 1)
    places = {}
    for name in names:
        place = (name, name)
        if found := _PREFIXED.fullmatch(name):
            place = (found["block"], found["local"])
        elif (found := numbered.get(name)) and stems[found["local"]] > 1 and numbers[found["number"]] > 1:
            place = (f"block{found['number']}", found["local"])
        places[name] = place
    return places


def _parts(names: list[str], variables: Mapping[str, Sequence[Choice]]) -> list[list[str]]:
    """Divide a block's variables so that no part has too many states."""
    parts: list[list[str]] = [[]]
    for name in names:
        if math.prod(len(variables[other]) for other in (*parts[-1], name)) > _core.BYTE_STATES:
            parts.append([])
        parts[-1].append(name)
    return parts


def _symbols(locals_: Mapping[str, Any]) -> dict[str, str]:
    """Shorten names as far as they stay different."""
    symbols: dict[str, str] = {}
    for length in (1, 3, 1000):
        left = {name: _short(name, length) for name in locals_ if name not in symbols}
        count = Counter([*left.values(), *symbols.values()])
        symbols |= {name: symbol for name, symbol in left.items() if count[symbol] == 1}
    for name in locals_:
        if name not in symbols:
            symbols[name] = next(
                text for n in range(len(locals_) + 1) if (text := f"{_short(name, 1000)}.{n}") not in symbols.values()
            )
    return symbols


def _short(name: str, length: int) -> str:
    words = re.findall(r"[^\W\d_]+|\d+", name)
    if len(words) == 1 and len(name) <= 3:
        return str(words[0])
    return "".join(word if word.isdigit() else word[:length] for word in words) or "v"


def _described(name: str, symbol: str, choices: Sequence[Choice]) -> dict[str, Any]:
    """Say what a definition says of a variable; labels only where choices can't be written as they are."""
    plain = [str(int(choice)) if isinstance(choice, bool) else str(choice) for choice in choices]
    labels = [_label(choice, text) for choice, text in zip(choices, plain, strict=True)]
    if len(set(labels)) < len(labels):
        labels = [str(number) for number in range(len(labels))]
    runs = symbol[-1].isdigit() or any(label[0].isalpha() for label in labels)  # l01, opconv, but e6
    described = {"name": name, "symbol": f"{symbol}=" if runs else symbol, "choices": list(choices)}
    return described if labels == plain else {**described, "labels": labels}


def _label(choice: Choice, text: str) -> str:
    if not isinstance(choice, str):
        return text.replace("-", "m")
    kept = (c for c in text if c not in "_-" and not c.isspace() and unicodedata.category(c) != "Cc")
    return "".join(kept) or "empty"
