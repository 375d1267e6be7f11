"""Collecting real trainings, of networks that take a tenth of a second, through the command line."""

import json

import numpy as np
import polars as pl
import pytest
from scipy.stats import kendalltau
from typer.testing import CliRunner

from accelnas import Space
from accelnas.fitting.dataset import read_dataset
from accelnas_training import sampling
from accelnas_training.cli import app
from accelnas_training.collect.job import Delivery, Job, Limits, Outcome, Task
from accelnas_training.collect.reader import StoreReader
from accelnas_training.collect.store import Store
from accelnas_training.collect.training_work import (
    Sampling,
    about,
    job_folder,
    sampled_rounds,
    training_store,
    training_work,
)
from accelnas_training.errors import ImagesError, StoreError
from accelnas_training.images import open_images
from accelnas_training.networks import load_family
from accelnas_training.schemes import load_scheme
from accelnas_training.train import train_architecture
from small_trainings import write_lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    write_lab(folder)
    return folder


def run(*arguments, code=0):
    result = CliRunner(env={"COLUMNS": "160"}).invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output + repr(result.exception)
    return result


def collect(lab, store, *more, code=0):
    networks = ("--family", lab / "family.toml", "--images", "digits:0.2", "--scheme", lab / "quick.toml")
    return run("collect", store, *networks, "--workers", 0, "--resolution", 8, *more, code=code)


@pytest.fixture(scope="module")
def collected(lab):
    """A store that one command filled and another one went on with, and what the first one had found."""
    path = lab / "digits.db"
    assert "3 of 3 trainings are in" in collect(lab, path, "--number", 3).stdout
    with StoreReader.opened(path) as reader:
        first = reader.results()
    assert "8 of 8 trainings are in" in collect(lab, path, "--number", 4, "--seeds", "0,1").stdout
    return path, first


@pytest.fixture
def store(collected):
    return collected[0]


def test_the_same_command_goes_on(lab, collected):
    store, before = collected
    with StoreReader.opened(store) as reader:
        after = reader.results()
        assert after.filter(pl.col("id") <= 3).equals(before)
        assert reader.architectures(reader.scheme("quick")).shape == (4, 3)
    assert after.columns[6:] == ["accuracy", "accuracy_top5", "images_per_second", "macs", "params", "train_time"]
    assert list((lab / "digits.db.work").iterdir()) == []  # folders leave once results are in the store


def test_results_are_those_of_the_training_alone(lab, store, tmp_path):
    family, images = load_family(lab / "family.toml"), open_images("digits:0.2")
    scheme = load_scheme(lab / "quick.toml")
    with StoreReader.opened(store) as reader:
        job = reader.jobs("done")[1]
        (values,) = reader.values([job])
        assert reader.about == about(family, images)
        assert reader.schemes() == {scheme.digest: ("quick", scheme.to_dict())}
    alone = train_architecture(family, np.array(job.architecture, np.uint8), images, scheme, seed=job.seed)
    assert (values["accuracy"], values["accuracy_top5"]) == (alone.top1, alone.top5)
    work = training_work(family, images, tmp_path, resolution=8).make()
    again = work(Task(job, scheme.to_dict(), 1))
    assert again.values["accuracy"] == alone.top1
    assert again.values["params"] == values["params"] < 0.01
    assert "torch" in again.environment
    assert (job_folder(tmp_path, job, scheme) / "result.json").exists()
    with training_store(tmp_path.with_suffix(".db"), family, images, tmp_path, "cpu", 0, 8) as (_, _, recorded):
        recorded(job)
    assert list(tmp_path.iterdir()) == []


