"""Cycles of arrays of multipliers by the closed form, beside those of SCALE-Sim's traces."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from scipy.stats import spearmanr

import accelnas
from accelnas.circumstances import machine, versions
from accelnas.errors import DataError
from accelnas.hardware.engines import array_cycles
from accelnas.networks import network_layers
from studies.base import Reproduction, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelnas.networks import Layer

__all__ = ["KINDS", "array_pairs", "kind_of", "simulated", "study_array"]

PAIRS = 50
SIDES = (8, 12, 16, 24, 32, 48, 64, 96, 128)
DATAFLOWS = {"weight": "ws", "output": "os"}
KINDS = ("normal", "1x1", "depthwise", "dense")
LARGEST = 6_000_000  # values of a trace, about, that SCALE-Sim holds in memory a few times over
RULE = (
    "SCALE-Sim lays the values out that every row and column of the array takes in every cycle. The length of these "
    "traces, before any stall of memories, is compared with the closed form of `accelnas.hardware.engines` for "
    "separate folds, layer by layer. *Error*: of the closed form, relative to the traces, its sign left out."
)
REMARKS = [
    f"Rows and columns are two of {', '.join(map(str, SIDES))}, without what takes traces of over {LARGEST:,} values.",
    "No two pairs have the same matrices and array, so each is a simulation of its own.",
    "Of a depthwise convolution SCALE-Sim simulates one channel, times the channels; images are padded before.",
    "The stem is the only convolution of this space that is neither depthwise nor of one pixel.",
    "SCALE-Sim's own reports say one cycle less a layer: the index of the last, not the number.",
]
RUNNER = """
import contextlib, importlib.metadata, json, sys
with contextlib.redirect_stdout(sys.stderr):
    from scalesim.compute.operand_matrix import operand_matrix
    from scalesim.compute.systolic_compute_os import systolic_compute_os
    from scalesim.compute.systolic_compute_ws import systolic_compute_ws
    from scalesim.layout_utils import layouts
    from scalesim.scale_config import scale_config
    from scalesim.topology_utils import topologies
    cycles = []
    for p in json.load(sys.stdin):
        config, topology, operands = scale_config(), topologies(), operand_matrix()
        config.update_from_list(["", p["rows"], p["cols"], 64, 64, 64, 0, 10**7, 2 * 10**7, p["dataflow"], "CALC", []])
        shape = [p["size"]] * 2 + [p["kernel"]] * 2 + [p["channels"], p["filters"]] + [p["stride"]] * 2
        topology.load_layer_params_from_list("layer", ["layer", *shape, 1, 1])
        topology.topo_calc_hyperparams()
        operands.set_params(config, topology, layouts())
        matrices = [getattr(operands, f"get_{name}_matrix")()[1] for name in ("ifmap", "ofmap", "filter")]
        compute = {"ws": systolic_compute_ws, "os": systolic_compute_os}[p["dataflow"]]()
        compute.set_params(config, *matrices)
        lengths = {len(trace) for trace in compute.get_demand_matrices()}
        assert len(lengths) == 1
        cycles.append(lengths.pop())
