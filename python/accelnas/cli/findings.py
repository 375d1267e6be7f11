"""How results are shown and written."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import typer

from accelnas.cli.exact import NO_CERTIFICATE, NO_FILES, Proven, Written
from accelnas.cli.info import new_table, significant, with_unit
from accelnas.cli.shared import console, write_plot
from accelnas.exact.result import Drawn
from accelnas.fitting.writers import write_table
from accelnas.notebook import evenly

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelnas import Benchmark
    from accelnas.exact import BestResult, Certificate, Distribution, DistributionEstimate, FrontResult

__all__ = ["exit_interrupted", "proof", "show"]

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def show(
    bench: Benchmark,
    result: Any,
    proven: Proven = NO_CERTIFICATE,
    written: Written = NO_FILES,
    quantiles: Sequence[float] = QUANTILES,
) -> None:
    """Print a result of any kind, and write what was asked for."""
    if isinstance(result, tuple):
        _show_stages(bench, result, proven, written)
        return
    certificate = getattr(result, "certificate", None)
    if proven.certificate is not None:
        if certificate is None:
            raise typer.BadParameter("--certificate is of proven answers; leave --samples out")
        certificate.save(proven.certificate)
    _write(result, written)
    if proven.as_json:
        document = _estimated(result) if certificate is None else certificate.to_json()
        typer.echo(json.dumps(document, indent=1, default=np.ndarray.tolist))
    else:
        _show_result(bench, result, quantiles)
        unproven = (
            f"[yellow]not proven[/yellow]: an estimate from {getattr(result, 'samples', 0):,} random architectures"
        )
        console().print(unproven if certificate is None else proof(certificate), soft_wrap=True)


def exit_interrupted(result: Any) -> None:
    """End the command with the exit code of an interruption, where one ended the search."""
    if not getattr(result, "is_complete", True):
        raise typer.Exit(130)


def _estimated(result: Any) -> dict[str, Any]:
    """Give an estimate as plain data: what was drawn, and what follows from it."""
    follows = result.columns() if isinstance(result, Drawn) else {"count": asdict(result.count)}
    return {**asdict(result), **follows}


def _show_stages(bench: Benchmark, stages: tuple[BestResult, ...], proven: Proven, written: Written) -> None:
    """Show all stages, and write the last one, which has the answer; each has a certificate, in a numbered file."""
    file = proven.certificate
    if proven.as_json:
        typer.echo(json.dumps([stage.certificate.to_json() for stage in stages], indent=1))
    for number, stage in enumerate(stages, 1):
        if file is not None:
            stage.certificate.save(file.with_stem(f"{file.stem}-{number}"))
        if not proven.as_json:
            console().print(f"stage {number}")
            show(bench, stage)
    _write(stages[-1], written)


def _write(result: Any, written: Written) -> None:
    if written.output is not None and isinstance(result, Drawn):
        write_table(written.output, iter([result.columns()]))
    if isinstance(result, Drawn):
        write_plot(written.plot, result.plot)


def proof(certificate: Certificate) -> str:
    """Say what is proven and what it took."""
    from rich.markup import escape

    counts = certificate.counts
    ways = {"evaluated": counts.evaluated, "excluded by bounds": counts.pruned, "counted by bounds": counts.settled}
    settled = ", ".join(f"{count:,} {way}" for way, count in ways.items() if count)
    word = "proven" if certificate.complete else "not proven"
    return f"[green]{word}[/green]: {escape(certificate.bound)}\n{settled} in {certificate.seconds:.2f} s"


def _show_result(bench: Benchmark, result: Any, quantiles: Sequence[float]) -> None:
    from accelnas.exact import CountEstimate, CountResult, Distribution, DistributionEstimate, FrontResult

    screen = console()
    if isinstance(result, CountResult):
        part = f"{100 * result.fraction:.4g} %"
        screen.print(f"[bold]{result.count:,}[/bold] of {result.size:,} architectures ({part})", soft_wrap=True)
    elif isinstance(result, CountEstimate):
        found = result.count
        interval = f"{found.lower:,.0f} to {found.upper:,.0f} with 95 %"
        screen.print(f"about [bold]{found.value:,.0f}[/bold] of {result.size:,} architectures ({interval})")
    elif isinstance(result, (Distribution, DistributionEstimate)):
        _show_distribution(result, quantiles)
    else:
        _show_rows(bench, result.columns())
    if isinstance(result, FrontResult) and result.reference is not None:
        screen.print(_volume(result), soft_wrap=True)


def _show_rows(bench: Benchmark, columns: Mapping[str, Sequence[Any]]) -> None:
    texts, numbers = columns["architecture"], {name: c for name, c in columns.items() if name != "architecture"}
    headings = tuple(with_unit(bench, name) for name in numbers)
    table = new_table("", *headings, "architecture", numbers=("", *headings))
    chosen = evenly(len(texts))
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
