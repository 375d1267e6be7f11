"""One small class per engine: how it loads a model file and predicts, at its best setting.

An engine is imported by name at run time, so that one that is not installed, or crashes, is named in the results and
stops nothing else. Every call starts from a NumPy array in the layout that the engine likes best; turning the choice
indices into that array is not timed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from functools import cached_property
from importlib import import_module, metadata
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bench.models import CACHE, CHOICES, NAMES, Workload

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Predict = Callable[[np.ndarray], Any]


class Engine:
    """What all engines share; a subclass says how it opens one model file."""

    name: ClassVar[str]
    title: ClassVar[str]
    modules: ClassVar[tuple[str, ...]]  # what a user imports to predict
    distribution: ClassVar[str]
    reads: ClassVar[tuple[str, ...]]  # model families it runs, its own first
    batch: ClassVar[int] = 1_000_000  # rows of the large batch; slow engines get fewer
    dtype: ClassVar[type] = np.float32
    applies_link: ClassVar[bool] = False  # predicts the metric, not what the models are fitted on
    compiles: ClassVar[bool] = False  # ahead of time, kept in the cache
    slow_compile: ClassVar[bool] = False
    suffix: ClassVar[str] = "bin"  # of a compiled file

    def __init__(self, workload: Workload, threads: int) -> None:
        self.workload = workload
        self.threads = threads
        # the source's trees where the engine reads them, else a model of its own
        self.family = workload.source if workload.source in self.reads else self.reads[0]
        self.lib: Any = None

    @classmethod
    def version(cls) -> str:
        """Return the installed version; raise PackageNotFoundError without one."""
        return metadata.version(cls.distribution)

    @cached_property
    def models(self) -> list[Path]:
        """The model files, in member order."""
        return self.workload.files(self.family)

    @cached_property
    def target(self) -> Path:
        """Where compiled models lie; a new version or another model gives another folder."""
        key = hashlib.sha256(self.version().encode())
        for model in self.models:
            key.update(model.read_bytes())
        return CACHE / "compiled" / f"{self.name}-{self.workload.name}-{key.hexdigest()[:10]}"

    def start(self) -> None:
        """Import the library; ``self.lib`` is the first module named."""
        self.lib, *_ = [import_module(module) for module in self.modules]

    def rows(self, archs: np.ndarray) -> np.ndarray:
        """Make the array that the engine is called with from choice indices (n, 28)."""
        return np.ascontiguousarray(archs, dtype=self.dtype)

    def compile(self) -> dict[str, float]:
        """Compile ahead of time; return the seconds of each stage."""
        start, cpu = perf_counter(), cpu_seconds()
        for number, model in enumerate(self.models):
            self._compile(model, self._compiled(number))
        # compiled once and kept: a busy machine should not count against the peer
        return {"compile": min(perf_counter() - start, cpu_seconds() - cpu)}

    def load(self) -> Predict:
        """Load all members; the result maps rows to (n,), or to (mean, std) of an ensemble."""
        files = [self._compiled(i) if self.compiles else model for i, model in enumerate(self.models)]
        members = [self._open(file) for file in files]
        if len(members) == 1:
            return members[0]

        def mean_and_std(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            outputs = np.stack([np.ravel(member(rows)) for member in members])
            return outputs.mean(axis=0), outputs.std(axis=0)

        return mean_and_std

    def _compiled(self, member: int) -> Path:
        return self.target / f"{member}.{self.suffix}"

    def _compile(self, model: Path, compiled: Path) -> None:
        raise NotImplementedError

    def _open(self, file: Path) -> Predict:
        raise NotImplementedError


def cpu_seconds() -> float:
    """Sum the processor time of this process and of the compilers that it ran."""
    return sum(os.times()[:4])


def compile_benchmark(workload: Workload, models: list[Path], target: Path) -> dict[str, float]:
    """Write a benchmark directory with the workload as ``metric``; return the seconds of each stage."""
    import accelnas
    from accelnas.fitting.compile import MetricSpec, compile_metric

    shutil.rmtree(target, ignore_errors=True)
    scale, bias = workload.scaling()
    return compile_metric(
        models,
        space=accelnas.mnasnet_space(),
        metric=MetricSpec("metric", link="reciprocal" if workload.reciprocal else "identity"),
        directory=target,
        scale=scale,
        bias=bias,
        random_rows=1000,
    ).seconds


class Accelnas(Engine):
    """accelnas: takes choice indices as they are."""

    name, title = "accelnas", "accelnas"
    modules, distribution = ("accelnas",), "accelnas"
    reads = ("xgboost", "lightgbm")
    dtype = np.uint8
    applies_link = compiles = True

    def compile(self) -> dict[str, float]:
        """Compile three times; return the medians of the stages (``verify`` is not part of compiling)."""
        runs = [compile_benchmark(self.workload, self.models, self.target) for _ in range(3)]
        return {stage: float(np.median([run[stage] for run in runs])) for stage in runs[0]}

    def load(self) -> Predict:
        """Open the benchmark directory."""
        benchmark = self.lib.load(self.target)
        names = [variable.name for variable in benchmark.space.variables]
        if names != NAMES:
            raise ValueError(f"the order of the variables is {names}, not {NAMES}")
        std, threads = self.workload.members > 1, self.threads
        return lambda rows: benchmark.predict(rows, "metric", return_std=std, threads=threads)


class XGBoost(Engine):
    """``inplace_predict``: no DMatrix, whose cache would hide the work."""

    name, title = "xgboost", "XGBoost"
    modules, distribution = ("xgboost",), "xgboost"
    reads = ("xgboost",)
    batch = 20_000

    def _open(self, file: Path) -> Predict:
        booster = self.lib.Booster({"nthread": self.threads}, model_file=file)
        return lambda rows: booster.inplace_predict(rows, validate_features=False)


class OneDAL(Engine):
    """scikit-learn-intelex: the same trees in oneDAL's own layout."""

    name, title = "onedal", "oneDAL"
    modules, distribution = ("daal4py", "daal4py.mb"), "scikit-learn-intelex"
    reads = ("xgboost", "lightgbm")
    batch = 50_000

    def _open(self, file: Path) -> Predict:
        source = import_module(self.family).Booster(model_file=file)
        self.lib.daalinit(self.threads)
        model = self.lib.mb.convert_model(source)
        return lambda rows: model.predict(rows)


