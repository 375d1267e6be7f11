"""``accelnas-training train``: one architecture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelnas.cli.shared import console, progress
from accelnas_training.cli import options
from accelnas_training.energy import grams_of_co2
from accelnas_training.images import open_images
from accelnas_training.networks import load_family
from accelnas_training.networks.complexity import complexity
from accelnas_training.schemes import load_scheme
from accelnas_training.train.checkpoint import write_weights
from accelnas_training.train.places import is_first_process
from accelnas_training.train.run import trained_network

if TYPE_CHECKING:
    from accelnas_training.train import TrainingResult

EPILOG = """Examples:

  accelnas-training train 12345 --images digits --scheme quick.toml --output run

  accelnas best accuracy --certificate best.json &&
  accelnas-training train best.json --images folder:/data/imagenet --scheme p_star --output best

  accelnas-training train e1_k3_l2_se0-e6_k5_l2_se0-e6_k5_l3_se0-e6_k5_l1_se1-e6_k5_l3_se1-e6_k5_l4_se1-e6_k5_l3_se1
  --images folder:/data/imagenet --scheme p_star --device cuda:0,cuda:1,cuda:2,cuda:3 --workers 8
  --output a100-a

  torchrun --nproc-per-node 4 --no-python accelnas-training train 0 --images cache:/data/imagenet-256
  --scheme p_star --device cuda --workers 8 --output run

  accelnas-training oneshot extract 12345 shared --family family.toml --images digits --scheme oneshot.toml
  --output hot.safetensors &&
  accelnas-training train 12345 --family family.toml --images digits --scheme short.toml --start hot.safetensors
  --output run

The same command goes on from the last epoch, or shows the result of a training that is done. The folder has
settings.json, epochs.csv, checkpoint.safetensors, result.json and weights.safetensors, the weights that were
validated last.
"""


app = typer.Typer()


@app.command(epilog=EPILOG)
def train(
    architecture: options.ArchitectureArgument,
    images: options.ImagesOption,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="For evidence and checkpoints.")],
    scheme: options.SchemeOption,
    family: options.FamilyOption = "mnasnet",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of weights, order and augmentation.")] = 0,
    start: Annotated[
        Path | None,
        typer.Option(
            "--start", metavar="FILE", help="First weights, as this command or `oneshot extract` writes them."
        ),
    ] = None,
    device: Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:1, mps, or several: cuda:0,cuda:1.")] = "cpu",
    workers: Annotated[int, typer.Option("--workers", min=0, help="Processes that load images, a device.")] = 0,
    validate_every: Annotated[int, typer.Option("--validate-every", min=1, help="Epochs between validations.")] = 1,
    resume: Annotated[bool, typer.Option("--resume/--no-resume", help="Go on with what the folder has.")] = True,
    intensity: options.IntensityOption = None,
) -> None:
    """Train one architecture of a search space by a scheme."""
    networks, recipe, shown = load_family(family), load_scheme(scheme), open_images(images)
    arch = options.read_architecture(architecture, networks.space)
    with progress("training", recipe.trained_epochs, "epochs") as bar:
        network, result = trained_network(
            networks,
            arch,
            shown,
            recipe,
            seed=seed,
            start=start,
            device=device,
            folder=output,
            resume=resume,
            workers=workers,
            validate_every=validate_every,
            report=lambda row: bar(row.epoch + 1),
        )
    if is_first_process():
        name, weights = networks.space.format(arch[None])[0], output / "weights.safetensors"
        write_weights(weights, network, {"family": networks.digest, "architecture": name, "scheme": recipe.digest})
        cost, screen = complexity(network, recipe.resize.validation, shown.channels), console()
        screen.print(f"{name}: {cost.params:,} parameters, {cost.macs:,} MACs at {recipe.resize.validation} pixels")
        _print(result, intensity)
        screen.print(f"weights in {weights}", soft_wrap=True)


def _print(result: TrainingResult, intensity: float | None) -> None:
    screen = console()
    screen.print(f"top-1 {result.top1:.3f} %, top-5 {result.top5:.3f} %, loss {result.loss:.4f}")
    waited = 100 * result.data_seconds / result.seconds
    screen.print(
        f"{result.epochs} epochs in {result.seconds:.4g} s: {result.images_per_second:.4g} images/s, "
        f"{waited:.2g} % of the time waiting for images, {result.peak_memory / 2**30:.3g} GiB"
    )
    if result.energy_joules is not None:
        screen.print(f"{result.energy_joules / 3.6e6:.4g} kWh")
    if intensity is not None:
        grams = grams_of_co2(result.energy_joules, intensity)
        screen.print("CO₂ unknown: the energy is not counted here" if grams is None else f"{grams:.4g} g of CO₂")
