"""Plots of an evaluation of proxies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from accelnas.build.evaluation.style import GREY, INK, colours, drawing, grid, save

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from accelnas_training.zero_cost.ranks import Rank

__all__ = ["plot_curves", "plot_ranks"]


def plot_ranks(path: Path, found: Sequence[Rank], metric: str) -> None:
    """Draw tau of each proxy with its interval, best on top, as SVG."""
    places = range(len(found))[::-1]
    with drawing() as figure_class:
        figure = figure_class(figsize=(4.4, 0.27 * len(found) + 0.6), layout="constrained")
        axis = figure.subplots()
        for place, rank in zip(places, found, strict=True):
            axis.plot(rank.interval, (place, place), color=GREY, linewidth=1.5)
            axis.plot(rank.tau, place, "o", color=INK, markersize=4)
        axis.axvline(0.0, color=GREY, linewidth=0.8)
        axis.set_yticks(list(places), [rank.proxy for rank in found])
        axis.set_xlabel(f"Kendall's τ with {metric}, 95 % interval")
        save(figure, path)


def plot_curves(path: Path, curves: pl.DataFrame, metric: str) -> None:
    """Draw mean tau against the number of measurements: a panel a surrogate, a line a feature set, as SVG."""
    surrogates = curves["surrogate"].unique(maintain_order=True).to_list()
    labels = curves["features"].unique(maintain_order=True).to_list()
    with drawing() as figure_class:
        figure, axes = grid(figure_class, len(surrogates), 2, 2.9, 2.5)
        for axis, surrogate in zip(axes, surrogates, strict=True):
            for label in labels:
                means = (
                    curves.filter(surrogate=surrogate, features=label)
                    .group_by("size", maintain_order=True)
                    .agg(pl.col("tau").mean())
                )
                axis.plot(means["size"], means["tau"], "o-", color=colours(labels)[label], label=label, markersize=3)
            axis.set_xscale("log")
            axis.set_xticks(means["size"].to_list(), [str(size) for size in means["size"]])
            axis.minorticks_off()
            axis.set_title(surrogate)
            axis.set_xlabel("architectures measured")
        axes[0].set_ylabel(f"Kendall's τ with {metric}, held out")
        axes[0].legend()
        save(figure, path)
