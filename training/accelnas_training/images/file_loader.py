"""Batches of images in files, altered by timm and made by worker processes."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import torch
from timm.data.transforms_factory import create_transform
from torch.utils.data import DataLoader, Dataset, Sampler

from accelnas_training.errors import ImagesError
from accelnas_training.images.base import decoded
from accelnas_training.images.streams import AUGMENTATION, batches, bits, seeded
from accelnas_training.images.tensors import finished

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor

    from accelnas_training.images.base import Augmentation, Images, LoaderPlan, Part, Samples

    Transform = Callable[[Image], Tensor]


def transformed(
    image: Callable[[int], Image], rows: NDArray[np.int64], plan: LoaderPlan, mean: tuple[float, ...]
) -> Tensor:
    """Crop, resize and alter a batch of images, in this process.

    Parameters
    ----------
    image
        Gives an image by its number.
    rows
        Numbers of the images, (n,).
    plan
        The epoch.
    mean
        Of each channel, in 0 to 1: the colour that policies fill with.

    Returns
    -------
    Tensor
        uint8 (n, channels, resolution, resolution); not normalised, nothing erased: see `finished`.
    """
    transform = _transform(plan.resolution, plan.augmentation, plan.crop_share, mean)
    batch = torch.empty((len(rows), len(mean), plan.resolution, plan.resolution), dtype=torch.uint8)
    if plan.augmentation is None:
        for place, row in enumerate(rows.tolist()):
            batch[place] = transform(image(row))
        return batch
    seeds = bits(AUGMENTATION, plan.seed, plan.epoch, rows, 3)
    for place, row in enumerate(rows.tolist()):
        stored = image(row)
        with seeded(seeds[place]):
            batch[place] = transform(stored)
    return batch


def check_transform(plan: LoaderPlan, mean: tuple[float, ...]) -> None:
    """Make the transforms of an epoch once.

    Raises
    ------
    ImagesError
        If timm can't read the policy.
    """
    try:
        _transform(plan.resolution, plan.augmentation, plan.crop_share, mean)
    except Exception as error:  # timm raises whatever a wrong policy leads it to
        policy = plan.augmentation.policy if plan.augmentation is not None else ""
        raise ImagesError(f"augmentation.policy is {policy!r}, not one of timm's, such as rand-m9-mstd0.5") from error


@lru_cache(maxsize=8)
def _transform(
    resolution: int, augmentation: Augmentation | None, crop_share: float, mean: tuple[float, ...]
) -> Transform:
    options: dict[str, Any] = {"interpolation": "bilinear", "crop_pct": crop_share}
    if augmentation is not None:
        options = {
            "scale": augmentation.scale,
            "ratio": augmentation.ratio,
            "hflip": augmentation.flip,
            "auto_augment": augmentation.policy or None,
            "color_jitter": augmentation.color_jitter or None,
            "interpolation": augmentation.interpolation,
        }
    made: Transform = create_transform(
        input_size=resolution, is_training=augmentation is not None, mean=mean, normalize=False, **options
    )
    return made


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
