"""Columns of fewer epochs become metrics of their own, by every way to a benchmark, and are found again."""

import json

import numpy as np
import polars as pl
import pytest

import accelnas
from accelnas import DataError, ModelError
from accelnas.fidelities import Fidelity
from accelnas.fitting.dataset import from_table
from accelnas.fitting.entry import write_metric
from accelnas.fitting.fidelities import agreements, ladder
from accelnas.fitting.fit import fit_benchmark
from accelnas.fitting.metric import MetricSpec
from accelnas.fitting.settings import read_settings
from accelnas.fitting.splits import whole_split
from accelnas.fitting.tabulate import tabulate
from command_line import failure, run
from small_samples import space_of

SPACE = space_of("small", stem={"width": [8, 16, 32]}, body={"op": ["conv", "pool"], "depth": [1, 2, 3]})
ROWS = SPACE.range(0, SPACE.size)
WIDTH, OP, DEPTH = ROWS.T.astype(float)
LATE = 60 + 4 * WIDTH + 6 * DEPTH - 9 * OP + WIDTH * DEPTH
CURVE = {"acc@1": LATE / 3 - 2 * DEPTH, "acc@4": LATE / 2 - DEPTH, "acc": LATE, "ms": 1 + WIDTH + DEPTH}
TABLE = pl.DataFrame({**{v.name: [row[v.name] for row in SPACE.decode(ROWS)] for v in SPACE.variables}, **CURVE})
NAMED = ("--maximise", "acc", "--minimise", "ms", "--fidelities", "1,4,16")


@pytest.fixture
def space(tmp_path):
    path = tmp_path / "space.toml"
    path.write_text(SPACE.to_toml())
    return path


@pytest.mark.parametrize("kind", ["csv", "parquet", "json"])
def test_a_complete_table_has_all_fidelities(tmp_path, space, kind):
    path = tmp_path / f"table.{kind}"
    {"csv": TABLE.write_csv, "parquet": TABLE.write_parquet, "json": TABLE.write_json}[kind](path)
    said = run("tabulate", path, "--space", space, *NAMED, "-o", tmp_path / "b").stdout
    bench = accelnas.load(tmp_path / "b")
    assert bench.fidelities("acc") == {1: "acc@1", 4: "acc@4", 16: "acc"}
    assert list(bench.metrics) == ["acc", "acc@1", "acc@4", "ms"]
    for name, values in CURVE.items():
        assert bench.predict(ROWS, name, dtype="float64").tolist() == values.tolist()
    assert json.loads(bench.provenance("acc")["fidelity"]) == {"of": "acc", "epochs": 16}
    (line,) = [line.split() for line in said.splitlines() if line.split()[:2] == ["acc", "4"]]
    # by hand: pairs in one order, less those in the other, by the roots of the pairs without ties
    early, late = (np.sign(v[:, None] - v)[np.triu_indices(len(v), 1)] for v in (CURVE["acc@4"], LATE))
    tau = (early * late).sum() / np.sqrt((early**2).sum() * (late**2).sum())
    assert line[2:] == ["18", f"{tau:.4f}"]


def test_repeats_of_a_fidelity(tmp_path):
    table = TABLE.with_columns(pl.col("acc@4").alias("acc@4_seed0"), (pl.col("acc@4") + 2).alias("acc@4_seed1"))
    data = from_table(table.drop("acc@4"), SPACE)
    tabulate(data, ladder(MetricSpec("acc"), [4, 16]), tmp_path / "b")
    bench = accelnas.load(tmp_path / "b")
    assert bench.predict(ROWS, "acc", epochs=4, dtype="float64").tolist() == (CURVE["acc@4"] + 1).tolist()
    drawn = bench.query(ROWS, "acc", epochs=4, seed=1)
    assert {*(drawn - CURVE["acc@4"]).round(9)} == {0.0, 2.0}


def test_models_are_chosen_for_every_fidelity(tmp_path, space):
    TABLE.write_csv(tmp_path / "table.csv")
    arguments = ("fit", tmp_path / "table.csv", "--space", space, "--budget", "1s", "--threads", "1")
    run(*arguments, *NAMED, "-o", tmp_path / "b")
    bench = accelnas.load(tmp_path / "b")
    assert list(bench.fidelities("acc")) == [1, 4, 16]
    for name, epochs in {"acc@1": 1, "acc@4": 4, "acc": 16}.items():
        predicted = bench.predict(ROWS, "acc", epochs=epochs)
        assert np.corrcoef(predicted, CURVE[name])[0, 1] > 0.95
    said = run(*arguments, "-o", tmp_path / "plain").stdout
    assert "metrics: maximise acc, minimise ms" in said
    assert "after fewer epochs, and fitted with --fidelities alone: acc@1, acc@4" in said
    assert list(accelnas.load(tmp_path / "plain").metrics) == ["acc", "ms"]


SETTINGS = """
name = "curves"
members = 2
folds = 3
[recipes.process]
family = "anova_process"
parameters = { orders = [2], steps = [[20, 10]], processes = 1 }
[recipes.sum]
family = "additive"
[metrics]
acc = { recipe = "process", direction = "maximise", fidelities = [1, 4, 16], noise = 0.5, description = "Top-1 on X." }
"acc@1" = { recipe = "sum", direction = "maximise" }
"""


