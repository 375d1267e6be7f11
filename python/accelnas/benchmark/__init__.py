"""Benchmarks: predicted metrics of architectures, and all that follows from them."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from accelnas.benchmark.plotting import Plotting
from accelnas.benchmark.searching import Searching
from accelnas.benchmark.streaming import Streaming
from accelnas.errors import MetricError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from accelnas.models.derived import Derivation

__all__ = ["Benchmark", "benchmarks", "load"]

_DATA = Path(__file__).parents[1] / "data"
_BUNDLED = {"anova_process": _DATA / "mnasnet", "xgboost": _DATA / "mnasnet-xgboost"}
_DEFAULT = "accel-nasbench"
_DESCRIPTIONS = {
    _DEFAULT: "MnasNet-like networks on ImageNet: accuracy, and speed on eight devices, as surrogates "
    "(Ahmad et al., DAC 2024)",
    "nasbench201": "NAS-Bench-201, complete: cells of six edges on CIFAR-10, CIFAR-100 and ImageNet16-120 "
    "(Dong and Yang, ICLR 2020)",
    "nasbench-macro": "NAS-Bench-Macro, complete: eight layers on CIFAR-10 (Su et al., CVPR 2021)",
}


class Benchmark(Streaming, Plotting, Searching):
    """A benchmark directory, its metrics loaded when first used.

    Parameters
    ----------
    path : str or path
        Directory that holds ``benchmark.toml``.

    Raises
    ------
    FileError
        If the directory can't be read.
    ArtifactError
        If a file is damaged or of another version; metrics are checked when first used.

    Notes
    -----
    Benchmarks may be used from several threads, after a fork, and pickled (by path and derived metrics).

    Examples
    --------
    >>> bench = load()
    >>> archs = bench.space.sample(1000, seed=0)
    >>> accuracy = bench.predict(archs, "accuracy")
    >>> accuracy.shape, accuracy.dtype
    ((1000,), dtype('float32'))
    """

    def __reduce__(self) -> tuple[Any, ...]:
        # a bundled one by name: another process may have the package elsewhere
        family = next((family for family, path in _BUNDLED.items() if path == self._path), None)
        name = self._path.name if self._path.parent == _DATA else self._path.absolute()
        origin = (name, None) if family is None else (None, family)
        return (_derive_again, (*origin, tuple(self._derived.values()))) if self._derived else (load, origin)


def _derive_again(path: Path | str | None, family: str | None, derivations: Sequence[Derivation]) -> Benchmark:
    """Unpickle a benchmark with derived metrics."""
    bench = load(path, family)
    for given in derivations:
        bench = bench.derive(
            given.name, given.expression, unit=given.unit, direction=given.direction, description=given.description
        )
    return bench


def benchmarks() -> Mapping[str, str]:
    """Give the benchmarks that come with the package: names that `load` takes, and what each is.

    Examples
    --------
    >>> list(benchmarks())
    ['accel-nasbench', 'nasbench201', 'nasbench-macro']
    """
    return MappingProxyType(_DESCRIPTIONS)


def load(path: str | PathLike[str] | None = None, family: str | None = None) -> Benchmark:
    """Open a benchmark.

    Parameters
    ----------
    path : str or path, optional
        A benchmark directory, or one of the names that `benchmarks` gives (which come before folders of the same
        name); the bundled Accel-NASBench benchmark by default.
    family : {"anova_process", "xgboost"}, optional
        Model family of the bundled benchmark: the default, which is the best for every metric, or
        XGBoost with the settings that the authors of Accel-NASBench publish, for comparison: accuracy,
        TPUv2 throughput and ZCU102 latency, one model each.

    Returns
    -------
    Benchmark
        Reads `benchmark.toml` now and each metric when it is first used.

    Raises
    ------
    FileError, ArtifactError
        As `Benchmark`.
    MetricError
        If no such family is bundled, or both a path and a family are given.

    Examples
    --------
    >>> ours, theirs = load(), load(family="xgboost")
    >>> archs = ours.space.sample(1000, seed=0)
    >>> bool(abs(ours.predict(archs, "accuracy") - theirs.predict(archs, "accuracy")).mean() < 0.5)
    True
    >>> cells = load("nasbench201")
    >>> found = cells.best("cifar100")
    >>> float(found.values[0].round(2)), cells.space.format(found.architectures)
    (73.49, ['c3_c3_c3-skip_c3_c3'])
    """
    if path is not None and str(path) in _DESCRIPTIONS:
        path = None if str(path) == _DEFAULT else _DATA / str(path)
    if path is not None:
        if family is not None:
            raise MetricError(f"path is {str(path)!r} and family {family!r}; give one of them")
        return Benchmark(path)
    if family is not None and family not in _BUNDLED:
        raise MetricError(f"family is {family!r}; choose one of {', '.join(_BUNDLED)}, or fit it with accelnas fit")
    return Benchmark(_BUNDLED[family or "anova_process"])
