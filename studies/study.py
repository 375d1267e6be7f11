"""``accelnas study``: how uncertain inputs change what searches find, and closed forms beside simulators."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from accelnas.cli.data import listed, read
from accelnas.cli.fit import read_parts
from accelnas.cli.shared import ThreadsOption, console, progress
from studies.base import Reproduction, write_reproduction
from studies.command import seeds_folder

EPILOG = """Examples:

  accelnas study noise -o studied

  accelnas study proxy proxy_validation -o studied

  accelnas study estimator --metrics latency_zcu102,throughput_a100 -o studied

  accelnas study array scalesim/bin/python -o studied

  accelnas study energy zigzag/bin/python -o studied

  accelnas study codesign -o studied

  accelnas study noise --constraint 'latency_zcu102 <= 5' --factors 1,4 --runs 200 -o studied
"""

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    no_args_is_help=True,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
OutputOption = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIRECTORY", help="Folder for the report; made if needed.")
]
SeedOption = Annotated[int, typer.Option("--seed", "-s", min=0, help="The only source of chance.")]


@app.callback()
def study() -> None:
    """Study how noise, proxies and estimators change what searches find, by true regret.

    Each writes NAME.md, tables as CSV and the figure as SVG, in minutes on two cores.
    """


@app.command()
def noise(
    output: OutputOption,
    factors: Annotated[
        str, typer.Option("--factors", metavar="A,B,…", help="How many times the metrics' noise evaluations have.")
    ] = "0,0.5,1,2,4,8",
    constraint: Annotated[
        str, typer.Option("--constraint", metavar="BOUND", help="Of the second task.")
    ] = "throughput_tpuv3 >= 1100",
    runs: Annotated[int, typer.Option("--runs", min=2, help="Of each search.")] = 1000,
    budget: Annotated[int, typer.Option("--budget", "-n", min=1, help="Evaluations of a run.")] = 600,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
) -> None:
    """Search with noisy measurements, and judge what is found without noise."""
    from studies.search_noise import study_noise

    with progress("searches", None, "evaluations") as done:
        found = study_noise(
            factors=_numbers("--factors", factors), constraint=constraint, runs=runs, budget=budget, seed=seed,
            threads=threads, progress=done,
        )  # fmt: skip
    _write(found, output)


@app.command()
def proxy(
    output: OutputOption,
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA",
            help="The folder proxy_validation of the seeds' CSV files.",
            show_default="what is in the cache folder",
        ),
    ] = None,
    taus: Annotated[
        str, typer.Option("--taus", metavar="A,B,…", help="Kendall's tau of both schemes over random architectures.")
    ] = "1,0.98,0.95,0.926,0.9,0.8,0.7,0.6",
    draws: Annotated[int, typer.Option("--draws", min=2, help="Reference schemes drawn, at each tau.")] = 50,
    runs: Annotated[int, typer.Option("--runs", min=2, help="Of each search.")] = 1000,
    budget: Annotated[int, typer.Option("--budget", "-n", min=1, help="Evaluations of a run.")] = 600,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
) -> None:
    """Search with a cheap training scheme, and judge what is found by drawn reference schemes."""
    from studies.proxy_ranks import study_proxy

    with progress("proofs", None, "proofs") as done:
        found = study_proxy(
            seeds_folder(data), taus=_numbers("--taus", taus), draws=draws, runs=runs, budget=budget, seed=seed,
            threads=threads, progress=done,
        )  # fmt: skip
    _write(found, output)


@app.command()
def estimator(
    output: OutputOption,
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA",
            help="The Accel-NASBench archive (.tar.gz or folder), beside its official_split.json.",
            show_default="what is in the cache folder",
        ),
    ] = None,
    metrics: Annotated[
        str | None, typer.Option("--metrics", "-m", metavar="A,B,…", help="Of devices.", show_default="all")
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Draws of the measurements.")] = 3,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
) -> None:
    """Search with estimators of a device's time, and judge what is found by the surrogate."""
    from studies.device_estimators import study_estimator

    dataset = read(data, None)
    split = read_parts("official", data, dataset)
    with progress("fronts", None, "fronts") as done:
        found = study_estimator(
            dataset, split, metrics=listed(metrics), seeds=seeds, seed=seed, threads=threads, progress=done
        )
    _write(found, output)


@app.command()
def array(
    output: OutputOption,
    python: Annotated[str, typer.Argument(metavar="PYTHON", help="Of an environment with SCALE-Sim (scalesim 3.0.0).")],
    pairs: Annotated[int, typer.Option("--pairs", min=2, help="Of each dataflow and kind of layers.")] = 50,
    seed: SeedOption = 0,
) -> None:
    """Compare the closed form of an array's cycles with SCALE-Sim, layer by layer."""
    from studies.array_oracle import study_array

    _write(study_array(python, pairs=pairs, seed=seed), output)


@app.command()
def energy(
    output: OutputOption,
    python: Annotated[str, typer.Argument(metavar="PYTHON", help="Of an environment with ZigZag (zigzag-dse, six).")],
    pairs: Annotated[int, typer.Option("--pairs", min=2, help="Of each dataflow and kind of layers.")] = 26,
    seed: SeedOption = 0,
) -> None:
    """Compare the closed form of an array's energy with ZigZag, layer by layer."""
    from studies.energy_oracle import study_energy

    _write(study_energy(python, pairs=pairs, seed=seed), output)


@app.command()
def codesign(
    output: OutputOption,
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA",
            help="The Accel-NASBench archive (.tar.gz or folder).",
            show_default="what is in the cache folder",
        ),
    ] = None,
    accelerators: Annotated[
        str | None, typer.Option("--accelerators", metavar="A,B,…", help="Of dpu, eyeriss, tpu.", show_default="all")
    ] = None,
    starts: Annotated[int, typer.Option("--starts", min=1, help="Configurations that are alternated from.")] = 10,
    runs: Annotated[int, typer.Option("--runs", min=2, help="Of each search.")] = 100,
    budget: Annotated[int, typer.Option("--budget", "-n", min=1, help="Evaluations of a run.")] = 600,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
) -> None:
    """Design networks and accelerators together and one by one, and set engines beside measured times."""
    from studies.codesign import study_codesign
    from studies.codesign_gains import KNOWN

    with progress("designs", None, "tasks") as done:
        found = study_codesign(
            read(data, None), accelerators=listed(accelerators) or list(KNOWN), starts=starts, runs=runs,
            budget=budget, seed=seed, threads=threads, progress=done,
        )  # fmt: skip
    _write(found, output)


def _numbers(option: str, text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{option} {text!r} is no list of numbers; write them as 0.5,1,2") from None


def _write(found: Reproduction, output: Path) -> None:
    console().print(write_reproduction(found, output))
