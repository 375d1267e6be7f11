"""Scores of architectures, their comparison with measurements, and the commands."""

import warnings

import numpy as np
import polars as pl
import pytest
from scipy.stats import kendalltau, spearmanr
from typer.testing import CliRunner

from accelnas import mnasnet_space
from accelnas.errors import DataError
from accelnas.fitting.dataset import from_table
from accelnas_training.cli import app
from accelnas_training.collect.work import InlineRunner
from accelnas_training.errors import NetworkError, StoreError
from accelnas_training.images import open_images
from accelnas_training.networks import load_family
from accelnas_training.zero_cost.batch import first_batch, noise
from accelnas_training.zero_cost.evaluation import Question, evaluate_proxies
from accelnas_training.zero_cost.proxies import PROXIES, Scoring, score_architecture
from accelnas_training.zero_cost.ranks import agreements, choose_measured, feature_sets, learning_curves, ranks

FAMILY = load_family().with_options(num_classes=10, width=0.25, head=64)
SMALL = Scoring(("params", "naswot"), resolution=16, batch_size=4)


@pytest.fixture(scope="module")
def measured():
    """Some architectures with an invented accuracy; the first was measured twice."""
    archs = FAMILY.space.sample(12, seed=4)
    archs = np.concatenate([archs, archs[:1]])
    accuracy = 50.0 + np.arange(13.0)
    return from_table(pl.DataFrame(FAMILY.space.decode(archs)).with_columns(accuracy=pl.Series(accuracy)), FAMILY.space)


def test_seeds_name_weights_and_batches():
    arch = FAMILY.space.sample(1, seed=1)[0]
    scoring = Scoring(("snip", "zen"), resolution=32, batch_size=4)
    first, again, other = (score_architecture(FAMILY, arch, scoring, seed=seed) for seed in (0, 0, 1))
    for name in scoring.proxies:
        assert first[name].value == again[name].value != other[name].value
        assert first[name].seconds > 0
    assert scoring == Scoring.from_dict(scoring.to_dict())
    assert scoring.digest == Scoring.from_dict(scoring.to_dict()).digest != SMALL.digest


def test_batches_are_of_noise_or_of_images():
    batch = noise(64, 32, seed=3, channels=2, classes=7)
    assert batch.images.shape == (64, 2, 32, 32)
    assert abs(float(batch.images.mean())) < 0.02
    assert abs(float(batch.images.std()) - 1) < 0.02
    assert set(batch.labels.tolist()) == set(range(7))
    images = open_images("digits")
    first, again = (first_batch(images, 8, 16, seed=1) for _ in range(2))
    assert first.images.shape == (8, 1, 16, 16)
    assert len(set(first.labels.tolist())) > 1  # shuffled
    assert bool((first.images == again.images).all())
    scores = score_architecture(FAMILY, FAMILY.space.sample(1)[0], SMALL, images=images)
    assert scores["params"].value < score_architecture(FAMILY, FAMILY.space.sample(1)[0], SMALL)["params"].value


def test_failures_name_the_architecture(monkeypatch):
    monkeypatch.setitem(PROXIES, "naswot", lambda *_: float("nan"))
    arch = FAMILY.space.sample(1)[0]
    with pytest.raises(NetworkError, match=f"{FAMILY.space.format(arch[None])[0][:9]}.*, seed 5: naswot is nan; use"):
        score_architecture(FAMILY, arch, SMALL, seed=5)


def test_settings_out_of_range_are_errors():
    with pytest.raises(NetworkError, match="batch_size is 1; expected at least 2"):
        Scoring(batch_size=1)
    with pytest.raises(NetworkError, match="unknown proxy 'x'"):
        Scoring(("x",))


def test_drawn_architectures_are_distinct_and_averaged(measured):
    few, _ = choose_measured(measured, "accuracy", 5, 3)
    archs, values = choose_measured(measured, "accuracy", 12, 3)
    assert (few == archs[:5]).all()
    assert len(np.unique(archs, axis=0)) == 12
    twice = (archs == measured.choices[0]).all(axis=1)
    assert values[twice] == pytest.approx([(50 + 62) / 2])
    with pytest.raises(DataError, match="accuracy was measured on 12 architectures, not 13; choose fewer"):
        choose_measured(measured, "accuracy", 13, 0)


def test_ranks_are_those_of_scipy():
    random = np.random.default_rng(0)
    accuracy = random.normal(size=40)
    scores = {"params": accuracy + random.normal(size=40), "macs": np.repeat(random.normal(size=20), 2)}
    seconds = {f"{name}_seconds": np.full(40, 0.5) for name in scores}
    found = ranks(pl.DataFrame({"accuracy": accuracy, **scores, **seconds}), "accuracy")
    assert [rank.proxy for rank in found] == ["params", "macs"]
    for rank in found:
        assert rank.tau == pytest.approx(kendalltau(scores[rank.proxy], accuracy).statistic)
        assert rank.spearman == pytest.approx(spearmanr(scores[rank.proxy], accuracy).statistic)
        assert rank.interval.low < rank.tau < rank.interval.high


