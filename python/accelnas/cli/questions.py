"""Commands that ask about the whole space: ``accelnas best|front|scalarised|lexicographic|count|rank|distribution``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from accelnas._core import MAX_POINTS
from accelnas.cli.commands import command
from accelnas.cli.exact import (
    NO_FILES,
    NO_SAMPLES,
    Proven,
    Restricted,
    RiskOption,
    Sampled,
    WithinOption,
    Written,
    parse_choices,
    parse_direction,
    parse_directions,
    searching,
)
from accelnas.cli.findings import QUANTILES, exit_interrupted, show
from accelnas.cli.formulations import Form, Terms, parse_formulation
from accelnas.cli.shared import Computed, optional
from accelnas.exact import (
    BestQuestion,
    CountQuestion,
    DistributionQuestion,
    FrontQuestion,
    LexicographicQuestion,
    Question,
    RankQuestion,
    ScalarisedQuestion,
)
from accelnas.fitting.columns import ColumnEncoder
from accelnas.fitting.readers import open_reader

MetricsArgument = Annotated[
    str,
    typer.Argument(metavar="A,B[,C…]", help="Metrics; :maximise or :minimise after one replaces its direction."),
]


def _answer(
    opened: Computed,
    question: Question,
    proven: Proven,
    written: Written = NO_FILES,
    sampled: Sampled = NO_SAMPLES,
    quantiles: Sequence[float] = QUANTILES,
) -> None:
    """Answer a question, and show and write the answer."""
    bench, threads = opened.bench, opened.threads
    if sampled.samples is not None:
        result = bench.estimate(question, samples=sampled.samples, seed=sampled.seed, threads=threads)
    else:
        with searching(bench, question) as progress:
            result = bench.solve(question, threads=threads, progress=progress)
    show(bench, result, proven, written, quantiles)
    exit_interrupted(result)


@command(
    "accelnas best accuracy",
    "accelnas best accuracy -s 'latency_zcu102 <= 5' -s 'params < 6' -k 10 -o best.csv",
    "accelnas best throughput_a100 -s 'accuracy >= 66' -w block0_e=1,4 --certificate fastest.json",
    "accelnas best accuracy --risk 1 -s 'latency_zcu102 <= 5 with 0.95'",
)
def best(
    metric: Annotated[
        str,
        typer.Argument(metavar="METRIC", help="Metric to maximise or minimise, as it is better; or METRIC:DIRECTION."),
    ],
    *,
    k: Annotated[int, typer.Option("-k", min=1, help="How many of the best.")] = 1,
    risk: RiskOption = 0.0,
    restricted: Restricted,
    written: Written,
    proven: Proven,
    opened: Computed,
) -> None:
    """Find the best architectures of the whole space, and prove that none is better.

    Nothing is sampled: bounds exclude most architectures, the others are evaluated one by one. Values are
    predictions, exact in float64; measurements lie off them: --risk 1 takes off one standard deviation, and limits
    'with 0.95' are kept by measurements with this probability.
    """
    question = BestQuestion(parse_direction(metric), k=k, risk=risk, **restricted.of(opened.bench))
    _answer(opened, question, proven, written)


@command(
    "accelnas front accuracy,latency_zcu102 -o front.csv --certificate front.json",
    "accelnas front accuracy,throughput_a100 -s 'params <= 6' --plot front.svg",
    "accelnas front accuracy,macs,peak_memory:maximise -w block0_e=1 -w block1_e=6",
    "accelnas front accuracy,latency_zcu102,params,macs -s 'accuracy >= 67' --max-points 1000000",
)
def front(
    metrics: MetricsArgument,
    *,
    risk: RiskOption = 0.0,
    max_points: Annotated[
        int, typer.Option("--max-points", min=1, max=MAX_POINTS, help="Most points: a front that has more is refused.")
    ] = 100_000,
    restricted: Restricted,
    written: Written,
    proven: Proven,
    opened: Computed,
) -> None:
    """Find the Pareto front of two to five metrics over the whole space, and prove that no point is missing.

    Ctrl-C ends the search with what is proven so far, marked as interrupted; the exit code is 130 then.
    """
    limits = restricted.of(opened.bench)
    question = FrontQuestion(parse_directions(metrics), risk=risk, max_points=max_points, **limits)
    _answer(opened, question, proven, written)


@command(
    "accelnas scalarised sum accuracy=1 latency_zcu102=0.3 -k 5",
    "accelnas scalarised minmax accuracy=0.7 throughput_a100=0.3",
    "accelnas scalarised exponential accuracy=1 macs=1 --power 3 --range accuracy=30:70 --range macs=1000:0",
    "accelnas scalarised product accuracy=1 latency_zcu102=-0.07 --target latency_zcu102=5",
    "accelnas scalarised product accuracy=1 latency_zcu102=0,-1 --target latency_zcu102=5",
    "accelnas scalarised reference accuracy=1 params=0.5 macs=0.01 --reference accuracy=66 --reference params=5 "
    "--reference macs=300",
)
def scalarised(
    form: Annotated[Form, typer.Argument(help="Sum, exponential sum, largest distance, product, or reference point.")],
    weights: Annotated[
        list[str], typer.Argument(metavar="METRIC=WEIGHT...", help="2 to 5 metrics and weights, or exponents.")
    ],
    *,
    terms: Terms,
    k: Annotated[int, typer.Option("-k", min=1, help="How many; more than 1 for some sums alone.")] = 1,
    restricted: Restricted,
    written: Written,
    proven: Proven,
    opened: Computed,
) -> None:
    """Find the best architecture by a weighted score of two to five metrics, and prove it.

    The score is monotone in every metric, so the best point of the exact Pareto front is the best of all.
    """
    question = ScalarisedQuestion(parse_formulation(form, weights, terms), k=k, **restricted.of(opened.bench))
    _answer(opened, question, proven, written)


@command(
    "accelnas lexicographic accuracy,latency_zcu102 --tolerances 0.5",
    "accelnas lexicographic latency_zcu102,params,accuracy --tolerances 0.1,0.5 -s 'accuracy >= 64'",
)
def lexicographic(
    metrics: MetricsArgument,
    *,
    tolerances: Annotated[
        str | None,
        optional(
            "--tolerances",
            metavar="T,…",
            text="How much worse than its optimum each metric but the last may become, in its unit.",
            default="0 each",
        ),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many of the last stage.")] = 1,
    restricted: Restricted,
    written: Written,
    proven: Proven,
    opened: Computed,
) -> None:
    """Optimise one metric after the other, each among those within a tolerance of the ones before, and prove it.

    A table and a plot are of the last stage; each stage has a certificate, NAME-1.json, NAME-2.json, …
    """
    try:
        margins = [float(text) for text in tolerances.split(",")] if tolerances else []
    except ValueError:
        raise typer.BadParameter(f"--tolerances {tolerances!r}; write numbers, such as 0.5,1") from None
    question = LexicographicQuestion(parse_directions(metrics), margins, k=k, **restricted.of(opened.bench))
    _answer(opened, question, proven, written)


@command(
    "accelnas count -s 'accuracy >= 65' -s 'latency_zcu102 <= 5' -w block0_e=1",
    "accelnas count -s 'params < 4' --certificate small.json",
    "accelnas count -s 'accuracy >= 65' --samples 1000000",
)
def count(restricted: Restricted, sampled: Sampled, proven: Proven, opened: Computed) -> None:
    """Count the architectures that meet constraints, exactly and over the whole space."""
    if not restricted.subject_to:
        raise typer.BadParameter("nothing to count; give --subject-to 'METRIC <= NUMBER'")
    _answer(opened, CountQuestion(**restricted.of(opened.bench)), proven, sampled=sampled)


@command(
    "accelnas rank accuracy archs.csv -o ranked.csv",
    "accelnas sample -n 5 | accelnas rank latency_zcu102 - --samples 1000000",
)
def rank(
    metric: Annotated[str, typer.Argument(metavar="METRIC", help="Metric to rank by, as it is better.")],
    table: Annotated[
        Path, typer.Argument(metavar="INPUT", help="Architectures, as accelnas predict reads them; - is stdin.")
    ],
    *,
    within: WithinOption = None,
    sampled: Sampled,
    written: Written,
    proven: Proven,
    opened: Computed,
) -> None:
    """Count the architectures of the whole space that are better than those of a table, and those that tie."""
    space = opened.bench.space
    with open_reader(table, space) as reader:
        encode = ColumnEncoder(space, reader.names, reader.name)
        archs = np.concatenate([encode(batch.columns, batch.locate) for batch in reader.batches()])
    question = RankQuestion(archs, parse_direction(metric), parse_choices(space, within))
    _answer(opened, question, proven, written, sampled)


@command(
    "accelnas distribution accuracy --samples 1000000",
    "accelnas distribution latency_zcu102 -s 'accuracy >= 65' --quantiles 0.01,0.5",
    "accelnas distribution peak_memory -o bins.csv --plot memory.svg",
)
def distribution(
    metric: Annotated[str, typer.Argument(metavar="METRIC", help="Name of the metric.")],
    *,
    bins: Annotated[int, typer.Option("--bins", min=1, help="Number of bins.")] = 4096,
    quantiles: Annotated[
        str | None,
        optional("--quantiles", metavar="Q,…", text="Quantiles to show, 0 to 1.", default="7 of them"),
    ] = None,
    restricted: Restricted,
    sampled: Sampled,
    written: Written,
    proven: Proven,
    opened: Computed,
) -> None:
    """Count the architectures of the whole space by the value of a metric: quantiles and moments with proven bounds."""
    shown = [_part(text) for text in quantiles.split(",")] if quantiles else QUANTILES
    question = DistributionQuestion(metric, bins=bins, **restricted.of(opened.bench))
    _answer(opened, question, proven, written, sampled, shown)


def _part(text: str) -> float:
    try:
        q = float(text)
    except ValueError:
        q = -1.0
    if not 0 <= q <= 1:
        raise typer.BadParameter(f"--quantiles {text!r}; write numbers of 0 to 1, such as 0.05,0.5")
    return q
