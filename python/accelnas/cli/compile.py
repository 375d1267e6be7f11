"""``accelnas compile``: fitted tree models into a metric of a benchmark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelnas.cli.commands import command
from accelnas.cli.data import listed, read_space
from accelnas.cli.enumerated import enumerate_models
from accelnas.cli.info import new_table
from accelnas.cli.shared import ThreadsOption, console, optional, progress
from accelnas.errors import ModelError
from accelnas.space import mnasnet_space

if TYPE_CHECKING:
    from rich.table import Table

    from accelnas import Space
    from accelnas.fitting.compile import CompileReport, MetricSpec
    from accelnas.fitting.encoding import Encoding


@command(
    "accelnas compile fold0.ubj fold1.ubj fold2.ubj --metric accuracy -o mybench",
    "accelnas compile time.txt --metric latency_phone --unit ms --direction minimise --link log -o mybench",
    "accelnas compile sparse.ubj --metric accuracy --absent missing -o mybench",
    "accelnas compile both.ubj --target 1 --metric top5 --direction maximise -o mybench",
    "accelnas compile model.json --metric accuracy --encoding columns.toml --data measured.parquet -o mybench",
    "accelnas compile --enumerate svr.skops --encoding ordinal -m top1 --direction maximise --space s.toml -o mine",
    "accelnas compile --enumerate costs:latency --metric ms --direction minimise --space s.toml -o mine",
    name="compile",
)
def compile_models(
    models: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL...",
            help="Files of one ensemble, one a member: XGBoost JSON or UBJSON, LightGBM text, CatBoost JSON or .cbm, "
            "the JSON of an EBM, ONNX trees, or a Treelite checkpoint (which any scikit-learn forest can be saved as); "
            "with --enumerate also any estimator of scikit-learn, saved by skops, or module:function. Pickles are "
            "refused.",
        ),
    ],
    metric: Annotated[str, typer.Option("--metric", "-m", help="Name of the metric that the models predict.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Benchmark directory to create or update.")],
    space: Annotated[
        Path | None,
        typer.Option(
            metavar="TOML|NAME",
            help="Search space: a space.toml, a benchmark's folder, or a name such as darts (docs/guides/spaces.md).",
            show_default="that of the output, else mnasnet",
        ),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(
            metavar="ordinal|values|TOML",
            help="What the models see: positions of choices, the choices themselves, or a file that names "
            "the columns and their numbers; with --enumerate also dicts or frame, of the choices.",
            show_default="ordinal, columns by the models' feature names if they have any",
        ),
    ] = None,
    missing: Annotated[
        float | None,
        typer.Option(
            metavar="NUMBER",
            help="What the models take as missing besides nan, as missing of XGBoost; nan if nothing.",
            show_default="that of the encoding, or of a model that states it",
        ),
    ] = None,
    absent: Annotated[
        str | None,
        typer.Option(
            metavar="missing|zero",
            help="What one-hot columns hold for other choices; missing for models of sparse rows.",
            show_default="as the encoding says",
        ),
    ] = None,
    target: Annotated[
        int | None,
        typer.Option(min=0, help="Which of several numbers that the models predict, from 0.", show_default=False),
    ] = None,
    raw: Annotated[
        bool,
        typer.Option("--raw", help="Compile the sum of the trees, without what the models apply to it (a sigmoid)."),
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(help="Data set whose architectures are verified too.", show_default=False),
    ] = None,
    unit: Annotated[str | None, typer.Option(help="Unit of the metric.", show_default=False)] = None,
    direction: Annotated[
        str | None,
        typer.Option(metavar="maximise|minimise", help="Which is better; needed for a new metric.", show_default=False),
    ] = None,
    link: Annotated[
        str,
        typer.Option(
            metavar="identity|reciprocal|log|below|above|capped|floored",
            help="What the models predict: y, 1/y, ln y, -ln(limit - y) or ln(y - limit); capped is 1/y, and floored "
            "y, of predictions that stop at the limit.",
        ),
    ] = "identity",
    limit: Annotated[
        float | None,
        typer.Option(
            help="What all values are below or above, or predictions capped or floored at.", show_default=False
        ),
    ] = None,
    noise: Annotated[
        float | None,
        typer.Option(help="Standard deviation of one measurement, in the unit.", show_default=False),
    ] = None,
    description: Annotated[str | None, typer.Option(help="One sentence.", show_default=False)] = None,
    scale: Annotated[float, typer.Option(help="Multiplies what the models predict.")] = 1.0,
    bias: Annotated[float, typer.Option(help="Added after that.")] = 0.0,
    random_rows: Annotated[int, typer.Option(min=1, help="Random architectures to verify on.")] = 100_000,
    whole: Annotated[
        bool,
        typer.Option(
            "--enumerate", help="Evaluate any models on every architecture of a small space, and keep their values."
        ),
    ] = False,
    trust: Annotated[
        str | None, optional("--trust", metavar="TYPE,…", text="Types of skops files that may be loaded besides.")
    ] = None,
    threads: ThreadsOption = None,
) -> None:
    """Compile models of trees or of tables to exact tables, verify them, and write them into a benchmark.

    Every member is compared with the library that made it, leaf by leaf and value by value; nothing
    is written if anything differs by more than the libraries' own rounding. With --enumerate the values
    themselves are kept, of models of any kind.
    """
    from accelnas.fitting.compile import compile_metric

    chosen = _space(space, output)
    spec = _metric_spec(metric, output, unit, direction, (link, limit), noise, description)
    if whole:
        given = {"data": data, "missing": missing, "absent": absent, "target": target, "raw": raw or None}
        if unused := [name for name, value in given.items() if value is not None]:
            raise ModelError(f"--{unused[0]} says nothing with --enumerate; leave it out")
        names = [str(model) for model in models]
        console().print(enumerate_models(names, chosen, spec, output, encoding, scale, bias, listed(trust) or []))
        return
    if trust is not None:
        raise ModelError("--trust is for skops files; compile them with --enumerate")
    columns = _encoding(encoding, chosen)
    architectures, provenance = None, {}
    if data is not None:
        from accelnas.fitting.dataset import read_dataset

        dataset = read_dataset(data, chosen)
        architectures, provenance = dataset.choices, {"data_sha256": dataset.sha256}
    with progress("compile and verify", None):
        report = compile_metric(
            models,
            space=chosen,
            metric=spec,
            directory=output,
            scale=scale,
            bias=bias,
            encoding=columns,
            missing=missing,
            absent=absent,
            target=target,
            raw=raw,
            architectures=architectures,
            provenance=provenance,
            random_rows=random_rows,
            threads=threads,
        )
    console().print(_table(report))


def _space(given: Path | None, output: Path) -> Space:
    if given is None and (output / "benchmark.toml").is_file():
        given = output
    return read_space(given) or mnasnet_space()


def _encoding(name: str | None, space: Space) -> Encoding | None:
    from accelnas.fitting.encoding import Encoding

    if name is None:
        return None
    if name == "ordinal":
        return Encoding.ordinal(space)
    return Encoding.values(space) if name == "values" else Encoding.from_toml(name, space)


def _metric_spec(
    name: str,
    output: Path,
    unit: str | None,
    direction: str | None,
    link: tuple[str, float | None],
    noise: float | None,
    description: str | None,
) -> MetricSpec:
    """Complete what is not given from the output's metric of that name, else from the known ones."""
    import accelnas
    from accelnas.fitting.compile import MetricSpec
    from accelnas.fitting.settings import read_settings

    known: Any = read_settings("bundled").metrics.get(name)
    if (output / "benchmark.toml").is_file():
        known = accelnas.load(output).metrics.get(name, known)
    if direction is None and known is None:
        raise ModelError(f"{name} is new; say --direction maximise or --direction minimise")
    return MetricSpec(
        name=name,
        unit=unit if unit is not None else getattr(known, "unit", ""),
        direction=direction or known.direction,
        link=link[0],
        limit=link[1],
        noise=noise if noise is not None else getattr(known, "noise", None),
        description=description if description is not None else getattr(known, "description", ""),
    )


def _table(report: CompileReport) -> Table:
    checked = report.verification
    rows = checked.data_rows + checked.random_rows
    table = new_table(f"{report.metric}: {report.members} members in {report.directory}", "what", "result")
    table.add_row("tables", f"{report.table_count:,} of {report.cell_count:,} numbers over {report.granularity}")
    table.add_row("trees kept", f"{report.forest_trees:,}")
    for number, model in enumerate(json.loads(report.provenance["source_models"])):
        if model.get("rounds") != model.get("rounds_total"):
            rounds = f"{model['rounds']:,} of {model['rounds_total']:,}"
            table.add_row(f"rounds of model {number}", f"{rounds}, up to its best iteration, as its library predicts")
    table.add_row("architectures compared", f"{rows:,}, {checked.data_rows:,} of them measured")
    table.add_row("leaves compared", f"{checked.leaf_pairs:,}, all the same")
    for name, value in checked.as_strings().items():
        if name.endswith("_error"):
            table.add_row(name.removeprefix("verified_").replace("_", " "), f"{value} standard deviations")
    table.add_row("seconds", ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in report.seconds.items()))
    return table
