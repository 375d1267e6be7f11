"""Batches of images in files, altered by timm and made by worker processes."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import torch
from timm.data.transforms_factory import create_transform
from torch.utils.data import DataLoader, Dataset, Sampler

from accelnas_training.errors import ImagesError
from accelnas_training.images.base import decoded
from accelnas_training.images.loader import Loader
from accelnas_training.images.streams import AUGMENTATION, bits, seeded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor

    from accelnas_training.images.base import Augmentation, Images, LoaderPlan, Part, Samples

    Transform = Callable[[Image], Tensor]


def _transformed(
    image: Callable[[int], Image], rows: NDArray[np.int64], plan: LoaderPlan, mean: tuple[float, ...]
) -> Tensor:
    """Crop, resize and alter images by their numbers; `mean` is the colour that policies fill with.

    Gives uint8 (n, channels, resolution, resolution), neither normalised nor erased: see `finished`.
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


def file_loader(images: Images, part: Part, samples: Samples, plan: LoaderPlan, pools: Pools) -> Loader:
    """Give the batches of one epoch, decoded ahead by the workers; raises ImagesError as `Images.loader`."""
    try:
        _transform(plan.resolution, plan.augmentation, plan.crop_share, images.mean)
    except Exception as error:  # timm raises whatever a wrong policy leads it to
        policy = plan.augmentation.policy if plan.augmentation is not None else ""
        raise ImagesError(f"augmentation.policy is {policy!r}, not one of timm's, such as rand-m9-mstd0.5") from error
    decoder = _Decoder(samples, images.channels, images.mean)
    key = part, plan.workers, plan.device.startswith("cuda")

    def made(chunks: list[_Chunk]) -> Iterator[Tensor | ImagesError]:
        if plan.workers == 0:
            yield from map(decoder.__getitem__, chunks)
            return
        # taken while it works, so that two iterations at a time have a pool each
        pool = pools.pop(key, None) or _Pool(decoder, *key[1:])
        try:
            yield from pool.run(chunks)
        except GeneratorExit:  # the caller broke off: the workers are well
            pools[key] = pool
            raise
        pools[key] = pool

    def read(batches: list[NDArray[np.int64]]) -> Iterator[Tensor]:
        for batch in made([_Chunk(rows, plan) for rows in batches]):
            if isinstance(batch, ImagesError):
                raise batch
            yield batch

    return Loader(images, plan, torch.from_numpy(samples.labels), read)


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
            return _transformed(self._image, chunk.rows, chunk.plan, self._mean)
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
