"""``accelnas-training precision``: what few bits cost, by block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelnas_training import sampling
from accelnas_training.cli import options
from accelnas_training.images import open_images
from accelnas_training.networks import load_family
from accelnas_training.precision.settings import PrecisionSettings
from accelnas_training.precision.study import study_precision
from accelnas_training.reports import circumstances
from accelnas_training.schemes import load_scheme

if TYPE_CHECKING:
    from pathlib import Path

EPILOG = """Examples:

  accelnas-training precision --family family.toml --images digits:0.3 --scheme p_star.toml --number 60 --output bits

  accelnas-training precision --set width=0.25 --images digits --scheme mnasnet.toml --bits 4,8 --output bits

The same command goes on where the last one ended: what is done is kept in FOLDER/precision.db.
"""

app = typer.Typer()


@app.command(epilog=EPILOG)
@options.flat
def precision(
    images: options.ImagesOption,
    scheme: options.SchemeOption,
    output: options.FolderOption,
    workers: options.Workers,
    family: options.FamilyOption = "mnasnet",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Option of the networks: width=0.25.")
    ] = None,
    number: options.NumberOption = 60,
    sampling_seed: Annotated[int, typer.Option("--sampling-seed", min=0, help="Seed of their choice.")] = 0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the trainings.")] = 0,
    bits: Annotated[str, typer.Option("--bits", metavar="A,B,…", help="Bits of weights and activations.")] = "4,8,16",
    mixed: Annotated[
        int, typer.Option("--mixed", min=0, help="Networks of each architecture with mixed bits: do losses add up?")
    ] = 6,
) -> None:
    """Train networks, quantise them without training again, and report the loss of top-1 by bits and by block.

    Architectures are drawn uniformly. A whole network or one block at a time has few bits, by fake quantisation: a
    scale for each output channel's weights, calibrated ranges of activations. ONNX Runtime's 8 bits are beside it.
    """
    networks = load_family(family).with_options(**options.read_pairs(settings, "--set"))
    asked = PrecisionSettings(load_scheme(scheme), tuple(options.read_integers(bits, "--bits")), mixed)
    given: dict[str, Any] = {"family": family, "set": settings, "images": images, "scheme": scheme, "number": number}
    given |= {"sampling_seed": sampling_seed, "seed": seed, "bits": bits, "mixed": mixed, "output": output}
    folder: Path = output
    with workers.runner() as runner, options.watched(number) as report:
        found = study_precision(
            folder,
            sampling.uniform(networks.space, number, sampling_seed),
            networks,
            open_images(images),
            asked,
            runner,
            workers.limits,
            made_by=circumstances(options.command_text("precision", **given)),
            seed=seed,
            device=workers.place,
            report=report,
        )
    lost = ", ".join(f"{found.means['all', each].value:.2f} with {each} bits" for each in found.bits)
    typer.echo(f"{len(found.accuracy)} networks lose {lost}, in points of top-1; see {folder / 'report.md'}")
