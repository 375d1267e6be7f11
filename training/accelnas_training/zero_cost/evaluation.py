"""Score measured architectures, compare scores with measurements, report what was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from accelnas.errors import DataError
from accelnas.plots.style import GREY, INK, colours, drawing, grid, save
from accelnas.reports import joined, markdown, write_files
from accelnas_training.collect.collector import collect
from accelnas_training.collect.job import Job, Limits
from accelnas_training.collect.store import Store
from accelnas_training.collect.summary import export
from accelnas_training.collect.work import WorkDescription
from accelnas_training.zero_cost.ranks import (
    HELD_OUT,
    REPEATS,
    SIZES,
    choose_measured,
    feature_sets,
    learning_curves,
    ranks,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from accelnas.fitting.dataset import Dataset
    from accelnas_training.collect.collector import Progress
    from accelnas_training.collect.work import Runner
    from accelnas_training.images import Images
    from accelnas_training.networks import NetworkFamily
    from accelnas_training.zero_cost.proxies import Scoring
    from accelnas_training.zero_cost.ranks import Rank


def _plot_ranks(path: Path, found: Sequence[Rank], metric: str) -> None:
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
        save(figure, path, "svg")


def _plot_curves(path: Path, curves: pl.DataFrame, metric: str) -> None:
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
        save(figure, path, "svg")


def _write_report(
    folder: Path,
    metric: str,
    made_with: str,
    found: Sequence[Rank],
    curves: pl.DataFrame | None,
) -> Path:
    """Write ``report.md``, ``ranks.svg`` and, with `curves`, ``curves.svg``; give the path of the report."""
    files: dict[str, Callable[[Path], object]] = {"ranks.svg": lambda path: _plot_ranks(path, found, metric)}
    parts = [
        f"# Zero-cost proxies and {metric}",
        made_with,
        "## Ranks",
        f"Rank correlations with {metric}; 95 % intervals by bootstrap over architectures; seconds a score.",
        _rank_table(found),
        f"![Kendall's tau of each proxy with {metric}](ranks.svg)",
    ]
    if curves is not None:
        files["curves.svg"] = lambda path: _plot_curves(path, curves, metric)
        about = (
            f"Means over {REPEATS} draws of k architectures to train on and {HELD_OUT} held out (a third, if there are"
            " fewer than three times as many), the same for all features. ± is the standard deviation over draws of the"
            " difference from the architecture alone."
        )
        parts += [
            "## Surrogates with few measurements",
            about,
            _curve_tables(curves),
            "![Kendall's tau against the number of measured architectures](curves.svg)",
        ]
    write_files(folder, {**files, "report.md": joined(*parts)})
    return folder / "report.md"


def _rank_table(found: Sequence[Rank]) -> str:
    """Give the proxies as a Markdown table, in their order."""
    rows = [
        [
            r.proxy,
            f"{r.tau:.3f}",
            f"{r.interval.low:.3f} – {r.interval.high:.3f}",
            f"{r.spearman:.3f}",
            f"{r.seconds:.2g}",
        ]
        for r in found
    ]
    return markdown(["proxy", "τ", "95 % interval", "Spearman", "seconds"], rows)


def _curve_tables(curves: pl.DataFrame) -> str:
    """Give a Markdown table a surrogate: mean tau and R² by number of measurements and features."""
    tables = []
    for surrogate in curves["surrogate"].unique(maintain_order=True):
        part = curves.filter(surrogate=surrogate)
        labels = part["features"].unique(maintain_order=True).to_list()
        rows = []
        for size in part["size"].unique(maintain_order=True):
            cells = [str(size)]
            base = part.filter(size=size, features=labels[0])["tau"].to_numpy()
            for label in labels:
                one = part.filter(size=size, features=label)
                taus = one["tau"].to_numpy()
                differs = f" ± {(taus - base).std(ddof=1):.3f}" if label != labels[0] else ""
                cells += [f"{taus.mean():.3f}{differs}", f"{one['r2'].to_numpy().mean():.3f}"]
            rows.append(cells)
        header = ["k", *(text for label in labels for text in (f"τ, {label}", "R²"))]
        tables.append(f"{surrogate}:\n\n{markdown(header, rows, words=0)}")
    return "\n\n".join(tables)


_NOISE = "Gaussian noise"

_FEWEST = 3  # architectures that have an interval


@dataclass(frozen=True)
class Question:
    """What proxies are compared with."""

    dataset: Dataset  # measured architectures of the family's space
    metric: str = "accuracy"  # what was measured
    # how many architectures to draw, and the seed of it; see `choose_measured`
    number: int = 300
    seed: int = 0


@dataclass(frozen=True)
class Evaluation:
    """What was found."""

    ranks: list[Rank]  # highest tau first
    curves: pl.DataFrame | None  # see `learning_curves`; None if there are too few architectures
    failed: int  # architectures that have no scores: ``accelnas-training store status`` says why
    # ``report.md``; beside it are its plots, ``scores.parquet`` and ``scores.parquet.json``, and the store
    report: Path


def evaluate_proxies(
    folder: Path,
    question: Question,
    family: NetworkFamily,
    scoring: Scoring,
    runner: Runner,
    *,
    seeds: Sequence[int] = (0,),
    images: Images | None = None,
    device: str = "cpu",
    report: Callable[[Progress], None] | None = None,
) -> Evaluation:
    """Score architectures that were measured, and write how well proxies rank them and what they add to surrogates.

    Parameters
    ----------
    folder
        Made if needed. Scores that its store ``scores.db`` has are not computed again.
    question
        What the scores are compared with.
    family, scoring, images, device
        As for `score_architecture`.
    runner
        Who computes scores.
    seeds
        Of weights and batches. Scores are means over these and what other seeds the store has.
    report
        Called after every score.

    Raises
    ------
    DataError
        If the metric is unknown or measured on too few architectures, or fewer than 3 can be scored.
    StoreError
        If the store is of another family or other images, or in use.
    """
    archs, values = choose_measured(question.dataset, question.metric, question.number, question.seed)
    folder.mkdir(parents=True, exist_ok=True)
    source, digest = (None, None) if images is None else (images.name, images.digest)
    arguments = {"family": family.to_dict(), "images": source, "digest": digest, "device": device}
    work = WorkDescription("accelnas_training.zero_cost.proxies:ScoringWork", arguments)
    about = {"family": family.digest, "images": digest or _NOISE}
    with Store.opened(folder / "scores.db", family.space, about) as store:
        store.add_scheme(scoring.digest, "zero-cost", scoring.to_dict())
        jobs = [Job.of(arch, scoring.digest, seed) for seed in seeds for arch in archs]
        end = collect(store, jobs, work, runner, Limits(retries=0), report=report)  # the same seed would fail again
        scores = export(store, folder / "scores.parquet", scoring.digest, "mean")
        used = sorted(store.results(scoring.digest)["seed"].unique())
    names = [variable.name for variable in family.space.variables]
    decoded = pl.DataFrame(family.space.decode(archs)).with_columns(pl.Series(question.metric, values))
    table = decoded.join(scores, on=names, how="inner", maintain_order="left")
    if table.height < _FEWEST:
        raise DataError(f"{table.height} architectures have scores; `accelnas-training store status` says why")
    found = ranks(table, question.metric)
    sets = feature_sets(family.space.encode(table.select(names)), table)
    curves = None
    if table.height - table.height // 3 >= SIZES[0] and len(sets) > 1:
        curves = learning_curves(sets, table[question.metric].to_numpy())
    made_with = (
        f"{table.height} architectures drawn with seed {question.seed}. Each was scored with weights and a batch of "
        f"{scoring.batch_size} images of {scoring.resolution} × {scoring.resolution} pixels "
        f"({source or f'{_NOISE} with random labels'}) of seed {', '.join(map(str, used))}. "
        f"Data {question.dataset.sha256[:12]}, networks {family.digest[:12]}, settings {scoring.digest[:12]}."
    )
    path = _write_report(folder, question.metric, made_with, found, curves)
    return Evaluation(found, curves, end.quarantined, path)
