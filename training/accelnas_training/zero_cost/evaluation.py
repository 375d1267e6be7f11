"""Score measured architectures, compare scores with measurements, write what was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from accelnas.errors import DataError
from accelnas_training.collect.collector import collect
from accelnas_training.collect.export import export
from accelnas_training.collect.job import Job, Limits
from accelnas_training.collect.store import Store
from accelnas_training.collect.work import WorkDescription
from accelnas_training.zero_cost.ranks import SIZES, choose_measured, feature_sets, learning_curves, ranks
from accelnas_training.zero_cost.report import write_report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from accelnas.build.dataset import Dataset
    from accelnas_training.collect.collector import Progress
    from accelnas_training.collect.work import Runner
    from accelnas_training.images import Images
    from accelnas_training.networks import NetworkFamily
    from accelnas_training.zero_cost.proxies import Scoring
    from accelnas_training.zero_cost.ranks import Rank


_NOISE = "Gaussian noise"
_FEWEST = 3  # architectures that have an interval


@dataclass(frozen=True)
class Question:
    """What proxies are compared with.

    Attributes
    ----------
    dataset : Dataset
        Measured architectures of the family's space.
    metric : str
        What was measured.
    number, seed : int
        How many architectures to draw, and the seed of it; see `choose_measured`.
    """

    dataset: Dataset
    metric: str = "accuracy"
    number: int = 300
    seed: int = 0


@dataclass(frozen=True)
class Evaluation:
    """What was found.

    Attributes
    ----------
    ranks : list of Rank
        Highest tau first.
    curves : polars.DataFrame or None
        See `learning_curves`; None if there are too few architectures.
    failed : int
        Architectures that have no scores: ``accelnas-training store status`` says why.
    report : Path
        ``report.md``; beside it are its plots, ``scores.parquet`` and ``scores.parquet.json``, and the store.
    """

    ranks: list[Rank]
    curves: pl.DataFrame | None
    failed: int
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
    path = write_report(folder, question.metric, made_with, found, curves)
    return Evaluation(found, curves, end.quarantined, path)
