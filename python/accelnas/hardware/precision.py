"""Bits of weights and activations, block by block of a network, and what few bits lose."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from accelnas import _core
from accelnas.arguments import check_number, check_whole
from accelnas.errors import ModelError
from accelnas.hardware.named import load_named, names

if TYPE_CHECKING:
    from os import PathLike

    from accelnas.hardware.accelerator import Accelerator
    from accelnas.metric import Metric
    from accelnas.space import Space

__all__ = ["Precision", "load_precision", "precisions"]

# the last four tell people what was measured
_KEYS = ("name", "source", "metric", "bits", "loss", "unit", "networks", "accuracy", "whole")


@dataclass(frozen=True)
class Precision:
    """What a block's bits choose among, and what each choice loses of a metric.

    Attributes
    ----------
    name, source : str
        What it is called, and where the losses are from.
    metric : str
        The metric that few bits make worse.
    bits : tuple of int
        Choices of a block, for its weights and activations; ascending.
    loss : tuple of tuple of float
        What each choice loses of the metric, in its unit: a row a block of the network, or one for all blocks. Losses
        of blocks add up; what is below 0 counts as none.

    Examples
    --------
    >>> digits = load_precision("digits")
    >>> digits.bits, digits.metric
    ((4, 8, 16), 'accuracy')
    """

    name: str
    source: str
    metric: str
    bits: tuple[int, ...]
    loss: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        """Refuse choices that are none, and losses that do not fit them."""
        for bits in self.bits:
            check_whole(f"{self.name}: one of bits", bits, 1, 32, ModelError)
        if not self.bits or list(self.bits) != sorted(set(self.bits)):
            raise ModelError(f"{self.name}: bits are {list(self.bits)}; give one or several, ascending")
        if not self.loss:
            raise ModelError(f"{self.name}: loss has no row; give one for all blocks, or one a block")
        for row in self.loss:
            if len(row) != len(self.bits):
                raise ModelError(f"{self.name}: loss {list(row)} is not of bits {list(self.bits)}; give one a choice")
            for loss in row:
                check_number(f"{self.name}: a loss", loss, error=ModelError)

    def of_blocks(self, networks: Space) -> list[tuple[float, ...]]:
        """Give the losses of every block of a space; ModelError if there are rows for neither one nor all blocks."""
        blocks = len(networks.blocks)
        if len(self.loss) not in (1, blocks):
            raise ModelError(
                f"{self.name} has losses of {len(self.loss)} blocks, {networks.name} has {blocks}; give one row for "
                "all, or one a block"
            )
        return list(self.loss) * (blocks // len(self.loss))

    def useful(self) -> Precision:
        """Give the choices that lose less than fewer bits do in some block: others cost more and gain nothing.

        Examples
        --------
        >>> load_precision("digits").useful().bits
        (4, 8)
        """
        losses = [[max(0.0, loss) for loss in row] for row in self.loss]
        kept = [0]
        for choice in range(1, len(self.bits)):
            if any(row[choice] < min(row[i] for i in kept) for row in losses):
                kept.append(choice)
        rows = tuple(tuple(row[choice] for choice in kept) for row in losses)
        return replace(self, bits=tuple(self.bits[choice] for choice in kept), loss=rows)

    def variables(self, networks: Space) -> dict[str, dict[str, object]]:
        """Give the variable of the bits of every block by the block's name, as `benchmark.toml` says variables."""
        choices = list(self.bits)
        return {
            block.name: {"name": f"bits_{block.name}", "symbol": "bits", "choices": choices}
            for block in networks.blocks
        }

    def widest(self, accelerator: Accelerator) -> Accelerator:
        """Give the accelerators whose multipliers are of the most bits; ModelError if their engine has no others."""
        if "bits" not in accelerator.parameters:
            raise ModelError(f"{accelerator.name}: engine {accelerator.engine} has 8 bits alone; leave precision out")
        return replace(accelerator, parameters={**accelerator.parameters, "bits": (self.bits[-1],)})

    def taken_from(self, metric: Metric, surrogate: _core.Surrogate, networks: Space, joint: Space) -> _core.Surrogate:
        """Give a metric of the joint space with what few bits lose taken off; ModelError if losses do not add up."""
        if metric.link != "identity":
            raise ModelError(
                f"{metric.name} has the link {metric.link}, where losses do not add up; leave precision out"
            )
        sign = -1.0 if metric.direction == "maximise" else 1.0
        places = {variable.name: place for place, variable in enumerate(joint.variables)}
        sets = [[places[str(variable["name"])]] for variable in self.variables(networks).values()]
        cells = [[sign * loss for loss in row] for row in self.of_blocks(networks)]
        lost = _core.Surrogate.as_given(joint._core, 0.0, sets, cells)
        return _core.Surrogate.combine(joint._core, [surrogate, lost], [1.0, 1.0], 0.0)


def precisions() -> tuple[str, ...]:
    """Give the names of the losses that come with the package.

    Examples
    --------
    >>> precisions()
    ('digits',)
    """
    return names("precision")


def load_precision(path: str | PathLike[str]) -> Precision:
    """Read bits and losses: one of `precisions` by name, or a TOML file (docs/guides/codesign.md describes it).

    Raises
    ------
    FileError
        If there is no such file.
    ModelError
        If it does not hold together; the message says what to mend.
    """
    return load_named(path, "precision", "precision", _precision)


def _precision(table: dict[str, Any], name: str) -> Precision:
    """Give what a file's table says."""
    if unknown := [key for key in table if key not in _KEYS]:
        raise ModelError(f"there is no key {unknown[0]!r}; use {', '.join(_KEYS)}")
    bits, loss = table.get("bits"), table.get("loss")
    if isinstance(loss, dict):  # of the parts of a network, as `accelnas-training precision` writes it
        loss = [loss[key] for key in sorted((k for k in loss if k.startswith("block")), key=lambda k: (len(k), k))]
    if not isinstance(bits, list) or not isinstance(loss, list):
        raise ModelError(f"bits are {bits!r} and loss is {loss!r}; give a list of each")
    rows = loss if all(isinstance(row, list) for row in loss) else [loss]
    source, metric = str(table.get("source", "")), str(table.get("metric", "accuracy"))
    return Precision(str(table.get("name", name)), source, metric, tuple(bits), tuple(tuple(row) for row in rows))
