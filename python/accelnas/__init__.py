"""accelnas: a neural architecture search benchmark compiled to small exact tables.

Examples
--------
>>> import accelnas
>>> bench = accelnas.load()
>>> archs = bench.space.sample(1_000_000, seed=0)
>>> accuracy = bench.predict(archs, "accuracy")
"""

from accelnas._core import __version__
from accelnas.benchmark import Benchmark, benchmarks, load
from accelnas.benchmark.compiling import compile  # noqa: A004 the command's name
from accelnas.errors import (
    AccelnasError,
    AccelnasWarning,
    ArtifactError,
    DataError,
    FileError,
    MetricError,
    MissingExtraError,
    ModelError,
    OutOfMemoryError,
    ParameterError,
    SearchError,
    SpaceError,
    TooManyPointsError,
)
from accelnas.exact import BestResult, Certificate, CountResult, Verification
from accelnas.metric import Metric
from accelnas.models.importances import Importances, Share
from accelnas.models.intervals import Estimate
from accelnas.models.neighbourhood import Neighbourhood
from accelnas.search import History, Optimizer
from accelnas.search.runs import Comparison, Runs
from accelnas.space import Block, Frame, Space, Variable, mnasnet_space

__all__ = [
    "AccelnasError",
    "AccelnasWarning",
    "ArtifactError",
    "Benchmark",
    "BestResult",
    "Block",
    "Certificate",
    "Comparison",
    "CountResult",
    "DataError",
    "Estimate",
    "FileError",
    "Frame",
    "History",
    "Importances",
    "Metric",
    "MetricError",
    "MissingExtraError",
    "ModelError",
    "Neighbourhood",
    "Optimizer",
    "OutOfMemoryError",
    "ParameterError",
    "Runs",
    "SearchError",
    "Share",
    "Space",
    "SpaceError",
    "TooManyPointsError",
    "Variable",
    "Verification",
    "__version__",
    "benchmarks",
    "compile",
    "load",
    "mnasnet_space",
]
