"""Batches of images in files, altered by timm and made by worker processes."""

from __future__ import annotations

from contextlib import nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from timm.data.transforms_factory import create_transform
from torch.utils.data import DataLoader, Dataset

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
    _Chunk = tuple[NDArray[np.int64], LoaderPlan]  # the images of a batch, and all that a worker needs besides


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


# idle workers by part, number, and whether they give memory that CUDA copies from; they stay for the next epoch
Pools: TypeAlias = "dict[tuple[Part, int, bool], DataLoader[Any]]"


def file_loader(images: Images, part: Part, samples: Samples, plan: LoaderPlan, pools: Pools) -> Loader:
    """Give the batches of one epoch, decoded ahead by the workers; raises ImagesError as `Images.loader`."""
    try:
        _transform(plan.resolution, plan.augmentation, plan.crop_share, images.mean)
    except Exception as error:  # timm raises whatever a wrong policy leads it to
        policy = plan.augmentation.policy if plan.augmentation is not None else ""
        raise ImagesError(f"augmentation.policy is {policy!r}, not one of timm's, such as rand-m9-mstd0.5") from error
    decoder = _Decoder(samples, images.channels, images.mean)

    def read(batches: list[NDArray[np.int64]]) -> Iterator[Tensor]:
        chunks = [(rows, plan) for rows in batches]
        key = part, plan.workers, plan.device.startswith("cuda")
        made = map(decoder.__getitem__, chunks) if plan.workers == 0 else _by_workers(decoder, chunks, key, pools)
        for batch in made:
            if isinstance(batch, ImagesError):
                raise batch
            yield batch

    return Loader(images, plan, torch.from_numpy(samples.labels), read)


class _Decoder(Dataset[Any]):
    """Makes batches; gives what went wrong as a value, since workers wrap what they raise in a long report."""

    def __init__(self, samples: Samples, channels: int, mean: tuple[float, ...]) -> None:
        self._samples, self._channels, self._mean = samples, channels, mean

    def __getitem__(self, chunk: _Chunk) -> Tensor | ImagesError:
        """Crop, resize and alter images: uint8 (n, channels, r, r), neither normalised nor erased, see `finished`."""
        rows, plan = chunk
        transform = _transform(plan.resolution, plan.augmentation, plan.crop_share, self._mean)
        batch = torch.empty((len(rows), len(self._mean), plan.resolution, plan.resolution), dtype=torch.uint8)
        seeds = bits(AUGMENTATION, plan.seed, plan.epoch, rows, 3)
        try:
            for place, row in enumerate(rows.tolist()):
                image = decoded(self._samples, row, self._channels)
                with nullcontext() if plan.augmentation is None else seeded(seeds[place]):
                    batch[place] = transform(image)
        except ImagesError as error:
            return error
        return batch


def _by_workers(
    decoder: _Decoder, chunks: list[_Chunk], key: tuple[Part, int, bool], pools: Pools
) -> Iterator[Tensor | ImagesError]:
    # taken while it works, so that two iterations at a time have a pool each
    pool = pools.pop(key) if key in pools else _pool(decoder, *key[1:])
    pool.sampler[:] = chunks  # type: ignore[index]
    try:
        yield from pool
    except GeneratorExit:  # the caller broke off: the workers are well
        pools[key] = pool
        raise
    pools[key] = pool


def _pool(decoder: _Decoder, workers: int, pinned: bool) -> DataLoader[Any]:
    """Start worker processes that live on; what they make next is the list `sampler`."""
    return DataLoader(
        decoder,
        batch_size=None,  # the decoder makes batches
        sampler=[],
        num_workers=workers,
        persistent_workers=True,
        pin_memory=pinned,
        generator=torch.Generator(),  # the default would draw from the caller's
    )
