"""How shared weights rank architectures beside trainings of their own, cheap trainings and zero-cost scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from accelnas.reports import joined, markdown, write_files
from accelnas_training.proxy.validation import self_agreement
from accelnas_training.ranks import NO_INTERVAL, interval_over_models, tau
from accelnas_training.reports import circumstances
from accelnas_training.zero_cost.proxies import Scoring, score_architecture

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from accelnas import Space
    from accelnas_training.arrays import Archs, Floats
    from accelnas_training.images import Images
    from accelnas_training.networks import NetworkFamily
    from accelnas_training.proxy.trainings import Trained
    from accelnas_training.ranks import Interval

REFERENCE, PROXY = "reference", "proxy"


class SharedValues(NamedTuple):
    """What one training of shared weights says of architectures."""

    seed: int
    largest: float  # top-1 of the largest network, %
    fixed: float  # seconds of the training
    each: float  # seconds of an evaluation
    accuracy: Floats  # float64 (n,)
    loss: Floats  # float64 (n,)

    @property
    def methods(self) -> dict[str, Floats]:
        """Give what architectures are ranked by."""
        name = f"shared weights, seed {self.seed}"
        return {f"{name}, top-1": self.accuracy, f"{name}, loss": -self.loss}


class Ranking(NamedTuple):
    """How one method ranks architectures, and what it costs."""

    method: str
    values: Floats  # float64 (n,)
    tau: float  # with the reference's means over seeds
    interval: Interval  # of tau, 95 %, by bootstrap over architectures
    fixed: float  # seconds for all architectures together
    each: float  # seconds an architecture more


def rankings(
    reference: Trained, cheap: Trained, shared: Sequence[SharedValues], scores: dict[str, tuple[Floats, float]]
) -> list[Ranking]:
    """Compare methods on the same architectures with the reference's trainings: the largest tau first.

    `scores` are values and seconds by name.
    """
    means = reference.means

    def ranked(method: str, values: Floats, fixed: float, each: float) -> Ranking:
        return Ranking(method, values, tau(values, means), interval_over_models(values, means), fixed, each)

    seconds = float(np.nanmean(cheap.seconds.sum(axis=1)))
    found = [ranked(PROXY, cheap.means, 0.0, seconds)]
    for one in shared:
        found += [ranked(name, values, one.fixed, one.each) for name, values in one.methods.items()]
    if len(shared) > 1:
        together = -np.mean([one.loss for one in shared], axis=0)
        fixed, each = sum(one.fixed for one in shared), sum(one.each for one in shared)
        found.append(ranked(f"shared weights, mean loss of {len(shared)} seeds", together, fixed, each))
    found += [ranked(name, values, 0.0, each) for name, (values, each) in scores.items()]
    return sorted(found, key=lambda one: -np.nan_to_num(one.tau, nan=-2.0))


def zero_cost(
    family: NetworkFamily,
    images: Images,
    archs: Archs,
    scoring: Scoring,
    seed: int = 0,
    report: Callable[[int], object] | None = None,
) -> dict[str, tuple[Floats, float]]:
    """Score architectures, uint8 (n, variables): for each proxy its values and the mean seconds of a score."""
    rows = []
    for number, arch in enumerate(archs, 1):
        rows.append(score_architecture(family, arch, scoring, seed=seed, images=images))
        if report is not None:
            report(number)
    return {
        name: (np.array([row[name].value for row in rows]), float(np.mean([row[name].seconds for row in rows])))
        for name in scoring.proxies
    }


def write_comparison(
    folder: Path,
    space: Space,
    command: str,
    reference: Trained,
    shared: Sequence[SharedValues],
    found: Sequence[Ranking],
    about: str,
) -> Path:
    """Write ``report.md`` and ``comparison.parquet``, every architecture's values; give the path of the report."""
    each = float(np.nanmean(reference.seconds.sum(axis=1)))
    itself = [
        Ranking("one training under r with another", reference.means, between, NO_INTERVAL, 0.0, each)
        for between in self_agreement(reference).between[:1]
    ]
    seeds = reference.accuracy.shape[1]
    by_name = {one.method: one for one in found}
    text = joined(
        "# Shared weights beside trainings of their own",
        circumstances(command),
        f"{len(reference)} architectures, each trained by the reference r ({seeds} seed{'s' * (seeds > 1)}, "
        f"{each:.3g} s an architecture), whose means the others should rank. {about} The largest network has "
        f"{', '.join(f'{one.largest:.2f}' for one in shared)} %.",
        markdown(
            ["method", "τ", "95 % interval", "seconds once", "seconds each"],
            [_cells(one) for one in [*itself, *found]],
        ),
        _over_seeds(shared, by_name) if len(shared) > 1 else "",
        _even(shared[0], by_name[PROXY], each),
        "Intervals by bootstrap over architectures. All values are in `comparison.parquet`, losses with a minus.",
    )
    table = pl.DataFrame(space.decode(reference.choices)).with_columns(
        pl.Series(REFERENCE, reference.means), *(pl.Series(one.method, one.values) for one in found)
    )
    write_files(folder, {"comparison.parquet": table.write_parquet, "report.md": text})
    return folder / "report.md"


def _over_seeds(shared: Sequence[SharedValues], found: dict[str, Ranking]) -> str:
    """Say how taus differ between trainings of shared weights."""
    parts = []
    for name in ("top-1", "loss"):
        taus = [found[key].tau for one in shared for key in one.methods if key.endswith(name)]
        parts.append(f"{np.mean(taus):.3f} ({min(taus):.3f} to {max(taus):.3f}) by {name}")
    return f"Mean τ of {len(shared)} trainings of shared weights: {', '.join(parts)}."


def _cells(one: Ranking) -> list[str]:
    low, high = one.interval
    interval = "" if low != low else f"{low:.3f} – {high:.3f}"
    return [one.method, f"{one.tau:.3f}", interval, f"{one.fixed:.3g}" if one.fixed else "", f"{one.each:.2g}"]


def _even(shared: SharedValues, proxy: Ranking, each: float) -> str:
    """Say after how many architectures shared weights cost less."""
    parts = []
    for name, other in (("the proxy", proxy.each), ("the reference", each)):
        saved = other - shared.each
        if saved > 0:
            parts.append(f"{int(np.ceil(shared.fixed / saved)):,} architectures trained by {name}")
    return f"Shared weights have paid for themselves after {' or '.join(parts)}." if parts else ""