def test_a_training_that_was_stopped_goes_on_to_the_same_end(lab, tmp_path):
    family, images = load_family(lab / "family.toml"), open_images("digits:0.2")
    scheme = load_scheme(lab / "quick.toml").changed(epochs=4)
    with training_store(tmp_path / "s.db", family, images, tmp_path / "work", "cpu", 0, 8) as (
        store,
        described,
        recorded,
    ):
        work, trained = described.make(), []
        for part in (scheme.until(1), scheme.until(3), scheme):
            store.add_scheme(part.digest, part.name, part.to_dict())
            job = Job((3, 0, 1), part.digest, 7)
            values = work(Task(job, part.to_dict(), 1)).values
            folder = job_folder(tmp_path / "work", job, part)
            trained.append(len((folder / "epochs.csv").read_text().splitlines()) - 1)
            recorded(job)
            assert folder.exists() == (part is not scheme)
    alone = train_architecture(family, np.array([3, 0, 1], np.uint8), images, scheme, seed=7)
    assert values["accuracy"] == alone.top1
    assert trained == [1, 3, 4]
    assert len(list((tmp_path / "work").iterdir())) == 0
    assert scheme.digest == scheme.until(3).whole.digest != scheme.until(3).digest


def test_what_fewer_epochs_reach_is_kept_whatever_dies(lab, tmp_path):
    family, images = load_family(lab / "family.toml"), open_images("digits:0.2")
    scheme = load_scheme(lab / "quick.toml").changed(epochs=5)
    work = training_work(family, images, tmp_path, resolution=8, validate_every=2).make()
    task, rows = Task(Job((3, 0, 1), scheme.digest, 7), scheme.to_dict(), 1), []

    def die(row):
        if row.epoch == 2:
            raise InterruptedError

    folder, architecture = job_folder(tmp_path, task.job, scheme), np.array([3, 0, 1], np.uint8)
    with pytest.raises(InterruptedError):
        train_architecture(family, architecture, images, scheme, seed=7, folder=folder, validate_every=2, report=die)
    found = work(task).values
    assert work(task).values == found  # the worker ended, and its result never came
    train_architecture(family, architecture, images, scheme, seed=7, report=rows.append)
    for name, column in {"accuracy": "top1", "accuracy_top5": "top5"}.items():
        assert {epochs: found[f"{name}@{epochs}"] for epochs in (2, 4)} == {
            row.epoch + 1: getattr(row, column) for row in rows if row.epoch in (1, 3)
        }
        assert found[name] == getattr(rows[-1], column)
    assert 0 < found["train_time@2"] < found["train_time@4"] < found["train_time"]
    assert not {name for name in found if name.endswith(("@1", "@3", "@5"))}


def test_a_collection_keeps_what_fewer_epochs_reach(lab, tmp_path):
    scheme = tmp_path / "longer.toml"
    scheme.write_text((lab / "quick.toml").read_text().replace("epochs = 1", "epochs = 12"))
    begun = ("--number", 1, "--scheme", scheme)  # of before there was a curve
    collect(lab, tmp_path / "s.db", *begun)
    collect(lab, tmp_path / "s.db", "--number", 3, "--scheme", scheme, "--validate-every", 5)
    run("export", tmp_path / "s.db", tmp_path / "all.csv")
    table = read_dataset(tmp_path / "all.csv", load_family(lab / "family.toml").space).table
    assert table.columns[4:10] == [
        "accuracy",
        "accuracy@5",
        "accuracy@10",
        "accuracy_top5",
        "accuracy_top5@5",
        "accuracy_top5@10",
    ]
    assert table["accuracy@10"].is_null().to_list() == [True, False, False]
    assert table["accuracy"].null_count() == 0


def test_a_worker_refuses_other_images(lab, tmp_path):
    images = open_images("digits:0.2")
    work = training_work(load_family(lab / "family.toml"), images, tmp_path)
    other = {**work.arguments, "images": "digits:0.3"}
    with pytest.raises(ImagesError, match=r"digits:0\.3 has digest \w{12} here, not \w{12}; copy it anew"):
        type(work)(work.function, other).make()


