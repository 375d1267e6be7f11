"""A cache of resized images: what it says about itself, and opening it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from accelnas.files import read_text, replacing
from accelnas_training.errors import ImagesError
from accelnas_training.images.files import FileImages
from accelnas_training.images.shards import ShardSamples, read_index

if TYPE_CHECKING:
    from accelnas_training.images.base import Part


MANIFEST = "manifest.json"

_FORMAT = "accelnas image cache 1"


@dataclass(frozen=True)
class Shard:
    """One tar file: its name, number of images, size in bytes, and SHA-256."""

    name: str
    images: int
    size: int
    sha256: str


@dataclass(frozen=True)
class CachedPart:
    """One part: the number of its images, the shards they lie in, and the SHA-256 of the shards' index."""

    images: int
    index_sha256: str
    shards: tuple[Shard, ...]


@dataclass(frozen=True)
class Manifest:
    """A cache's content and how it was made."""

    # name and digest of the images that were resized
    source: str
    source_digest: str
    shorter_side: int  # pixels to which larger images were shrunk
    quality: int  # of JPEG, 1 to 100
    shard_images: int  # images a shard; the last has fewer
    encoder: str  # the library that resized and encoded, and its version
    # as in `Images`; those of the source
    classes: int
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    # ``train`` and ``validation``; empty while the cache is being written
    parts: dict[Part, CachedPart] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 of all fields, and so of all shards: 64 hex digits."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def write(self, path: Path) -> None:
        """Write a JSON file."""
        with replacing(path) as temporary:
            temporary.write_text(json.dumps({"format": _FORMAT, **asdict(self)}, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read a JSON file; raises ImagesError if it is missing, damaged, or of another version."""
        try:
            if not path.exists():
                raise ImagesError(f"{path} does not exist; write the cache, or let it be finished")
            content = json.loads(read_text(path, ImagesError))
            written = content.pop("format")
            if written != _FORMAT:
                raise ImagesError(f"{path} is {written!r}, expected {_FORMAT!r}; write the cache again")
            return _manifest(content)
        except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            if isinstance(error, ImagesError):
                raise
            raise ImagesError(f"{path} is damaged: {error}; write the cache again") from error


def _manifest(content: dict[str, Any]) -> Manifest:
    parts: dict[Part, CachedPart] = {}
    for part, entry in content.pop("parts").items():
        shards = tuple(Shard(**shard) for shard in entry.pop("shards"))
        for shard in shards:
            if PurePath(shard.name).name != shard.name:  # a cache may come from strangers
                raise ValueError(f"shard {shard.name!r} lies outside")
        parts[part] = CachedPart(**entry, shards=shards)
    mean, std = tuple(content.pop("mean")), tuple(content.pop("std"))
    made = Manifest(**content, mean=mean, std=std, parts=parts)
    if made.channels not in (1, 3) or len(mean) != made.channels or len(std) != made.channels or made.classes < 1:
        raise ValueError(f"{made.channels} channels, {made.classes} classes, mean {mean}, std {std}")
    return made


def index_name(part: Part) -> str:
    """Name of the file that says where a part's images lie."""
    return f"{part}-index.safetensors"


def open_cache(path: str) -> FileImages:
    """Open what `write_cache` wrote.

    Raises ImagesError if it is not finished, or a file is missing, damaged or cut off. The sizes of all shards and the
    content of the index are checked now; each image's bytes when it is read. The digest is the manifest's, which covers
    the SHA-256 of every shard. Images are normalised as those of the source.
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
    index = read_index(path, part)
    if len(index.labels) != entry.images:
        raise ImagesError(f"{path} has {len(index.labels)} images, not {entry.images}; write the cache again")
    return ShardSamples(paths, index)