def test_settings_have_the_epochs_of_a_metric(tmp_path):
    path = tmp_path / "curves.toml"
    path.write_text(SETTINGS)
    metrics = read_settings(path).metrics
    assert [(m.name, m.fidelity, m.recipe.name, m.noise) for m in metrics.values()] == [
        ("acc", ("acc", 16), "process", 0.5),
        ("acc@1", ("acc", 1), "sum", None),
        ("acc@4", ("acc", 4), "process", None),
    ]
    assert metrics["acc@4"].description == "Top-1 on X, after 4 of 16 epochs"
    data = from_table(TABLE, SPACE)
    fit_benchmark(data, whole_split(data), read_settings(path), tmp_path / "b", metrics=["acc", "acc@4"])
    assert accelnas.load(tmp_path / "b").fidelities("acc") == {4: "acc@4", 16: "acc"}
    path.write_text(SETTINGS.replace("[1, 4, 16]", "[4, 1]"))
    with pytest.raises(ModelError, match=r"^fidelities of acc are \[4, 1\]; give two or more epochs, each more than"):
        read_settings(path)


def test_epochs_that_are_not_there_are_told(tmp_path, space):
    TABLE.write_csv(tmp_path / "table.csv")
    for command, more in (("tabulate", ()), ("fit", ()), ("fit", ("--settings", "own"))):
        arguments = (command, tmp_path / "table.csv", "--space", space, "-o", tmp_path / "b", *more, "--maximise")
        said = failure(*arguments, "acc", "--fidelities", "1,2,16")
        assert said.startswith("there is no column acc@2; of acc there are 1, 4 epochs: choose of them")
        assert failure(*arguments, "ms", "--fidelities", "1,4").startswith("no column is named after epochs of ms")
        assert failure(*arguments, "acc", "--fidelities", "1;4") == "--fidelities is '1;4'; write epochs such as 1,4,16"
        assert failure(*arguments, "acc", "--fidelities", "4").startswith("fidelities are [4]; give two or more")
    said = failure("fit", tmp_path / "table.csv", "--settings", "own", "--fidelities", "1,4", "-o", tmp_path / "b",
                   "--space", space)  # fmt: skip
    assert said.endswith("in settings, give a metric a line fidelities = [1,4]")
    assert not (tmp_path / "b").exists()


def test_names_like_epochs_that_are_none_stay_metrics(tmp_path):
    data = from_table(TABLE.rename({"acc@1": "recall@1", "acc@4": "recall@5"}), SPACE)
    tabulate(data, [MetricSpec("recall@1"), MetricSpec("recall@5"), MetricSpec("acc")], tmp_path / "b")
    bench = accelnas.load(tmp_path / "b")
    assert [bench.fidelities(name) for name in bench.metrics] == [{}, {}, {}]
    with pytest.raises(ModelError, match=r"^acc@2 is no fidelity of acc; call it acc@1, or acc itself$"):
        MetricSpec("acc@2", fidelity=Fidelity("acc", 1))
    with pytest.raises(ModelError, match=r"^acc@0: epochs is 0; choose an integer of 1"):
        MetricSpec("acc@0", fidelity=Fidelity("acc", 0))


def test_agreement_is_of_architectures_that_both_have():
    few = TABLE.head(4).with_columns(pl.Series("acc@4", [1.0, None, 3.0, 2.0]), pl.Series("acc", [1.0, 9.0, 2.0, 3.0]))
    metrics = ladder(MetricSpec("acc"), [4, 16])
    (found,) = agreements(from_table(few, SPACE), metrics)
    assert (found.metric, found.epochs, found.architectures) == ("acc", 4, 3)
    assert found.tau == pytest.approx(1 / 3)
    (nothing,) = agreements(from_table(few.head(2), SPACE), metrics)
    assert nothing.architectures == 1
    assert np.isnan(nothing.tau)
    with pytest.raises(DataError):
        agreements(from_table(few.drop("acc@4"), SPACE), metrics)


def test_a_metric_written_again_says_so(tmp_path):
    data = from_table(TABLE, SPACE)
    tabulate(data, ladder(MetricSpec("acc"), [1, 4, 16]), tmp_path)
    tabulate(data, [MetricSpec("acc", fidelity=Fidelity("acc", 2))], tmp_path)  # so 4 epochs are none of its
    assert accelnas.load(tmp_path).fidelities("acc") == {1: "acc@1", 2: "acc"}
    tabulate(data, [MetricSpec("acc")], tmp_path)
    assert accelnas.load(tmp_path).fidelities("acc") == {}


@pytest.mark.parametrize("text", ['{"of": "acc"}', "[" * 10_000, '{"of": "acc", "epochs": "4"}', "4", "null"])
def test_a_damaged_fidelity_is_refused(tmp_path, text):
    tabulate(from_table(TABLE, SPACE), ladder(MetricSpec("acc"), [4, 16]), tmp_path)
    surrogate = accelnas.load(tmp_path)._core.surrogate(0)
    write_metric(tmp_path, MetricSpec("acc@4"), surrogate, {"fidelity": text})
    with pytest.raises(accelnas.ArtifactError, match=r"^acc@4: fidelity is '.*; compile it again$"):
        accelnas.load(tmp_path).fidelities("acc")
