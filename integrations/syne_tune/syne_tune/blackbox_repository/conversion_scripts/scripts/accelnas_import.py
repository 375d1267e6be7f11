"""
Blackboxes of the architecture search benchmarks of accelnas: every architecture of a
space is predicted, so no surrogate has to be fitted. The benchmark's own files are
stored with the configuration space; nothing in them is unpickled.
"""

import shutil
from pathlib import Path

from syne_tune.blackbox_repository.blackbox import Blackbox
from syne_tune.blackbox_repository.conversion_scripts.blackbox_recipe import (
    BlackboxRecipe,
)
from syne_tune.blackbox_repository.conversion_scripts.scripts import (
    default_metric,
    metric_elapsed_time,
    time_attr,
)
from syne_tune.blackbox_repository.conversion_scripts.utils import repository_path
from syne_tune.blackbox_repository.serialize import (
    deserialize_metadata,
    serialize_configspace,
    serialize_metadata,
)
from syne_tune.util import catchtime

BLACKBOX_NAME = "accelnas-"

METRIC_ELAPSED_TIME = "elapsed_time"

TIME_ATTR = "hp_epoch"

BENCHMARK_FOLDER = "benchmark"


def serialize(benchmark: str, path: str, clock: str | None = None):
    """
    :param benchmark: name or directory of a benchmark of accelnas
    :param path: folder to write
    :param clock: metric that says how many seconds an evaluation takes. One
        second each if not given
    """
    import accelnas
    from accelnas.adapters.syne_tune import to_blackbox

    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    bench = accelnas.load(benchmark)
    blackbox = to_blackbox(bench, clock=clock)
    serialize_configspace(
        path=path,
        configuration_space=blackbox.configuration_space,
        fidelity_space=blackbox.fidelity_space,
    )
    shutil.copytree(bench.path, path / BENCHMARK_FOLDER, dirs_exist_ok=True)
    serialize_metadata(
        path=path,
        metadata={
            "objectives_names": blackbox.objectives_names,
            "clock": clock,
            metric_elapsed_time: METRIC_ELAPSED_TIME,
            default_metric: blackbox.objectives_names[0],
            time_attr: TIME_ATTR,
        },
    )


def deserialize(path: str) -> Blackbox:
    """
    :param path: folder that :func:`serialize` wrote
    :return: blackbox of all metrics of the benchmark, in their own units, and of the
        elapsed time. Called without a seed it predicts, with a seed it simulates a
        measurement
    """
    import accelnas
    from accelnas.adapters.syne_tune import to_blackbox

    metadata = deserialize_metadata(path)
    bench = accelnas.load(Path(path) / BENCHMARK_FOLDER)
    return to_blackbox(bench, clock=metadata["clock"])


class AccelnasRecipe(BlackboxRecipe):
    """
    :param name: name of the blackbox, which starts with ``BLACKBOX_NAME``
    :param cite_reference: paper to cite
    :param benchmark: name or directory of a benchmark of accelnas
    :param clock: metric that says how many seconds an evaluation takes
    """

    def __init__(
        self, name: str, cite_reference: str, benchmark: str, clock: str | None = None
    ):
        assert name.startswith(BLACKBOX_NAME), f"{name} has to begin {BLACKBOX_NAME}"
        super().__init__(name=name, cite_reference=cite_reference)
        self.benchmark = benchmark
        self.clock = clock

    def _generate_on_disk(self):
        with catchtime(f"saving {self.name} to disk"):
            serialize(self.benchmark, repository_path / self.name, self.clock)


class AccelnasMnasNetRecipe(AccelnasRecipe):
    def __init__(self):
        super().__init__(
            name=BLACKBOX_NAME + "mnasnet",
            cite_reference="Accel-NASBench: Sustainable Benchmarking for "
            "Accelerator-Aware NAS. Ahmad, A. and Du, L. and Xie, Z. and Zhang, W. "
            "2024.",
            benchmark="accel-nasbench",
            clock="train_time",
        )


class AccelnasNASBenchMacroRecipe(AccelnasRecipe):
    def __init__(self):
        super().__init__(
            name=BLACKBOX_NAME + "nasbench-macro",
            cite_reference="Prioritized Architecture Sampling with Monte-Carlo Tree "
            "Search. Su, X. and Huang, T. and Li, Y. and You, S. and Wang, F. and "
            "Qian, C. and Zhang, C. and Xu, C. 2021.",
            benchmark="nasbench-macro",
        )


class AccelnasNASBench201Recipe(AccelnasRecipe):
    def __init__(self):
        super().__init__(
            name=BLACKBOX_NAME + "nasbench201",
            cite_reference="NAS-Bench-201: Extending the scope of reproducible neural "
            "architecture search. Dong, X. and Yang, Y. 2020.",
            benchmark="nasbench201",
        )


if __name__ == "__main__":
    for recipe in (
        AccelnasMnasNetRecipe,
        AccelnasNASBenchMacroRecipe,
        AccelnasNASBench201Recipe,
    ):
        recipe().generate(upload_on_hub=False)
