"""Types of the Rust core; `accelnas` wraps it, `accelnas.fitting` compiles with it."""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BYTE_STATES",
    "FORMAT_VERSION",
    "MAX_BEST",
    "MAX_BINS",
    "MAX_BLOCKS",
    "MAX_CHOICES",
    "MAX_COMPLETE",
    "MAX_LIMITS",
    "MAX_OBJECTIVES",
    "MAX_ORDER",
    "MAX_POINTS",
    "MAX_SIZE",
    "Benchmark",
    "Forest",
    "Optimizer",
    "Problem",
    "Runs",
    "Search",
    "Space",
    "Surrogate",
    "__version__",
    "check_metric_name",
    "covered",
    "crowding_distances",
    "hypervolume",
    "hypervolumes",
    "igd_plus",
    "kernels",
    "measurement_seeds",
    "non_dominated_ranks",
    "processors",
    "run_seed",
    "write_metric",
]

__version__: str
FORMAT_VERSION: int
MAX_BEST: int  # architectures that a search keeps
MAX_BINS: int  # of a histogram
MAX_BLOCKS: int  # of a table
MAX_COMPLETE: int  # cells of a complete table
MAX_LIMITS: int  # bounds that constraints have together
MAX_OBJECTIVES: int  # of a front
MAX_POINTS: int  # of a front
MAX_ORDER: int  # variables of a table
MAX_SIZE: int  # architectures of a space that is searched: 64 bits
MAX_CHOICES: int  # of a variable
BYTE_STATES: int  # joint choices of a block that tables may be over

