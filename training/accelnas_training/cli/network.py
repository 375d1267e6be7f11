"""``accelnas-training network``: show, export and check networks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import torch
import typer

from accelnas import _core
from accelnas.cli.data import DataArgument, read
from accelnas.cli.shared import console, progress
from accelnas_training.cli.options import ArchitectureArgument, FamilyOption, flat, print_table, read_architecture
from accelnas_training.errors import NetworkError
from accelnas_training.networks import load_family
from accelnas_training.networks.complexity import Complexity, complexities, complexity, layer_costs
from accelnas_training.networks.export import export_onnx

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from accelnas.fitting.dataset import Dataset
    from accelnas_training.arrays import Floats
    from accelnas_training.networks import NetworkFamily

CHECK_EPILOG = """Examples:

  accelnas data fetch && accelnas-training network check

  accelnas-training network check costs.csv --family nasbench-macro
"""
_B0 = "e1_k3_l1_se1-e6_k3_l2_se1-e6_k5_l2_se1-e6_k3_l3_se1-e6_k5_l3_se1-e6_k5_l4_se1-e6_k3_l1_se1"
SHOW_EPILOG = f"""Examples, of EfficientNet-B0:

  accelnas-training network show {_B0}

  accelnas-training network show {_B0} --width 0.5 --resolution 160

and of the best cell of NAS-Bench-201 on CIFAR-10:

  accelnas-training network show c3_c3_c1-skip_c3_c3 --family nasbench201
"""
EXPORT_EPILOG = f"""Example, of EfficientNet-B0:

  accelnas-training network export {_B0} b0.onnx --resolution 224
"""

_FAMILYS = "the family's"
ResolutionOption = Annotated[
    int | None,
    typer.Option("--resolution", "-r", min=1, help="Pixels a side of an image.", show_default=_FAMILYS),
]

app = typer.Typer(no_args_is_help=True)


@dataclass(frozen=True)
class _Changes:
    """Options of networks that may differ from the family's."""

    num_classes: Annotated[int | None, typer.Option("--num-classes", help="Outputs.", show_default=_FAMILYS)] = None
    in_channels: Annotated[
        int | None, typer.Option("--in-channels", help="Channels of an image.", show_default=_FAMILYS)
    ] = None
    width: Annotated[
        float | None, typer.Option("--width", help="Factor of all channels inside.", show_default=_FAMILYS)
    ] = None
    head: Annotated[
        int | None, typer.Option("--head", help="Channels before the classifier.", show_default=_FAMILYS)
    ] = None
    activation: Annotated[
        str | None, typer.Option("--activation", metavar="relu|silu|…", help="timm's name.", show_default=_FAMILYS)
    ] = None

    def build(self, architecture: str, family: str) -> tuple[NetworkFamily, nn.Module]:
        """Give the changed family, and one of its networks."""
        changes = {name: value for name, value in asdict(self).items() if value is not None}
        own = load_family(family).with_options(**changes)
        return own, own.build(read_architecture(architecture, own.space))


@app.command(epilog=SHOW_EPILOG)
@flat
def show(
    architecture: ArchitectureArgument,
    changes: _Changes,
    family: FamilyOption = "mnasnet",
    resolution: ResolutionOption = None,
) -> None:
    """Show a network's layers: outputs, multiply-accumulates and parameters."""
    own, network = changes.build(architecture, family)
    resolution = resolution or own.resolution
    total = complexity(network, resolution, own.options.in_channels)
    numbers = ("output", "MACs", "parameters")
    rows = [
        (layer.name, layer.kind, " × ".join(map(str, layer.output)), f"{layer.macs:,}", f"{layer.params:,}")
        for layer in layer_costs(network, resolution, own.options.in_channels)
    ]
    print_table(("layer", "kind", *numbers), rows, numbers)
    console().print(f"{total.macs:,} multiply-accumulates and {total.params:,} parameters at {resolution} pixels")


@app.command(epilog=EXPORT_EPILOG)
@flat
def export(
    architecture: ArchitectureArgument,
    output: Annotated[Path, typer.Argument(metavar="ONNX", help="File to write.")],
    changes: _Changes,
    family: FamilyOption = "mnasnet",
    resolution: ResolutionOption = None,
    batch: Annotated[int, typer.Option("--batch", "-b", min=0, help="Images at once; 0 leaves it open.")] = 1,
    seed: Annotated[int, typer.Option("--seed", "-s", min=0, help="Seed of the weights.")] = 0,
) -> None:
    """Write a network with random weights as ONNX, to be measured on a device, and check it against PyTorch."""
    torch.manual_seed(seed)
    own, network = changes.build(architecture, family)
    difference = export_onnx(network, output, resolution or own.resolution, batch or None, own.options.in_channels)
    console().print(f"{output}: onnxruntime differs from PyTorch by {difference:.1e} at most", soft_wrap=True)


@app.command(epilog=CHECK_EPILOG)
def check(
    data: DataArgument = None,
    family: FamilyOption = "mnasnet",
    resolution: ResolutionOption = None,
    workers: Annotated[
        int | None, typer.Option("--workers", "-w", min=1, help="Processes to count in.", show_default="all cores")
    ] = None,
) -> None:
    """Build every network of a data set and compare MACs and parameters with its columns macs and params.

    MACs of MnasNet are counted as the data set of Accel-NASBench does.
    """
    own = load_family(family)
    dataset = read(data, own.space)
    stated = {name: dataset.values(name) for name in ("params", "macs")}
    distinct, first = np.unique(dataset.groups, return_index=True)
    counted: list[Complexity] = []
    processes = min(workers or _core.processors(), len(distinct))
    with progress("building", len(distinct), "networks") as report:
        for one in complexities(own, dataset.choices[first], resolution or own.resolution, processes):
            counted.append(one)
            report(len(counted))
    plain, params = np.array([(one.macs, one.params) for one in counted]).T
    macs = np.array([one.dataset_macs for one in counted]) if own.builder == "mnasnet" else plain
    _compare(dataset, "params", stated["params"], params[dataset.groups])
    _compare(dataset, "macs", stated["macs"], macs[dataset.groups])
    screen = console()
    screen.print(f"all {len(distinct):,} networks have the parameters and the MACs that the data set states")
    if own.builder == "mnasnet":
        share = plain / macs
        screen.print(
            "the data set adds 4 operations a value of a batch normalisation, and the inputs and outputs of means: "
            f"the convolutions and matrix products are {share.min():.1%} to {share.max():.1%} of its MACs",
            soft_wrap=True,
        )


def _compare(dataset: Dataset, metric: str, stated: Floats, counted: NDArray[np.int64]) -> None:
    wrong = np.flatnonzero((stated != counted / 1e6) & ~np.isnan(stated))
    if wrong.size:
        row = wrong[0]
        raise NetworkError(
            f"id {dataset.ids[row]}: {metric} is {stated[row]} million in the data set, but {counted[row] / 1e6} "
            f"million in the network ({wrong.size} of {len(dataset)} rows differ); check the data's space and units"
        )