def test_another_family_or_other_images_are_refused(lab, store):
    arguments = ("--scheme", lab / "quick.toml", "--workers", 0)
    result = run("collect", store, "--family", "mnasnet", "--images", "digits:0.2", *arguments, code=1)
    assert "is of space tiny" in result.stderr
    result = run("collect", store, "--family", lab / "family.toml", "--images", "digits:0.3", *arguments, code=1)
    assert "is of images " in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_list_of_architectures_is_trained(lab, tmp_path):
    listed = tmp_path / "listed.csv"
    listed.write_text("kernel,width,batch_norm\nthree,8,true\none,2,false\nthree,8,true\n")
    collect(lab, tmp_path / "s.db", "--architectures", listed)
    with StoreReader.opened(tmp_path / "s.db") as reader:
        assert reader.space.format(reader.architectures(reader.scheme())) == ["w8_n1_kthree", "w2_n0_kone"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--timeout", "soon"), "'soon' is no duration; write 90, 30m, 6h or 2d"),
        (("--seeds", "0,a"), "'0,a' are no integers; write 0 or 0,1,2"),
        (("--also", "int8,int4"), "--also: 'int4' is none of int8, corrupted"),
    ],
)
def test_wrong_values_are_usage_errors(lab, tmp_path, arguments, message):
    assert message in " ".join(collect(lab, tmp_path / "s.db", *arguments, code=2).stderr.split())


def test_store_commands(store):
    with Store.opened(store) as kept:
        scheme = kept.scheme()
        bad = Job((3, 1, 1), scheme, 9)
        kept.add([bad])
        task = kept.begin(bad)
        failure = Delivery(task, "failed", 1.0, "h:1", kind="diverged", message="Traceback\nloss is nan in epoch 0\n")
        assert kept.record(failure, Limits()) == "quarantined"
    shown = run("store", "status", store).stdout
    assert "job 9 w8_n0_kthree: loss is nan in epoch 0" in shown
    assert "8 done, 1 failed (diverged)" in shown
    assert "jobs an hour" in shown
    assert "nothing is missing" in run("store", "check", store).stdout
    assert "1 jobs will be tried again" in run("store", "retry", store).stdout
    assert "hours left" in run("store", "status", store).stdout
    with Store.opened(store) as kept:
        kept.connection.execute("UPDATE jobs SET state = 'done' WHERE id = 9")
    result = run("store", "check", store, code=1)
    assert "job 9 is done and has no result" in result.stdout
    assert "has 1 problems" in result.stderr
    with Store.opened(store) as kept:
        kept.connection.execute("DELETE FROM attempts WHERE job = 9")
        kept.connection.execute("DELETE FROM jobs WHERE id = 9")


def test_values_of_a_store_are_compared(tmp_path):
    space = load_family().space
    generator = np.random.default_rng(0)
    with Store.opened(tmp_path / "s.db", space) as kept:
        kept.add_scheme("5f1c", "quick", {})
        for seed in (0, 1):
            for arch in space.sample(20):
                job = Job.of(arch, "5f1c", seed)
                kept.add([job])
                accuracy = generator.uniform(0, 90)
                outcome = Outcome({"accuracy": accuracy, "accuracy_int8": accuracy - generator.uniform(0, 20)})
                kept.record(Delivery(kept.begin(job), "done", 1.0, "h:1", outcome), Limits())
        means = kept.results().group_by([v.name for v in space.variables]).agg(pl.col("^accuracy.*$").mean())
    one, other = means["accuracy_int8"], means["accuracy"]
    shown = run("store", "compare", tmp_path / "s.db", "accuracy_int8", "accuracy").stdout
    assert f"of 20 architectures: τ {kendalltau(one, other).statistic:.3f} (" in shown
    assert f"accuracy_int8 - accuracy is {(one - other).mean():.3f} (" in shown
    result = run("store", "compare", tmp_path / "s.db", "accuracy", "energy", code=1)
    assert "has no energy; choose of accuracy, accuracy_int8" in " ".join(result.stderr.split())


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_exported_results_are_read_as_they_are_stored(lab, store, tmp_path, suffix):
    out = tmp_path / f"measured.{suffix}"
    assert "8 rows in" in run("export", store, out, "--scheme", "quick").stdout
    space = load_family(lab / "family.toml").space
    data = read_dataset(out, space)
    with StoreReader.opened(store) as reader:
        stored = reader.results()
    assert data.metrics == ("accuracy", "accuracy_top5", "images_per_second", "macs", "params", "train_time")
    assert data.table.select(stored.drop("scheme", "seed").columns).equals(stored.drop("scheme", "seed"))
    beside = json.loads((tmp_path / f"measured.{suffix}.json").read_text())
    assert beside["sha256"] == data.file_sha256
    assert beside["scheme"]["content"] == load_scheme(lab / "quick.toml").to_dict()
    assert beside["seed_of_job"] == {str(job): seed for job, seed in stored.select("id", "seed").iter_rows()}
    assert sum(each["results"] for each in beside["environments"]) == 8


