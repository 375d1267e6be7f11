"""Drawings of a search and of a validation: SVG, the same file from the same numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.build.evaluation.style import GREY, INK, colours, drawing, save

if TYPE_CHECKING:
    from pathlib import Path

    from accelnas_training.proxy.candidates import SearchResult, Verdict
    from accelnas_training.proxy.trainings import Trained
    from accelnas_training.ranks import Interval

__all__ = ["draw_agreement", "draw_candidates"]

BLUE, RED = colours(["candidates", "best"]).values()


def draw_candidates(path: Path, result: SearchResult) -> None:
    """Draw tau against the mean training time of each candidate, with the longest that is allowed."""
    with drawing() as figure_class:
        figure = figure_class(figsize=(5.2, 3.2), layout="constrained")
        axes = figure.subplots()
        complete = [verdict for verdict in result.verdicts if verdict.outcome == "complete"]
        pruned = [verdict for verdict in result.verdicts if verdict.outcome != "complete"]
        for verdict in complete:
            axes.plot([verdict.seconds] * 2, verdict.interval, color=BLUE, alpha=0.25, linewidth=1)
        _points(axes, complete, "all models trained", color=BLUE)
        _points(axes, pruned, "given up", color=GREY, facecolors="none")
        best = result.best
        if best is not None:
            axes.scatter(best.seconds, best.tau, s=90, marker="*", color=RED, zorder=3, label="p*")
        axes.axvline(result.settings.longest, color=INK, linestyle="--", linewidth=0.8, label="longest allowed")
        axes.axvline(result.reference.seconds.mean(), color=INK, linestyle=":", linewidth=0.8, label="reference r")
        axes.set(xscale="log", xlabel="mean training time [s]", ylabel="τ of candidate and r")
        axes.xaxis.set_major_formatter("{x:g}")
        figure.legend(loc="outside lower center", ncols=3)
        save(figure, path)


def _points(axes: Any, verdicts: list[Verdict], label: str, **style: Any) -> None:
    if verdicts:
        seconds, taus = zip(*((verdict.seconds, verdict.tau) for verdict in verdicts), strict=True)
        axes.scatter(seconds, taus, s=14, label=label, **style)


def draw_agreement(path: Path, proxy: Trained, reference: Trained, tau: float, interval: Interval) -> None:
    """Draw the accuracy under the proxy against that under the reference; bars are a deviation over seeds."""
    with drawing() as figure_class:
        figure = figure_class(figsize=(4.2, 3.6), layout="constrained")
        axes = figure.subplots()
        spread = [_deviation(trained) for trained in (reference, proxy)]
        axes.errorbar(
            reference.means,
            proxy.means,
            xerr=spread[0],
            yerr=spread[1],
            fmt="o",
            markersize=3,
            color=BLUE,
            ecolor=GREY,
            elinewidth=0.6,
        )
        low, high = interval
        axes.set(
            title=f"{len(proxy)} architectures, τ = {tau:.3f} ({low:.3f} to {high:.3f})",
            xlabel="top-1 under r [%]",
            ylabel="top-1 under p* [%]",
        )
        save(figure, path)


def _deviation(trained: Trained) -> Any:
    return trained.accuracy.std(axis=1, ddof=1) if trained.accuracy.shape[1] > 1 else np.zeros(len(trained))
