"""Commands that ask about the whole space: ``accelnas best|front|scalarised|lexicographic|count|rank|distribution``.

A command says what is its own and gives a question; what all of them share is said once, in `_shared`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, get_type_hints

import numpy as np
import typer

from accelnas.cli.exact import (
    CertificateOption,
    ConstraintsOption,
    JsonOption,
    OutputOption,
    PlotOption,
    SamplesOption,
    SeedOption,
    WithinOption,
    parse_choices,
    parse_direction,
    searching,
)
from accelnas.cli.findings import show
from accelnas.cli.formulations import Form, parse_formulation
from accelnas.cli.predict import parses
from accelnas.cli.shared import BenchmarkOption, DeriveOption, ThreadsOption, load_benchmark
from accelnas.cli.tables import open_reader
from accelnas.fitting.columns import ColumnEncoder

if TYPE_CHECKING:
    from accelnas import Benchmark
    from accelnas.exact import Question

MetricsArgument = Annotated[
    str,
    typer.Argument(metavar="A,B[,C]", help="Metrics; :maximise or :minimise after one replaces its direction."),
]

Asking: TypeAlias = "Callable[..., Question]"
"""Takes its own parameters, and those of the shared ones that it names, or `bench`; gives the question."""
_commands: list[tuple[str, str, Callable[..., None]]] = []


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for name, examples, run in _commands:
        app.command(name, epilog="Examples:\n\n" + "\n\n".join(f"  {line}" for line in examples.splitlines()))(run)


def _shared(
    subject_to: ConstraintsOption = None,
    within: WithinOption = None,
    samples: SamplesOption = None,
    seed: SeedOption = 0,
    output: OutputOption = None,
    plot: PlotOption = None,
    certificate: CertificateOption = None,
    as_json: JsonOption = False,
    derive: DeriveOption = None,
    threads: ThreadsOption = None,
    benchmark: BenchmarkOption = None,
) -> None:
    """Only the signature matters."""


def _asks(examples: str, *, without: tuple[str, ...] = ("samples", "seed")) -> Callable[[Asking], Asking]:
    """Make a command of what gives a question; some of the shared options may not be its own."""

    def made(ask: Asking) -> Asking:
        own, common = (list(inspect.signature(one).parameters.values()) for one in (ask, _shared))
        named = {parameter.name for parameter in own} & {"bench", *(parameter.name for parameter in common)}
        own = [parameter for parameter in own if parameter.name not in (*named, "bench")]
        common = [parameter for parameter in common if parameter.name not in without]
        hints = get_type_hints(ask, _names(), include_extras=True) | get_type_hints(_shared, include_extras=True)

        def run(**given: Any) -> None:
            bench = load_benchmark(given["benchmark"], given["derive"])
            given["bench"], given["within"] = bench, parse_choices(bench.space, given["within"])
            given["subject_to"] = given.get("subject_to") or ()
            question = ask(**{name: given[name] for name in [*named, *(parameter.name for parameter in own)]})
            _answer(bench, question, given)

        parameters = [parameter.replace(annotation=hints[parameter.name]) for parameter in [*own, *common]]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__doc__ = ask.__doc__
        _commands.append((ask.__name__.strip("_"), examples, run))
        return ask

    return made


def _names() -> dict[str, Any]:
    """Give the names in annotations that only type checkers import."""
    from accelnas import Benchmark
    from accelnas.exact import Question

    return {**globals(), "Benchmark": Benchmark, "Question": Question}


def _answer(bench: Benchmark, question: Question, given: dict[str, Any]) -> None:
    """Answer a question, and show and write the answer."""
    shown = given.get("quantiles")
    if given.get("samples") is not None:
        result = bench.estimate(question, samples=given["samples"], seed=given["seed"], threads=given["threads"])
    else:
        with searching(bench, question) as progress:
            result = bench.solve(question, threads=given["threads"], progress=progress)
    show(
        bench,
        result,
        certificate=given["certificate"],
        as_json=given["as_json"],
        output=given.get("output"),
        plot=given.get("plot"),
        quantiles=None if shown is None else [_part(text) for text in shown.split(",")],
    )


@_asks(
    "accelnas best accuracy\n"
    "accelnas best accuracy -s 'latency_zcu102 <= 5' -s 'params < 6' -k 10 -o best.csv\n"
    "accelnas best throughput_a100 -s 'accuracy >= 66' -w block0_e=1,4 --certificate fastest.json"
)
def _best(
    metric: Annotated[
        str,
        typer.Argument(metavar="METRIC", help="Metric to maximise or minimise, as it is better; or METRIC:DIRECTION."),
    ],
    k: Annotated[int, typer.Option("-k", min=1, help="How many of the best.")] = 1,
    subject_to: Any = (),
    within: Any = None,
) -> Question:
    """Find the best architectures of the whole space, and prove that none is better.

    Nothing is sampled: bounds exclude most architectures, the others are evaluated one by one. Values are
    predictions, exact in float64; how far measurements lie from them is another question.
    """
    from accelnas.exact import BestQuestion

    return BestQuestion(parse_direction(metric), subject_to, within, k)


@_asks(
    "accelnas front accuracy,latency_zcu102 -o front.csv --certificate front.json\n"
    "accelnas front accuracy,throughput_a100 -s 'params <= 6' --plot front.svg\n"
    "accelnas front accuracy,macs,peak_memory:maximise -w block0_e=1 -w block1_e=6"
)
def _front(metrics: MetricsArgument, subject_to: Any = (), within: Any = None) -> Question:
    """Find the Pareto front of two or three metrics over the whole space, and prove that no point is missing.

    Ctrl-C ends the search with what is proven so far, marked as interrupted; the exit code is 130 then.
    """
    from accelnas.exact import FrontQuestion

    return FrontQuestion([parse_direction(text) for text in metrics.split(",")], subject_to, within)


@_asks(
    "accelnas scalarised sum accuracy=1 latency_zcu102=0.3 -k 5\n"
    "accelnas scalarised minmax accuracy=0.7 throughput_a100=0.3\n"
    "accelnas scalarised exponential accuracy=1 macs=1 --power 3 --range accuracy=30:70 --range macs=1000:0\n"
    "accelnas scalarised product accuracy=1 latency_zcu102=-0.07 --target latency_zcu102=5\n"
    "accelnas scalarised product accuracy=1 latency_zcu102=0,-1 --target latency_zcu102=5"
)
def _scalarised(
    form: Annotated[Form, typer.Argument(help="Sum, exponential sum, largest distance, or product.")],
    weights: Annotated[
        list[str], typer.Argument(metavar="METRIC=WEIGHT...", help="2 or 3 metrics and weights, or exponents.")
    ],
    ranges: Annotated[
        list[str] | None,
        typer.Option("--range", metavar="METRIC=WORST:IDEAL", help="Values that count as 0 and 1.", show_default=False),
    ] = None,
    targets: Annotated[
        list[str] | None,
        typer.Option("--target", metavar="METRIC=VALUE", help="What a product divides by.", show_default=False),
    ] = None,
    power: Annotated[float, typer.Option("--power", help="Exponent of the exponential sum.")] = 2.0,
    k: Annotated[int, typer.Option("-k", min=1, help="How many; more than 1 for some sums alone.")] = 1,
    subject_to: Any = (),
    within: Any = None,
) -> Question:
    """Find the best architecture by a weighted score of two or three metrics, and prove it.

    The score is monotone in every metric, so the best point of the exact Pareto front is the best of all.
    """
    from accelnas.exact import ScalarisedQuestion

    formulation = parse_formulation(form, weights, ranges or [], targets or [], power)
    return ScalarisedQuestion(formulation, subject_to, within, k)


@_asks(
    "accelnas lexicographic accuracy,latency_zcu102 --tolerances 0.5\n"
    "accelnas lexicographic latency_zcu102,params,accuracy --tolerances 0.1,0.5 -s 'accuracy >= 64'",
)
def _lexicographic(
    metrics: MetricsArgument,
    tolerances: Annotated[
        str | None,
        typer.Option(
            "--tolerances",
            metavar="T,…",
            help="How much worse than its optimum each metric but the last may become, in its unit.",
            show_default="0 each",
        ),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many of the last stage.")] = 1,
    subject_to: Any = (),
    within: Any = None,
) -> Question:
    """Optimise one metric after the other, each among those within a tolerance of the ones before, and prove it.

    A table and a plot are of the last stage; each stage has a certificate, NAME-1.json, NAME-2.json, …
    """
    from accelnas.exact import LexicographicQuestion

    try:
        margins = [float(text) for text in tolerances.split(",")] if tolerances else []
    except ValueError:
        raise typer.BadParameter(f"--tolerances {tolerances!r}; write numbers, such as 0.5,1") from None
    return LexicographicQuestion([parse_direction(text) for text in metrics.split(",")], margins, subject_to, within, k)


@_asks(
    "accelnas count -s 'accuracy >= 65' -s 'latency_zcu102 <= 5' -w block0_e=1\n"
    "accelnas count -s 'params < 4' --certificate small.json\n"
    "accelnas count -s 'accuracy >= 65' --samples 1000000",
    without=("output", "plot"),
)
def _count(subject_to: Any = (), within: Any = None) -> Question:
    """Count the architectures that meet constraints, exactly and over the whole space."""
    from accelnas.exact import CountQuestion

    if not subject_to:
        raise typer.BadParameter("nothing to count; give --subject-to 'METRIC <= NUMBER'")
    return CountQuestion(subject_to, within)


@_asks(
    "accelnas rank accuracy archs.csv -o ranked.csv\n"
    "accelnas sample -n 5 | accelnas rank latency_zcu102 - --samples 1000000",
    without=("subject_to",),
)
def _rank(
    bench: Benchmark,
    metric: Annotated[str, typer.Argument(metavar="METRIC", help="Metric to rank by, as it is better.")],
    table: Annotated[
        Path, typer.Argument(metavar="INPUT", help="Architectures, as accelnas predict reads them; - is stdin.")
    ],
    within: Any = None,
) -> Question:
    """Count the architectures of the whole space that are better than those of a table, and those that tie."""
    from accelnas.exact import RankQuestion

    with open_reader(table, lambda text: parses(bench.space, text)) as reader:
        encode = ColumnEncoder(bench.space, reader.names, reader.name)
        archs = np.concatenate([encode(batch.columns, batch.locate) for batch in reader.batches()])
    return RankQuestion(archs, parse_direction(metric), within)


@_asks(
    "accelnas distribution accuracy --samples 1000000\n"
    "accelnas distribution latency_zcu102 -s 'accuracy >= 65' --quantiles 0.01,0.5\n"
    "accelnas distribution peak_memory -o bins.csv --plot memory.svg",
    without=(),
)
def _distribution(
    metric: Annotated[str, typer.Argument(metavar="METRIC", help="Name of the metric.")],
    bins: Annotated[int, typer.Option("--bins", min=1, help="Number of bins.")] = 4096,
    quantiles: Annotated[
        str | None,
        typer.Option("--quantiles", metavar="Q,…", help="Quantiles to show, 0 to 1.", show_default="7 of them"),
    ] = None,
    subject_to: Any = (),
    within: Any = None,
) -> Question:
    """Count the architectures of the whole space by the value of a metric: quantiles and moments with proven bounds."""
    from accelnas.exact import DistributionQuestion

    for text in (quantiles or "0").split(","):  # complains before anything is searched
        _part(text)
    return DistributionQuestion(metric, subject_to, within, bins)


def _part(text: str) -> float:
    try:
        q = float(text)
    except ValueError:
        q = -1.0
    if not 0 <= q <= 1:
        raise typer.BadParameter(f"--quantiles {text!r}; write numbers of 0 to 1, such as 0.05,0.5")
    return q
