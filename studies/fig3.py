"""Fig. 3 of the paper: how well a cheap training scheme ranks architectures as the reference does."""

from __future__ import annotations

from itertools import combinations, product
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

import accelnas
from accelnas.circumstances import machine, versions
from accelnas.errors import DataError
from accelnas.fitting.checks import pooled_noise
from accelnas.plots.style import GREY, INK, colours, drawn
from studies.base import Comparison, Figure, Reproduction, Table
from studies.schemes import read_schemes

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from studies.schemes import Scheme

    Floats = NDArray[np.float64]

__all__ = ["RESAMPLES", "reproduce_fig3"]

RESAMPLES = 9_999
LEVEL, PER_CENT = 0.95, "95 %"
FIGURE, BEFORE = "Fig. 3", "earlier count"
LIBRARIES = ("numpy", "scipy", "matplotlib")
REMARKS = (
    "Numbers of an *earlier count* of the same files are no statement of the paper; they check the computation alone.",
    "The authors' plot gives σ as fractions: 2.56e-3 is 0.256 points here.",
    "The earlier count *between seeds* is of seeds 1 and 2; the mean of all pairs, above, says more of a scheme.",
    "The published σ are means of standard deviations, which are biased low for few seeds; the pooled σ is not.",
    "The interval resamples architectures, not seeds: it says how τ would vary with other architectures.",
)
RULE = "A number is reproduced if it rounds to the stated one: it is computed from the authors' own measurements."


def reproduce_fig3(folder: str | Path, *, seed: int = 0, resamples: int = RESAMPLES) -> Reproduction:
    """Compare the cheap scheme p* with the reference r on architectures trained with several seeds each.

    Parameters
    ----------
    folder
        See `studies.schemes.read_schemes`.
    seed, resamples
        Of the bootstrap over architectures.

    Raises
    ------
    DataError
        If files are missing or malformed, or there are fewer than 2 resamples.
    """
    if resamples < 2:
        raise DataError(f"the bootstrap has {resamples} resamples; give 2 or more, such as {RESAMPLES}")
    schemes = read_schemes(folder)
    proxy, reference = schemes["proxy"], schemes["reference"]
    means = proxy.accuracy.mean(axis=1), reference.accuracy.mean(axis=1)
    tau = kendall(*means)
    interval = _interval(*means, seed, resamples)
    count = len(proxy.choices)
    between = {name: _between_seeds(scheme) for name, scheme in schemes.items()}
    return Reproduction(
        name="fig3",
        title="Fig. 3: ranks under the cheap and the reference training scheme",
        source="arXiv 2404.08005, Fig. 3, and the files of the authors' ablation plots",
        rule=RULE,
        comparisons=_compare(proxy, reference, tau, between),
        command=f"accelnas reproduce fig3 DATA --seed {seed} --runs {resamples} --output DIRECTORY",
        machine=machine(),
        versions=versions(LIBRARIES),
        tables=[_beyond(proxy, reference, interval, between, resamples), _by_architecture(proxy, reference)],
        figures=[
            Figure(
                "fig3",
                f"Top-1 of {count} architectures, mean of {proxy.accuracy.shape[1]} seeds under either scheme; bars "
                "are one sample standard deviation over the seeds.",
                lambda path: _draw(path, proxy, reference, tau, interval),
            )
        ],
        remarks=[_offset(*means), *REMARKS],
    )


def _offset(proxy: Floats, reference: Floats) -> str:
    points = float((proxy - reference).mean())
    side = "less" if points < 0 else "more"
    return f"p* gives {abs(points):.2f} points of top-1 {side} than r on average; a benchmark needs the order alone."


def kendall(first: Floats, second: Floats) -> float:
    """Give Kendall's tau-b.

    Examples
    --------
    >>> import numpy as np
    >>> round(kendall(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])), 3)
    0.333
    """
    from scipy.stats import kendalltau

    return float(kendalltau(first, second).statistic)


def _across(proxy: Scheme, reference: Scheme) -> list[float]:
    """Tau of each seed of the one scheme with each of the other."""
    return [kendall(a, b) for a, b in product(proxy.accuracy.T, reference.accuracy.T)]


def _between_seeds(scheme: Scheme) -> list[float]:
    """Tau of each pair of seeds of a scheme; first that of seeds 1 and 2."""
    return [kendall(a, b) for a, b in combinations(scheme.accuracy.T, 2)]


