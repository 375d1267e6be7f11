"""Images in files, decoded one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accelnas_training.errors import ImagesError
from accelnas_training.images.base import Images
from accelnas_training.images.samples import decoded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PIL.Image import Image

    from accelnas_training.images.base import LoaderPlan, Part
    from accelnas_training.images.file_loader import FileLoader, Pools
    from accelnas_training.images.samples import Samples

__all__ = ["FileImages"]

# of ImageNet's train part, as torchvision and timm have them
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class FileImages(Images):
    """Images in files, of any size.

    Worker processes decode and alter them and live on from epoch to epoch; bytes are sent to the device and
    normalised there. By default by the mean and standard deviation of ImageNet.

    Parameters
    ----------
    name
        The source.
    parts
        The encoded images of ``train`` and ``validation``.
    classes, channels, digest, mean, std
        As in `Images`.

    Raises
    ------
    ImagesError
        If a label is not one of the classes.
    """

    def __init__(
        self,
        name: str,
        parts: Mapping[Part, Samples],
        *,
        classes: int,
        digest: str,
        channels: int = 3,
        mean: tuple[float, ...] = _MEAN,
        std: tuple[float, ...] = _STD,
    ) -> None:
        for part, samples in parts.items():
            wrong = ((samples.labels < 0) | (samples.labels >= classes)).nonzero()[0]
            if len(wrong):
                where, label = samples.where(int(wrong[0])), samples.labels[wrong[0]]
                raise ImagesError(
                    f"{where}: class {label} of {part} is none of the {classes} of train, 0 to {classes - 1}"
                )
        self.name, self.classes, self.digest = name, classes, digest
        self.channels, self.mean, self.std = channels, mean, std
        self._parts = dict(parts)
        self._pools: Pools = {}

    def size(self, part: Part) -> int:
        """Give the number of images of a part."""
        return len(self._parts[part].labels)

    def image(self, part: Part, index: int) -> tuple[Image, int]:
        """Give one image, and its class.

        Raises
        ------
        ImagesError
            If it can't be read.
        """
        samples = self._parts[part]
        return decoded(samples, index, self.channels), int(samples.labels[index])

    def loader(self, part: Part, plan: LoaderPlan) -> FileLoader:
        """Give the batches of one epoch.

        Raises
        ------
        ImagesError
            If there is not one batch to train on, timm knows no such policy, or colours of grey images are to change.
        """
        asked = plan.augmentation
        if asked is not None and self.channels == 1 and (asked.policy or asked.color_jitter):
            raise ImagesError(
                f"augmentation.policy is {asked.policy!r} and color_jitter {asked.color_jitter}, which "
                f"grey images can't have; leave them out for {self.name}"
            )
        from accelnas_training.images.file_loader import FileLoader  # PyTorch and timm take seconds to import

        return FileLoader(self, part, self._parts[part], plan, self._pools)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pools": {}}  # another process starts workers of its own
