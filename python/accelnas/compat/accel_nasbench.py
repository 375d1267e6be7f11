"""The calls of Accel-NASBench's own code (``accelnb`` and ``configurationspaces.searchspaces``), answered by accelnas.

``from accelnas.compat import accel_nasbench as anb`` takes the place of ``import accelnb as anb``. Names, arguments,
architectures and shapes are those of the original. What differs:

- Nothing is downloaded or unpickled. The authors' models are pickles, so the bundled benchmark answers, whose models
  were fitted to the same measurements; a warning says so. ``benchmark=`` takes any other, and no warning is given:
  ``accelnas.load(family="xgboost")``, or a directory that ``accelnas fit --settings published`` wrote.
- Devices and metrics are checked when an ensemble is made, in any case of letters.
- `Ensemble.query_noise` draws for each architecture; the original adds one draw to all of them.
- Random samples have a seed.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from accelnas.arguments import check_choice, check_seed, check_whole
from accelnas.benchmark import Benchmark, load
from accelnas.errors import AccelnasWarning, MetricError, ParameterError, SpaceError
from accelnas.space import mnasnet_space

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from numpy.typing import NDArray

    from accelnas.space import Rows

__all__ = ["ANBEnsemble", "EfficientNetSS", "Ensemble", "Sample", "SurrogateModel"]

Values: TypeAlias = "NDArray[np.float32]"
Samples: TypeAlias = "Mapping[str, Any] | list[Mapping[str, Any]]"

_METRICS = {
    "3090": ("throughput",),
    "a100": ("throughput",),
    "tpuv2": ("throughput",),
    "tpuv3": ("throughput",),
    "zcu102": ("latency", "throughput"),
    "vck190": ("latency", "throughput"),
}
_MODELS = ("xgb", "lgb", "sklearn_forest", "svr", "svr_nu")
_TRUTH = {"True": True, "False": False}
_SYMBOLS = ("e", "k", "l", "se")


class ANBEnsemble:
    """What is asked of Accel-NASBench: the accuracy of architectures, or a metric of a device.

    Parameters
    ----------
    model : {"xgb", "lgb", "sklearn_forest", "svr", "svr_nu"}
        A model of the original, also with ``"_accel"`` at its end. Without a `benchmark` it is ``"xgb"``, the only one
        whose models the authors publish.
    device : {"3090", "a100", "tpuv2", "tpuv3", "zcu102", "vck190"}, optional
        The accuracy is asked for without one.
    metric : {"throughput", "latency"}, optional
        Of a device; latency of ``"zcu102"`` and ``"vck190"`` alone.
    seed : int, optional
        Of `Ensemble.query_noise`; 0 by default.
    subdir : None
        Named a folder of pickles in the original.
    benchmark : Benchmark, str or path, optional
        What answers; the bundled benchmark by default.

    Raises
    ------
    ParameterError
        If model, device, metric or seed is none of these, or a `subdir` is given.
    MetricError
        If no benchmark has such models, or the one that is given lacks the metric.
    SpaceError
        If the benchmark is over another space.

    Warns
    -----
    AccelnasWarning
        If no `benchmark` is given: other models than the authors' answer.

    Examples
    --------
    >>> import accelnas
    >>> from accelnas.compat import accel_nasbench as anb
    >>> model = anb.ANBEnsemble("xgb", benchmark=accelnas.load()).load_ensemble()
    >>> mean, std = model.query([anb.EfficientNetSS().efficientnet_b0()])
    >>> print(mean.round(1), std.round(1))
    [65.7] [0.2]
    """

    def __init__(
        self,
        model: str,
        device: str | None = None,
        metric: str | None = None,
        seed: int | None = None,
        subdir: str | None = None,
        *,
        benchmark: Benchmark | str | PathLike[str] | None = None,
    ) -> None:
        check_choice("model", model, (*_MODELS, *(f"{name}_accel" for name in _MODELS)))
        if subdir is not None:
            raise ParameterError(f"subdir is {subdir!r}, a folder of pickles; give benchmark= a directory of accelnas")
        self.model = model if device is None or model.endswith("_accel") else f"{model}_accel"
        self.device, self.metric, self.seed = device, metric, None if seed is None else check_seed(seed)
        self._name = _metric_name(model, device, metric)
        self.benchmark = _answering(model, benchmark)
        if self.benchmark.space != mnasnet_space():
            raise SpaceError(f"the benchmark is over {self.benchmark.space!r}; give one over the space mnasnet")
        if self._name not in self.benchmark.metrics:
            found = ", ".join(self.benchmark.metrics)
            raise MetricError(f"benchmark {self.benchmark.name} has no {self._name}, but {found}; give another one")

    def load_ensemble(self) -> Ensemble:
        """Give the ensemble of all members."""
        return Ensemble(self.benchmark, self._name, self.device, self.metric, self.seed or 0)

    def load_model(self) -> SurrogateModel:
        """Give one model, the ensemble's mean: which member comes first depends on the disk in the original."""
        return SurrogateModel(self.benchmark, self._name)


