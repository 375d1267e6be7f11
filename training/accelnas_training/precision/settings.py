"""What is studied of each network: its parts, their bits, and mixtures of these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np

from accelnas_training.checked import Checked, Range
from accelnas_training.errors import NetworkError
from accelnas_training.schemes import Scheme  # noqa: TC001 (Checked reads the annotations)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelnas import Space
    from accelnas_training.collect.job import Job

STEM, HEAD = "stem", "head"


@dataclass(frozen=True)
class PrecisionSettings(Checked):
    """How a network is trained, and with which bits it is validated then.

    Attributes
    ----------
    scheme
        How it is trained and validated.
    bits
        Bits of weights and activations, 2 to 16: of the whole network, and of each part beside others of float32.
    mixed
        Networks whose every part has bits of its own, drawn evenly, for each architecture.
    calibrated
        Training images by which ranges are calibrated.

    Raises
    ------
    NetworkError
        If a value is out of its range.

    Examples
    --------
    >>> from accelnas_training.schemes import load_scheme
    >>> PrecisionSettings(load_scheme("p_star"), bits=(8, 4)).bits
    (4, 8)
    """

    error = NetworkError
    scheme: Scheme
    bits: tuple[int, ...] = (4, 8, 16)
    mixed: Annotated[int, Range(least=0)] = 6
    calibrated: Annotated[int, Range(least=1)] = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "bits", tuple(sorted(set(self.bits))))
        if not self.bits or not 2 <= self.bits[0] <= self.bits[-1] <= 16:
            raise NetworkError(f"bits are {self.bits}; choose some of 2 to 16")

    @property
    def digest(self) -> str:
        """Names the settings, 64 hex digits; the name of the scheme is no part of it."""
        table = self.to_dict()
        return self.changed(scheme={**table["scheme"], "name": "any"}).digest_of("accelnas precision 1\n")

    def mixture(self, job: Job, number: int, parts: Sequence[str]) -> dict[str, int]:
        """Draw the bits of each part of the job's mixed network of this number, from 0; always the same."""
        generator = np.random.default_rng([number, job.seed, *job.architecture])
        drawn = generator.choice(self.bits, len(parts))
        return dict(zip(parts, drawn.tolist(), strict=True))


def part_names(space: Space) -> list[str]:
    """Name the parts of a space's networks in their order: the stem, the blocks, the head.

    Examples
    --------
    >>> from accelnas import mnasnet_space
    >>> part_names(mnasnet_space())[:3]
    ['stem', 'block0', 'block1']
    """
    return [STEM, *(block.name for block in space.blocks), HEAD]
