"""The best network of every device, and how it does on the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.devices.ratios import (
    Answered,
    Tabular,
    at_least_text,
    best_of,
    checked_accuracy,
    checked_devices,
    fixed,
    one_row,
    predicted,
    ratios_to,
    texts_of,
)
from accelnas.errors import SearchError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from accelnas.exact.certificate import Certificate
    from accelnas.exact.constraints import Constraints
    from accelnas.exact.objectives import Within
    from accelnas.models.predictor import Predictor
    from accelnas.space import Architectures

__all__ = ["OneNetwork", "Specialisation", "measured", "specialise"]


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class OneNetwork:
    """One network for several devices.

    Attributes
    ----------
    devices : tuple of str
        Metrics of speed.
    architecture : uint8 array (variables,)
        Choice indices.
    text : str
        The architecture as a readable string.
    accuracy : float
        Its accuracy.
    values, ratios : float64 array (devices,)
        Its speeds in the units of the metrics, and as parts of the devices' optima.
    """

    devices: tuple[str, ...]
    architecture: NDArray[np.uint8]
    text: str
    accuracy: float
    values: NDArray[np.float64]
    ratios: NDArray[np.float64]


@dataclass(frozen=True, repr=False, eq=False)
class Specialisation(Tabular):
    """Networks in rows, devices in columns: first the network that is best for each device, then others.

    Attributes
    ----------
    devices : tuple of str
        Metrics of speed.
    accuracy : str
        The metric that is at least `at_least`.
    at_least : float
        The least accuracy of specialised networks, in its unit; other rows may have less.
    subject_to : tuple of str
        Further constraints on specialised networks.
    within : mapping of str to a choice or several
        Restrictions of specialised networks.
    names : tuple of str
        Name of every row; that of a specialised network is its device.
    architectures : uint8 array (n, variables)
        Choice indices.
    texts : tuple of str
        The architectures as readable strings.
    accuracies : float64 array (n,)
        In the unit of the accuracy.
    values : float64 array (n, devices)
        Speeds in the units of the devices' metrics.
    optima : float64 array (devices,)
        The proven best of each device, which its own network has.
    ratios : float64 array (n, devices)
        Speed as a part of the device's optimum: 1 on the diagonal. Above 1 only for a row that does not meet the
        constraints.
    certificates : mapping of str to Certificate
        What was proven of each device.
    """

    devices: tuple[str, ...]
    accuracy: str
    at_least: float
    subject_to: tuple[str, ...]
    within: Within
    names: tuple[str, ...]
    architectures: NDArray[np.uint8]
    texts: tuple[str, ...]
    accuracies: NDArray[np.float64]
    values: NDArray[np.float64]
    optima: NDArray[np.float64]
    ratios: NDArray[np.float64]
    certificates: Mapping[str, Certificate]

    @property
    def limits(self) -> tuple[str, ...]:
        """All constraints on specialised networks."""
        return (*self.subject_to, at_least_text(self.accuracy, self.at_least))

    @property
    def gains(self) -> NDArray[np.float64]:
        """How many times better each device does with its own network than with that of the row, (n, devices)."""
        found: NDArray[np.float64] = 1 / self.ratios
        return found

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        others = len(self) - len(self.devices)
        return (
            f"<Specialisation: {len(self.devices)} devices at {self.accuracy} >= {self.at_least:g}, "
            f"{others} other networks, gains up to {self.gains.max():.3g}>"
        )

    def with_networks(
        self, bench: Predictor, networks: Mapping[str, Architectures], *, threads: int | None = None
    ) -> Specialisation:
        """Give the table with more rows.

        Parameters
        ----------
        bench : Benchmark
            The benchmark that the table was made with.
        networks : mapping of str to any form of one architecture that `Space.encode` takes
            By the names of the rows.
        threads : int, optional
            Threads to use; one a core by default.

        Raises
        ------
        SearchError
            If a row has such a name already.
        SpaceError
            If a network is not one architecture of the space.
        """
        taken = [name for name in networks if name in self.names]
        if taken:
            raise SearchError(f"the table has a row {taken[0]!r} already; choose another name")
        if not networks:
            return self
        rows = np.concatenate([self.architectures, *(one_row(bench, name, a) for name, a in networks.items())])
        names = (*self.names, *networks)
        return replace(self, names=names, **_columns(bench, self.devices, self.accuracy, rows, self.optima, threads))

    def to_columns(self) -> dict[str, Any]:
        """Give a row a network: its name, architecture, accuracy, then speeds and ratios (``…_ratio``) by device."""
        values = dict(zip(self.devices, self.values.T, strict=True))
        ratios = {f"{name}_ratio": column for name, column in zip(self.devices, self.ratios.T, strict=True)}
        first = {"network": self.names, "architecture": self.texts, self.accuracy: self.accuracies}
        return {**first, **values, **ratios}


def specialise(
    bench: Predictor,
    devices: Sequence[str],
    *,
    at_least: float,
    accuracy: str = "accuracy",
    networks: Mapping[str, Architectures] | None = None,
    subject_to: Constraints = (),
    within: Within | None = None,
    threads: int | None = None,
    progress: Answered | None = None,
) -> Specialisation:
    """Find the best network of every device among those that are accurate enough, and compare them on all devices.

    Parameters
    ----------
    bench : Benchmark
        The benchmark.
    devices : sequence of str
        Metrics, each optimised in its own direction: throughputs, latencies, or both.
    at_least : float
        The least predicted accuracy, in its unit.
    accuracy : str
        A metric that is maximised.
    networks : mapping of str to any form of one architecture that `Space.encode` takes, optional
        Further rows, by name; they need not meet the constraints.
    subject_to, within, threads
        As for `Benchmark.best`.
    progress : callable, optional
        Called with the number of questions answered and their total.

    Returns
    -------
    Specialisation
        The table, with a certificate a device.

    Raises
    ------
    SearchError
        If nothing is so accurate, or as `Benchmark.best`.
    MetricError
        If a metric is unknown, named twice, has no tables, or is not above 0.
    SpaceError
        If a network is not one architecture, or `within` names an unknown variable or choice.

    Notes
    -----
    Each optimum is proven over all architectures, so a gain is that of specialisation itself, not of a better search.

    Examples
    --------
    >>> import accelnas
    >>> bench = accelnas.load()
    >>> part = {f"block{b}_{v}": 3 for b in range(5) for v in "kl"}
    >>> found = specialise(bench, ["throughput_a100", "latency_zcu102"], at_least=60, within=part)
    >>> found.ratios.diagonal()
    array([1., 1.])
    >>> bool(found.ratios.max() <= 1), found.gains.shape
    (True, (2, 2))
    """
    names = checked_devices(bench, devices)
    checked_accuracy(bench, accuracy, names)
    others = texts_of(bench, subject_to)
    limits = (*others, at_least_text(accuracy, at_least))
    found, certificates = [], {}
    for i, name in enumerate(names):
        best = best_of(bench, name, limits, within, threads)
        if not len(best):
            raise _nothing(bench, accuracy, at_least, others, within, threads)
        found.append(best.architectures)
        certificates[name] = best.certificate
        if progress is not None:
            progress(i + 1, len(names))
    rows = np.concatenate(found)
    optima = fixed(predicted(bench, rows, names, threads).diagonal())
    table = Specialisation(
        devices=names,
        accuracy=accuracy,
        at_least=float(at_least),
        subject_to=others,
        within=MappingProxyType(dict(within or {})),
        names=names,
        optima=optima,
        certificates=MappingProxyType(certificates),
        **_columns(bench, names, accuracy, rows, optima, threads),
    )
    return table.with_networks(bench, networks or {}, threads=threads)


def _columns(
    bench: Predictor,
    devices: Sequence[str],
    accuracy: str,
    rows: NDArray[np.uint8],
    optima: NDArray[np.float64],
    threads: int | None,
) -> dict[str, Any]:
    """Give the fields that have a row a network, as arrays that can't be changed."""
    numbers = predicted(bench, rows, [accuracy, *devices], threads)
    values = fixed(numbers[:, 1:])
    return {
        "architectures": fixed(rows),
        "texts": tuple(bench.space.format(rows)),
        "accuracies": fixed(numbers[:, 0]),
        "values": values,
        "ratios": fixed(ratios_to(bench.metrics, devices, values, optima)),
    }


def measured(
    bench: Predictor, specialised: Specialisation, row: NDArray[np.uint8], threads: int | None
) -> dict[str, Any]:
    """Give the fields of `OneNetwork` for an architecture (variables,)."""
    found = _columns(bench, specialised.devices, specialised.accuracy, row[None], specialised.optima, threads)
    return {
        "devices": specialised.devices,
        "architecture": found["architectures"][0],
        "text": found["texts"][0],
        "accuracy": float(found["accuracies"][0]),
        "values": found["values"][0],
        "ratios": found["ratios"][0],
    }


def _nothing(
    bench: Predictor,
    accuracy: str,
    at_least: float,
    others: Sequence[str],
    within: Within | None,
    threads: int | None,
) -> SearchError:
    """Say how accurate architectures can be."""
    best = best_of(bench, accuracy, others, within, threads)
    if not len(best):
        return SearchError(f"no architecture meets {', '.join(others)}; change a bound or within")
    highest = float(best.values[0])
    return SearchError(
        f"no architecture that meets the constraints has {accuracy} >= {at_least!r}, the best has {highest!r}; "
        "choose a smaller at_least"
    )