@final
class Space:
    def __new__(cls, toml: str) -> Space: ...
    @property
    def name(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def variables(self) -> list[tuple[str, str, int, list[Any], bool]]: ...
    @property
    def blocks(self) -> list[tuple[str, int]]: ...
    @property
    def size(self) -> int: ...
    @property
    def has_rules(self) -> bool: ...
    def canonical(self, rows: NDArray[np.uint8]) -> NDArray[np.uint8] | None: ...
    def to_toml(self) -> str: ...
    def restricted(self, allowed: Sequence[Sequence[int]]) -> Space: ...
    def sample(self, n: int, seed: int, unique: bool, first: int, threads: int | None) -> NDArray[np.uint8]: ...
    def check(self, rows: NDArray[np.uint8]) -> None: ...
    def index(self, rows: NDArray[np.uint8]) -> NDArray[np.uint64]: ...
    def wide_index(self, rows: NDArray[np.uint8]) -> list[int]: ...
    def wide_at(self, indices: Sequence[int]) -> NDArray[np.uint8]: ...
    def at(self, indices: NDArray[np.uint64]) -> NDArray[np.uint8]: ...
    def range(self, start: int, stop: int) -> NDArray[np.uint8]: ...
    def block_states(self, rows: NDArray[np.uint8]) -> NDArray[Any]: ...
    def from_block_states(self, states: NDArray[np.uint16]) -> NDArray[np.uint8]: ...
    def format(self, rows: NDArray[np.uint8]) -> list[str]: ...
    def parse(self, texts: Sequence[str]) -> NDArray[np.uint8]: ...
    def neighbours(self, row: NDArray[np.uint8]) -> NDArray[np.uint8]: ...
    def random_neighbours(self, rows: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]: ...
    def encode_dicts(self, dicts: list[dict[str, Any]]) -> NDArray[np.uint8]: ...
    def decode(self, rows: NDArray[np.uint8]) -> list[dict[str, Any]]: ...

@final
class Benchmark:
    def __new__(cls, directory: str | PathLike[str]) -> Benchmark: ...
    @staticmethod
    def empty(space: Space) -> Benchmark: ...
    @property
    def name(self) -> str: ...
    @property
    def space(self) -> Space: ...
    @property
    def metrics(self) -> list[tuple[str, str, str, str, float | None, str, int, bool, float | None]]: ...
    def position(self, name: str) -> int: ...
    def artifact(self, metric: int) -> tuple[str, str]: ...
    def provenance(self, metric: int) -> dict[str, str]: ...
    def deviation_bound(self, metric: int) -> float: ...
    def uncertainty(self, metric: int) -> dict[str, Any] | None: ...
    def deviations_at(self, metric: int, probability: float) -> float: ...
    def with_deviation(
        self,
        name: str,
        metric: int,
        count: float,
        *,
        unit: str,
        direction: str,
        link: str,
        noise: float | None,
        description: str,
        provenance: dict[str, str],
        limit: float | None = None,
        uncertainty: dict[str, Any] | None = None,
    ) -> Benchmark: ...
    def surrogate(self, metric: int) -> Surrogate: ...
    def with_metric(
        self,
        name: str,
        surrogate: Surrogate,
        *,
        unit: str,
        direction: str,
        link: str,
        noise: float | None,
        description: str,
        provenance: Mapping[str, str],
        limit: float | None = None,
        uncertainty: Mapping[str, Any] | None = None,
    ) -> Benchmark: ...
    def predict(
        self, rows: NDArray[np.uint8], metrics: Sequence[int], std: str | None, threads: int | None
    ) -> list[tuple[NDArray[np.float32], NDArray[np.float32] | None]]: ...
    def predict_one(self, arch: object, metric: str) -> float | None: ...
    def predict_float64(
        self, rows: NDArray[np.uint8], metrics: Sequence[int], std: str | None, threads: int | None
    ) -> list[tuple[NDArray[np.float64], NDArray[np.float64] | None]]: ...
    def query(
        self, rows: NDArray[np.uint8], metric: int, seed: int, std: str, threads: int | None
    ) -> NDArray[np.float64]: ...
    def predict_interval(
        self, rows: NDArray[np.uint8], metric: int, level: float, threads: int | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
    def packed(self, metric: int) -> bytes: ...
    def degrees_of_freedom(self, metric: int) -> float | None: ...
    def distance(self, rows: NDArray[np.uint8], metric: int, threads: int | None) -> NDArray[np.uint16]: ...
    def climb(
        self, rows: NDArray[np.uint8], metric: int, threads: int | None
    ) -> tuple[NDArray[np.uint8], NDArray[np.float64], NDArray[np.int64], NDArray[np.uint32]]: ...
    def distance_limit(self, metric: int) -> int: ...
    def predict_members(self, rows: NDArray[np.uint8], metric: int, threads: int | None) -> NDArray[np.float64]: ...

@final
class Search:
    def __new__(
        cls,
        benchmark: Benchmark,
        kind: str,
        objectives: list[tuple[int, str]],
        constraints: list[tuple[int, float, float]],
        allowed: list[list[int]] | None = None,
        *,
        k: int = 1,
        prune: bool = True,
        bins: int = 4096,
        rows: NDArray[np.uint8] | None = None,
        max_points: int = 100_000,
        threads: int | None = None,
    ) -> Search: ...
    @property
    def jobs(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def metrics(self) -> list[int]: ...
    def start(self, threads: int | None) -> str: ...
    def run(
        self,
        state: str,
        first: int,
        last: int,
        threads: int | None = None,
        report: Callable[[int], object] | None = None,
    ) -> str: ...
    def merge(self, a: str, b: str, threads: int | None = None) -> str: ...
    def result(self, state: str, threads: int | None = None) -> dict[str, Any]: ...

@final
class Forest:
    def __new__(
        cls,
        space: Space,
        *,
        columns: Sequence[tuple[int, Sequence[float]]],
        tree_offsets: NDArray[np.int64],
        feature: NDArray[np.int32],
        operator: NDArray[np.uint8],
        threshold: NDArray[np.float64],
        float32: bool,
        default_left: NDArray[np.bool_],
        left: NDArray[np.int32],
        right: NDArray[np.int32],
        value: NDArray[np.float64],
        is_categorical: NDArray[np.bool_],
        category_offsets: NDArray[np.int64],
        categories: NDArray[np.uint32],
        categories_right: NDArray[np.bool_],
        scale: float = 1.0,
        bias: float = 0.0,
    ) -> Forest: ...
    @property
    def tree_count(self) -> int: ...
    def predict(self, rows: NDArray[np.uint8], threads: int | None = None) -> NDArray[np.float64]: ...
    def leaves(self, rows: NDArray[np.uint8], threads: int | None = None) -> NDArray[np.int32]: ...

@final
class Surrogate:
    @staticmethod
    def lower(space: Space, forests: Sequence[Forest]) -> Surrogate: ...
    @staticmethod
    def additive(space: Space, constant: float, block_values: Sequence[Sequence[float]]) -> Surrogate: ...
    @staticmethod
    def tabulated(
        space: Space,
        values: NDArray[np.float64],
        repeats: tuple[NDArray[np.uint32], NDArray[np.float64]] | None = None,
    ) -> Surrogate: ...
    @staticmethod
    def from_tables(
        space: Space,
        constant: Sequence[float],
        sets: Sequence[Sequence[int]],
        cells: Sequence[NDArray[np.float64]],
        granularity: str = "variables",
    ) -> Surrogate: ...
    @staticmethod
    def as_given(
        space: Space,
        constant: float,
        sets: Sequence[Sequence[int]],
        cells: Sequence[Sequence[float]],
        granularity: str = "variables",
    ) -> Surrogate: ...
    def extended(self, space: Space) -> Surrogate: ...
    def rounded(self) -> Surrogate: ...
    def averaged(self) -> Surrogate: ...
    @staticmethod
    def combine(
        space: Space, surrogates: Sequence[Surrogate], weights: Sequence[float], constant: float
    ) -> Surrogate: ...
    @property
    def members(self) -> int: ...
    @property
    def granularity(self) -> str: ...
    @property
    def order(self) -> int: ...
    @property
    def table_count(self) -> int: ...
    @property
    def cell_count(self) -> int: ...
    @property
    def free_cell_count(self) -> int: ...
    @property
    def group_count(self) -> int: ...
    @property
    def forest_trees(self) -> int: ...
    def means(self) -> list[float]: ...
    def variances(self) -> tuple[list[list[int]], NDArray[np.float64]] | None: ...
    def sensitivity(self, groups: list[list[int]]) -> NDArray[np.float64]: ...
    def predict(self, rows: NDArray[np.uint8], threads: int | None = None) -> NDArray[np.float64]: ...
    def predict_members(self, rows: NDArray[np.uint8], threads: int | None = None) -> NDArray[np.float64]: ...
    def predict_float32(self, rows: NDArray[np.uint8], threads: int | None = None) -> NDArray[np.float32]: ...

def write_metric(
    directory: str | PathLike[str],
    name: str,
    surrogate: Surrogate,
    *,
    unit: str,
    direction: str,
    link: str,
    noise: float | None,
    description: str,
    provenance: Mapping[str, str],
    limit: float | None = None,
    uncertainty: Mapping[str, Any] | None = None,
) -> None: ...

@final
class Problem:
    @staticmethod
    def modelled(
        benchmark: Benchmark,
        metrics: Sequence[int],
        objective: str,
        allowed: Sequence[Sequence[int]] | None = None,
        *,
        noisy: int = 0,
        clock: bool = False,
        fidelities: tuple[Sequence[int], Sequence[Sequence[int]], bool, bool] | None = None,
        threads: int | None = None,
    ) -> Problem: ...
    @staticmethod
    def of(
        space: Space,
        columns: int,
        objective: str,
        allowed: Sequence[Sequence[int]] | None = None,
        function: Callable[[NDArray[np.uint8], NDArray[np.uint64]], NDArray[np.float64]] | None = None,
        epochs: Sequence[int] | None = None,
    ) -> Problem: ...
    def run(
        self,
        algorithm: str,
        seed: int,
        first: int,
        last: int,
        budget: int,
        *,
        keep_all: bool = False,
        workers: tuple[int, bool, float] | None = None,
        start: NDArray[np.uint8] | None = None,
        free: int = 0,
        threads: int | None = None,
        report: Callable[[int, float], object] | None = None,
    ) -> dict[str, NDArray[Any]]: ...
    def score(self, values: NDArray[np.float64]) -> NDArray[np.float64]: ...

@final
class Optimizer:
    def __new__(
        cls,
        problem: Problem,
        algorithm: str,
        seed: int,
        run: int,
        budget: int,
        start: NDArray[np.uint8] | None = None,
    ) -> Optimizer: ...
    def ask(self, n: int | None = None) -> tuple[NDArray[np.uint8], NDArray[np.uint64] | None]: ...
    def tell(
        self, rows: NDArray[np.uint8], values: NDArray[np.float64], epochs: Sequence[int] | None = None
    ) -> NDArray[np.float64]: ...

@final
class Runs:
    def __new__(
        cls,
        problem: Problem,
        seed: int,
        first: int,
        last: int,
        *,
        keep_all: bool = False,
        workers: tuple[int, bool, float] | None = None,
        free: int = 0,
    ) -> Runs: ...
    def advance(
        self, rows: NDArray[np.uint8], asked: Sequence[int]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float64], NDArray[np.uint64]]: ...
    def idle(self) -> NDArray[np.uint64]: ...
    def finish(self) -> dict[str, NDArray[Any]]: ...

def processors() -> int: ...
def kernels() -> str: ...
def check_metric_name(name: str) -> None: ...
def run_seed(seed: int, run: int) -> int: ...
def measurement_seeds(seed: int, run: int, n: int) -> NDArray[np.uint64]: ...
def non_dominated_ranks(scores: NDArray[np.float64]) -> NDArray[np.uint32]: ...
def crowding_distances(scores: NDArray[np.float64]) -> NDArray[np.float64]: ...
def covered(
    points: NDArray[np.float64], others: NDArray[np.float64] | None = None, threads: int | None = None
) -> NDArray[np.bool_]: ...
def hypervolume(points: NDArray[np.float64], threads: int | None = None) -> float: ...
def hypervolumes(
    points: NDArray[np.float64], starts: NDArray[np.int64], threads: int | None = None
) -> NDArray[np.float64]: ...
def igd_plus(
    points: NDArray[np.float64], starts: NDArray[np.int64], front: NDArray[np.float64], threads: int | None = None
) -> NDArray[np.float64]: ...
