"""Energies of arrays of multipliers by the closed form, beside those of ZigZag's best orders of loops."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from scipy.stats import spearmanr

import accelnas
from accelnas import hardware
from accelnas.circumstances import machine, versions
from accelnas.errors import DataError
from accelnas.hardware.engines import ENGINES
from accelnas.hardware.engines.base import interpolated
from accelnas.networks import network_layers
from studies.array_oracle import KINDS, kind_of
from studies.base import Reproduction, Table
from studies.fig3 import kendall

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelnas.networks import Layer

__all__ = ["energy_pairs", "evaluated", "study_energy"]

PAIRS = 26
LOOPS = 5  # factors that ZigZag divides loops into, at least as many as there are loops
PROCESSES = 2
CHOICES: dict[str, tuple[int, ...]] = {
    "rows": (8, 12, 16, 32, 64, 128),
    "cols": (8, 14, 16, 32, 64, 128),
    "weight_buffer": (8, 32, 256),
    "input_buffer": (64, 128, 1024),
    "output_buffer": (36, 72, 4096),
    "bits": (8, 16),
}
DATAFLOWS = ("weight", "output", "row")
RULE = (
    "ZigZag counts the accesses of every memory for an order of loops, and takes the order of least energy. It is "
    "given the array's size, what its dataflow lays out over rows and columns, the buffers, and the energies of "
    "`eyeriss.toml`. The closed form of `accelnas.hardware.engines` is divided by what it finds. *Ratio*: of all "
    "energy. *Memories*: of buffers and external memory alone, as multipliers take the same energy in both."
)
REMARKS = [
    line.strip()
    for line in f"""
    Configurations are random: rows 8 to 128, columns 8 to 128, buffers of three sizes each, 8 or 16 bits.
    ZigZag divides loops into {LOOPS} factors, more where there are more loops, and tries all their orders.
    Its tiles divide a loop's size, so 7 rows of pixels are 1 or 7 tiles; the closed form has any number of them.
    Registers cost nothing in ZigZag here, as both have them in the energy of a multiply-accumulate.
    Rows of filters: ZigZag has these and input channels (depthwise: groups) over rows, rows of outputs over columns.
    Each multiplier then has registers for a row of a filter, for as many inputs, and for a sum.
    ZigZag lays out parts of kernel × kernel × channels, or of rows × columns, which the closed form folds as one.
    """.strip().splitlines()
]


def energy_pairs(count: int, seed: int) -> list[tuple[Layer, dict[str, Any]]]:
    """Draw different pairs of a layer of MnasNet's space and a configuration, of each kind of layers and dataflow.

    Examples
    --------
    >>> len(energy_pairs(2, seed=0))
    24
    """
    layers = [layer for layer in network_layers(accelnas.load().space).distinct() if layer.kind == "convolution"]
    chance, drawn = np.random.default_rng(seed), list[tuple["Layer", dict[str, Any]]]()
    for kind in KINDS:
        own = [layer for layer in layers if kind_of(layer) == kind]
        for dataflow in DATAFLOWS:
            found = dict[str, tuple["Layer", dict[str, Any]]]()
            while len(found) < count:
                configuration = {name: int(chance.choice(choices)) for name, choices in CHOICES.items()}
                pair = own[chance.integers(len(own))], configuration | {"dataflow": dataflow}
                found.setdefault(str(pair), pair)
            drawn += found.values()
    return drawn


def _unrolled(layer: Layer, c: dict[str, Any]) -> dict[str, list[str]]:
    """Give the loops that are laid out over rows (D1) and columns (D2)."""
    rows, cols, kernel, after = c["rows"], c["cols"], layer.kernel, layer.after
    channels, filters = layer.inputs // layer.groups, layer.outputs // layer.groups
    if c["dataflow"] == "weight":
        across = min(kernel, rows)
        down = min(kernel, rows // across)
        over = {"FX": across, "FY": down, "C": min(channels, rows // (across * down))}, {"K": min(filters, cols)}
    elif c["dataflow"] == "output":
        across = min(after, rows)
        over = {"OX": across, "OY": min(after, rows // across)}, {"K": min(filters, cols)}
    else:
        down = min(kernel, rows)
        sets = ("C", channels) if layer.groups == 1 else ("G", layer.groups)
        over = {"FY": down, sets[0]: min(sets[1], rows // down)}, {"OY": min(after, cols)}
    return {
        side: [f"{loop}, {size}" for loop, size in loops.items() if size > 1]
        for side, loops in zip(("D1", "D2"), over, strict=True)
    }


def _problem(layer: Layer, c: dict[str, Any], constants: dict[str, Any]) -> dict[str, Any]:
    """Give what ZigZag evaluates."""
    registers = {
        "weight": {"I2": 1},
        "output": {"O": 1},
        "row": {"I2": layer.kernel, "I1": layer.kernel, "O": 1},
    }[c["dataflow"]]
    loops = {
        "B": 1, "G": layer.groups, "K": layer.outputs // layer.groups, "C": layer.inputs // layer.groups,
        "OY": layer.after, "OX": layer.after, "FY": layer.kernel, "FX": layer.kernel,
    }  # fmt: skip
    buffers = ("weight", "input", "output")
    return {
        "bits": c["bits"],
        "sizes": [c["rows"], c["cols"]],
        **{f"{name}_buffer": c[f"{name}_buffer"] for name in buffers},
        "sram": {
            name: float(interpolated(constants["sram_energy"], np.array([c[f"{name}_buffer"]]))[0]) for name in buffers
        },
        "dram": constants["dram_energy"],
        "mac": _mac(c, constants),
        "registers": registers,
        "unrolled": _unrolled(layer, c),
        "loops": loops,
        "stride": layer.stride,
        "pixels": layer.pixels,
        "padding": [
            (border := max(0, (layer.after - 1) * layer.stride + layer.kernel - layer.pixels)) // 2,
            border - border // 2,
        ],
        "loops_at_most": LOOPS,
    }


def _mac(c: dict[str, Any], constants: dict[str, Any]) -> float:
    return float(interpolated(constants["mac_energy"], np.array([c["bits"]]))[0] * constants["register_factor"])


def evaluated(problems: Sequence[dict[str, Any]], python: str) -> tuple[list[list[float] | None], str]:
    """Give ZigZag's energies of multipliers and memories, None where it finds no order of loops, and its version.

    Raises
    ------
    DataError
        If that Python does not run it.
    """
    runner = str(Path(__file__).with_name("energy_runner.py"))
    found: list[list[float] | None] = [None] * len(problems)
    version = ""

    def run(part: Sequence[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
        return subprocess.run([python, runner], input=json.dumps(part), capture_output=True, text=True, check=False)

    try:
        with ThreadPoolExecutor(PROCESSES) as pool:
            ended = list(pool.map(run, [problems[start::PROCESSES] for start in range(PROCESSES)]))
    except OSError as error:
        raise DataError(f"{python} does not start: {error.strerror}") from None
    for start, done in enumerate(ended):
        if done.returncode:
            raise DataError(f"{python} does not run ZigZag: {(done.stderr.strip().splitlines() or ['no reason'])[-1]}")
        answer = json.loads(done.stdout)
        found[start::PROCESSES], version = answer["energies"], answer["version"]
    return found, version


def study_energy(python: str, *, pairs: int = PAIRS, seed: int = 0) -> Reproduction:
    """Compare the closed form of energy with ZigZag, of which the environment of `python` has the package.

    There are so many `pairs` of each kind of layers and dataflow; `seed` is the only source of chance.

    Raises
    ------
    DataError
        If that Python does not run ZigZag.
    """
    constants = dict(hardware.load_accelerator("eyeriss").constants)
    drawn = energy_pairs(pairs, seed)
    found, version = evaluated([_problem(layer, c, constants) for layer, c in drawn], python)
    lines, left = [], 0
    for energies, (layer, c) in zip(found, drawn, strict=True):
        if energies is None:
            left += 1
            continue
        macs = layer.products * _mac(c, constants)
        closed = _closed(layer, c, constants)
        lines.append(
            {
                "dataflow": c["dataflow"],
                "layers": kind_of(layer),
                **{n: getattr(layer, n) for n in ("inputs", "outputs", "pixels", "kernel", "stride", "groups")},
                **{name: c[name] for name in CHOICES},
                "multipliers": energies[0] / 1e6,
                "zigzag": sum(energies) / 1e6,
                "closed": closed / 1e6,
                "ratio": closed / sum(energies),
                "memories": (closed - macs) / energies[1],
            }
        )
    frame = pl.DataFrame(lines)
    without = (
        f"For {left} of {len(drawn)} pairs ZigZag finds no order of loops that its buffers hold; they are left out."
    )
    return Reproduction(
        name="energy",
        title="Energies of arrays, against ZigZag",
        source="",
        rule=RULE,
        comparisons=[],
        command=f"accelnas study energy PYTHON --pairs {pairs} --seed {seed} --output DIRECTORY",
        machine=machine(),
        versions=versions(["numpy", "scipy"]) | {"zigzag-dse": version},
        tables=[_summary(frame), Table("pairs", "All pairs", frame, "Energies are in µJ.", shown=False)],
        remarks=[*REMARKS, without],
    )


def _closed(layer: Layer, c: dict[str, Any], constants: dict[str, Any]) -> float:
    """Energy of a layer by the closed form, in pJ."""
    given = c | {"folds": "separate", "bandwidth": 1, "clock": 200}
    columns = {name: np.array([value]) for name, value in given.items()}
    return float(ENGINES["array"].of_layer(layer, columns, constants)["energy"][0]) * 1e9


def _summary(frame: pl.DataFrame) -> Table:
    every = frame.with_columns(layers=pl.lit("all"))
    lines = []
    for group in (every.with_columns(dataflow=pl.lit("all")), every, frame):
        for (dataflow, layers), own in group.group_by(["dataflow", "layers"], maintain_order=True):
            ours, theirs = own["closed"].to_numpy(), own["zigzag"].to_numpy()
            ratio, memories = own["ratio"].to_numpy(), own["memories"].to_numpy()
            lines.append(
                {
                    "dataflow": dataflow,
                    "layers": layers,
                    "pairs": len(own),
                    "median ratio": float(np.median(ratio)),
                    "least": float(ratio.min()),
                    "most": float(ratio.max()),
                    "median error [%]": 100 * float(np.median(np.abs(ratio - 1))),
                    "τ": kendall(theirs, ours),
                    "Spearman": float(spearmanr(theirs, ours).statistic),
                    "memories, median ratio": float(np.median(memories)),
                }
            )
    return Table("summary", "By dataflow and kind of layers", pl.DataFrame(lines))