def _metric_name(model: str, device: str | None, metric: str | None) -> str:
    """Give the name that a benchmark has for a device's metric."""
    if device is None:
        if model.endswith("_accel") or metric is not None:
            raise ParameterError(f"model is {model!r} and metric {metric!r} without a device; name it too")
        return "accuracy"
    own_device, own_metric = str(device).lower(), str(metric).lower()
    check_choice("device", own_device, tuple(_METRICS))
    check_choice(f"metric of {own_device}", own_metric, _METRICS[own_device])
    return f"{own_metric}_{own_device}"


def _answering(model: str, benchmark: Benchmark | str | PathLike[str] | None) -> Benchmark:
    """Open what answers in place of the authors' models."""
    if isinstance(benchmark, Benchmark):
        return benchmark
    if benchmark is not None:
        return load(benchmark)
    if not model.startswith("xgb"):
        raise MetricError(f"no models of {model!r} are published; fit them with accelnas fit, and give the benchmark=")
    warnings.warn(
        "the bundled benchmark answers in place of the authors' models, which are pickles; "
        "give benchmark=accelnas.load() to say that this is meant, or another benchmark",
        AccelnasWarning,
        stacklevel=3,
    )
    return load()


class SurrogateModel:
    """One model of a metric."""

    def __init__(self, benchmark: Benchmark, name: str) -> None:
        self._benchmark, self._name = benchmark, name

    def query(self, configs: Samples) -> Values:
        """Predict one architecture, or a list of them.

        Parameters
        ----------
        configs : mapping of str to choice, or list of them
            Choices by the name of the variable: dicts, samples of `EfficientNetSS`, or ConfigSpace's configurations.

        Returns
        -------
        float32 array (n,)
            In the metric's unit (percent, images/s, ms); one number for one architecture, too.

        Raises
        ------
        SpaceError
            If an architecture is of another form, or not of the space.
        """
        return np.asarray(self._benchmark.predict(_rows(configs), self._name), np.float32)


class Ensemble:
    """An ensemble of models of a metric, as `ANBEnsemble.load_ensemble` gives it.

    Standard deviations are the members' alone, as in the original; they understate the error.
    `Benchmark.predict` gives calibrated ones. The bundled XGBoost family has one member a metric, and so none.

    Attributes
    ----------
    device, metric : str or None
        As given to `ANBEnsemble`.
    metric_unit : str
        Unit of what is predicted.
    ensemble_size : int
        Number of members.
    """

    def __init__(self, benchmark: Benchmark, name: str, device: str | None, metric: str | None, seed: int) -> None:
        self._benchmark, self._name = benchmark, name
        self._chance = np.random.default_rng(seed)
        self.device, self.metric = device, metric
        self.metric_unit, self.ensemble_size = benchmark.metrics[name].unit, benchmark.metrics[name].members

    def query(self, config_dict: Samples) -> tuple[Values, Values]:
        """Predict architectures: the mean, and the members' population standard deviation.

        Parameters
        ----------
        config_dict : as for `SurrogateModel.query`
            Architectures.

        Returns
        -------
        tuple of two float32 arrays (n,)
            In the metric's unit.

        Raises
        ------
        SpaceError
            If an architecture is of another form, or not of the space.

        Examples
        --------
        >>> import accelnas
        >>> from accelnas.compat import accel_nasbench as anb
        >>> ensemble = anb.ANBEnsemble("xgb", "tpuv2", "throughput", benchmark=accelnas.load()).load_ensemble()
        >>> mean, std = ensemble.query(anb.EfficientNetSS().random_sample(4))
        >>> mean.shape, std.shape
        ((4,), (4,))
        """
        mean, std = self._benchmark.predict(_rows(config_dict), self._name, return_std="members")
        return mean, std

    def query_mean(self, config_dict: Samples) -> Values:
        """Predict architectures: the first part of `query`."""
        return self.query(config_dict)[0]

    def query_std(self, config_dict: Samples) -> Values:
        """Give the members' standard deviations: the second part of `query`."""
        return self.query(config_dict)[1]

    def query_noise(self, config_dict: Samples) -> NDArray[np.float64]:
        """Predict with normal noise of the members' standard deviation, drawn anew for each architecture and call."""
        mean, std = self.query(config_dict)
        return mean + self._chance.normal(0.0, std)


