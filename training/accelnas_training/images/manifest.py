"""What a cache of resized images says about itself."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from accelnas.files import replacing
from accelnas_training.errors import ImagesError

if TYPE_CHECKING:
    from accelnas_training.images.plan import Part

__all__ = ["MANIFEST", "CachedPart", "Manifest", "Shard"]

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
    """A cache's content and how it was made.

    Attributes
    ----------
    source, source_digest : str
        Name and digest of the images that were resized.
    shorter_side : int
        Pixels to which larger images were shrunk.
    quality : int
        Of JPEG, 1 to 100.
    shard_images : int
        Images a shard; the last has fewer.
    encoder : str
        The library that resized and encoded, and its version.
    classes, channels, mean, std
        As in `Images`; those of the source.
    parts : dict
        ``train`` and ``validation``; empty while the cache is being written.
    """

    source: str
    source_digest: str
    shorter_side: int
    quality: int
    shard_images: int
    encoder: str
    classes: int
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
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
        """Read a JSON file.

        Raises
        ------
        ImagesError
            If it is missing, damaged, or of another version.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            written = content.pop("format")
            if written != _FORMAT:
                raise ImagesError(f"{path} is {written!r}, expected {_FORMAT!r}; write the cache again")
            return _manifest(content)
        except FileNotFoundError:
            raise ImagesError(f"{path} does not exist; write the cache, or let it be finished") from None
        except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
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
