"""Fit the metrics of a table by models that are chosen from it, and write a benchmark."""

from __future__ import annotations

import json
import time
import warnings
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from accelnas import _core
from accelnas.arguments import check_number, check_seed, check_threads
from accelnas.errors import AccelnasWarning, ModelError
from accelnas.files import write_text
from accelnas.fitting.automatic.choice import choose
from accelnas.fitting.automatic.known import KnownViews, summed
from accelnas.fitting.automatic.stack import Stack
from accelnas.fitting.ensemble import Ensemble
from accelnas.fitting.entry import write_metric
from accelnas.fitting.evaluate import evaluate
from accelnas.fitting.families.base import Fit
from accelnas.fitting.fit import MetricResult, unit_noise, write_ensemble
from accelnas.fitting.joined import tabulated_space
from accelnas.fitting.provenance import kernels
from accelnas.fitting.settings import MetricSettings
from accelnas.fitting.splits import whole_split
from accelnas.fitting.uncertainty import LEVELS, coverage, estimate_uncertainty

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from accelnas.fitting.automatic.choice import Attempt, Choice
    from accelnas.fitting.automatic.curve import LearningCurve
    from accelnas.fitting.automatic.known import KnownOutcome
    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.evaluate import Figures
    from accelnas.fitting.metric import MetricSpec
    from accelnas.fitting.settings import Settings
    from accelnas.fitting.splits import Split
    from accelnas.fitting.uncertainty import Uncertainty
    from accelnas.models.predictor import Predictor

__all__ = ["AutomaticResult", "fit_automatically"]

BATCH = 1 << 14  # architectures predicted at once


@dataclass(frozen=True)
class AutomaticResult(MetricResult):
    """What `fit_automatically` did for one metric; figures are of the test part, or left out where there is none.

    Attributes
    ----------
    attempts
        What was tried, baselines last.
    known
        Whether known metrics were of use; None where none were given.
    curve
        How the error falls with the rows; None of fewer than 80 rows, or where the budget had no room for it.
    uncertainty
        What is known of the errors, from rows left out.
    """

    attempts: Sequence[Attempt] = ()
    known: KnownOutcome | None = None
    curve: LearningCurve | None = None
    uncertainty: Uncertainty | None = None


