"""Arrays of multipliers with one of three dataflows, between buffers and an external memory.

A convolution is a product of matrices for each group: `pixels` × `depth` values of windows with `depth` × `filters`
weights. What a dataflow lays out over rows and columns of the array is folded where it is larger:

- ``"weight"``: depth over rows, filters over columns; weights stay, pixels stream.
- ``"output"``: pixels over rows, filters over columns; sums stay, depth streams.
- ``"row"``: rows of filters over rows, rows of outputs over columns (Chen et al., ISCA 2016), which depthwise
  convolutions fill, too.

Values enter skewed and leave through all rows and columns of the array, also those that a fold at an edge leaves
unused, so every fold takes the same cycles: ``2 rows + cols + streamed - 2`` where weights are loaded first, row after
row, and ``rows + cols + streamed - 2`` where sums stay: these leave while the next fold begins, and the last fold's are
not waited for. With folds that are

- ``"separate"``, each begins when the one before has left. Both are then exactly the lengths of SCALE-Sim 3.0.0's
  traces; the formula that its authors published (Samajdar et al., ISPASS 2020) has ``2 rows`` where sums stay, too;
- ``"overlapped"``, the array has a second set of what stays, into which the next weights are shifted, or out of which
  the last sums are, ``rows`` cycles long, while a fold streams: the TPU's weights are double-buffered, "to hide the 256
  cycles it takes to shift a tile in" (Jouppi et al., ISCA 2017). Each fold but the first then adds ``max(streamed,
  rows)``, also from one group to the next, and the array fills and drains once a layer.

Rows of filters (``"row"``) have neither. Computing and moving overlap, so a layer takes the longer of both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.hardware.engines.base import RATIOS, Cost, Engine, Ratio, ceiling, interpolated
from accelnas.hardware.engines.traffic import external_bytes, moved

if TYPE_CHECKING:
    from accelnas.hardware.engines.base import Configurations, Constants, Floats
    from accelnas.networks import Layer

__all__ = ["ARRAY", "array_cycles"]

_SUM = 4  # bytes of a partial sum
_WORD = 8  # bytes of an access to a buffer whose energy is known
_PICO = 1e-9  # mJ


@dataclass(frozen=True)
class _Product:
    """Matrices of a convolution, and how many of them there are."""

    pixels: int
    depth: int
    filters: int
    groups: int

    @classmethod
    def of(cls, layer: Layer) -> _Product:
        """Give those of a convolution."""
        depth = layer.kernel**2 * layer.inputs // layer.groups
        return cls(layer.after**2, depth, layer.outputs // layer.groups, layer.groups)


def _folded(product: _Product, over_rows: int, streamed: int, first: Any, c: Configurations) -> Any:
    """Cycles of all folds, from those of the first; at the edges they take as many."""
    folds = product.groups * ceiling(over_rows, c["rows"]) * ceiling(product.filters, c["cols"])
    others = np.where(c["folds"] == "overlapped", np.maximum(streamed, c["rows"]), first)
    return first + (folds - 1) * others


def _row_stationary(layer: Layer, rows: Any, cols: Any) -> Any:
    """Cycles with rows of filters over rows and rows of outputs over columns, several sets of them side by side."""
    pairs = layer.outputs * layer.inputs // layer.groups
    sets = np.maximum(1, rows // layer.kernel) * np.maximum(1, cols // layer.after)
    strips = ceiling(layer.after, np.minimum(cols, layer.after)) * ceiling(layer.kernel, rows)
    return ceiling(pairs, sets) * strips * layer.kernel * layer.after


def array_cycles(layer: Layer, configurations: Configurations) -> Floats:
    """Give the cycles of computing a layer, float64 (n,), on configurations with rows, cols, dataflow and folds.

    Layers without weights take a value a column and cycle.

    Examples
    --------
    >>> from accelnas.networks import Layer
    >>> square = {"rows": np.array([32]), "cols": np.array([32]), "dataflow": np.array(["output"])}
    >>> layer = Layer("convolution", 64, 64, 8)  # two folds of pixels, two of filters, 64 deep
    >>> array_cycles(layer, square | {"folds": np.array(["separate"])})
    array([504.])
    >>> array_cycles(layer, square | {"folds": np.array(["overlapped"])})
    array([318.])
    """
    c = {**configurations} | {name: np.asarray(configurations[name], np.int64) for name in ("rows", "cols")}
    rows, cols, dataflow = c["rows"], c["cols"], c["dataflow"]
    if layer.kind != "convolution":
        return np.asarray(ceiling(layer.reads, cols), np.float64)
    product, skew = _Product.of(layer), rows + cols - 2
    weight = _folded(product, product.depth, product.pixels, rows + skew + product.pixels, c)
    output = _folded(product, product.pixels, product.depth, skew + product.depth, c)
    row = _row_stationary(layer, rows, cols)
    return np.asarray(np.select([dataflow == "weight", dataflow == "output"], [weight, output], row), np.float64)


def _buffer_bytes(layer: Layer, c: Configurations) -> tuple[Floats, Floats, Floats]:
    """Bytes read from the buffers of weights and of inputs, and those to and from that of outputs."""
    weights, inputs, outputs = (np.asarray(part, np.float64) for part in moved(layer, c["bits"]))
    if layer.kind != "convolution":
        return weights, inputs, outputs
    product, bits = _Product.of(layer), np.asarray(c["bits"], np.float64) / 8
    rows, cols = (np.asarray(c[name], np.int64) for name in ("rows", "cols"))
    windows = bits * product.pixels * product.depth * product.groups
    column_folds, sums = ceiling(product.filters, cols), product.pixels * product.filters * product.groups * _SUM
    sets = np.maximum(1, rows // layer.kernel)
    dataflow = c["dataflow"]
    is_weight, is_output = dataflow == "weight", dataflow == "output"
    read_weights = np.select(
        [is_weight, is_output], [weights, weights * ceiling(product.pixels, rows)], weights * ceiling(layer.after, cols)
    )
    read_inputs = np.select([is_weight | is_output], [windows * column_folds], inputs * ceiling(product.filters, sets))
    depth_folds = np.select(
        [is_weight, is_output], [ceiling(product.depth, rows), 1], ceiling(layer.inputs // layer.groups, sets)
    )
    return read_weights, read_inputs, outputs + 2.0 * sums * (depth_folds - 1)


def _of_layer(layer: Layer, c: Configurations, k: Constants) -> dict[str, Floats]:
    cycles = array_cycles(layer, c)
    external = external_bytes(layer, c["bits"], c["weight_buffer"], c["input_buffer"])
    # MHz are cycles a µs; GB/s are 10⁶ bytes a ms
    latency = np.maximum(cycles / (c["clock"] * 1e3), external / (c["bandwidth"] * 1e6))
    energy = layer.products * interpolated(k["mac_energy"], c["bits"]) * k["register_factor"]
    for part, buffer in zip(_buffer_bytes(layer, c), ("weight_buffer", "input_buffer", "output_buffer"), strict=True):
        energy = energy + part / _WORD * interpolated(k["sram_energy"], c[buffer])
    energy = energy + external * k["dram_energy"]
    weights, _, _ = moved(layer, c["bits"])
    return {"latency": latency, "energy": energy * _PICO, "traffic": external / 1e6, "weight_size": weights / 1e6}


def _of_own(c: Configurations, k: Constants) -> dict[str, Floats]:
    units = np.asarray(c["rows"] * c["cols"], np.float64)
    buffers = np.asarray(c["weight_buffer"] + c["input_buffer"] + c["output_buffer"], np.float64)
    area = units * interpolated(k["unit_area"], c["bits"]) + buffers * k["sram_area"]
    return {"area": area, "peak": units * c["clock"] * 2e-6}


ARRAY = Engine(
    parameters={
        "rows": int,
        "cols": int,
        "dataflow": ("weight", "output", "row"),
        "folds": ("separate", "overlapped"),
        **dict.fromkeys(("weight_buffer", "input_buffer", "output_buffer", "bandwidth", "clock"), float),
        "bits": int,
    },
    constants=dict.fromkeys(("mac_energy", "sram_energy", "unit_area"), "table")
    | dict.fromkeys(("register_factor", "dram_energy", "sram_area"), "number"),
    layer_costs={
        "latency": Cost("ms", "minimise", "Time of one image, layer after layer."),
        "energy": Cost("mJ", "minimise", "Energy of one image: multipliers, buffers, external memory."),
        "traffic": Cost("MB", "minimise", "Bytes from and to external memory for one image."),
        "weight_size": Cost("MB", "minimise", "Bytes of all weights."),
    },
    own_costs={
        "area": Cost("mm2", "minimise", "Silicon of multipliers and buffers."),
        "peak": Cost("TOPS", "maximise", "Operations a second, two a multiply-accumulate."),
    },
    ratios={
        **RATIOS,
        "utilisation": Ratio(
            "1",
            "maximise",
            "Multiply-accumulates of the network, by those that all units would do in its latency.",
            expression="2e-3 * macs / (latency * peak)",
        ),
    },
    of_layer=_of_layer,
    of_own=_of_own,
)
