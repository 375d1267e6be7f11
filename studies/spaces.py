"""The search spaces that come with the package, by what their papers say of them.

``python -m studies.spaces`` writes them into the package.
"""

from __future__ import annotations

import argparse
from itertools import combinations, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelnas.space.definition import Space, defined

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["FOLDER", "SPACES"]

FOLDER = Path(__file__).parents[1] / "python" / "accelnas" / "data" / "spaces"

Blocks = dict[str, list[dict[str, Any]]]

_CELL = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
_CELL_SHORT = ("none", "skip", "c1", "c3", "pool")
_EDGES = {"node1+2": ("edge_0_1", "edge_0_2", "edge_1_2"), "node3": ("edge_0_3", "edge_1_3", "edge_2_3")}
_DARTS = ("max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3",
          "dil_conv_5x5")  # fmt: skip
_DARTS_SHORT = ("mp3", "ap3", "skip", "sep3", "sep5", "dil3", "dil5")


def variable(name: str, choices: Sequence[object], symbol: str, labels: Sequence[str] = ()) -> dict[str, Any]:
    """Give a variable's table."""
    return {"name": name, "choices": list(choices), "symbol": symbol} | ({"labels": list(labels)} if labels else {})


def _cell() -> Blocks:
    edge = {"choices": list(_CELL), "labels": list(_CELL_SHORT), "symbol": ""}
    return {node: [{"name": name, **edge} for name in edges] for node, edges in _EDGES.items()}


def nasbench201() -> Space:
    """Operations of six edges (Dong and Yang 2020)."""
    return defined("nasbench201", _cell())


def nasbench201_distinct() -> Space:
    """Operations of six edges, where all that give one network are one architecture (Dong and Yang 2020)."""
    classes: dict[str, list[int]] = {}
    for index, operations in enumerate(product(_CELL, repeat=6)):
        classes.setdefault(_network(operations), []).append(index)
    several = sorted(members for members in classes.values() if len(members) > 1)
    return defined("nasbench201-distinct", _cell(), classes=several)


def _network(operations: Sequence[str]) -> str:
    """Write a cell as its authors tell networks apart: skips are wires, zeros cut, and sums have no order."""
    edges = dict(zip(("01", "02", "12", "03", "13", "23"), operations, strict=True))
    nodes = ["0"]
    for node in range(1, 4):
        inputs = []
        for before in range(node):
            operation, source = edges[f"{before}{node}"], nodes[before]
            if operation == "none" or source == "#":
                inputs.append("#")
            elif operation == "skip_connect":
                inputs.append(source)
            else:
                inputs.append(f"({source})@{operation}")
        nodes.append("+".join(sorted(inputs)))
    return nodes[-1]


def macro() -> Space:
    """Eight layers of three kinds (Su et al. 2021)."""
    kinds = {"choices": ["identity", "mb3_k3", "mb6_k5"], "labels": ["0", "1", "2"], "symbol": ""}
    return defined(
        "nasbench-macro", {f"layers{b}": [{"name": f"layer{b + i}", **kinds} for i in range(4)] for b in (0, 4)}
    )


def darts() -> Space:
    """Two cells of four nodes with two inputs each, as NAS-Bench-301 has them (Liu et al. 2019, Zela et al. 2022)."""
    blocks: Blocks = {}
    conditions = []
    for cell in ("normal", "reduce"):
        edge = 0
        for node in range(2, 6):
            own = blocks.setdefault(f"{cell}_{node}", [])
            inputs = list(combinations(range(node), 2))
            selector = f"inputs_node_{cell}_{node}"
            if node > 2:
                texts = [f"{a}_{b}" for a, b in inputs]
                own.append(variable(selector, texts, "in", [text.replace("_", "") for text in texts]))
            for source in range(node):
                name = f"edge_{cell}_{edge}"
                own.append(variable(name, _DARTS, f"{source}", _DARTS_SHORT))
                if node > 2:
                    having = [f"{a}_{b}" for a, b in inputs if source in (a, b)]
                    conditions.append({"variables": [name], "when": {selector: having}})
                edge += 1
    return defined("darts", blocks, conditions=conditions)


def fbnet() -> Space:
    """Twenty-two layers of nine candidate blocks (Wu et al. 2019)."""
    choices = ["k3_e1", "k3_e1_g2", "k3_e3", "k3_e6", "k5_e1", "k5_e1_g2", "k5_e3", "k5_e6", "skip"]
    labels = [choice.replace("_", "") for choice in choices]
    return defined("fbnet", {f"layer{i}": [variable(f"layer{i}", choices, "", labels)] for i in range(22)})


def proxylessnas() -> Space:
    """Twenty-one blocks of six convolutions; those that keep the shape may be skipped (Cai, Zhu and Han 2019)."""
    convolutions = [f"k{k}_e{e}" for e in (3, 6) for k in (3, 5, 7)]
    blocks: Blocks = {}
    for stage, depth in enumerate((4, 4, 4, 4, 4, 1)):
        for i in range(depth):
            choices = convolutions + (["skip"] if i else [])
            name = f"stage{stage}_block{i}"
            blocks[name] = [variable(name, choices, "", [c.replace("_", "") for c in choices])]
    return defined("proxylessnas", blocks)


