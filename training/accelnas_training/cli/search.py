"""``accelnas-training search``: any algorithm, by real training."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from accelnas.cli.exact import parse_directions
from accelnas.cli.searching import parse_algorithms, settings_of
from accelnas.cli.shared import load_benchmark, optional
from accelnas.search import GradientAscent
from accelnas_training.cli import options
from accelnas_training.collect.training_work import fitted, training_store
from accelnas_training.images import open_images
from accelnas_training.measure import load_protocol
from accelnas_training.networks import load_family
from accelnas_training.networks.export import needed
from accelnas_training.schemes import load_scheme
from accelnas_training.search.ending import Ending, finish
from accelnas_training.search.metrics import Metrics
from accelnas_training.search.question import Question, read_sought
from accelnas_training.search.report import write_search
from accelnas_training.search.search import Trainer
from accelnas_training.search.search import search as run_search

EPILOG = """Examples:

  accelnas-training search regularized_evolution accuracy --family family.toml --images digits:0.3 --scheme quick.toml
  --budget 60 --set population=10 --store search.db --output found --workers 2

  accelnas-training search nsga2 accuracy,params -s 'macs <= 2' --images cache:/data/imagenet-256 --scheme p_star
  --reference reference --reference-seeds 0,1,2 --store search.db --output found --workers 8 --gpus-each 1

  accelnas-training search asha accuracy --epochs 1,3,9 --family family.toml --images digits:0.3 --scheme nine.toml
  --budget 100 --store search.db --output found --workers 2

The same command goes on where the last one ended, however it ended: what was told is told again, nothing is trained
twice.
"""

app = typer.Typer()


@app.command(epilog=EPILOG)
@options.flat
def search(
    algorithm: Annotated[
        str, typer.Argument(help="A native algorithm, or MODULE:ATTRIBUTE for one of your own, from this folder.")
    ],
    objective: Annotated[
        list[str],
        typer.Argument(
            metavar="METRIC[:DIRECTION]...",
            help="What is sought: accuracy, accuracy_top5, macs, params, or a metric that --benchmark predicts.",
        ),
    ],
    images: options.ImagesOption,
    scheme: Annotated[str, typer.Option("--scheme", help="Training scheme: p_star, reference, or a TOML file.")],
    store: Annotated[Path, typer.Option("--store", help="File for the trainings: made, or gone on with.")],
    output: options.FolderOption,
    workers: options.Workers,
    family: options.FamilyOption = "mnasnet",
    budget: Annotated[int, typer.Option("--budget", "-n", min=1, help="Evaluations.")] = 600,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the algorithm.")] = 0,
    seeds: Annotated[
        str, typer.Option("--seeds", metavar="A,B,…", help="Seeds of each training; means are told.")
    ] = "0",
    epochs: Annotated[
        str | None,
        optional(
            "--epochs",
            metavar="A,B,…",
            text="Epochs after which it may be asked, such as 1,3,9: of a whole training last. For asha and hyperband.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        optional("--set", metavar="NAME=VALUE", text="A setting of the algorithm. May be repeated."),
    ] = None,
    subject_to: Annotated[
        list[str] | None,
        optional(
            "--subject-to",
            "-s",
            metavar="'METRIC <= NUMBER'",
            text="Only architectures with this value; also >=, ==. May be repeated.",
        ),
    ] = None,
    penalty: Annotated[
        float | None,
        typer.Option(
            "--penalty",
            min=0,
            help="What a relative violation of 1 costs the score.",
            show_default="feasible architectures come first",
        ),
    ] = None,
    benchmark: Annotated[
        Path | None,
        optional("--benchmark", "-b", metavar="DIRECTORY", text="Benchmark of this space, whose predictions count."),
    ] = None,
    resolution: Annotated[int, typer.Option("--resolution", min=1, help="Pixels a side for which MACs count.")] = 224,
    reference: Annotated[
        str | None,
        optional("--reference", metavar="SCHEME", text="Train the best by this scheme, measure and export it."),
    ] = None,
    reference_seeds: Annotated[
        str, typer.Option("--reference-seeds", metavar="A,B,…", help="Seeds of these trainings.")
    ] = "0,1,2",
    best: Annotated[int, typer.Option("--best", min=1, help="How many of the best.")] = 1,
    protocol: Annotated[
        str, typer.Option("--protocol", help="How they are measured: a shipped protocol, or a TOML file.")
    ] = "cpu_latency",
) -> None:
    """Let an algorithm search by real training: it asks, workers train, it is told as trainings end.

    The history, the best architectures and a report are written to FOLDER.
    """
    networks, recipe, source = load_family(family), load_scheme(scheme), open_images(images)
    bench = None if benchmark is None else load_benchmark(benchmark)
    metrics = Metrics(fitted(networks, source), resolution, bench)
    sought = read_sought(
        metrics.known, [one for text in objective for one in parse_directions(text)], subject_to or (), penalty
    )
    chosen = parse_algorithms(algorithm, settings)
    if len(chosen) > 1:
        raise typer.BadParameter(f"there are {len(chosen)} algorithms; choose one")
    (one,) = chosen.values()
    if isinstance(one, GradientAscent):
        raise typer.BadParameter("gradient_ascent follows a surrogate's tables, and training has none; choose another")
    label = f"{algorithm} {json.dumps(settings_of(one), sort_keys=True)}" if settings_of(one) else algorithm
    question = Question(
        one,
        label,
        sought,
        budget,
        seed,
        recipe,
        options.read_integers(seeds),
        None if bench is None else bench.name,
        () if epochs is None else tuple(options.read_integers(epochs, "--epochs")),
    )
    folder = workers.folder(store)
    ending = None
    if reference is not None:
        needed("onnx", "onnxscript", "onnxruntime")  # not to be missed after hours
        numbers = options.read_integers(reference_seeds, "--reference-seeds")
        how, after = load_scheme(reference), load_protocol(protocol)
        ending = Ending(how, numbers, best, after, folder / "reference", workers.place, workers.loaders)
    given = {
        "family": family,
        "images": images,
        "scheme": scheme,
        "budget": budget,
        "seed": seed,
        "seeds": seeds,
        "epochs": epochs,
        "set": settings,
        "subject_to": subject_to,
        "penalty": penalty,
        "benchmark": benchmark,
        "resolution": resolution,
        "reference": reference,
        "reference_seeds": reference_seeds if reference else None,
        "best": best if reference else None,
        "protocol": protocol if reference else None,
        "store": store,
        "output": output,
        "workers": workers.workers,
    }
    command = options.command_text("search", algorithm, *objective, **given)
    opened = training_store(store, networks, source, folder, workers.place, workers.loaders, resolution)
    with opened as (kept, work, recorded), workers.runner() as runner:
        with options.watched(budget * len(question.seeds)) as report:
            trainer = Trainer(
                kept, work, runner, max(1, workers.workers), workers.limits, report=report, recorded=recorded
            )
            found = run_search(question, metrics, trainer)
        path = write_search(found, output, command)
        if ending is not None and found.feasible.any():
            with options.watched(best * len(ending.seeds)) as report:
                finalists = finish(found, ending, networks, source, replace(trainer, report=report), output)
            write_search(found, output, command, ending, finalists)
    first = found.best()[0]
    text = found.space.format(found.architectures[first : first + 1])[0]
    values = ", ".join(f"{label} {found.values(label)[first]:.6g}" for label in sought.columns)
    typer.echo(f"best of {len(found.told):,} evaluations: {text}, {values}; report in {path}")
    options.tell_failed(sum(each.outcome == "failed" for each in found.told), store)