def test_exported_means_have_the_spread_of_seeds(lab, store, tmp_path):
    out = tmp_path / "means.parquet"
    run("export", store, out, "--seeds", "mean")
    data = read_dataset(out, load_family(lab / "family.toml").space)
    with StoreReader.opened(store) as reader:
        stored = reader.results()
    assert data.ids.tolist() == [1, 2, 3, 4]
    assert not {"macs_std", "params_std"} & set(data.table.columns)
    for row in data.table.iter_rows(named=True):
        same = stored.filter(*(pl.col(name) == row[name] for name in ("width", "batch_norm", "kernel")))
        assert same.height == 2
        assert row["accuracy"] == same["accuracy"].mean()
        assert row["accuracy_std"] == pytest.approx(same["accuracy"].std(), abs=1e-12)


def test_exports_that_can_not_be(store, lab, tmp_path):
    assert "ends in .txt; choose .parquet or .csv" in run("export", store, tmp_path / "a.txt", code=1).stderr
    assert "choose one of quick" in run("export", store, tmp_path / "a.csv", "--scheme", "slow", code=1).stderr
    with Store.opened(tmp_path / "s.db", load_family(lab / "family.toml").space) as kept:
        kept.add_scheme("ab", "none", {})
    assert "has no results of scheme ab yet" in run("export", tmp_path / "s.db", tmp_path / "a.csv", code=1).stderr
    with Store.opened(tmp_path / "s.db") as kept:
        kept.add([Job((0, 0, 0), "ab", 0)])
        outcome = Outcome({"width": 1.0})
        kept.record(Delivery(kept.begin(Job((0, 0, 0), "ab", 0)), "done", 1.0, "h:1", outcome), Limits())
        with pytest.raises(StoreError, match="metric width has the name of another column"):
            kept.results()
    assert list(tmp_path.glob("a.*")) == []


def test_rounds_choose_what_is_missing_and_learn_from_what_is_there(lab, tmp_path, monkeypatch):
    family = load_family(lab / "family.toml")
    asked = []

    def active(space: Space, n, seed, known, values):
        asked.append((n, known.tolist(), values.tolist()))
        return sampling.uniform(space, n, seed, known)

    monkeypatch.setattr(sampling, "active", active)

    def collect_rounds(count, fail=None):
        with Store.opened(tmp_path / "s.db", family.space) as kept:
            kept.add_scheme("ab", "quick", {})
            for number, rows in enumerate(sampled_rounds(kept, family, "ab", Sampling("active", 9, rounds=3))):
                jobs = [Job.of(row, "ab", 0) for row in rows]
                kept.add(jobs)
                if number == count:  # interrupted: chosen, and not trained
                    return rows
                for place, job in enumerate(jobs):
                    if kept.states([job]) == ["pending"]:
                        outcome = None if place == fail else Outcome({"accuracy": float(place)})
                        ending = ("done", "") if outcome else ("failed", "diverged")
                        kept.record(Delivery(kept.begin(job), ending[0], 1.0, "h:1", outcome, ending[1]), Limits())
            return rows

    begun = collect_rounds(1, fail=1)
    rows = collect_rounds(9)
    assert len(np.unique(rows, axis=0)) == 9
    assert rows[:6].tolist() == begun.tolist()
    assert [n for n, _, _ in asked] == [4, 4]  # one more each, since one has failed and may be chosen
    assert asked[0][1:] == ([rows[0].tolist(), rows[2].tolist()], [0, 2])
