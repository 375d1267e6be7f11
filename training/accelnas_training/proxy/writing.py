"""What the reports of a search and of a validation share: files, circumstances, tables of schemes and energy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from accelnas.build.evaluation.tables import markdown, number
from accelnas.errors import FileError
from accelnas.files import replacing
from accelnas.reproduce.circumstances import machine, versions
from accelnas_training.energy import grams_of_co2

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from accelnas import Space
    from accelnas_training.proxy.trainings import Trained
    from accelnas_training.ranks import Interval

__all__ = ["circumstances", "energy", "per_architecture", "shown_tau", "total", "write_files", "written"]

LIBRARIES = ("accelnas-training", "torch", "timm")


def write_files(folder: Path, files: Mapping[str, Callable[[Path], object]]) -> None:
    """Write each file, whole or not at all, in their order.

    Raises
    ------
    FileError
        If the folder can't be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, write in files.items():
            with replacing(folder / name) as temporary:
                write(temporary)
    except OSError as error:
        raise FileError(f"{folder}: {(error.strerror or str(error)).lower()}; name a folder to write to") from error


def written(text: str) -> Callable[[Path], object]:
    """Give what writes a text."""
    return lambda path: path.write_text(text, encoding="utf-8")


def circumstances(command: str) -> str:
    """Say what made a report, with what, and where."""
    libraries = ", ".join(f"{name} {version}" for name, version in versions(LIBRARIES).items())
    return f"Made by\n\n    {command}\n\nwith {libraries} on {machine()}."


def shown_tau(tau: float, interval: Interval) -> str:
    """Give a tau with its interval."""
    return f"{tau:.3f} (95 % interval {interval.low:.3f} to {interval.high:.3f})"


def per_architecture(space: Space, **schemes: Trained) -> pl.DataFrame:
    """Give a row an architecture, with the mean and deviation of accuracy and the mean time under each scheme."""
    columns: dict[str, object] = {"architecture": space.format(next(iter(schemes.values())).choices)}
    for name, trained in schemes.items():
        columns[f"{name}_accuracy"] = trained.means
        if trained.accuracy.shape[1] > 1:
            columns[f"{name}_sd"] = trained.accuracy.std(axis=1, ddof=1)
        columns[f"{name}_seconds"] = trained.seconds.mean(axis=1)
    return pl.DataFrame(columns, nan_to_null=True)


def energy(intensity: float | None, **joules: float) -> str:
    """Give the energy of some trainings, and the CO₂ of making it; where none was measured, say so.

    Parameters
    ----------
    intensity
        Of the grid, in grams of CO₂ per kWh; None leaves CO₂ out.
    **joules
        By what used them; NaN where not measured.
    """
    if all(math.isnan(value) for value in joules.values()):
        return "Energy was not measured: the machine has no counters that could be read."
    rows = []
    for name, value in joules.items():
        row = [name.replace("_", " "), number(value / 3600)]
        if intensity is not None:
            row.append(number(grams_of_co2(value, intensity) or math.nan))
        rows.append(row)
    carbon = [] if intensity is None else ["CO₂ [g]"]
    source = "" if intensity is None else f"\n\nCO₂ is at {intensity:g} g per kWh."
    return markdown(["", "energy [Wh]", *carbon], rows) + source


def total(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    """Give the sum of what was measured; NaN if nothing was."""
    known = values[~np.isnan(values)]
    return float(known.sum()) if known.size else math.nan
