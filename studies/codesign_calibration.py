"""Engines of accelerators against measured times: as published, and with constants fitted to measurements."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from scipy.optimize import least_squares
from scipy.stats import spearmanr

from accelnas import hardware
from accelnas.errors import DataError
from accelnas.hardware.engines import ENGINES
from studies.fig3 import kendall

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from accelnas.fitting.dataset import Dataset
    from accelnas.hardware import Accelerator, NetworkLayers

    Floats = NDArray[np.float64]

__all__ = [
    "FITTED",
    "SIZE",
    "SQUEEZED",
    "WIDE",
    "Calibration",
    "calibrate",
    "fit_constants",
    "fitted_scale",
    "network_times",
]

FITTED = ("compute_efficiency", "memory_efficiency", "layer_overhead")
STARTS = ((0.5, 0.5, 0.02), (0.9, 0.15, 0.007), (0.15, 0.9, 0.05))
_TPU = {
    "rows": 128, "cols": 128, "dataflow": "weight", "weight_buffer": 4096, "input_buffer": 24576, "bits": 16,
}  # fmt: skip
DEVICES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "latency_zcu102": ("dpu", {"size": 4096, "cores": 1, "alu": 4, "bandwidth": 19.2, "clock": 300}),
    "throughput_tpuv2": ("tpu", _TPU | {"bandwidth": 300, "clock": 700}),
    "throughput_tpuv3": ("tpu", _TPU | {"bandwidth": 900, "clock": 940}),
}
LEAST = 20  # measured networks
SQUEEZED, WIDE, SIZE = "blocks with squeeze-excite", "blocks with 5 × 5 kernels", "eighth of MACs"
THREE = "engine, three constants"


@dataclass(frozen=True)
class Calibration:
    """Figures of engines.

    Attributes
    ----------
    figures
        By measured metric and estimate: ranks and errors on the half that nothing is fitted to.
    residuals
        By measured metric and group of networks of that half: mean relative errors of the engine, fitted.
    constants
        Of the DPU, fitted.
    """

    figures: pl.DataFrame
    residuals: pl.DataFrame
    constants: dict[str, float]


def network_times(
    accelerator: Accelerator, layers: NetworkLayers, states: NDArray[Any], constants: Mapping[str, float] | None = None
) -> Floats:
    """Give the latency of networks, as block states (n, blocks), on an accelerator without variables, float64 (n,).

    Some of its constants can be replaced.
    """
    configuration, engine = accelerator.configurations(), ENGINES[accelerator.engine]
    known = {**accelerator.constants, **(constants or {})}
    times = {layer: engine.of_layer(layer, configuration, known)["latency"][0] for layer in layers.distinct()}
    total = np.full(len(states), sum(times[layer] for layer in layers.fixed), np.float64)
    for block, of_block in enumerate(layers.states):
        total += np.array([sum(times[layer] for layer in own) for own in of_block])[states[:, block]]
    return total


def fit_constants(
    accelerator: Accelerator, layers: NetworkLayers, states: NDArray[Any], measured: Floats
) -> dict[str, float]:
    """Fit `FITTED` to measured times, least squares of relative errors, the best of three starts.

    They are fitted as logarithms, so each is above 0; efficiencies may exceed 1, where the engine is too slow.
    """

    def constants(logarithms: Floats) -> dict[str, float]:
        return dict(zip(FITTED, np.exp(logarithms).tolist(), strict=True))

    def errors(logarithms: Floats) -> Floats:
        return network_times(accelerator, layers, states, constants(logarithms)) / measured - 1

    found = [least_squares(errors, np.log(start), bounds=(-12.0, 6.0)) for start in STARTS]
    return constants(min(found, key=lambda one: one.cost).x)


def fitted_scale(estimated: Floats, measured: Floats) -> float:
    """Give the factor of least squares of relative errors.

    Examples
    --------
    >>> fitted_scale(np.array([1.0, 2.0]), np.array([3.0, 6.0]))
    3.0
    """
    ratio = estimated / measured
    return float(ratio.sum() / (ratio**2).sum())


def calibrate(dataset: Dataset, seed: int = 0) -> Calibration:
    """Judge engines by measurements: constants are fitted to a random half, and judged by the other.

    Raises
    ------
    DataError
        If the data lacks a metric, or has few measurements of it.
    """
    layers = hardware.network_layers(dataset.space)
    figures, residuals, constants = [], [], {}
    for metric, (name, configuration) in DEVICES.items():
        if metric not in dataset.metrics:
            raise DataError(f"the data has no {metric}; the study needs {', '.join(DEVICES)}")
        values = dataset.values(metric)
        measured = values if metric.startswith("latency") else 1e3 / values  # ms
        rows = np.random.default_rng(seed).permutation(np.flatnonzero(~np.isnan(measured)))
        if len(rows) < LEAST:
            raise DataError(f"{metric} has {len(rows)} measurements; give {LEAST} or more")
        half, rest = rows[: len(rows) // 2], rows[len(rows) // 2 :]
        accelerator = hardware.load_accelerator(name).restricted(configuration)
        states, macs = dataset.space.block_states(dataset.choices), dataset.values("macs")
        plain = network_times(accelerator, layers, states)
        estimates = {
            "MACs × a constant": macs * fitted_scale(macs[half], measured[half]),
            "MACs, a line": _line(macs, half, measured),
            "engine as published": plain,
            "engine × a constant": plain * fitted_scale(plain[half], measured[half]),
            "engine, a line": _line(plain, half, measured),
        }
        final = "engine × a constant"
        if name == "dpu":
            final, constants = THREE, fit_constants(accelerator, layers, states[half], measured[half])
            estimates[THREE] = network_times(accelerator, layers, states, constants)
        else:
            separate = replace(accelerator, parameters={**accelerator.parameters, "folds": ("separate",)})
            apart = network_times(separate, layers, states)
            estimates["engine with separate folds"] = apart
            estimates["separate folds × a constant"] = apart * fitted_scale(apart[half], measured[half])
            estimates["separate folds, a line"] = _line(apart, half, measured)
        for label, estimated in estimates.items():
            figures.append({"metric": metric, "estimate": label} | _figures(estimated[rest], measured[rest]))
        error = 100 * (estimates[final][rest] / measured[rest] - 1)
        for by, groups in _groups(dataset, macs, rest).items():
            for group in dict.fromkeys(sorted(groups)):
                own = error[np.array(groups) == group]
                residuals.append(
                    {"metric": metric, "by": by, "group": group, "networks": len(own),
                     "mean error [%]": own.mean(), "mean absolute error [%]": np.abs(own).mean()}
                )  # fmt: skip
    return Calibration(pl.DataFrame(figures), pl.DataFrame(residuals), constants)


def _line(estimated: Floats, half: NDArray[np.intp], measured: Floats) -> Floats:
    """Give estimates on the line of least squares of relative errors."""
    slope, constant = np.polyfit(estimated[half], measured[half], 1, w=1 / measured[half])
    return np.asarray(constant + slope * estimated)


def _figures(estimated: Floats, measured: Floats) -> dict[str, float]:
    error = estimated / measured - 1
    return {
        "networks": len(measured),
        "τ": kendall(measured, estimated),
        "Spearman": float(spearmanr(measured, estimated).statistic),
        "mean error [%]": 100 * float(error.mean()),
        "mean absolute error [%]": 100 * float(np.abs(error).mean()),
    }


def _groups(dataset: Dataset, macs: Floats, rows: NDArray[np.intp]) -> dict[str, Sequence[str]]:
    """Name the group of each row, by what is thought to matter; names sort in their order."""
    variables, choices = dataset.space.variables, dataset.choices[rows]

    def blocks(symbol: str, choice: object) -> list[str]:
        chosen = [
            choices[:, i] == v.states.index(choice) for i, v in enumerate(variables) if v.name.endswith(f"_{symbol}")
        ]
        return [str(count) for count in np.sum(chosen, axis=0)]

    eighth = np.searchsorted(np.quantile(macs[rows], np.arange(1, 8) / 8), macs[rows])
    return {
        SQUEEZED: blocks("se", True),
        WIDE: blocks("k", 5),
        SIZE: [str(number + 1) for number in eighth],
    }
