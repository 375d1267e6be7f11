"""The report of a study of few bits: Markdown, a plot, all numbers, and a table of losses for other packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelnas.plots.style import GREY, INK, drawing, grid, save
from accelnas.reports import joined, markdown, write_files
from accelnas_training.precision.losses import WHOLE

if TYPE_CHECKING:
    from pathlib import Path

    from accelnas_training.precision.losses import Losses, Mean, Sums

TABLE = "precision.toml"


def write_report(folder: Path, found: Losses, made_by: str, networks: str) -> Path:
    """Write ``report.md``, ``additive.svg`` and ``precision.toml`` into a folder; give the path of the report.

    `made_by` says with what it was made, `networks` in words what was trained, on which images.
    """
    files = {TABLE: precision_toml(found, networks)}
    plots = {} if found.own is None else {"additive.svg": lambda path: _draw(path, found)}
    write_files(folder, {**files, **plots, "report.md": _text(found, made_by, networks)})
    return folder / "report.md"


def precision_toml(found: Losses, networks: str) -> str:
    """Give the losses by part and bits as TOML."""
    accuracy = found.accuracy
    lines = [
        "# Loss of top-1 after quantisation, without training again: weights and activations of so many bits in one",
        "# part of a network, the others float32. Means over networks, as measured: what is below 0 is noise.",
        'unit = "percentage points of top-1"',
        f'source = "measured on {networks}; assumed for other images, such as ImageNet"',
        f"networks = {len(accuracy)}",
        f"accuracy = {accuracy.mean():.3f} # of float32, %, their mean",
        f"bits = [{', '.join(map(str, found.bits))}]",
        "",
        "[loss] # of each part, by bits",
        *(f"{part} = [{_row(found, part)}]" for part in found.parts),
        "",
        "[whole] # the whole network with the same bits: not the sum of its parts",
        f"loss = [{_row(found, WHOLE)}]",
    ]
    return "\n".join(lines) + "\n"


def _row(found: Losses, part: str) -> str:
    return ", ".join(_fixed(found.means[part, bits].value, 3) for bits in found.bits)


def _text(found: Losses, made_by: str, networks: str) -> str:
    accuracy, int8 = found.accuracy, found.int8
    first = (
        f"{len(accuracy)} networks: {networks}. Top-1 of float32 is {accuracy.mean():.2f} % on average, "
        f"{accuracy.min():.2f} to {accuracy.max():.2f}. Losses are percentage points of top-1, with 95 % intervals by "
        "bootstrap over networks."
    )
    whole = (
        f"ONNX Runtime's static quantisation to 8 bits loses {_said(int8.loss)}. It ranks the networks as float32 does "
        f"with τ = {int8.tau:.3f} ({int8.interval.low:.3f} to {int8.interval.high:.3f})."
    )
    if found.fake8 is not None:
        largest, mean = found.fake8
        whole += (
            f" Eight bits as computed here (PyTorch's fake quantisation) differ from it by {mean:+.2f} points on "
            f"average, by {largest:.2f} at most."
        )
    rows = [[part, *(_said(found.means[part, bits]) for bits in found.bits)] for part in (*found.parts, WHOLE)]
    added = (sum(found.means[part, bits].value for part in found.parts) for bits in found.bits)
    rows.insert(-1, ["sum of the parts", *(_fixed(each) for each in added)])
    table = markdown(["part", *(f"{bits} bits" for bits in found.bits)], rows)
    return joined(
        "# Few bits",
        made_by,
        first,
        "## Eight bits",
        whole,
        "## By part and bits",
        "Weights and activations of one part have so many bits, the others are float32; `all` is the whole network.",
        table,
        *_additive(found),
        f"The means are in `{TABLE}`; every value is in `precision.parquet`.",
    )


def _additive(found: Losses) -> list[str]:
    if found.own is None or found.table is None:
        return []
    rows = [
        [name, f"{each.bias:+.2f}", f"{each.rmse:.2f}", f"{each.explained:.3f}", f"{each.tau:.3f}"]
        for name, each in (("the same network's", found.own), ("means of the others", found.table))
    ]
    measured = found.own.measured
    about = (
        f"{len(measured):,} networks whose every part has bits of its own, drawn evenly, lose {measured.mean():.2f} "
        "points on average. Beside it the sums of what their parts lose alone: of the same network, and of means over "
        "the other networks, as a table by part and bits holds them."
    )
    return [
        "## Do losses add up?",
        about,
        markdown(["losses summed", "prediction - measurement, mean", "RMSE", "R²", "τ"], rows),
        "![Predicted and measured losses](additive.svg)",
    ]


def _said(mean: Mean) -> str:
    low, high = (_fixed(end) for end in mean.interval)
    return f"{_fixed(mean.value)} ({low} to {high})"


def _fixed(value: float, digits: int = 2) -> str:
    """Format with some digits after the point, and -0 as 0."""
    return f"{round(value, digits) + 0.0:.{digits}f}"


def _draw(path: Path, found: Losses) -> None:
    """Draw predicted against measured losses of mixed networks, as SVG."""
    sums: dict[str, Sums | None] = {"the same network's parts": found.own, "means of the others": found.table}
    with drawing() as figure_class:
        figure, axes = grid(figure_class, len(sums), 2, 3.2, 3.0)
        for axis, (title, each) in zip(axes, sums.items(), strict=True):
            if each is not None:
                most = float(max(each.predicted.max(), each.measured.max(), 1.0))
                axis.plot((0, most), (0, most), color=GREY, linewidth=0.8)
                axis.plot(each.predicted, each.measured, ".", color=INK, markersize=3)
            axis.set_title(title)
            axis.set_xlabel("sum of losses, points")
        axes[0].set_ylabel("loss of the mixed network, points")
        save(figure, path, "svg")
