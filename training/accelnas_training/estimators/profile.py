"""A lookup table made by measuring every block of a network in each of its states."""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.linalg import qr
from torch import nn

from accelnas.errors import DataError
from accelnas.files import read_text, write_text
from accelnas_training.checked import Checked
from accelnas_training.measure import measuring
from accelnas_training.measure.collection import reference_architecture
from accelnas_training.measure.subject import Subject
from accelnas_training.transfer.sources import fit_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeAlias

    from accelnas import Space
    from accelnas_training.arrays import Archs, Floats
    from accelnas_training.measure import Measurement, Protocol
    from accelnas_training.networks.family import NetworkFamily

    _Part: TypeAlias = tuple[nn.Module, tuple[int, ...]]

_DRAWN = 20  # architectures to choose from, for each state
_RANK = 1e-8  # below this share of the largest, a direction is none


@dataclass(frozen=True)
class Profile(Checked):
    """Measured parts of networks, milliseconds of a pass of one batch."""

    error = DataError
    protocol: str  # digest of how they were measured
    batch: int  # images in a pass
    fixed: float  # stem and head
    blocks: tuple[tuple[float, ...], ...]  # of each block, every state
    seconds: float  # time of measuring
    networks: int = 0  # that were measured whole, instead of stem, head and blocks apart

    @property
    def measurements(self) -> int:
        """Number of modules measured: stem, head, and all states of all blocks; or whole networks."""
        return self.networks or 2 + sum(len(block) for block in self.blocks)

    def times(self, states: Archs, link: str) -> Floats:
        """Add parts up, float64 (n,), of block states (n, blocks).

        Link ``"identity"``: milliseconds of a pass, as a latency. ``"reciprocal"``: seconds an image, one divided by a
        throughput.
        """
        passes = self.fixed + np.sum([np.array(own)[states[:, b]] for b, own in enumerate(self.blocks)], axis=0)
        return np.asarray(passes if link == "identity" else passes / (1000 * self.batch))

    def write(self, path: Path) -> None:
        """Write as JSON."""
        write_text(path, json.dumps(self.to_dict()) + "\n")


def read_profile(path: str | Path) -> Profile:
    """Read what `Profile.write` wrote; raises DataError if it is something else."""
    try:
        found = Profile.from_dict(json.loads(read_text(path)))
    except (AttributeError, RecursionError, TypeError, ValueError) as error:
        raise DataError(f"{path} is no profile of blocks: {error}; make one with profile-blocks") from None
    if not found.blocks:
        raise DataError(f"{path} holds no blocks; make one with profile-blocks")
    return found


def profile_blocks(
    family: NetworkFamily, protocol: Protocol, progress: Callable[[float], None] | None = None
) -> Profile:
    """Measure what blocks cost in each of their states; `progress` is told the share that is done.

    Stem, head and every block in each state are measured apart, if the networks have an attribute ``blocks``, in the
    order of the space's, and ends as timm's EfficientNets have them. Else as many whole networks are measured as blocks
    have states to tell apart, and blocks fitted to them: exact where times add up over blocks.

    Where the protocol pairs passes, each time is divided by the pace of the reference network beside it. Raises
    NetworkError if a network can't be built, MeasurementError as `accelnas_training.measure.measure_module`.
    """
    started = time.monotonic()
    space = family.space
    sizes = [block.size for block in space.blocks]
    image = (family.options.in_channels, protocol.resolution, protocol.resolution)
    reference = family.build(reference_architecture(space))
    telling = None if _has_blocks(reference, len(sizes)) else _telling(space)
    modules = _all_parts(family, sizes, image) if telling is None else _whole(family, telling, image)
    total = 2 + sum(sizes) if telling is None else len(telling)
    found: list[Measurement] = []
    with tempfile.TemporaryDirectory(prefix="accelnas-profile-") as folder:
        beside = Subject(reference, image, Path(folder))
        for module, shape in modules:
            with tempfile.TemporaryDirectory(prefix="accelnas-profile-") as own:
                found.append(measuring.measure_subject(Subject(module, shape, Path(own), beside), protocol))
            if progress is not None:
                progress(len(found) / total)
    times, pace = (np.array([getattr(each, name) for each in found]) for name in ("latency_ms", "reference_ms"))
    if not np.isnan(pace).any():
        times = times / (pace / np.median(pace))
    if telling is None:
        fixed, tables = times[:2].sum(), np.split(times[2:], np.cumsum(sizes)[:-1])
    else:
        constant, columns = fit_blocks(space.block_states(telling), sizes, times[:, None])
        fixed, tables = constant[0], [column[:, 0] for column in columns]
    blocks = tuple(tuple(table.tolist()) for table in tables)
    networks = 0 if telling is None else len(telling)
    return Profile(protocol.digest, protocol.batch, float(fixed), blocks, time.monotonic() - started, networks)


def _telling(space: Space) -> Archs:
    """Choose architectures that tell the states of blocks apart, as few as do; always the same."""
    sizes = [block.size for block in space.blocks]
    drawn = space.sample(_DRAWN * sum(sizes), 0)
    states = space.block_states(drawn)
    hot = np.concatenate([np.eye(size)[states[:, b]] for b, size in enumerate(sizes)], axis=1)
    triangle, order = qr(hot.T, mode="r", pivoting=True)
    diagonal = np.abs(np.diagonal(triangle))
    chosen: Archs = drawn[order[: np.count_nonzero(diagonal > _RANK * diagonal[0])]]
    return chosen


def _whole(family: NetworkFamily, archs: Archs, image: tuple[int, ...]) -> Iterator[_Part]:
    return ((family.build(architecture).eval(), image) for architecture in archs)


def _all_parts(family: NetworkFamily, sizes: Sequence[int], image: tuple[int, ...]) -> Iterator[_Part]:
    """Give stem, head, and every block in each state."""
    ends = _parts(_network(family, 0, 0), image)
    yield ends[0]
    yield ends[-1]
    for b, size in enumerate(sizes):
        for state in range(size):
            yield _parts(_network(family, b, state), image)[1 + b]


def _network(family: NetworkFamily, block: int, state: int) -> nn.Module:
    """Build the network with one block in a state, the others in state 0."""
    states = np.zeros((1, len(family.space.blocks)), np.uint16)
    states[0, block] = state
    return family.build(family.space._core.from_block_states(states)[0])


def _has_blocks(network: Any, blocks: int) -> bool:
    """Say whether blocks can be told apart as those of timm's EfficientNets."""
    ends = ("conv_stem", "bn1", "conv_head", "bn2", "global_pool", "classifier")
    return all(hasattr(network, name) for name in ends) and len(getattr(network, "blocks", ())) == blocks


def _parts(network: Any, image: tuple[int, ...]) -> list[_Part]:
    """Give stem, blocks and head, each with the shape of its input."""
    stem = nn.Sequential(network.conv_stem, network.bn1)
    head = nn.Sequential(network.conv_head, network.bn2, network.global_pool, network.classifier)
    parts: list[_Part] = []
    values = torch.zeros(1, *image)
    with torch.no_grad():
        for module in (stem, *network.blocks, head):
            parts.append((module.eval(), tuple(values.shape[1:])))
            values = module(values)
    return parts
