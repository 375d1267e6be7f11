"""The models that every engine runs: fitted once on the real data set, kept in ``bench/.cache``.

A workload is one fitted surrogate (or ten). Its *source* family is the one whose trees accelnas
compiles; engines that read this family run the same trees, the others a model of their own of the
same shape and equal quality.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.splits import Split

ROOT = Path(__file__).parent.parent
CACHE = Path(__file__).parent / ".cache"
DATA = Path(os.environ.get("ACCELNAS_DATA", ROOT.parent / "shared/data/anb"))
ARCHIVE = DATA / "anb_dataset_jsons.tar.gz"

BLOCKS, VARIABLES = 7, ("e", "k", "l", "se")
NAMES = [f"block{block}_{variable}" for block in range(BLOCKS) for variable in VARIABLES]
CHOICES: tuple[tuple[Any, ...], ...] = tuple(
    choices
    for block in range(BLOCKS)
    for choices in ((1, 4, 6), (3, 5), (1, 2, 3, 4) if block == 5 else (1, 2, 3), (False, True))
)
SUFFIX = {"xgboost": "ubj", "lightgbm": "txt", "catboost": "cbm"}

# every path of a tree stays within two blocks
PAIRS = [
    [len(VARIABLES) * block + variable for block in pair for variable in range(len(VARIABLES))]
    for pair in itertools.combinations(range(BLOCKS), 2)
]
# the published settings of the accuracy surrogate
PUBLISHED = {
    "max_depth": 3, "min_child_weight": 63, "learning_rate": 0.0937, "reg_lambda": 5.42,
    "reg_alpha": 0.230, "colsample_bytree": 0.9998, "colsample_bylevel": 0.9158,
}  # fmt: skip
# those of the A100's throughput
PUBLISHED_A100 = {
    "base_score": 0.5, "max_depth": 18, "min_child_weight": 55, "colsample_bytree": 0.90974,
    "colsample_bylevel": 0.48309, "lambda": 83.959, "alpha": 0.0021459, "learning_rate": 0.010195,
}  # fmt: skip
LEAVES = {"num_leaves": 31, "learning_rate": 0.05, "lambda_l2": 5}


@dataclass(frozen=True)
class Workload:
    """One surrogate that every engine runs."""

    name: str
    title: str
    metric: str
    rounds: int
    settings: Mapping[str, Mapping[str, Any]] = field(repr=False)
    source: str = "xgboost"
    members: int = 1
    reciprocal: bool = False
    engines: tuple[str, ...] | None = None  # None: all

    def target(self, values: np.ndarray) -> np.ndarray:
        """Compute what the models are fitted on: the metric, or standardised time per image."""
        scale, bias = self.scaling()
        return (1 / values - bias) / scale if self.reciprocal else values

    def metric_values(self, outputs: np.ndarray) -> np.ndarray:
        """Turn what a model predicts into the metric's own unit."""
        scale, bias = self.scaling()
        outputs = np.asarray(outputs, np.float64)
        return 1 / (bias + scale * outputs) if self.reciprocal else outputs

    def scaling(self) -> tuple[float, float]:
        """Give scale and bias of the link: link-space value = bias + scale * model output."""
        if not self.reciprocal:
            return 1.0, 0.0
        return time_scaling(self.metric)

    def error(self, predictions: np.ndarray, reference: np.ndarray) -> float:
        """Measure the largest difference of two predictions, in standard deviations of the models' target."""
        sd = self.target(part("train", self.metric)[1]).std()
        return float(np.abs(self.target(predictions) - self.target(reference)).max() / sd)

    def folder(self) -> Path:
        """Where the models lie; another data set or other settings give another folder."""
        plan = [self.metric, self.rounds, self.members, self.reciprocal, self.settings]
        key = hashlib.sha256(json.dumps([plan, data_hash()], default=dict).encode()).hexdigest()
        return CACHE / f"{self.name}-{key[:10]}"

    def files(self, family: str) -> list[Path]:
        """List the model files of one family, in member order; fit them on first use."""
        paths = [self.folder() / f"{family}-{i}.{SUFFIX[family]}" for i in range(self.members)]
        for member, path in enumerate(paths):
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                fit(self, family, member, path)
        return paths