def ofa_mobilenetv3() -> Space:
    """Five stages of two to four layers with kernels and expansions of their own (Cai et al. 2020)."""
    blocks: Blocks = {}
    conditions = []
    for stage in range(1, 6):
        depth = variable(f"stage{stage}_depth", [2, 3, 4], "d")
        for layer in range(1, 5):
            names = [f"stage{stage}_layer{layer}_{what}" for what in ("kernel", "expand")]
            own = [variable(names[0], [3, 5, 7], "k"), variable(names[1], [3, 4, 6], "e")]
            blocks[f"stage{stage}_layer{layer}"] = [depth, *own] if layer == 1 else own
            if layer > 2:
                conditions.append({"variables": names, "when": {depth["name"]: list(range(layer, 5))}})
    return defined("ofa-mobilenetv3", blocks, conditions=conditions)


def nats_sizes() -> Space:
    """Widths of five layers (Dong et al. 2021)."""
    widths = list(range(8, 65, 8))
    return defined("nats-sizes", {f"layer{i}": [variable(f"width{i}", widths, "c")] for i in range(5)})


def transnas_macro() -> Space:
    """Four to six modules that may halve the resolution and double the channels (Duan et al. 2021)."""
    kinds = ["plain", "double", "down", "both"]
    modules = [f"module{i}" for i in range(1, 7)]
    doubling, halving = ["double", "both"], ["down", "both"]
    block = [variable("modules", [4, 5, 6], "n"), *(variable(m, kinds, "", ["1", "2", "3", "4"]) for m in modules)]
    forbidden: list[dict[str, Any]] = []
    forbidden += [  # at least one of each
        {"when": {"modules": [depth], **dict.fromkeys(modules[:depth], none)}}
        for depth in (4, 5, 6)
        for none in (["plain", "double"], ["plain", "down"])
    ]
    forbidden += [{"when": dict.fromkeys(some, doubling)} for some in combinations(modules, 4)]
    forbidden += [{"when": dict.fromkeys(some, halving)} for some in combinations(modules, 5)]
    conditions = [{"variables": [f"module{i}"], "when": {"modules": list(range(i, 7))}} for i in (5, 6)]
    return defined("transnas-macro", {"network": block}, conditions=conditions, forbidden=forbidden)


def transnas_micro() -> Space:
    """Operations of a cell's six edges (Duan et al. 2021)."""
    edge = {"choices": ["none", "skip", "conv1", "conv3"], "symbol": ""}
    return defined("transnas-micro", {n: [{"name": name, **edge} for name in edges] for n, edges in _EDGES.items()})


def hat() -> Space:
    """Six layers of an encoder, one to six of a decoder, for translation (Wang et al. 2020)."""
    widths, heads = [1024, 2048, 3072], [4, 8]
    blocks: Blocks = {"encoder": [variable("encoder_embed", [512, 640], "w")]}
    for i in range(6):
        blocks[f"encoder{i}"] = [variable(f"encoder{i}_ffn", widths, "f"), variable(f"encoder{i}_heads", heads, "h")]
    blocks["decoder"] = [variable("decoder_embed", [512, 640], "w"), variable("decoder_layers", list(range(1, 7)), "n")]
    conditions = []
    for i in range(6):
        own = [
            variable(f"decoder{i}_ffn", widths, "f"),
            variable(f"decoder{i}_heads", heads, "h"),
            variable(f"decoder{i}_cross_heads", heads, "c"),
            variable(f"decoder{i}_attends", [1, 2, 3], "a"),
        ]
        blocks[f"decoder{i}"] = own
        if i:
            when = {"decoder_layers": list(range(i + 1, 7))}
            conditions.append({"variables": [v["name"] for v in own], "when": when})
    return defined("hat", blocks, conditions=conditions)


def autoformer_tiny() -> Space:
    """Vision transformers of 12 to 14 layers, the smallest of three spaces (Chen et al. 2021)."""
    depths = [12, 13, 14]
    blocks: Blocks = {"network": [variable("embed", [192, 216, 240], "w"), variable("depth", depths, "d")]}
    conditions = []
    for i in range(14):
        own = [variable(f"layer{i}_heads", [3, 4], "h"), variable(f"layer{i}_ratio", [3.5, 4.0], "r")]
        blocks[f"layer{i}"] = own
        if i >= 12:
            when = {"depth": [depth for depth in depths if depth > i]}
            conditions.append({"variables": [v["name"] for v in own], "when": when})
    return defined("autoformer-tiny", blocks, conditions=conditions)


_ALL = (nasbench201, nasbench201_distinct, macro, darts, fbnet, proxylessnas, ofa_mobilenetv3, nats_sizes,
        transnas_macro, transnas_micro, hat, autoformer_tiny)  # fmt: skip
SPACES: Mapping[str, Any] = {make().name if make is not nasbench201_distinct else "nasbench201-distinct": make
                             for make in _ALL}  # fmt: skip


def main() -> None:
    """Write all of them."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    FOLDER.mkdir(exist_ok=True)
    for name, make in SPACES.items():
        space = make()
        (FOLDER / f"{name}.toml").write_text(f"# {make.__doc__}\n\n{space.to_toml()}")
        print(f"{name}: {space.size:,} architectures")


if __name__ == "__main__":
    main()