def fit_automatically(
    dataset: Dataset,
    metrics: Sequence[MetricSpec],
    out: str | Path,
    *,
    split: Split | None = None,
    budget: float = 120.0,
    seed: int = 0,
    threads: int | None = None,
    progress: Callable[[str, float], None] | None = None,
    known: Sequence[Predictor] = (),
    known_metrics: Sequence[str] | None = None,
) -> list[AutomaticResult]:
    """Choose models for each metric, fit them to all rows, and write a benchmark directory with ``fit.json`` beside.

    Families and scales are tried in a fixed order and judged on rows that they did not see. Where the space has at most
    2^20 joint choices, any models become a table of all architectures, and several are blended; elsewhere models that
    compile to tables, and are of one scale, are stacked.

    Parameters
    ----------
    dataset, metrics, out
        What to fit, and where to write it. A metric's link is chosen, too.
    split : Split, optional
        Train and validation part are fitted, figures are of the test part. All rows by default.
    budget : float
        Seconds for each metric, above 0. What is tried follows from counted work, not from a clock, so that the same
        data, budget and seed give the same models.
    seed : int
        Of folds and models.
    threads : int, optional
        Members fitted at the same time; None means all cores.
    progress : callable, optional
        Called with (metric, share of the budget that is used).
    known : sequence of Benchmark, optional
        Loaded benchmarks over the same variables and choices, whose metrics are features of the models: zero-cost
        scores, sizes, other data sets or devices. Models with and without them are compared. In a space that
        enumerates, they interact with the choices; in a larger one, a weighted sum of them joins the tables, on the
        scales of their links.
    known_metrics : sequence of str, optional
        Which of their metrics; all by default.

    Returns
    -------
    list of AutomaticResult
        One a metric.

    Raises
    ------
    DataError
        If a metric is not in the data, or has too few rows.
    ModelError
        If no metric is named, nothing can be fitted or compiled, or a known benchmark is of another space.
    MetricError
        If a known metric is not in the known benchmarks, or is in several.

    Warns
    -----
    AccelnasWarning
        If what is chosen is no better than a sum of one number a choice, or hardly better than the median; or if the
        repeats that the noise comes from can't all be of one kind.
    """
    budget, seed = check_number("budget", budget, 0.001, 1e9, ModelError), check_seed(seed)
    check_threads(threads)
    if not metrics:
        raise ModelError("no metrics are named; name at least one, with its direction")
    for metric in metrics:  # complain before anything is fitted
        dataset.values(metric.name)
        if metric.name in dataset.report.doubtful and metric.noise is None:
            warnings.warn(f"{metric.name}: {dataset.report.doubtful[metric.name]}", AccelnasWarning, stacklevel=2)
    parts = split or whole_split(dataset)
    ids = np.sort(np.concatenate([parts.train, parts.val]))
    tell = progress or (lambda *_: None)
    views = KnownViews(dataset, known, known_metrics) if known or known_metrics else None
    results = []
    for metric in metrics:
        start = time.perf_counter()
        tell(metric.name, 0.0)
        choice = choose(dataset, ids, metric, budget, seed, threads, partial(tell, metric.name), views)
        if isinstance(choice.joint, Stack):
            uncertainty, noise = _write_stack(dataset, parts, choice, choice.joint, out, threads, views)
        else:
            uncertainty, noise = _write_table(dataset, parts, choice, metric, out)
        if choice.is_plain:
            warnings.warn(
                f"{metric.name}: models err by {choice.figures.mae:.4g} on rows left out, hardly less than a sum of "
                "one number a choice or the median of all; measure more architectures, or look at the data",
                AccelnasWarning,
                stacklevel=2,
            )
        figures, test = choice.figures, dataset.rows(parts.test)
        test = test[~np.isnan(dataset.values(metric.name)[test])]
        if test.size > 1:
            figures = evaluate(
                dataset.values(metric.name)[test], choice.predict(dataset.choices[test]), metric.direction
            )
        names = [attempt.name for attempt in choice.attempts if attempt.note == "chosen"]
        members = sum(ensemble.fit.models.count for ensemble in choice.ensembles)
        size = sum(ensemble.fit.models.size for ensemble in choice.ensembles)
        seconds = time.perf_counter() - start
        results.append(
            AutomaticResult(
                metric.name,
                figures,
                " + ".join(names),
                members,
                size,
                noise,
                seconds,
                choice.attempts,
                choice.known,
                choice.curve,
                uncertainty,
            )
        )
    about = {
        "budget": budget,
        "seed": seed,
        "split": parts.name,
        "fitted": len(ids),
        "figures": {result.name: result.figures and _finite(result.figures) for result in results},
        "attempts": {result.name: [_told(attempt) for attempt in result.attempts] for result in results},
    }
    about["errors"] = {result.name: result.uncertainty and _calibration(result.uncertainty) for result in results}
    about["curve"] = {result.name: result.curve and asdict(result.curve) for result in results}
    if views is not None:
        about["known"] = {result.name: result.known and asdict(result.known) for result in results}
    write_text(Path(out) / "fit.json", json.dumps(about, indent=1) + "\n")
    return results


def _told(attempt: Attempt) -> dict[str, object]:
    return {**asdict(attempt), "figures": attempt.figures and _finite(attempt.figures)}


def _finite(figures: Figures) -> dict[str, float | None]:
    """Give figures as JSON has them, which knows no NaN."""
    return {name: value if np.isfinite(value) else None for name, value in asdict(figures).items()}


