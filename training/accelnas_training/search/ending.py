"""The end of a search: its best trained under a reference scheme, measured on this machine, exported."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from accelnas_training.collect.job import Job
from accelnas_training.collect.training_work import fitted, job_folder, training_work
from accelnas_training.measure import measure_network
from accelnas_training.networks.export import export_onnx
from accelnas_training.train.run import trained_network

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from accelnas_training.arrays import Floats
    from accelnas_training.images import Images
    from accelnas_training.measure import Measurement, Protocol
    from accelnas_training.networks import NetworkFamily
    from accelnas_training.schemes import Scheme
    from accelnas_training.search.found import Found
    from accelnas_training.search.search import Trainer


@dataclass(frozen=True)
class Ending:
    """What is done with the best architectures."""

    reference: Scheme  # how they are trained again
    seeds: Sequence[int]  # with which seeds; the first that did not fail is measured and exported
    count: int  # how many of them
    protocol: Protocol  # how they are measured, at the pixels of the reference's validation
    trainings: Path  # where trainings leave their weights
    device: str = "cpu"
    loaders: int = 0


@dataclass(frozen=True)
class Finalist:
    """One of the best architectures."""

    place: int  # among the evaluations in the order of ends
    architecture: tuple[int, ...]
    results: Sequence[Mapping[str, float] | None]  # of each seed under the reference; None if it failed
    # of the first seed that did not fail; none if all did
    measurement: Measurement | None = None
    onnx: Path | None = None
    difference: float = np.nan  # largest, between ONNX Runtime's and PyTorch's outputs

    @property
    def accuracies(self) -> Floats:
        """Top-1 in per cent, float64 (seeds,); NaN where the training failed."""
        return np.array([np.nan if one is None else one["accuracy"] for one in self.results], np.float64)


def finish(
    found: Found, ending: Ending, family: NetworkFamily, images: Images, trainer: Trainer, folder: Path
) -> list[Finalist]:
    """Train the best under the reference, through the store, then measure and export them into a folder.

    What the store has is not trained again, except where its weights are gone.

    Raises
    ------
    SearchError
        If nothing is feasible.
    NetworkError, MeasurementError, MissingExtraError
        If a network can't be exported or measured, or a library for it is not installed.
    """
    scheme, store = ending.reference, trainer.store
    places = found.best(ending.count)
    resolution = scheme.resize.validation
    store.add_scheme(scheme.digest, scheme.name, scheme.to_dict())
    work = training_work(
        family, images, ending.trainings, device=ending.device, workers=ending.loaders, resolution=resolution
    )
    rows = found.architectures
    jobs = {place: [Job.of(rows[place], scheme.digest, seed) for seed in ending.seeds] for place in places}
    # weights are exported later, so that nothing forgets them
    replace(trainer, work=work, recorded=None).train([job for some in jobs.values() for job in some])
    finalists = []
    for rank, place in enumerate(places, 1):
        results = store.values(jobs[place])
        one = Finalist(place, jobs[place][0].architecture, results)
        good = [job for job, values in zip(jobs[place], results, strict=True) if values is not None]
        if good:
            own = job_folder(ending.trainings, good[0], ending.reference)
            own.mkdir(parents=True, exist_ok=True)
            network, _ = trained_network(
                family,
                rows[place],
                images,
                scheme,
                seed=good[0].seed,
                device=ending.device,
                folder=own,
                workers=ending.loaders,
                validate_every=scheme.epochs,
            )
            network, channels = network.to("cpu"), fitted(family, images).options.in_channels
            measured = measure_network(network, ending.protocol.changed(resolution=resolution), channels)
            path = folder / f"best-{rank}.onnx"
            difference = export_onnx(network, path, resolution, in_channels=channels)
            one = replace(one, measurement=measured, onnx=path, difference=difference)
        finalists.append(one)
    return finalists
