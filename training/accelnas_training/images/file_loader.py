"""Batches of images in files, made by worker processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from accelnas_training.errors import ImagesError
from accelnas_training.images.finish import finished
from accelnas_training.images.order import batches
from accelnas_training.images.samples import decoded
from accelnas_training.images.transforms import check_transform, transformed

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor

    from accelnas_training.images.base import Images
    from accelnas_training.images.plan import LoaderPlan, Part
    from accelnas_training.images.samples import Samples

__all__ = ["FileLoader", "Pools"]

# idle workers by part, number, and whether they give memory that CUDA copies from
Pools: TypeAlias = "dict[tuple[Part, int, bool], _Pool]"


class FileLoader:
    """The batches of one epoch, decoded ahead by the workers."""

    def __init__(self, images: Images, part: Part, samples: Samples, plan: LoaderPlan, pools: Pools) -> None:
        check_transform(plan, images.mean)
        self._images, self._samples, self._plan, self._pools = images, samples, plan, pools
        self._key = part, plan.workers, plan.device.startswith("cuda")
        self._batches = batches(plan, len(samples.labels))

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        images, plan = self._images, self._plan
        labels = torch.from_numpy(self._samples.labels)
        for rows, batch in zip(self._batches, self._read(), strict=True):
            if isinstance(batch, ImagesError):
                raise batch
            moved = batch.to(plan.device, non_blocking=True)
            own = labels[torch.from_numpy(rows)].to(plan.device)
            yield finished(moved, rows, plan, images.mean, images.std), own

    def _read(self) -> Iterator[Tensor | ImagesError]:
        """Give the batches as they come from the workers, uint8, or what went wrong."""
        decoder = _Decoder(self._samples, self._images.channels, self._images.mean)
        chunks = [_Chunk(rows, self._plan) for rows in self._batches]
        if self._plan.workers == 0:
            yield from map(decoder.__getitem__, chunks)
            return
        # taken while it works, so that two iterations at a time have a pool each
        pool = self._pools.pop(self._key, None) or _Pool(decoder, *self._key[1:])
        try:
            yield from pool.run(chunks)
        except GeneratorExit:  # the caller broke off: the workers are well
            self._pools[self._key] = pool
            raise
        self._pools[self._key] = pool


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