def test_runs_are_compared_on_what_they_share():
    first = pl.DataFrame({"v": [0, 1, 2, 3], "zen": [1.0, 2.0, 3.0, 4.0], "snip": [1.0] * 4})
    second = pl.DataFrame({"v": [3, 2, 1, 9], "zen": [4.0, 3.0, 5.0, 0.0]})
    ((proxy, tau, _),) = agreements(first, second, ["v"])
    assert proxy == "zen"
    assert tau == pytest.approx(-1 / 3)
    with pytest.raises(DataError, match="share 0 architectures"):
        agreements(first, second.with_columns(v=pl.lit(7)), ["v"])
    with pytest.raises(DataError, match=r"no column w; give scores\.parquet"):
        agreements(first, second, ["w"])


def test_a_feature_that_tells_the_answer_helps_with_few_measurements():
    random = np.random.default_rng(1)
    archs = random.integers(0, 3, (90, 12)).astype(np.uint8)
    accuracy = random.normal(size=90)
    table = pl.DataFrame({"params": random.uniform(size=90), "zen": accuracy})
    sets = feature_sets(archs, table)
    assert list(sets) == ["architecture", "+ params", "+ all proxies"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        curves = learning_curves(sets, accuracy, sizes=(25, 400), repeats=2)
    assert curves["size"].unique().to_list() == [25]
    means = curves.group_by("surrogate", "features").agg(pl.col("tau").mean())
    for surrogate in curves["surrogate"].unique():
        of_set = dict(means.filter(surrogate=surrogate).select("features", "tau").iter_rows())
        assert of_set["+ all proxies"] > of_set["architecture"] + 0.2
    alone = {"architecture": sets["architecture"]}
    assert learning_curves(alone, accuracy, sizes=(25,), repeats=1).equals(
        curves.filter(features="architecture", repeat=0)
    )
    with pytest.raises(DataError, match="12 architectures are too few for a learning curve; score 38 or more"):
        learning_curves({name: features[:12] for name, features in sets.items()}, accuracy[:12])


def test_an_evaluation_goes_on_where_it_ended(tmp_path, measured):
    counts = []

    def evaluate(number, images=None):
        with InlineRunner() as runner:
            question = Question(measured, number=number)
            done = []
            found = evaluate_proxies(
                tmp_path / "new",
                question,
                FAMILY,
                SMALL,
                runner,
                images=images,
                report=lambda now: done.append(now.done),
            )
        counts.append(len(done))
        return found

    found = evaluate(4)
    assert {rank.proxy for rank in found.ranks} == set(SMALL.proxies)
    assert found.curves is None
    assert found.failed == 0
    text = found.report.read_text()
    assert "4 architectures drawn with seed 0." in text
    assert "4 images of 16 × 16 pixels (Gaussian noise with random labels) of seed 0." in text
    assert sorted(path.name for path in found.report.parent.iterdir() if not path.name.startswith("scores.db")) == [
        "ranks.svg",
        "report.md",
        "scores.parquet",
        "scores.parquet.json",
    ]
    longer = evaluate(5).report.read_text()
    again = evaluate(5).report.read_text()
    assert longer == again != text
    assert counts == [5, 2, 1]  # reports: one after each score, and one before; the last had nothing left to do
    assert pl.read_parquet(tmp_path / "new" / "scores.parquet").height == 5
    with pytest.raises(StoreError, match="is of images"):
        evaluate(5, open_images("digits"))


@pytest.fixture
def run():
    return lambda *arguments: CliRunner(env={"COLUMNS": "300"}).invoke(app, ["zero-cost", *map(str, arguments)])


def test_commands(tmp_path, run, measured):
    table, folder = tmp_path / "measured.parquet", tmp_path / "scores"
    measured.to_parquet(table)
    text = mnasnet_space().format(mnasnet_space().at([0]))[0]
    small = ("--resolution", 16, "--batch", 4, "--proxies", "params,naswot")
    said = run("score", text, *small, "--seeds", "0,1")
    assert said.exit_code == 0, said.output
    assert "1.79807e+06" in said.output
    said = run("evaluate", table, "-o", folder, "--number", 4, *small)
    assert said.exit_code == 0, said.output
    assert "report in" in said.output
    said = run("compare", folder / "scores.parquet", folder / "scores.parquet")
    assert said.exit_code == 0, said.output
    assert said.output.count("1.000 – 1.000") == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("score", "e1", "--seeds", "x"), 2, "are no integers"),
        (("score", "e1"), 1, "error:"),
        (("score", "e1", "--proxies", "zenith"), 1, "unknown proxy 'zenith'"),
        (("compare", "none", "none"), 1, "not a readable Parquet table"),
    ],
)
def test_commands_say_what_is_wrong(run, arguments, code, message):
    said = run(*arguments)
    assert said.exit_code == code
    assert message in said.output + said.stderr