print(json.dumps({"version": importlib.metadata.version("scalesim"), "cycles": cycles}))
"""


def kind_of(layer: Layer) -> str:
    """Give the kind of a convolution, one of `KINDS`."""
    if layer.groups > 1:
        return "depthwise"
    if layer.kernel > 1:
        return "normal"
    return "1x1" if layer.pixels > 1 else "dense"


def array_pairs(count: int, seed: int) -> list[tuple[Layer, dict[str, Any]]]:
    """Draw pairs of a layer of MnasNet's space and a configuration, of each kind and dataflow; fewer if there are none.

    Examples
    --------
    >>> pairs = array_pairs(3, seed=0)
    >>> len(pairs), len({str(_problem(*pair)) for pair in pairs})
    (24, 24)
    """
    layers = [layer for layer in network_layers(accelnas.load().space).distinct() if layer.kind == "convolution"]
    chance, drawn = np.random.default_rng(seed), dict[str, tuple["Layer", dict[str, Any]]]()
    for kind in KINDS:
        own = [layer for layer in layers if kind_of(layer) == kind]
        for dataflow in DATAFLOWS:
            before = len(drawn)
            for _ in range(20 * count):
                rows, cols = (int(side) for side in chance.choice(SIDES, 2))
                pair = own[chance.integers(len(own))], {"rows": rows, "cols": cols, "dataflow": dataflow}
                if len(drawn) - before < count and _trace(*pair) <= LARGEST:
                    drawn.setdefault(str(_problem(*pair)), pair)
    return list(drawn.values())


def _trace(layer: Layer, configuration: dict[str, Any]) -> float:
    """Give about how many values a trace has."""
    rows, cols = configuration["rows"], configuration["cols"]
    depth, pixels = layer.kernel**2 * layer.inputs // layer.groups, layer.after**2
    over_rows, streamed = (depth, pixels) if configuration["dataflow"] == "weight" else (pixels, depth)
    folds = np.ceil(over_rows / rows) * np.ceil(layer.outputs // layer.groups / cols)
    return float(folds * (rows + cols + streamed) * (rows + cols))


def _problem(layer: Layer, configuration: dict[str, Any]) -> dict[str, Any]:
    """Give what SCALE-Sim simulates: one group of the layer, its image padded."""
    return {
        "rows": configuration["rows"],
        "cols": configuration["cols"],
        "dataflow": DATAFLOWS[configuration["dataflow"]],
        "size": (layer.after - 1) * layer.stride + layer.kernel,
        "kernel": layer.kernel,
        "stride": layer.stride,
        "channels": layer.inputs // layer.groups,
        "filters": layer.outputs // layer.groups,
    }


def simulated(pairs: Sequence[tuple[Layer, dict[str, Any]]], python: str) -> tuple[list[int], str]:
    """Give the cycles of SCALE-Sim's traces, and its version, in one process of a Python that has it.

    Raises
    ------
    DataError
        If that Python does not run it.
    """
    problems = json.dumps([_problem(*pair) for pair in pairs])
    try:
        done = subprocess.run([python, "-c", RUNNER], input=problems, capture_output=True, text=True, check=False)
    except OSError as error:
        raise DataError(f"{python} does not start: {error.strerror}") from None
    if done.returncode:
        raise DataError(f"{python} does not run SCALE-Sim: {done.stderr.strip().splitlines()[-1]}")
    found = json.loads(done.stdout)
    cycles = [one * layer.groups for one, (layer, _) in zip(found["cycles"], pairs, strict=True)]
    return cycles, found["version"]


def study_array(python: str, *, pairs: int = PAIRS, seed: int = 0) -> Reproduction:
    """Compare the closed form of cycles with SCALE-Sim, of which the environment of `python` has the package.

    There are so many `pairs` of each kind of layers and dataflow; `seed` is the only source of chance.

    Raises
    ------
    DataError
        If that Python does not run SCALE-Sim.
    """
    drawn = array_pairs(pairs, seed)
    cycles, version = simulated(drawn, python)
    lines = [
        {
            "dataflow": configuration["dataflow"],
            "layers": kind_of(layer),
            **{name: getattr(layer, name) for name in ("inputs", "outputs", "pixels", "kernel", "stride", "groups")},
            "rows": configuration["rows"],
            "cols": configuration["cols"],
            "simulated": one,
            "closed": _closed(layer, configuration),
        }
        for one, (layer, configuration) in zip(cycles, drawn, strict=True)
    ]
    frame = pl.DataFrame(lines).with_columns(error=100 * (pl.col("closed") / pl.col("simulated") - 1).abs())
    return Reproduction(
        name="array",
        title="Cycles of arrays, against SCALE-Sim",
        source="",
        rule=RULE,
        comparisons=[],
        command=f"accelnas study array PYTHON --pairs {pairs} --seed {seed} --output DIRECTORY",
        machine=machine(),
        versions=versions(["numpy", "scipy"]) | {"scalesim": version},
        tables=[_summary(frame), Table("pairs", "All pairs", frame.drop("error"), shown=False)],
        remarks=REMARKS,
    )


def _closed(layer: Layer, configuration: dict[str, Any]) -> int:
    given = configuration | {"folds": "separate"}
    return int(array_cycles(layer, {name: np.array([x]) for name, x in given.items()})[0])


def _summary(frame: pl.DataFrame) -> Table:
    every = frame.with_columns(layers=pl.lit("all"))
    lines = [
        {
            "dataflow": dataflow,
            "layers": layers,
            "pairs": len(own),
            "exact [%]": 100 * float((own["simulated"] == own["closed"]).mean()),  # type: ignore[arg-type]
            "median error [%]": own["error"].median(),
            "worst error [%]": own["error"].max(),
            "Spearman": float(spearmanr(own["simulated"], own["closed"]).statistic),
        }
        for group in (every.with_columns(dataflow=pl.lit("all")), every, frame)
        for (dataflow, layers), own in group.group_by(["dataflow", "layers"], maintain_order=True)
    ]
    return Table("summary", "By dataflow and kind of layers", pl.DataFrame(lines))
