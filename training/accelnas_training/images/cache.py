"""Open a cache of resized images."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from accelnas_training.errors import ImagesError
from accelnas_training.images.files import FileImages
from accelnas_training.images.index_file import read_index
from accelnas_training.images.manifest import MANIFEST, Manifest
from accelnas_training.images.shards import ShardSamples

if TYPE_CHECKING:
    from accelnas_training.images.manifest import CachedPart
    from accelnas_training.images.plan import Part

__all__ = ["index_name", "open_cache"]


def index_name(part: Part) -> str:
    """Name of the file that says where a part's images lie."""
    return f"{part}-index.safetensors"


def open_cache(path: str) -> FileImages:
    """Open what `write_cache` wrote.

    The sizes of all shards and the content of the index are checked now; each image's bytes when it is read. The
    digest is the manifest's, which covers the SHA-256 of every shard. Images are normalised as those of the source.

    Raises
    ------
    ImagesError
        If there is no finished cache, or a file is missing, damaged or cut off.
    """
    folder = Path(path)
    manifest = Manifest.read(folder / MANIFEST)
    if set(manifest.parts) != {"train", "validation"}:
        raise ImagesError(f"{folder / MANIFEST} has the parts {', '.join(manifest.parts)}; write the cache again")
    return FileImages(
        f"cache:{path}",
        {part: _samples(folder, part, entry) for part, entry in manifest.parts.items()},
        classes=manifest.classes,
        digest=manifest.digest,
        channels=manifest.channels,
        mean=manifest.mean,
        std=manifest.std,
    )


def _samples(folder: Path, part: Part, entry: CachedPart) -> ShardSamples:
    paths = [folder / shard.name for shard in entry.shards]
    for path, shard in zip(paths, entry.shards, strict=True):
        size = path.stat().st_size if path.is_file() else None
        if size is None:
            raise ImagesError(f"{path} is missing; copy it again, or write the cache again")
        if size != shard.size:
            raise ImagesError(f"{path} has {size} bytes, not {shard.size}: copy it again, or write the cache again")
    path = folder / index_name(part)
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != entry.index_sha256:
        raise ImagesError(f"{path} is missing or damaged; copy it again, or write the cache again")
    index, checksums = read_index(path, part)
    if len(index.labels) != entry.images:
        raise ImagesError(f"{path} has {len(index.labels)} images, not {entry.images}; write the cache again")
    return ShardSamples(paths, index, checksums)