def _calibration(uncertainty: Uncertainty) -> dict[str, object]:
    """Give the tails of left-out errors, and the shares of them inside central intervals, by level."""
    freedom = uncertainty.degrees_of_freedom
    covered = coverage(uncertainty.scores.astype(np.float64), freedom)
    return {"degrees_of_freedom": freedom, "coverage": dict(zip(map(str, LEVELS), covered, strict=True))}


def _write_table(
    dataset: Dataset, split: Split, choice: Choice, metric: MetricSpec, out: str | Path
) -> tuple[Uncertainty, float | None]:
    """Write predictions of all architectures; give what is known of errors, and the noise of one measurement."""
    own = MetricSettings(**{**vars(metric), "link": "identity", "limit": None})
    first = choice.ensembles[0]
    spread = np.zeros(len(choice.left_out))
    values = dataset.values(metric.name)[first.rows]
    judged = Ensemble(own, Fit(first.fit.models, choice.left_out, spread), 1.0, 0.0, first.rows, values)
    uncertainty = estimate_uncertainty(dataset, judged, choice.folds)
    noise = unit_noise(dataset, judged, uncertainty)
    space = tabulated_space(dataset.space)
    every = (space.range(first, min(first + BATCH, space.size)) for first in range(0, space.size, BATCH))
    table = np.concatenate([choice.predict(rows) for rows in every])
    provenance = _provenance(dataset, split, choice, "table")
    surrogate = _core.Surrogate.tabulated(space._core, table)
    write_metric(out, replace(own, noise=noise), surrogate, provenance, uncertainty)
    return uncertainty, noise


def _write_stack(
    dataset: Dataset,
    split: Split,
    choice: Choice,
    stack: Stack,
    out: str | Path,
    threads: int | None,
    known: KnownViews | None,
) -> tuple[Uncertainty, float | None]:
    """Compile the ensembles and their sum; give what is known of errors, and the noise of one measurement."""
    joint = stack.ensemble(choice.ensembles, choice.left_out)
    uncertainty = estimate_uncertainty(dataset, joint, choice.folds)
    noise = unit_noise(dataset, joint, uncertainty)

    def write(settings: Settings, ensemble: Ensemble, folder: str | Path) -> None:
        write_ensemble(dataset, split, settings, ensemble, uncertainty, noise, folder, threads, 100_000)

    several = len(choice.ensembles) > 1
    if not several and choice.ensembles[0].fit.models.weights is None:
        write(choice.settings[0], joint, out)
        return uncertainty, noise
    surrogates, provenance = [], _provenance(dataset, split, choice, "stack" if several else "anova_process")
    for number, (settings, ensemble) in enumerate(zip(choice.settings, choice.ensembles, strict=True)):
        if known is not None and known.linear is not None and ensemble.fit.models.weights is not None:
            surrogates.append(summed(dataset, ensemble, known.linear))
            provenance["known"] = ", ".join(known.names)
            continue
        with TemporaryDirectory() as folder:
            write(settings, ensemble, folder)
            compiled = _core.Benchmark(folder)
            surrogates.append(compiled.surrogate(0))
            provenance[f"part {number}"] = json.dumps(compiled.provenance(0))
    surrogate = surrogates[0]
    if several:
        weights = stack.weights.tolist()
        provenance["weights"] = json.dumps(weights)
        surrogate = _core.Surrogate.combine(dataset.space._core, surrogates, weights, stack.constant)
    write_metric(out, replace(joint.metric, noise=noise), surrogate, provenance, uncertainty)
    return uncertainty, noise


def _provenance(dataset: Dataset, split: Split, choice: Choice, family: str) -> dict[str, str]:
    names, settings = [attempt.name for attempt in choice.attempts if attempt.note == "chosen"], choice.settings[0]
    return {
        "data_sha256": dataset.sha256,
        "split": split.name,
        "split_sha256": split.sha256,
        "settings": settings.name,
        "settings_sha256": settings.sha256,
        "seed": str(settings.seed),
        "recipe": " + ".join(names),
        "family": family,
        "kernels": kernels(),
    }
