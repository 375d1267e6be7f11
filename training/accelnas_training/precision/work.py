"""Networks trained, and validated with few bits: what a worker does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from accelnas_training.collect.job import Outcome, Task
from accelnas_training.collect.training_work import fitted
from accelnas_training.collect.work import NetworkWork, WorkDescription
from accelnas_training.errors import NetworkError
from accelnas_training.precision.settings import HEAD, STEM, PrecisionSettings, part_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from accelnas import Space
    from accelnas_training.images import Images
    from accelnas_training.networks import NetworkFamily


def precision_work(family: NetworkFamily, images: Images, work_folder: Path, device: str = "cpu") -> WorkDescription:
    """Describe to workers what they do, as `training_work`; `device` is where they train.

    Outcomes have top-1 in per cent: ``accuracy`` of float32; ``accuracy_int8`` by ONNX Runtime; ``all_4`` where the
    whole network has 4 bits, ``block0_4`` where a part has; ``mixed0`` and so on, of `PrecisionSettings.mixture`.
    """
    arguments = {
        "family": fitted(family, images).to_dict(),
        "images": images.name,
        "digest": images.digest,
        "work_folder": str(work_folder.resolve()),
        "device": device,
    }
    return WorkDescription(f"{__name__}:PrecisionWork", arguments)


class PrecisionWork(NetworkWork):
    """A worker's part of `precision_work`, whose arguments these are."""

    def __init__(self, family: Mapping[str, Any], images: str, digest: str, work_folder: str, device: str) -> None:
        super().__init__(family, images, digest)
        from accelnas_training.networks.export import needed

        needed("onnx", "onnxscript", "onnxruntime")
        self._folder, self._device = work_folder, device

    def __call__(self, task: Task) -> Outcome:
        """Train the job's architecture, or go on with it, and validate it with all bits."""
        from accelnas_training.accuracy import fake, int8_accuracy
        from accelnas_training.accuracy.batches import calibration, share_right, validation
        from accelnas_training.train.run import trained_network

        job, settings, images = task.job, PrecisionSettings.from_dict(task.scheme), cast("Images", self.images)
        scheme = settings.scheme
        folder = Path(self._folder) / job.key
        folder.mkdir(parents=True, exist_ok=True)
        network, result = trained_network(
            self.family,
            np.array(job.architecture, np.uint8),
            images,
            scheme,
            seed=job.seed,
            device=self._device,
            folder=folder,
            validate_every=scheme.epochs,
        )
        network = network.to("cpu").eval()
        parts = parts_of(fake.layers(network), self.family.space)
        batches, calibrating = list(validation(images, scheme)), calibration(images, scheme, settings.calibrated)
        values = fake.seen(network, calibrating)

        def top1(bits: Mapping[str, int]) -> float:
            own = {layer: bits[part] for part, names in parts.items() if part in bits for layer in names}
            with fake.quantised(network, own, values):
                return share_right(network, batches)

        found = {
            "accuracy": result.top1,
            "accuracy_int8": int8_accuracy(network, images, scheme, calibrated=settings.calibrated),
        }
        for bits in settings.bits:
            found[f"all_{bits}"] = top1(dict.fromkeys(parts, bits))
            found |= {f"{part}_{bits}": top1({part: bits}) for part in parts}
        for number in range(settings.mixed):
            found[f"mixed{number}"] = top1(settings.mixture(job, number, list(parts)))
        return Outcome(found, self.environment)


def parts_of(layers: Iterable[str], space: Space) -> dict[str, list[str]]:
    """Share names of layers among the parts of networks whose attribute ``blocks`` has the space's blocks in order.

    Raises
    ------
    NetworkError
        If a block has no layer.

    Examples
    --------
    >>> from accelnas import spaces
    >>> names = ["conv_stem", *(f"blocks.{number}.0.conv" for number in range(7)), "conv_head", "classifier"]
    >>> found = parts_of(names, spaces.load("mnasnet"))
    >>> found["stem"], found["block6"], found["head"]
    (['conv_stem'], ['blocks.6.0.conv'], ['conv_head', 'classifier'])
    """
    parts: dict[str, list[str]] = {name: [] for name in part_names(space)}
    blocks, place = list(parts)[1:-1], STEM
    for name in layers:
        first, number, *_ = [*name.split("."), "", ""]
        if first == "blocks" and number.isdecimal() and int(number) < len(blocks):
            place = blocks[int(number)]
        elif place != STEM:
            place = HEAD
        parts[place].append(name)
    for block in blocks:
        if not parts[block]:
            raise NetworkError(
                f"no layer of the network belongs to {block}; build networks whose attribute blocks has the "
                f"{len(blocks)} blocks of space {space.name} in their order"
            )
    return {name: own for name, own in parts.items() if own}
