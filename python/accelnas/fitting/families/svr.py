"""Support vector regression: for comparison, as no table holds a radial kernel over all variables."""

from __future__ import annotations

from multiprocessing import current_process
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from joblib.externals.loky import ProcessPoolExecutor, wait

from accelnas.fitting.families.base import POLL, Models, ParameterFamily

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from accelnas.fitting.families.base import Sample

__all__ = ["EpsilonSVR", "NuSVR"]

SHORT = 1000  # rows that are fitted in a tenth of a second


class SupportVectorFamily(ParameterFamily):
    """A radial kernel on choice indices scaled to unit variance."""

    library = "sklearn.svm"
    compiles = False
    machine: ClassVar[str]
    """Name of scikit-learn's estimator."""

    def fit(self, train: Sample, val: Sample, seed: int) -> Any:  # noqa: ARG002 nothing random, no early stopping
        from sklearn import svm
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        model = make_pipeline(StandardScaler(), getattr(svm, self.machine)(**self.parameters))
        inputs = train.choices.astype(np.float64)
        if len(inputs) <= SHORT or current_process().name != "MainProcess":  # another process is ended whole
            return model.fit(inputs, train.targets)
        child = ProcessPoolExecutor(1)  # libsvm looks at nothing until it is done
        try:
            fitted = child.submit(model.fit, inputs, train.targets)
            while not wait([fitted], timeout=POLL).done:
                self.check()
            return fitted.result()
        finally:
            child.shutdown(kill_workers=True)

    def gather(self, members: Sequence[Any]) -> Models:
        def predict(choices: NDArray[np.uint8]) -> NDArray[np.float64]:
            return np.stack([member.predict(choices.astype(np.float64)) for member in members])

        return Models(predict, len(members), sum(len(member[-1].support_) for member in members))


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