def _compare(proxy: Scheme, reference: Scheme, tau: float, between: dict[str, list[float]]) -> list[Comparison]:
    across = _across(proxy, reference)
    sigma = [float(scheme.accuracy.std(axis=1, ddof=1).mean()) for scheme in (proxy, reference)]
    cost = float(reference.train_time.sum() / proxy.train_time.sum())
    return [
        Comparison("τ of p* and r, means of seeds", 0.926, tau, 0.0005, source=FIGURE),
        Comparison("τ of p* and r, worst pair of single seeds", 0.899, min(across), 0.0005, source=BEFORE),
        Comparison("τ of p* and r, best pair of single seeds", 0.915, max(across), 0.0005, source=BEFORE),
        Comparison("τ between seeds 1 and 2 of p*", 0.936, between["proxy"][0], 0.0005, source=BEFORE),
        Comparison("τ between seeds 1 and 2 of r", 0.949, between["reference"][0], 0.0005, source=BEFORE),
        Comparison("mean σ of seeds, p*", 0.256, sigma[0], 0.0005, "points", FIGURE),
        Comparison("mean σ of seeds, r", 0.141, sigma[1], 0.0005, "points", FIGURE),
        Comparison("training time of r over that of p*", 5.6, cost, 0.05, source=FIGURE),
    ]


def _beyond(
    proxy: Scheme, reference: Scheme, interval: tuple[float, float], between: dict[str, list[float]], resamples: int
) -> Table:
    """Give what the paper doesn't state."""
    ratios = reference.train_time.mean(axis=1) / proxy.train_time.mean(axis=1)
    hours = [float(scheme.train_time.sum()) / 3600 for scheme in (proxy, reference)]
    rows = {
        f"τ of means, low end of the {PER_CENT} interval": interval[0],
        f"τ of means, high end of the {PER_CENT} interval": interval[1],
        "τ of p* and r, mean of all pairs of single seeds": float(np.mean(_across(proxy, reference))),
        "τ between seeds of p*, mean of all pairs": float(np.mean(between["proxy"])),
        "τ between seeds of p*, worst pair": min(between["proxy"]),
        "τ between seeds of r, mean of all pairs": float(np.mean(between["reference"])),
        "τ between seeds of r, best pair": max(between["reference"]),
        "pooled σ of seeds, p* [points]": pooled_noise(list(proxy.accuracy)),
        "pooled σ of seeds, r [points]": pooled_noise(list(reference.accuracy)),
        "training time of r over that of p*, cheapest ratio of an architecture": float(ratios.min()),
        "training time of r over that of p*, dearest ratio of an architecture": float(ratios.max()),
        "training time of all, p* [node hours]": hours[0],
        "training time of all, r [node hours]": hours[1],
    }
    text = f"The interval is a BCa bootstrap over architectures with {resamples:,} resamples."
    frame = pl.DataFrame({"number": list(rows), "here": list(rows.values())})
    return Table("beyond", "Beyond the paper", frame, text)


def _by_architecture(proxy: Scheme, reference: Scheme) -> Table:
    columns: dict[str, object] = {"architecture": accelnas.mnasnet_space().format(proxy.choices)}
    for name, scheme in (("proxy", proxy), ("reference", reference)):
        columns[f"{name}_mean"] = scheme.accuracy.mean(axis=1)
        columns[f"{name}_sd"] = scheme.accuracy.std(axis=1, ddof=1)
        columns[f"{name}_seconds"] = scheme.train_time.mean(axis=1)
    return Table("architectures", "What the figure shows", pl.DataFrame(columns), shown=False)


def _interval(first: Floats, second: Floats, seed: int, resamples: int) -> tuple[float, float]:
    """Bootstrap tau over architectures; equal ends where every resample has the same."""
    from scipy.stats import bootstrap

    tau = kendall(first, second)
    if np.isclose(abs(tau), 1.0):  # BCa is not defined for a constant
        return tau, tau
    found = bootstrap(
        (first, second),
        kendall,
        paired=True,
        vectorized=False,
        n_resamples=resamples,
        confidence_level=LEVEL,
        random_state=np.random.default_rng(seed),  # rng= from SciPy 1.15 on
    ).confidence_interval
    return float(found.low), float(found.high)


def _draw(path: Path, proxy: Scheme, reference: Scheme, tau: float, interval: tuple[float, float]) -> None:
    with drawn(path, height=3.6) as axes:
        axes.errorbar(
            reference.accuracy.mean(axis=1),
            proxy.accuracy.mean(axis=1),
            xerr=reference.accuracy.std(axis=1, ddof=1),
            yerr=proxy.accuracy.std(axis=1, ddof=1),
            fmt="o",
            markersize=2.5,
            elinewidth=0.6,
            color=colours(["seeds"])["seeds"],
            ecolor=GREY,
        )
        axes.set_xlabel("top-1, reference scheme r [%]")
        axes.set_ylabel("top-1, cheap scheme p* [%]")
        axes.set_title(f"Kendall's τ {tau:.3f} ({PER_CENT}: {interval[0]:.3f} to {interval[1]:.3f})", color=INK)
