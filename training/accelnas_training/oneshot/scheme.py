"""How a network of shared weights is trained: a training scheme, and which parts learn from each batch."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 (types of fields are looked up)
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from accelnas_training.checked import Checked, Range
from accelnas_training.errors import SchemeError
from accelnas_training.oneshot.elastic import extreme
from accelnas_training.schemes.scheme import Scheme

if TYPE_CHECKING:
    from pathlib import Path

    from accelnas import Space
    from accelnas_training.arrays import Archs


@dataclass(frozen=True)
class Sandwich(Checked):
    """Which networks learn from each batch: the largest, the smallest, and some drawn at random between them.

    Attributes
    ----------
    random
        How many are drawn, uniformly, for each update.
    smallest
        Whether the smallest learns from every batch, too; if not, small networks learn as often as others.
    distillation
        The others learn what the largest gives for the batch, in place of the labels.
    from_epoch
        For symbols of variables, such as ``k`` or ``e``, the epoch from which they vary; before it they have their
        largest choice. Variables of other symbols vary from the start.
    """

    where = "sandwich"
    random: Annotated[int, Range(least=0)] = 2
    smallest: bool = True
    distillation: bool = True
    from_epoch: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        for symbol, epoch in self.from_epoch.items():
            if type(epoch) is not int or epoch < 0:
                raise SchemeError(f"sandwich.from_epoch.{symbol} is {epoch!r}; give the number of an epoch, from 0")

    def check(self, space: Space) -> None:
        """Raise SchemeError if a symbol is of no variable of the space."""
        symbols = list(dict.fromkeys(variable.symbol for variable in space.variables))
        for symbol in self.from_epoch:
            if symbol not in symbols:
                raise SchemeError(f"sandwich.from_epoch has {symbol!r}; choose among {', '.join(symbols)}")

    def smaller(self, space: Space, epoch: int, seed: int, update: int) -> list[Archs]:
        """Give the networks of an update, uint8 (variables,) each, but for the largest; epochs count from 0.

        Examples
        --------
        >>> from accelnas import mnasnet_space
        >>> some = Sandwich(random=1, from_epoch={"e": 2}).smaller(mnasnet_space(), epoch=0, seed=0, update=0)
        >>> [mnasnet_space().format(each[None])[0][:22] for each in some]
        ['e6_k3_l1_se0-e6_k3_l1_', 'e6_k3_l1_se1-e6_k5_l3_']
        """
        largest = extreme(space, largest=True)
        fixed = [epoch < self.from_epoch.get(variable.symbol, 0) for variable in space.variables]
        drawn = space.sample(self.random, int(np.random.SeedSequence([seed, update]).generate_state(1)[0]))
        first = [extreme(space, largest=False)] if self.smallest else []
        return [np.where(fixed, largest, each) for each in (*first, *drawn)]


@dataclass(frozen=True)
class OneShotScheme(Scheme):
    """A training scheme with a table ``[sandwich]``; its gradients are sums over the networks of an update.

    Attributes
    ----------
    sandwich
        Which networks learn.
    kernel_transforms
        Smaller kernels are made of larger ones by learned matrices (`accelnas_training.oneshot.kernels`).

    Examples
    --------
    >>> from accelnas_training.schemes import load_scheme
    >>> scheme = OneShotScheme.from_dict({**load_scheme("p_star").to_dict(), "sandwich": {"random": 1}})
    >>> scheme.sandwich.random, scheme.sandwich.distillation
    (1, True)
    """

    sandwich: Sandwich = field(default_factory=Sandwich)
    kernel_transforms: bool = False


def load_oneshot_scheme(path: str | Path) -> OneShotScheme:
    """Read a TOML file of a scheme with a table ``[sandwich]``; raises SchemeError, which names what is wrong."""
    return OneShotScheme.read(path, "scheme")
