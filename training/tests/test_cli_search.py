"""A real search through the command line, of networks that train in a tenth of a second, and its end."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import polars as pl
import pytest
from typer.testing import CliRunner

from accelnas_training.cli import app
from accelnas_training.collect.job import Job
from accelnas_training.collect.reader import StoreReader
from accelnas_training.images import LoaderPlan, open_images
from small_trainings import write_lab

FAMILY = Path(__file__).parent.parent / "examples" / "digits" / "tiny" / "family.toml"
ASKED = ("regularized_evolution", "accuracy", "-n", 20, "--set", "population=6", "--set", "sample=3")


def run(*arguments, code=0):
    result = CliRunner(env={"COLUMNS": "160"}).invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output + repr(result.exception)
    return result


def search(lab, *more, code=0):
    how = ("--family", FAMILY, "--images", "digits:0.2", "--scheme", lab / "quick.toml", "--resolution", 8)
    where = ("--store", lab / "s.db", "--output", lab / "found", "--workers", 0)
    return run("search", *more, *how, *where, code=code)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    write_lab(folder)
    quick = (folder / "quick.toml").read_text()
    (folder / "reference.toml").write_text(quick.replace('"quick"', '"longer"').replace("epochs = 1", "epochs = 2"))
    (folder / "latency.toml").write_text(
        'name = "short"\nmetric = "latency_here"\nbackend = "onnxruntime"\n[timing]\npasses = 3\nseconds = 0\n'
    )
    return folder


@pytest.fixture(scope="module")
def searched(lab):
    end = ("--reference", lab / "reference.toml", "--reference-seeds", "0,1", "--best", 2)
    measured = ("--protocol", lab / "latency.toml")
    said = search(lab, *ASKED, *end, *measured).stdout
    return said, json.loads((lab / "found" / "search.json").read_text()), pl.read_parquet(lab / "found/history.parquet")


def test_the_report_says_what_the_store_has(lab, searched):
    said, report, history = searched
    with StoreReader.opened(lab / "s.db") as store:
        rows = store.space.parse(history["architecture"].to_list())
        values = store.values([Job.of(row, store.scheme("quick"), 0) for row in rows])
        for name in ("accuracy", "accuracy_top5", "train_time", "macs", "params"):
            assert history[name].to_list() == [one[name] for one in values]
        trained = store.results(store.scheme("quick"))
        assert report["trained"] == report["evaluations"] == history.height == 20
        assert report["distinct"] == trained.height == history["architecture"].n_unique()
        assert report["repeated"] == 20 - trained.height
        assert report["train_seconds"] == pytest.approx(trained["train_time"].sum())
        best = trained.sort("accuracy", descending=True, maintain_order=True)
        assert report["best"][0]["metrics"]["accuracy"] == best["accuracy"][0] == history["best"][-1]
        for one in report["reference"]["finalists"]:
            (row,) = store.space.parse([one["architecture"]])
            jobs = [Job.of(row, store.scheme("longer"), seed) for seed in (0, 1)]
            assert one["accuracy"] == [found["accuracy"] for found in store.values(jobs)]
            assert one["measurement"]["latency_ms"] > 0
    first = report["best"][0]["architecture"]
    assert f"best of 20 evaluations: {first}, accuracy " in said
    text = (lab / "found" / "search.md").read_text()
    assert text.count(f"`{first}`") == 2
    assert "[best-2.onnx](best-2.onnx)" in text
    assert {path.name for path in (lab / "found").iterdir()} == {
        *("best-1.onnx", "best-2.onnx", "history.csv", "history.parquet", "search.json", "search.md", "search.svg")
    }


def test_exported_networks_are_the_trained_ones(lab, searched):
    images, report = open_images("digits:0.2"), searched[1]
    plan = LoaderPlan(batch_size=1, resolution=8, augmentation=None, seed=0, epoch=0)
    for one in report["reference"]["finalists"]:
        session = onnxruntime.InferenceSession(lab / "found" / one["onnx"], providers=["CPUExecutionProvider"])
        right = [
            session.run(None, {"images": batch.numpy()})[0].argmax() == int(label)
            for batch, label in images.loader("validation", plan)
        ]
        assert 100 * np.mean(right) == pytest.approx(one["accuracy"][0], abs=0.5)


def test_the_same_command_trains_nothing(lab, searched):
    def attempts():
        with StoreReader.opened(lab / "s.db") as store:
            return store.connection.execute("SELECT count(*) FROM attempts").fetchone()[0]

    before = attempts()
    search(lab, *ASKED)
    assert attempts() == before
    assert pl.read_parquet(lab / "found" / "history.parquet").equals(searched[2])


def test_constraints_on_what_is_counted(lab):
    search(lab, "nsga2", "accuracy,params", "--set", "population=4", "-n", 8, "-s", "macs <= 0.02")
    history = pl.read_csv(lab / "found" / "history.csv")
    left_out = history.filter(pl.col("outcome") == "left out")
    assert 0 < left_out.height < 8
    assert left_out["macs"].min() > 0.02 >= history.filter(pl.col("outcome") == "trained")["macs"].max()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("random_search", "beauty"), 1, 'unknown metric "beauty"'),
        (("random_search", "accuracy:minimise"), 1, "a training that fails has accuracy 0"),
        (("guessing", "accuracy"), 1, "unknown algorithm 'guessing'"),
        (("gradient_ascent", "accuracy"), 2, "choose another"),
        (("random_search", "accuracy", "--seeds", "0,0"), 1, "give one or more different ones"),
        (("reinforce", "accuracy", "-s", "params <= 1"), 1, "infeasible architectures have none without a penalty"),
    ],
)
def test_mistakes_end_before_anything_is_trained(lab, arguments, code, message):
    result = search(lab, *arguments, code=code)
    assert message in " ".join(result.stderr.replace("│", " ").split())


def test_asha_trains_few_epochs_first(lab):
    (lab / "four.toml").write_text(
        (lab / "quick.toml").read_text().replace('"quick"', '"four"').replace("epochs = 1", "epochs = 4")
    )
    how = ("--family", FAMILY, "--images", "digits:0.2", "--scheme", lab / "four.toml", "--resolution", 8)
    where = ("--store", lab / "asha.db", "--output", lab / "asha", "--workers", 0)
    said = run("search", "asha", "accuracy", "-n", 16, "--epochs", "1,4", *how, *where).stdout
    history = pl.read_parquet(lab / "asha" / "history.parquet")
    assert set(history["epochs"]) == {1, 4}
    best = history.filter(pl.col("epochs") == 4).sort("accuracy", descending=True, maintain_order=True)[0]
    assert said.startswith(f"best of 16 evaluations: {best['architecture'][0]}, accuracy {best['accuracy'][0]:.6g};")
    assert "a training that goes on begins where it was stopped" in (lab / "asha" / "search.md").read_text()
    assert len(list((lab / "asha.db.work").iterdir())) == len(set(history["architecture"])) - len(
        set(history.filter(pl.col("epochs") == 4)["architecture"])
    )