class Sample(dict[str, Any]):
    """An architecture: choices by the name of the variable."""

    def get_dictionary(self) -> dict[str, Any]:
        """Give the choices as a dict, as older versions of ConfigSpace did."""
        return dict(self)


class EfficientNetSS:
    """The search space, without ConfigSpace: samples are dicts, which `Ensemble.query` takes.

    Parameters
    ----------
    seed : int
        Of random samples.

    Examples
    --------
    >>> from accelnas.compat.accel_nasbench import EfficientNetSS
    >>> space = EfficientNetSS(seed=1)
    >>> len(space), len(space.random_sample(3)), space.random_sample()["block0_k"] in (3, 5)
    (104485552128, 3, True)
    """

    def __init__(self, seed: int = 0) -> None:
        self.ss = mnasnet_space()
        self._chance = np.random.default_rng(check_seed(seed))

    def random_sample(self, num_samples: int = 1) -> Sample | list[Sample]:
        """Draw architectures uniformly, others at each call: one, or a list of several.

        Raises
        ------
        ParameterError
            If `num_samples` is below 1.
        """
        check_whole("num_samples", num_samples, 1)
        drawn = self.ss.decode(self.ss.sample(num_samples, seed=int(self._chance.integers(2**63))))
        return Sample(drawn[0]) if num_samples == 1 else [Sample(one) for one in drawn]

    def manual_sample(self, sample_config: Sequence[Sequence[Any]]) -> Sample:
        """Make an architecture of four lists: expansions, kernels, layers and squeeze-excites of the seven blocks.

        Raises
        ------
        SpaceError
            If there are not four lists of seven, or a choice is not of the space.
        """
        lengths = [len(one) for one in sample_config]
        if lengths != [7] * 4:
            raise SpaceError(f"sample_config has lists of {lengths} choices; give four of seven: e, k, l and se")
        named = zip(_SYMBOLS, sample_config, strict=True)
        chosen = {f"block{block}_{symbol}": one for symbol, own in named for block, one in enumerate(own)}
        return Sample(self.ss.decode(_rows(chosen))[0])

    def efficientnet_b0(self) -> Sample:
        """Give EfficientNet-B0."""
        return self.manual_sample(
            [[1, 6, 6, 6, 6, 6, 6], [3, 3, 5, 3, 5, 5, 3], [1, 2, 2, 3, 3, 4, 1], [True] * 7],
        )

    def size(self) -> int:
        """Give the number of architectures."""
        return self.ss.size

    def __len__(self) -> int:
        return self.ss.size

    def __str__(self) -> str:
        return str(self.ss)


def _rows(configs: Samples) -> Rows:
    """Give architectures as choice indices."""
    several: list[Any] = list(configs) if isinstance(configs, (list, tuple)) else [configs]
    chosen = []
    for row, one in enumerate(several):
        own = one
        if not isinstance(one, Mapping) and hasattr(one, "get_dictionary"):
            own = one.get_dictionary()  # a configuration of old ConfigSpace
        if not isinstance(own, Mapping):
            kind = type(one).__name__
            raise SpaceError(f"row {row} is of type {kind}; give choices by name, as indices differ from the original")
        chosen.append(
            {name: _TRUTH.get(value, value) if isinstance(value, str) else value for name, value in own.items()}
        )
    return mnasnet_space().encode(chosen)
