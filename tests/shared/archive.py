"""The Accel-NASBench archive for tests: the published one where it is, and always a small one of the same form."""

from __future__ import annotations

import csv
import io
import json
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import accelnas
from accelnas.fitting.dataset import read_dataset
from accelnas.fitting.splits import random_split

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "anb_dataset_jsons.tar.gz"
ROWS, REPEATS, LOST = 900, 3, 4  # architectures, those measured twice, values of TPUv3 that are missing
SEEDS, TRAINED = 3, 40
SIGMAS = {"proxified": 0.25, "fewproxy": 0.15}  # of seeds, in points


@dataclass(frozen=True)
class Archive:
    """A folder as the authors publish it: results, the official split, and trainings with several seeds."""

    folder: Path
    published: bool

    @property
    def path(self) -> Path:
        return self.folder / NAME

    @property
    def split(self) -> Path:
        return self.folder / "official_split.json"

    @property
    def seeds(self) -> Path:
        return self.folder / "proxy_validation"


def published() -> Archive | None:
    """The authors' archive: in the folder ACCELNAS_DATA, or in shared/data/anb beside the repository."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data" / "anb"
    folder = Path(os.environ.get("ACCELNAS_DATA", beside))
    return Archive(folder, True) if (folder / NAME).is_file() else None


def generated(folder: Path) -> Archive:
    """A small archive whose values are simulated measurements of the bundled benchmark; costs are exact."""
    archive = Archive(folder, False)
    bench = accelnas.load()
    rows = bench.space.sample(ROWS, seed=11, unique=True)
    rows = np.concatenate([rows, rows[:REPEATS]])
    values = _measured(bench, rows)
    with tarfile.open(archive.path, "w:gz") as tar:
        for number, architecture in enumerate(bench.space.decode(rows)):
            text = json.dumps(_result(architecture, {name: float(of[number]) for name, of in values.items()}, number))
            member = tarfile.TarInfo(f"./anb_dataset_jsons/result_{number}.json")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    parts = random_split(read_dataset(archive.path)).parts()
    archive.split.write_text(json.dumps({name: ids.tolist() for name, ids in parts.items()}))
    archive.seeds.mkdir()
    _write_seeds(archive.seeds, bench)
    return archive


def _measured(bench: accelnas.Benchmark, rows: np.ndarray) -> dict[str, np.ndarray]:
    exact = bench.predict(rows, ["macs", "params"], dtype="float64")
    values: dict[str, np.ndarray] = {name: np.asarray(exact[name]).round(6) for name in exact}
    for name, metric in bench.metrics.items():
        if metric.calibrated and "epyc" not in name:
            once, again = (bench.query(rows, name, seed=seed) for seed in (4, 5))
            values[name] = np.where(np.arange(len(rows)) < ROWS, np.asarray(once), np.asarray(again))
    return values


def _result(architecture: Mapping[str, Any], values: dict[str, float], number: int) -> dict[str, Any]:
    perf = {}
    for name, value in values.items():
        kind = name.partition("_")[0]
        if kind in ("throughput", "latency"):
            lost = name == "throughput_tpuv3" and number < LOST
            perf[name] = {f"{kind}_mean": None if lost else value, f"{kind}_std": None}
    top = {"val_top1": values["accuracy"], "val_top5": values["accuracy_top5"]}
    return {
        "architecture": architecture,
        "metrics": {**top, "train_time": values["train_time"]},
        "model_info": {"macs": values["macs"], "params": values["params"]},
        "platform_perf": perf,
    }


def _write_seeds(folder: Path, bench: accelnas.Benchmark) -> None:
    rows = bench.space.sample(TRAINED, seed=12, unique=True)
    accuracy = bench.predict(rows, "accuracy", dtype="float64")
    random = np.random.default_rng(3)
    for scheme, sigma in SIGMAS.items():
        for seed in range(1, SEEDS + 1):
            with (folder / f"{scheme}-seed{seed}.csv").open("w", newline="") as file:
                for i, architecture in enumerate(bench.space.decode(rows)):
                    top = accuracy[i] + sigma * random.standard_normal() + 7 * (scheme == "fewproxy")
                    seconds = 9000.0 if scheme == "fewproxy" else 2000.0
                    choices = [architecture[f"block{b}_{s}"] for s in ("e", "k", "l", "se") for b in range(7)]
                    csv.writer(file).writerow([i, 7, i, 0, top, 85.0, 300.0, 3.0, seconds, *choices])