class CatBoost(Engine):
    """Its own symmetric trees; columns in Fortran order are its fastest input."""

    name, title = "catboost", "CatBoost"
    modules, distribution = ("catboost",), "catboost"
    reads = ("catboost",)

    def rows(self, archs: np.ndarray) -> np.ndarray:
        """Make a column-major array."""
        return np.asfortranarray(archs, dtype=self.dtype)

    def _open(self, file: Path) -> Predict:
        model, threads = self.lib.CatBoost().load_model(str(file)), self.threads
        # a single row is faster as a vector
        return lambda rows: model.predict(rows[0] if len(rows) == 1 else rows, thread_count=threads)


class LightGBM(Engine):
    """Float64 rows: it would convert float32."""

    name, title = "lightgbm", "LightGBM"
    modules, distribution = ("lightgbm",), "lightgbm"
    reads = ("lightgbm",)
    batch = 10_000
    dtype = np.float64

    def _open(self, file: Path) -> Predict:
        booster, threads = self.lib.Booster(model_file=file), self.threads
        return lambda rows: booster.predict(rows, num_threads=threads)


class Lleaves(Engine):
    """LightGBM's trees compiled by LLVM."""

    name, title = "lleaves", "lleaves"
    modules, distribution = ("lleaves",), "lleaves"
    reads = ("lightgbm",)
    batch = 50_000
    dtype = np.float64
    compiles = slow_compile = True

    def _compile(self, model: Path, compiled: Path) -> None:
        shutil.copyfile(model, compiled.with_suffix(".txt"))  # loading needs the source as well
        self.lib.Model(model_file=str(model)).compile(cache=compiled)

    def _open(self, file: Path) -> Predict:
        model, threads = self.lib.Model(model_file=str(file.with_suffix(".txt"))), self.threads
        model.compile(cache=file)
        # waking a second thread for one row takes milliseconds
        return lambda rows: model.predict(rows, n_jobs=1 if len(rows) == 1 else threads)


class TreeliteGTIL(Engine):
    """Treelite's reference interpreter."""

    name, title = "treelite", "Treelite GTIL"
    modules, distribution = ("treelite",), "treelite"
    reads = ("xgboost", "lightgbm")
    batch = 10_000

    def _open(self, file: Path) -> Predict:
        model, threads = getattr(self.lib.frontend, f"load_{self.family}_model")(file), self.threads
        return lambda rows: self.lib.gtil.predict(model, rows, nthread=threads)


class TL2cgen(Engine):
    """The trees as C code, compiled by gcc with -O3 in two parallel units."""

    name, title = "tl2cgen", "TL2cgen"
    modules, distribution = ("tl2cgen",), "tl2cgen"
    reads = ("xgboost", "lightgbm")
    batch = 10_000
    compiles = slow_compile = True
    suffix = "so"

    def _compile(self, model: Path, compiled: Path) -> None:
        trees = getattr(import_module("treelite").frontend, f"load_{self.family}_model")(model)
        self.lib.export_lib(trees, toolchain="gcc", libpath=compiled, params={"parallel_comp": 2})

    def _open(self, file: Path) -> Predict:
        pool = self.lib.Predictor(file, nthread=self.threads)
        # waking a second thread for one row takes 16 ms
        single = pool if self.threads == 1 else self.lib.Predictor(file, nthread=1)
        matrix = self.lib.DMatrix
        return lambda rows: (single if len(rows) == 1 else pool).predict(matrix(rows, dtype="float32"))


class ONNXRuntime(Engine):
    """The trees as one TreeEnsembleRegressor node, converted by onnxmltools."""

    name, title = "onnxruntime", "ONNX Runtime"
    modules, distribution = ("onnxruntime",), "onnxruntime"
    reads = ("xgboost",)
    batch = 10_000
    compiles = True
    suffix = "onnx"

    def _compile(self, model: Path, compiled: Path) -> None:
        booster = import_module("xgboost").Booster(model_file=model)
        types = import_module("onnxmltools.convert.common.data_types")
        inputs = [("rows", types.FloatTensorType([None, len(CHOICES)]))]
        converted = import_module("onnxmltools").convert_xgboost(booster, initial_types=inputs)
        compiled.write_bytes(converted.SerializeToString())

    def _open(self, file: Path) -> Predict:
        options = self.lib.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
        session = self.lib.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        return lambda rows: session.run(None, {"rows": rows})[0]


ENGINES: Mapping[str, type[Engine]] = {
    engine.name: engine
    for engine in (Accelnas, XGBoost, OneDAL, CatBoost, LightGBM, Lleaves, TreeliteGTIL, TL2cgen, ONNXRuntime)
}