ACCURACY = {
    "xgboost": PUBLISHED,
    "catboost": {"depth": 3, "learning_rate": 0.1, "iterations": 5000},
    "lightgbm": {"max_depth": 3, "num_leaves": 8, "learning_rate": 0.05, "lambda_l2": 5},
}
WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("accuracy", "Accuracy, depth 3, 5,170 trees (block triples)", "accuracy", 5170, ACCURACY),
        Workload(
            "time",
            "A100 time per image, depth 4, 3,418 trees (block pairs)",
            "throughput_a100",
            3418,
            {
                "xgboost": {
                    "max_depth": 4,
                    "learning_rate": 0.05,
                    "interaction_constraints": str(PAIRS),
                },
                "catboost": {"depth": 4, "learning_rate": 0.2},
                "lightgbm": {"max_depth": 4, "num_leaves": 16, "learning_rate": 0.05},
            },
            reciprocal=True,
        ),
        Workload(
            "ensemble",
            "Accuracy, mean and standard deviation of 10 members",
            "accuracy",
            5170,
            ACCURACY,
            members=10,
            engines=("accelnas", "xgboost", "onedal", "catboost"),
        ),
        Workload(
            "forest",
            "Accuracy, depth 6, 1,260 trees (forest part)",
            "accuracy",
            1260,
            {
                "xgboost": PUBLISHED | {"max_depth": 6, "learning_rate": 0.03},
                "catboost": {"depth": 6, "learning_rate": 0.1},
                "lightgbm": LEAVES,
            },
        ),
        Workload(
            "leaves",
            "Accuracy, LightGBM, 31 leaves, 1,260 trees (forest part)",
            "accuracy",
            1260,
            {"lightgbm": LEAVES, "catboost": {"depth": 6, "learning_rate": 0.1}},
            source="lightgbm",
            engines=("accelnas", "lightgbm", "lleaves", "onedal", "catboost", "treelite", "tl2cgen"),
        ),
        Workload(
            "deep",
            "A100 throughput, depth 18, 1,260 trees, the published settings (forest part)",
            "throughput_a100",
            1260,
            {
                "xgboost": PUBLISHED_A100,
                "catboost": {"depth": 8, "learning_rate": 0.1},
                "lightgbm": {"num_leaves": 63, "learning_rate": 0.05},
            },
        ),
    )
}


@cache
def data_hash() -> str:
    """SHA-256 of the archive."""
    if not ARCHIVE.exists():
        raise SystemExit(
            f"bench: no data set at {ARCHIVE}; set ACCELNAS_DATA to the folder that holds "
            f"{ARCHIVE.name} and official_split.json (`accelnas data fetch` downloads them)"
        )
    return hashlib.sha256(ARCHIVE.read_bytes()).hexdigest()


@cache
def measurements() -> tuple[Dataset, Split]:
    """Read the archive and its official split."""
    from accelnas.fitting.dataset import read_dataset
    from accelnas.fitting.splits import read_split

    data_hash()  # says what to do without it
    dataset = read_dataset(ARCHIVE)
    return dataset, read_split(DATA / "official_split.json", dataset)


def part(name: str, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Choice indices (n, 28) and measured values (n,) of a part of the official split, or of two joined by a plus."""
    dataset, split = measurements()
    rows = dataset.rows(np.concatenate([getattr(split, one) for one in name.split("+")]))
    return dataset.choices[rows], dataset.values(metric)[rows]


@cache
def time_scaling(metric: str) -> tuple[float, float]:
    """Give the standard deviation and mean of the time per image in the train part."""
    seconds = 1 / part("train", metric)[1]
    return float(seconds.std()), float(seconds.mean())


def random_architectures(count: int, seed: int = 0) -> np.ndarray:
    """Uniform architectures as choice indices, uint8 (count, 28)."""
    rng = np.random.default_rng(seed)
    columns = [rng.integers(0, len(choices), count, dtype=np.uint8) for choices in CHOICES]
    return np.ascontiguousarray(np.stack(columns, axis=1))


def training_rows(workload: Workload, member: int) -> tuple[np.ndarray, np.ndarray]:
    """Select the train part for a single model; for an ensemble train and val less the member's fold."""
    if workload.members == 1:
        archs, values = part("train", workload.metric)
    else:
        archs, values = part("train+val", workload.metric)
        fold = np.random.default_rng(0).permutation(len(archs)) % workload.members
        archs, values = archs[fold != member], values[fold != member]
    return archs.astype(np.float32), workload.target(values)


def fit(workload: Workload, family: str, member: int, path: Path) -> None:
    """Fit one member and write it in its library's own format."""
    print(f"fitting {workload.name}: {family}, member {member}", flush=True)
    rows, target = training_rows(workload, member)
    settings: dict[str, Any] = {"seed": member, **workload.settings[family]}
    if family == "xgboost":
        import xgboost

        settings |= {"nthread": 1}
        booster = xgboost.train(settings, xgboost.DMatrix(rows, target), workload.rounds)
        booster.save_model(path)
    elif family == "lightgbm":
        import lightgbm

        settings |= {"verbose": -1, "num_threads": 1}
        model = lightgbm.train(settings, lightgbm.Dataset(rows, target), workload.rounds)
        model.save_model(path)
    else:
        import catboost

        settings = {"iterations": workload.rounds, "thread_count": 1, "logging_level": "Silent"} | {
            ("random_seed" if name == "seed" else name): value for name, value in settings.items()
        }
        regressor = catboost.CatBoostRegressor(allow_writing_files=False, **settings)
        regressor.fit(rows, target).save_model(str(path))


def quality(workload: Workload, predictions: np.ndarray) -> dict[str, float]:
    """R², Kendall's tau and mean absolute error of predictions for the test part."""
    from accelnas.fitting.evaluate import evaluate

    figures = evaluate(part("test", workload.metric)[1], predictions)
    return {"r2": figures.r2, "tau": figures.tau, "mae": figures.mae}
