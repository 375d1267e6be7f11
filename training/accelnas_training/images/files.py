"""Images in files, decoded and altered by worker processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch.utils.data import DataLoader, Dataset, Sampler

from accelnas_training.errors import ImagesError
from accelnas_training.images.base import Images
from accelnas_training.images.finish import finished
from accelnas_training.images.order import batches
from accelnas_training.images.samples import decoded
from accelnas_training.images.transforms import check_transform, transformed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor

    from accelnas_training.images.plan import LoaderPlan, Part
    from accelnas_training.images.samples import Samples

__all__ = ["FileImages"]


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
        mean: tuple[float, ...] = IMAGENET_DEFAULT_MEAN,
        std: tuple[float, ...] = IMAGENET_DEFAULT_STD,
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
        self._pools: dict[tuple[Part, int, bool], _Pool] = {}

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
        check_transform(plan, self.mean)
        return FileLoader(self, part, plan)

    def read_batches(self, part: Part, chunks: list[_Chunk], plan: LoaderPlan) -> Iterator[Tensor | ImagesError]:
        """Give the batches as they come from the workers, uint8, or what went wrong."""
        decoder = _Decoder(self._parts[part], self.channels, self.mean)
        if plan.workers == 0:
            yield from map(decoder.__getitem__, chunks)
            return
        key = part, plan.workers, plan.device.startswith("cuda")
        # taken while it works, so that two iterations at a time have a pool each
        pool = self._pools.pop(key, None) or _Pool(decoder, *key[1:])
        try:
            yield from pool.run(chunks)
        except GeneratorExit:  # the caller broke off: the workers are well
            self._pools[key] = pool
            raise
        self._pools[key] = pool

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pools": {}}  # another process starts workers of its own


class FileLoader:
    """The batches of one epoch, decoded ahead by the workers."""

    def __init__(self, images: FileImages, part: Part, plan: LoaderPlan) -> None:
        self._images, self._part, self._plan = images, part, plan
        self._batches = batches(plan, images.size(part))

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        images, plan = self._images, self._plan
        labels = torch.from_numpy(images._parts[self._part].labels)
        chunks = [_Chunk(rows, plan) for rows in self._batches]
        for chunk, batch in zip(chunks, images.read_batches(self._part, chunks, plan), strict=True):
            if isinstance(batch, ImagesError):
                raise batch
            moved = batch.to(plan.device, non_blocking=True)
            own = labels[torch.from_numpy(chunk.rows)].to(plan.device)
            yield finished(moved, chunk.rows, plan, images.mean, images.std), own


class _Chunk(NamedTuple):
    """All that a worker needs to make a batch."""

    rows: NDArray[np.int64]
    plan: LoaderPlan


class _Decoder(Dataset[Any]):
    """Makes batches; gives what went wrong as a value, since workers wrap what they raise in a long report."""

    def __init__(self, samples: Samples, channels: int, mean: tuple[float, ...]) -> None:
        self._samples, self._channels, self._mean = samples, channels, mean

    def __getitem__(self, chunk: _Chunk) -> Tensor | ImagesError:
        try:
            return transformed(self._image, chunk.rows, chunk.plan, self._mean)
        except ImagesError as error:
            return error

    def _image(self, row: int) -> Image:
        return decoded(self._samples, row, self._channels)


class _Chunks(Sampler[_Chunk]):
    """What the workers make next; changed between epochs, while they live on."""

    chunks: list[_Chunk]

    def __iter__(self) -> Iterator[_Chunk]:
        return iter(self.chunks)


class _Pool:
    """Worker processes that stay for the next epoch."""

    def __init__(self, decoder: _Decoder, workers: int, pinned: bool) -> None:
        self._next = _Chunks()
        self._loader: DataLoader[Any] = DataLoader(
            decoder,
            batch_size=None,  # the decoder makes batches
            sampler=self._next,
            num_workers=workers,
            persistent_workers=True,
            pin_memory=pinned,
            generator=torch.Generator(),  # the default would draw from the caller's
        )

    def run(self, chunks: list[_Chunk]) -> Iterator[Tensor | ImagesError]:
        self._next.chunks = chunks
        yield from self._loader
