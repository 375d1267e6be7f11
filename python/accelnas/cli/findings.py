"""How results are shown and written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import typer

from accelnas.cli.info import new_table, significant
from accelnas.cli.shared import console
from accelnas.cli.tables import write_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelnas import Benchmark
    from accelnas.exact import BestResult, Certificate, Distribution, DistributionEstimate, FrontResult

__all__ = ["columns_of", "proof", "show", "show_architectures", "show_finding", "write_architectures", "write_finding"]

SHOWN = 20  # rows of a table on the screen
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def show(
    bench: Benchmark,
    result: Any,
    *,
    certificate: Path | None,
    as_json: bool,
    output: Path | None = None,
    quantiles: Sequence[float] | None = None,
) -> None:
    """Print a result of any kind, and write what was asked for."""
    from accelnas.exact import BestResult, CountEstimate, CountResult

    if certificate is not None:
        result.certificate.save(certificate)
    if isinstance(result, BestResult) and output is not None:
        write_architectures(result, output)
    elif not isinstance(result, (CountEstimate, CountResult)) and output is not None:
        write_finding(result, output)
    if as_json:
        typer.echo(json.dumps(result.certificate.to_json(), indent=1))
    elif isinstance(result, BestResult):
        show_architectures(bench, result)
    elif not isinstance(result, CountResult):
        show_finding(bench, result, quantiles or QUANTILES)
    else:
        screen = console()
        part = f"{100 * result.fraction:.4g} %"
        screen.print(f"[bold]{result.count:,}[/bold] of {result.size:,} architectures ({part})", soft_wrap=True)
        screen.print(proof(result.certificate), soft_wrap=True)


def show_architectures(bench: Benchmark, result: BestResult) -> None:
    """Print architectures and their values."""
    screen = console()
    units = {name: bench.metrics[name].unit for name in result.metric_values}
    columns = [f"{name} \\[{unit}]" if unit else name for name, unit in units.items()]
    table = new_table("", *columns, "architecture", numbers=("", *columns))
    texts = result.certificate.result["architectures"]
    for i, text in enumerate(texts):
        values = (significant(float(column[i]), 6) for column in result.metric_values.values())
        table.add_row(str(i + 1), *values, text)
    if len(result):
        screen.print(table)
    screen.print(proof(result.certificate), soft_wrap=True)


def write_architectures(result: BestResult, output: Path) -> None:
    """Write a table of architectures and their float64 values."""
    write_table(output, iter([{"architecture": result.certificate.result["architectures"], **result.metric_values}]))


def proof(certificate: Certificate) -> str:
    """Say what is proven and what it took."""
    from rich.markup import escape

    counts = certificate.counts
    ways = {"evaluated": counts.evaluated, "excluded by bounds": counts.pruned, "counted by bounds": counts.settled}
    settled = ", ".join(f"{count:,} {way}" for way, count in ways.items() if count)
    word = "proven" if certificate.complete else "not proven"
    return f"[green]{word}[/green]: {escape(certificate.bound)}\n{settled} in {certificate.seconds:.2f} s"


def show_finding(bench: Benchmark, result: Any, quantiles: Sequence[float] = QUANTILES) -> None:
    """Print a result."""
    from accelnas.exact import CountEstimate, Distribution, DistributionEstimate, FrontResult

    screen = console()
    if isinstance(result, (Distribution, DistributionEstimate)):
        _show_distribution(result, quantiles)
    elif isinstance(result, CountEstimate):
        found = result.count
        interval = f"{found.lower:,.0f} to {found.upper:,.0f} with 95 %"
        screen.print(f"about [bold]{found.value:,.0f}[/bold] of {result.size:,} architectures ({interval})")
    else:
        _show_rows(bench, columns_of(result))
    if isinstance(result, FrontResult) and result.reference is not None:
        screen.print(_volume(result), soft_wrap=True)
    screen.print(proof(result.certificate), soft_wrap=True)


def write_finding(result: Any, output: Path) -> None:
    """Write a table of a result."""
    from accelnas.exact import Distribution, DistributionEstimate

    if isinstance(result, (Distribution, DistributionEstimate)):
        bins = {"lower": result.edges[:-1], "upper": result.edges[1:], "count": result.counts}
        write_table(output, iter([{**bins, "cdf": result.cdf()[1:]}]))
    else:
        write_table(output, iter([columns_of(result)]))


def columns_of(result: Any) -> Mapping[str, Sequence[Any]]:
    """Give the columns of a result about architectures."""
    from accelnas.exact import FrontResult, RankEstimate, ScalarisedResult

    texts = {"architecture": result.certificate.result["architectures"]}
    if isinstance(result, FrontResult):
        return {**texts, **result.metric_values, "ties": result.ties}
    if isinstance(result, ScalarisedResult):
        return {**texts, "score": result.scores, **result.metric_values}
    values = {**texts, result.metric: result.values, "rank": result.rank}
    if isinstance(result, RankEstimate):
        lower, upper = result.interval
        return {**values, "rank_lower": lower, "rank_upper": upper, "percentile": result.percentile}
    return {**values, "ties": result.ties, "percentile": result.percentile}


def _show_rows(bench: Benchmark, columns: Mapping[str, Sequence[Any]]) -> None:
    texts, numbers = columns["architecture"], {name: c for name, c in columns.items() if name != "architecture"}
    units = {name: bench.metrics[name].unit if name in bench.metrics else "" for name in numbers}
    headings = tuple(f"{name} \\[{unit}]" if unit else name for name, unit in units.items())
    table = new_table("", *headings, "architecture", numbers=("", *headings))
    chosen = np.unique(np.linspace(0, len(texts) - 1, SHOWN).round().astype(int)).tolist() if len(texts) else []
    for i in chosen:
        table.add_row(str(i + 1), *(_cell(column[i]) for column in numbers.values()), texts[i])
    if chosen:
        console().print(table)
    if len(chosen) < len(texts):
        console().print(f"{len(chosen)} of {len(texts)} are shown, --output writes all")


def _cell(number: Any) -> str:
    return f"{number:,}" if np.issubdtype(type(number), np.integer) else significant(float(number), 6)


def _show_distribution(result: Distribution | DistributionEstimate, quantiles: Sequence[float]) -> None:
    from accelnas.exact import Distribution

    screen, unit = console(), f" {result.unit}" if result.unit else ""
    if not result.total:
        screen.print("no architecture meets the constraints")
        return
    exact = isinstance(result, Distribution)
    mean = result.mean
    span = f"{significant(mean.lower, 8)} to {significant(mean.upper, 8)}"
    screen.print(f"{result.metric}: mean {significant(mean.value, 8)}{unit} ({span}), {result.total:,} architectures")
    table = new_table("quantile", "at least", "below" if exact else "at most", numbers=("quantile", "at least"))
    for q in quantiles:
        if isinstance(result, Distribution):
            lower, upper = result.quantile(q)
        else:
            found = result.quantile(q)
            lower, upper = found.lower, found.upper
        table.add_row(f"{100 * q:g} %", f"{lower:.8g}", f"{upper:.8g}")
    screen.print(table)


def _volume(front: FrontResult) -> str:
    point = ", ".join(f"{name} {value:g}" for name, value in (front.reference or {}).items())
    share = f"{front.normalised_hypervolume:.6f} of the box to the ideal point"
    return f"hypervolume {front.hypervolume():.8g} from {point}: {share}"
