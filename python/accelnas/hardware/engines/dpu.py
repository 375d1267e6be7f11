"""AMD's DPUCZDX8G on Zynq UltraScale+ (product guide PG338): convolutions by pixels and channels, the rest by an ALU.

A core multiplies ``PP`` pixels of a row with ``ICP`` channels for ``OCP`` filters a cycle. Depthwise convolutions,
means, products and sums run on an ALU of ``ICP`` channels and ``alu`` pixels. Layers follow each other; each takes the
longer of computing and moving, and an overhead. An image runs on one core, images on all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accelnas.hardware.engines.base import RATIOS, Cost, Engine, Ratio, ceiling, interpolated
from accelnas.hardware.engines.traffic import external_bytes

if TYPE_CHECKING:
    from accelnas.hardware.engines.base import Configurations, Constants, Floats
    from accelnas.networks import Layer

__all__ = ["DPU"]

_PICO = 1e-9  # mJ
_BLOCK = 4.5  # KB of a block RAM
_WEIGHTS = 0.5  # of the memory on chip
# size: pixels, channels; then look-up tables, block RAMs and DSP slices of a core without its ALU
_SIZES = {
    512: (4, 8, 20177, 69.5, 98),
    800: (4, 10, 20617, 87, 142),
    1024: (8, 8, 27377, 101.5, 194),
    1152: (4, 12, 28698, 117.5, 194),
    1600: (8, 10, 30877, 123, 282),
    2304: (8, 12, 34379, 161.5, 386),
    3136: (8, 14, 38555, 203.5, 506),
    4096: (8, 16, 40865, 249.5, 642),
}
_ALU_LUTS, _ALU_SLICES = 148, 1  # a channel and pixel


def _columns(c: Configurations) -> tuple[Floats, ...]:
    table = np.array([_SIZES[int(size)] for size in c["size"]])
    return tuple(table.T)


def _cycles(layer: Layer, c: Configurations) -> Floats:
    pixels, channels, *_ = (column.astype(np.int64) for column in _columns(c))
    kernel = layer.kernel**2 if layer.kind in {"convolution", "pool"} else 1
    if layer.kind == "convolution" and layer.groups == 1:
        folds = ceiling(layer.inputs, channels) * ceiling(layer.outputs, channels)
        return np.asarray(kernel * folds * layer.after * ceiling(layer.after, pixels), np.float64)
    side = layer.pixels if layer.kind == "mean" else layer.after
    alu = np.minimum(np.asarray(c["alu"], np.int64), pixels)
    return np.asarray(kernel * ceiling(layer.outputs, channels) * side * ceiling(side, alu), np.float64)


def _of_layer(layer: Layer, c: Configurations, k: Constants) -> dict[str, Floats]:
    *_, blocks, _ = _columns(c)
    bits = np.full(len(blocks), 8)
    memory = blocks * _BLOCK
    external = external_bytes(layer, bits, memory * _WEIGHTS, memory * (1 - _WEIGHTS))
    computing = _cycles(layer, c) / (c["clock"] * 1e3 * k["compute_efficiency"])
    moving = external / (c["bandwidth"] * 1e6 * k["memory_efficiency"])
    overhead = k["layer_overhead"]
    energy = layer.products * interpolated(k["mac_energy"], bits) * k["register_factor"] + external * k["dram_energy"]
    return {
        "latency": np.maximum(computing, moving) + overhead,
        "throughput": (np.maximum(computing / c["cores"], moving) + overhead / c["cores"]) / 1e3,
        "energy": energy * _PICO,
        "traffic": external / 1e6,
    }


def _of_own(c: Configurations, _k: Constants) -> dict[str, Floats]:
    pixels, channels, tables, blocks, slices = _columns(c)
    alu = channels * np.minimum(c["alu"], pixels)
    return {
        "luts": c["cores"] * (tables + _ALU_LUTS * alu) / 1e3,
        "block_rams": c["cores"] * blocks,
        "dsp_slices": c["cores"] * (slices + _ALU_SLICES * alu),
        "peak": c["cores"] * c["size"] * c["clock"] * 1e-6,
    }


DPU = Engine(
    parameters={"size": tuple(_SIZES), "cores": (1, 2, 3, 4), "alu": (1, 2, 4, 8), "bandwidth": float, "clock": float},
    constants={"mac_energy": "table"}
    | dict.fromkeys(
        ("compute_efficiency", "memory_efficiency", "layer_overhead", "register_factor", "dram_energy"), "number"
    ),
    layer_costs={
        "latency": Cost("ms", "minimise", "Time of one image on one core."),
        "throughput": Cost("images/s", "maximise", "Images a second on all cores.", "reciprocal"),
        "energy": Cost("mJ", "minimise", "Energy of one image: multipliers and external memory."),
        "traffic": Cost("MB", "minimise", "Bytes from and to external memory for one image."),
    },
    own_costs={
        "luts": Cost("thousands", "minimise", "Look-up tables."),
        "block_rams": Cost("", "minimise", "Block RAMs of 36 Kbit."),
        "dsp_slices": Cost("", "minimise", "DSP slices."),
        "peak": Cost("TOPS", "maximise", "Operations a second, two a multiply-accumulate."),
    },
    ratios={
        **RATIOS,
        "utilisation": Ratio(
            "1",
            "maximise",
            "Multiply-accumulates of all cores, by those that they could do.",
            expression="2e-6 * macs * throughput / peak",
        ),
    },
    of_layer=_of_layer,
    of_own=_of_own,
)
