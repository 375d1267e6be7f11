"""A layer of a network: its shape, and what follows from that alone."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Layer"]

_NORMALISATION = 4  # operations of a value


@dataclass(frozen=True)
class Layer:
    """One layer, for one square image.

    Attributes
    ----------
    kind : {"convolution", "mean", "pool", "product", "sum"}
        A convolution, dense ones among them (of one pixel); the mean over all pixels of each channel; a pooling of
        windows; a gate's product with what it gates; the sum of two branches.
    inputs, outputs : int
        Channels.
    pixels : int
        Height and width of the input.
    kernel, stride, groups : int
        Of a convolution or a pooling.
    normalised, biased : bool
        Whether a batch normalisation follows, and whether there is a bias.
    kept : int
        Values that a later layer still needs, beside those that this one reads and writes.

    Examples
    --------
    >>> stem = Layer("convolution", 3, 32, 224, kernel=3, stride=2, normalised=True)
    >>> stem.products, stem.macs, stem.params
    (10838016, 12443648, 928)
    """

    kind: str
    inputs: int
    outputs: int
    pixels: int
    kernel: int = 1
    stride: int = 1
    groups: int = 1
    normalised: bool = False
    biased: bool = False
    kept: int = 0

    @property
    def after(self) -> int:
        """Height and width of the output."""
        return 1 if self.kind == "mean" else self.pixels // self.stride

    @property
    def weights(self) -> int:
        """Weights of a convolution."""
        return self.outputs * self.inputs // self.groups * self.kernel**2 if self.kind == "convolution" else 0

    @property
    def products(self) -> int:
        """Multiplications of an activation with a weight, each of which is added to a sum."""
        return self.weights * self.after**2

    @property
    def macs(self) -> int:
        """Operations as Accel-NASBench's data count them.

        One a multiply-accumulate, none for biases, activations, gates and sums, four a normalised value, and for a mean
        its inputs and a division a channel.
        """
        if self.kind == "mean":
            return self.inputs * (self.pixels**2 + 1)
        return self.products + _NORMALISATION * self.writes * self.normalised

    @property
    def params(self) -> int:
        """Weights, biases, and two of each normalised channel."""
        return self.weights + self.outputs * (self.biased + 2 * self.normalised)

    @property
    def reads(self) -> int:
        """Values of the input, or inputs."""
        values = self.inputs * self.pixels**2
        return {"product": values + self.inputs, "sum": 2 * values}.get(self.kind, values)

    @property
    def writes(self) -> int:
        """Values of the output."""
        return self.outputs * self.after**2

    @property
    def values(self) -> int:
        """Values alive while the layer runs."""
        return self.reads + self.writes + self.kept
