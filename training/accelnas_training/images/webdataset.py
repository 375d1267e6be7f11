"""Sets of tar shards in the WebDataset format, indexed once."""

from __future__ import annotations

import hashlib
import json
import re
from glob import glob, has_magic
from pathlib import Path
from typing import TYPE_CHECKING

from accelnas.fitting.fetch import cache_folder
from accelnas_training.errors import ImagesError
from accelnas_training.images.files import FileImages
from accelnas_training.images.shards import ShardIndex, ShardSamples, index_shard, read_index, write_index

if TYPE_CHECKING:
    from accelnas_training.images.base import Part


_PARTS: dict[Part, tuple[str, ...]] = {"train": ("train",), "validation": ("validation", "val")}


def open_webdataset(pattern: str) -> FileImages:
    """Open tar shards whose samples have one image and one ``.cls``.

    The headers of all shards are read once. The index is kept beside the first shard, or in accelnas's cache folder
    (``$ACCELNAS_CACHE``) where that can't be written, and made again when a shard's size or time changes. The digest
    is the SHA-256 of the shards' names and sizes, not of their content. Classes are as many as train's largest
    label tells.

    Parameters
    ----------
    pattern
        Paths of the shards: ``{part}`` stands for train and for validation or val, ``{000..127}`` and ``{a,b}`` for
        each of these, ``*`` and ``?`` as in a shell. Or two patterns, for train and for validation, with ``;``
        between them.

    Raises
    ------
    ImagesError
        If a shard is missing or damaged, or a sample lacks its image or class.
    """
    parts: dict[Part, ShardSamples] = {}
    digest = hashlib.sha256(b"accelnas image shards 1\n")
    for part in _PARTS:
        paths = _shards(pattern, part)
        parts[part] = ShardSamples(paths, _index(paths))
        names = [[path.name, path.stat().st_size] for path in paths]
        digest.update(f"{part} {json.dumps(names)}\n".encode())
    return FileImages(
        f"webdataset:{pattern}", parts, classes=int(parts["train"].labels.max()) + 1, digest=digest.hexdigest()
    )


def expand_braces(pattern: str) -> list[str]:
    """Write out ``{a,b}`` and ``{00..11}`` as a shell does.

    Examples
    --------
    >>> from accelnas_training.images.webdataset import expand_braces
    >>> expand_braces("{a,b}-{08..10}.tar")
    ['a-08.tar', 'a-09.tar', 'a-10.tar', 'b-08.tar', 'b-09.tar', 'b-10.tar']
    """
    found = re.search(r"\{(\d+)\.\.(\d+)\}|\{([^{}]*,[^{}]*)\}", pattern)
    if found is None:
        return [pattern]
    if found[3] is not None:
        choices = found[3].split(",")
    else:
        width = len(found[1])
        choices = [f"{number:0{width}d}" for number in range(int(found[1]), int(found[2]) + 1)]
    ends = expand_braces(pattern[found.end() :])
    return [pattern[: found.start()] + choice + end for choice in choices for end in ends]


def _shards(pattern: str, part: Part) -> list[Path]:
    """Give the shards of a part, in their order."""
    both = pattern.split(";")
    if len(both) > 2 or (len(both) == 1 and "{part}" not in pattern):
        raise ImagesError(
            f"webdataset:{pattern} does not tell train from validation; write {{part}} in its place, "
            "or two patterns with ; between them"
        )
    if len(both) == 2:
        candidates = [both[part == "validation"]]
    else:
        candidates = [pattern.replace("{part}", name) for name in _PARTS[part]]
    for candidate in candidates:
        paths: list[str] = []
        for name in expand_braces(candidate):
            paths += sorted(glob(name)) if has_magic(name) else [name]  # noqa: PTH207 (may be absolute)
        if paths and (Path(paths[0]).exists() or candidate == candidates[-1]):
            return [Path(path) for path in paths]
    raise ImagesError(f"no shards of {part} match {' or '.join(candidates)}; correct the pattern")


def _index(paths: list[Path]) -> ShardIndex:
    """Give the index of shards, from its file if they have not changed since it was written."""
    try:
        about = json.dumps([[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in paths])
    except FileNotFoundError as error:
        raise ImagesError(f"{error.filename} does not exist; correct the pattern, or fetch the shard") from error
    own = hashlib.sha256("\n".join(str(path.absolute()) for path in paths).encode()).hexdigest()[:16]
    places = [paths[0].parent / f".{own}.index", cache_folder() / "images" / f"{own}.index"]
    for place in places:
        try:
            return read_index(place, about)
        except ImagesError:  # none, or an old one
            continue
    index = ShardIndex.joined([index_shard(path) for path in paths])
    if not len(index.labels):
        raise ImagesError(f"{paths[0]} and the {len(paths) - 1} shards after it hold no samples")
    for place in places:
        try:
            if place != places[0]:
                place.parent.mkdir(parents=True, exist_ok=True)
            write_index(place, index, about)
            break
        except OSError:  # a read-only disk: the next place, or none; the index is in memory
            continue
    return index
