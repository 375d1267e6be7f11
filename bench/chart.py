"""The chart of a comparison: architectures a second, one panel for each of some workloads, log scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.report import OURS, best, measured

if TYPE_CHECKING:
    from pathlib import Path

INK, MUTED = "#1f2328", "#59636e"
COLOURS = {"ours": "#d1480f", "same": "#3d6f9e", "own": "#a9bccf"}
# The other workloads are of trees, too, and look like the last of these; the tables have them.
SHOWN = ("accuracy", "time", "ensemble", "forest")
ROW, HEAD = 0.27, 0.55  # inches of a bar and of a panel's title


def rate(value: float) -> str:
    """Write a number of architectures a second in words."""
    for factor, unit in ((1e6, " M"), (1e3, " k")):
        if value >= factor:
            digits = 0 if value >= 10 * factor else 1
            return f"{value / factor:.{digits}f}{unit}"
    return f"{value:.0f}"


def draw(results: dict[str, Any], path: Path) -> None:
    """Write the chart as SVG; without matplotlib there is none."""
    try:
        import matplotlib
    except ImportError:
        print("no chart: matplotlib is not installed")
        return
    matplotlib.use("svg")
    # the same figures give the same file
    matplotlib.rcParams.update({"svg.hashsalt": "accelnas", "font.family": "DejaVu Sans"})
    from matplotlib import pyplot
    from matplotlib.patches import Patch

    panels = {
        workload["title"]: engines
        for name, workload in results["workloads"].items()
        if name in SHOWN and (engines := measured(workload["engines"]))
    }
    if not panels:
        return
    heights = [ROW * len(engines) + HEAD for engines in panels.values()]
    figure, axes = pyplot.subplots(
        len(panels),
        1,
        sharex=True,
        squeeze=False,
        figsize=(8.2, sum(heights) + 0.9),
        height_ratios=heights,
        layout="constrained",
    )
    figure.patch.set_facecolor("white")
    for axis, (title, engines) in zip(axes[:, 0], panels.items(), strict=True):
        order = sorted(engines, key=lambda name: best(engines[name], "batch"))
        speeds = [1 / best(engines[name], "batch") for name in order]
        kinds = ["same" if engines[name]["same_trees"] else "own" for name in order]
        colours = [COLOURS["ours" if name == OURS else kind] for name, kind in zip(order, kinds, strict=True)]
        labels = [engines[name]["title"] for name in order]
        axis.barh(labels, speeds, color=colours, height=0.72)
        for position, speed in enumerate(speeds):
            axis.text(speed * 1.15, position, rate(speed), va="center", fontsize=8.5, color=INK)
        axis.set_title(title, loc="left", fontsize=10, fontweight="bold", color=INK)
        axis.invert_yaxis()  # the fastest on top
        axis.set_xscale("log")
        axis.minorticks_off()
        axis.tick_params(axis="y", length=0, labelsize=9, labelcolor=INK)
        axis.tick_params(axis="x", which="both", length=0, labelsize=8.5, labelcolor=MUTED)
        axis.grid(axis="x", color="#e6e9ed", linewidth=0.8)
        axis.set_axisbelow(True)
        for side in axis.spines.values():
            side.set_visible(False)
    axes[0, 0].set_xlim(100, 3e9)
    machine = results["machine"]
    axes[-1, 0].set_xlabel(
        f"architectures a second, large batch, at most {max_threads(results)} threads "
        f"({machine['cores']} cores, {machine['cpu']})",
        fontsize=8.5,
        color=MUTED,
    )
    names = {"ours": "accelnas", "same": "peer, the same trees", "own": "peer, its own model"}
    handles = [Patch(color=COLOURS[kind], label=label) for kind, label in names.items()]
    figure.legend(handles=handles, loc="outside upper right", ncols=3, frameon=False, fontsize=8.5)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def max_threads(results: dict[str, Any]) -> int:
    """Find the highest thread count that was measured."""
    return max(
        int(threads)
        for workload in results["workloads"].values()
        for engine in measured(workload["engines"]).values()
        for threads in engine["samples"]
    )
