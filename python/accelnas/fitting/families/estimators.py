"""Estimators of scikit-learn that are no trees, each over all variables at once: for small spaces, and to compare."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from contextlib import contextmanager
from multiprocessing import current_process
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from joblib.externals.loky import ProcessPoolExecutor, wait
from threadpoolctl import threadpool_limits

from accelnas.fitting.encoding import Encoding
from accelnas.fitting.families.base import POLL, Models, ParameterFamily

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from accelnas import Space
    from accelnas.fitting.families.base import Sample

    Floats = NDArray[np.float64]
    Choices = NDArray[np.uint8]

__all__ = ["EpsilonSVR", "GaussianProcessRegression", "NuSVR", "Perceptron"]


class EstimatorFamily(ParameterFamily):
    """An estimator of scikit-learn."""

    compiles = False

    @abstractmethod
    def estimator(self, seed: int) -> Any:
        """Give one that is not fitted."""

    @abstractmethod
    def inputs(self, choices: Choices) -> Floats:
        """Give what it sees of architectures."""

    @abstractmethod
    def size(self, model: Any) -> int:
        """Count what a fitted one consists of."""

    def gather(self, members: Sequence[Any]) -> Models:
        def predict(choices: Choices) -> Floats:
            inputs = self.inputs(choices)
            with threadpool_limits(1):
                return np.stack([np.asarray(member.predict(inputs), np.float64) for member in members])

        return Models(predict, len(members), sum(map(self.size, members)))


class UnwatchedFamily(EstimatorFamily):
    """An estimator whose fit may take long and looks at nothing until it is done: processes of their own end whole."""

    short: ClassVar[int]
    """Rows that are fitted in a tenth of a second."""
    _children: ProcessPoolExecutor | None = None

    def fit(self, train: Sample, val: Sample, seed: int) -> Any:  # noqa: ARG002 no early stopping
        model, inputs = self.estimator(seed), self.inputs(train.choices)
        if len(inputs) <= self.short:
            return fitted(model, inputs, train.targets)
        if current_process().name != "MainProcess":
            return _quietly_fitted(model, inputs, train.targets)
        with self.helpers(1) as children:
            done = children.submit(_quietly_fitted, model, inputs, train.targets)
            while not wait([done], timeout=POLL).done:
                self.check()
            return done.result()

    @contextmanager
    def helpers(self, threads: int) -> Iterator[ProcessPoolExecutor]:
        """Give the processes of the ensemble, or new ones, which end with the block."""
        if self._children is not None:
            yield self._children
            return
        self._children = ProcessPoolExecutor(threads)  # starts none before it gets work
        try:
            yield self._children
        finally:
            self._children.shutdown(kill_workers=True)
            self._children = None


def one_hot(space: Space, choices: Choices) -> Floats:
    """Give a column a choice."""
    return np.asarray(Encoding.one_hot(space).transform(choices, np.float64), np.float64)


def fitted(model: Any, inputs: Floats, targets: Floats) -> Any:
    with threadpool_limits(1):  # sums in one order
        return model.fit(inputs, targets)


def _quietly_fitted(model: Any, inputs: Floats, targets: Floats) -> Any:
    """Fit in a process whose filters of warnings no other thread changes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of parameters at the ends of their ranges
        return fitted(model, inputs, targets)


class SupportVectorFamily(UnwatchedFamily):
    """A radial kernel on choice indices scaled to unit variance."""

    library = "sklearn.svm"
    short = 1000
    machine: ClassVar[str]
    """Name of scikit-learn's estimator."""

    def estimator(self, seed: int) -> Any:  # noqa: ARG002 nothing random
        from sklearn import svm
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return make_pipeline(StandardScaler(), getattr(svm, self.machine)(**self.parameters))

    def inputs(self, choices: Choices) -> Floats:
        return choices.astype(np.float64)

    def size(self, model: Any) -> int:
        return len(model[-1].support_)


class EpsilonSVR(SupportVectorFamily):
    """ε-SVR (Drucker et al. 1996)."""

    name = "epsilon_svr"
    machine = "SVR"
    defaults: ClassVar[dict[str, Any]] = {"C": 1.0, "epsilon": 0.1, "gamma": "scale", "kernel": "rbf", "degree": 3}


class NuSVR(SupportVectorFamily):
    """ν-SVR (Schölkopf et al. 2000)."""

    name = "nu_svr"
    machine = "NuSVR"
    defaults: ClassVar[dict[str, Any]] = {"C": 1.0, "nu": 0.5, "gamma": "scale", "kernel": "rbf", "degree": 3}


class GaussianProcessRegression(UnwatchedFamily):
    """A Gaussian process with one radial kernel over a column a choice (Rasmussen & Williams 2006)."""

    name = "gaussian_process"
    library = "sklearn.gaussian_process"
    short = 0
    defaults: ClassVar[dict[str, Any]] = {"length_scale": 2.0, "noise": 0.01}  # what learning starts from

    def estimator(self, seed: int) -> Any:  # noqa: ARG002 nothing random
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

        radial = RBF(self.parameters["length_scale"], (0.1, 100.0))
        noise = WhiteKernel(self.parameters["noise"], (1e-6, 10.0))
        return GaussianProcessRegressor(ConstantKernel() * radial + noise)

    def inputs(self, choices: Choices) -> Floats:
        return one_hot(self.space, choices)

    def size(self, model: Any) -> int:
        return len(model.X_train_)


class Perceptron(EstimatorFamily):
    """A multi-layer perceptron over a column a choice, trained by Adam (Kingma & Ba 2015)."""

    name = "mlp"
    library = "sklearn.neural_network"
    defaults: ClassVar[dict[str, Any]] = {
        "hidden_layer_sizes": [64, 64],
        "alpha": 1e-2,
        "learning_rate_init": 3e-3,
        "batch_size": 64,
        "epochs": 150,
    }

    def estimator(self, seed: int) -> Any:
        from sklearn.neural_network import MLPRegressor

        own = {name: value for name, value in self.parameters.items() if name != "epochs"}
        return MLPRegressor(**own, random_state=seed)

    def fit(self, train: Sample, val: Sample, seed: int) -> Any:  # noqa: ARG002 no early stopping
        model, inputs = self.estimator(seed), self.inputs(train.choices)
        model.set_params(batch_size=min(self.parameters["batch_size"], len(inputs)))
        with threadpool_limits(1):  # sums in one order
            for _ in range(self.parameters["epochs"]):
                self.check()
                model.partial_fit(inputs, train.targets)
        return model

    def inputs(self, choices: Choices) -> Floats:
        return one_hot(self.space, choices)

    def size(self, model: Any) -> int:
        return sum(weights.size for weights in model.coefs_)
