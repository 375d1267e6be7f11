"""Options of commands about shared weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelnas.cli.shared import optional, progress
from accelnas_training.cli import options
from accelnas_training.images import open_images
from accelnas_training.networks import load_family
from accelnas_training.oneshot.scheme import load_oneshot_scheme
from accelnas_training.oneshot.training import train_elastic

if TYPE_CHECKING:
    from accelnas_training.images import Images
    from accelnas_training.networks import NetworkFamily
    from accelnas_training.oneshot.elastic import ElasticNetwork
    from accelnas_training.oneshot.scheme import OneShotScheme
    from accelnas_training.train import TrainingResult

SeedsOption = Annotated[
    str | None,
    optional(
        "--shared-seeds", metavar="A,B,…", text="Several trainings of shared weights, in FOLDER/seedA, FOLDER/seedB, …"
    ),
]


@dataclass(frozen=True)
class Shared:
    """The shared weights: options of all commands."""

    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Of the training: made, or gone on with.")]
    images: options.ImagesOption
    scheme: Annotated[str, typer.Option("--scheme", "-s", help="TOML file: a scheme with a table `sandwich`.")]
    family: options.FamilyOption = "mnasnet"
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of weights, order, augmentation and drawing.")] = 0
    device: options.WhereOption = "cpu"
    workers: Annotated[int, typer.Option("--workers", min=0, help="Processes that load images.")] = 0

    def read(self) -> tuple[NetworkFamily, Images, OneShotScheme]:
        """Give the networks, the images and the scheme."""
        return load_family(self.family), open_images(self.images), load_oneshot_scheme(self.scheme)

    def each(self, seeds: str | None) -> list[Shared]:
        """Give these weights, or those of several seeds, ``0,1,2``, in folders of their own inside this one."""
        if seeds is None:
            return [self]
        numbers = options.read_integers(seeds, "--shared-seeds")
        return [replace(self, folder=self.folder / f"seed{number}", seed=number) for number in numbers]

    def trained(
        self, family: NetworkFamily, images: Images, scheme: OneShotScheme
    ) -> tuple[ElasticNetwork, TrainingResult]:
        """Train to the end what the folder has not."""
        with progress("training", scheme.epochs, "epochs") as bar:
            return train_elastic(
                family,
                images,
                scheme,
                seed=self.seed,
                device=self.device,
                folder=self.folder,
                workers=self.workers,
                validate_every=scheme.epochs,
                report=lambda row: bar(row.epoch + 1),
            )

    @property
    def about(self) -> dict[str, str | int]:
        """What was asked for, for files beside results."""
        return {"family": self.family, "images": self.images, "scheme": self.scheme, "seed": self.seed}


BatchesOption = Annotated[
    int, typer.Option("--batches", min=1, help="Training batches from which batch normalisation counts.")
]
