"""Figs. 4 and 5 against independent counts, and the authors' networks."""

import dataclasses
import importlib.util
import sys

import moocore
import numpy as np
import polars as pl
import pytest

import accelnas
from accelnas.errors import DataError, MetricError, MissingExtraError, SearchError
from accelnas.search import Reinforce
from accelnas.search.runs import Runs
from command_line import failure, run
from small_samples import random_benchmark, space_of
from studies import fig4, fig5, reproduce_fig4, reproduce_fig5, write_reproduction
from studies.device_searches import DeviceSearches, non_dominated, paper_reward, rewarded_runs
from studies.fig4_tables import order_of_top1, standing
from studies.lstm import LSTM, lstm_runs
from studies.networks import NETWORKS, encoded, locate

METRIC, BUDGET = "throughput_vck190", 60
EFFICIENTNET_B0 = {"e": "1666666", "k": "3353553", "l": "1223341", "se": "1111111"}
REFERENCE = {"accuracy": 30.0, METRIC: 0.0}
METRICS = [
    ("accuracy", "maximise", "identity", 60.0, 1.0),
    (METRIC, "maximise", "reciprocal", 1e-3, 3e-5),
    ("latency_zcu102", "minimise", "identity", 9.0, 0.5),
]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A benchmark of which everything is known by enumeration."""
    space = space_of("small", **{f"b{b}": {f"b{b}v{v}": [1, 2, 3, 4] for v in range(2)} for b in range(5)})
    sets = [[v, v + 1] for v in range(9)]
    return random_benchmark(tmp_path_factory.mktemp("small"), space, sets, METRICS)


@pytest.fixture(scope="module")
def values(small):
    return small.predict(small.space.range(0, small.space.size), dtype="float64")


@pytest.fixture(scope="module")
def simple(tmp_path_factory):
    """A benchmark of the networks' space in which few variables matter, so that fronts are found at once."""
    sets = [[v, v + 1] for v in range(0, 28, 4)]
    return random_benchmark(tmp_path_factory.mktemp("simple"), accelnas.mnasnet_space(), sets, METRICS)


@pytest.fixture(scope="module")
def fourth(simple):
    return reproduce_fig4(simple, metrics=[METRIC], runs=3, budget=BUDGET, lstm=0)


@pytest.fixture(scope="module")
def fifth(small):
    return reproduce_fig5(small, runs=20, lstm=0)


@pytest.fixture
def any_rank(monkeypatch):
    """Leave exact ranks out: those of short searches are slow, as much of the space is better."""
    monkeypatch.setattr(Runs, "ranks", lambda _self, quantiles: np.arange(1, len(quantiles) + 1))


@pytest.fixture
def no_controller(monkeypatch):
    """Hide accelnas-training where it is installed."""
    known = importlib.util.find_spec
    monkeypatch.setattr("studies.lstm.find_spec", lambda name: None if name == "accelnas_training" else known(name))


def table(reproduction, name):
    return next(t.frame for t in reproduction.tables if t.name == name)


def test_networks_are_architectures(bench):
    rows = encoded(bench.space)
    bench.space.check(rows)
    assert len(np.unique(rows, axis=0)) == len(NETWORKS) == 9
    for network, choices in zip(NETWORKS, bench.space.decode(rows), strict=True):
        assert choices == network.architecture
        for letter in ("e", "k", "l"):
            text = {"e": network.expansions, "k": network.kernels, "l": network.layers}[letter]
            assert "".join(str(choices[f"block{b}_{letter}"]) for b in range(7)) == text
        assert "".join(str(int(choices[f"block{b}_se"])) for b in range(7)) == network.excitations


def test_strings_mean_what_efficientnets_say(bench):
    strings = (EFFICIENTNET_B0[name] for name in ("e", "k", "l", "se"))
    b0 = dataclasses.replace(NETWORKS[0], **dict(zip(("expansions", "kernels", "layers", "excitations"), strings)))  # noqa: B905
    predicted = bench.predict(encoded(bench.space, [b0]), ["params", "macs", "accuracy"])
    assert predicted["params"][0] == pytest.approx(5.29, abs=0.05)  # millions, of EfficientNet-B0
    assert predicted["accuracy"][0] == pytest.approx(65.7, abs=0.5)  # by the authors' surrogate
    networks = bench.predict(encoded(bench.space), ["params", "accuracy"])
    assert ((networks["params"] > 3) & (networks["params"] < 10)).all()
    trained = [network.top1 for network in NETWORKS]
    assert np.corrcoef(networks["accuracy"], trained)[0, 1] > 0.9


def test_malformed_networks_are_named():
    with pytest.raises(DataError, match=r"zcu102-a has k '355'; give 7 digits"):
        _ = dataclasses.replace(NETWORKS[0], kernels="355").architecture


def test_locations_are_those_of_enumeration(small, values):
    front = small.pareto_front(["accuracy", METRIC])
    accuracies, speeds = values["accuracy"], values[METRIC]
    scale = -np.ptp(front.values, axis=0)  # moocore minimises
    for position in (0, 4321, 654321):
        location = locate(small, small.space.at([position])[0], front)
        accuracy, speed = location.values
        assert location.values == (accuracies[position], speeds[position])
        at_least = (accuracies >= accuracy) & (speeds >= speed)
        assert location.dominating == np.count_nonzero(at_least & ((accuracies > accuracy) | (speeds > speed)))
        best = accuracies[speeds >= speed].max() - accuracy, speeds[accuracies >= accuracy].max() - speed
        assert location.shortfalls == pytest.approx(best, abs=1e-9)
        own = np.array([location.values]) / scale
        distances = [moocore.igd_plus(own, point[None]) for point in front.values / scale]
        assert location.distance == pytest.approx(min(distances), rel=1e-9)


def test_points_of_a_front_are_at_no_distance(small):
    front = small.pareto_front(["accuracy", "latency_zcu102"])
    location = locate(small, front.architectures[len(front.values) // 2], front)
    assert (location.dominating, location.shortfalls, location.distance) == (0, (0.0, 0.0), 0.0)


def test_rewarded_runs_are_judged_as_moocore_does(small, values):
    front = small.pareto_front(["accuracy", METRIC])
    reward = paper_reward(small, METRIC)
    assert reward.exponents == {"accuracy": 1, METRIC: 0.07}
    assert paper_reward(small, "latency_zcu102").exponents["latency_zcu102"] == -0.07
    assert reward.targets[METRIC] == pytest.approx(np.median(values[METRIC]), rel=0.01)
    found = rewarded_runs(small, "r", Reinforce(), reward, runs=2, budget=BUDGET, seed=5)
    history = small.search(Reinforce(), reward, budget=BUDGET, seed=6)
    own = small.predict(history.architectures, ["accuracy", METRIC], dtype="float64")
    points = np.stack([own["accuracy"], own[METRIC]], axis=1)
    assert found.rewards[1] == history.scores.max()

    signs = np.array([-1.0, -1.0])  # moocore minimises
    corner = np.array([REFERENCE["accuracy"], REFERENCE[METRIC]]) * signs
    volumes = [moocore.hypervolume(some * signs, ref=corner) for some in (points, front.values)]
    hypervolumes = found.runs.hypervolume([BUDGET], reference=REFERENCE)
    assert hypervolumes[1, 0] == pytest.approx(volumes[0] / volumes[1], rel=1e-9)
    extent = np.ptp(front.values, axis=0)
    expected = moocore.igd_plus(points * signs / extent, front.values * signs / extent)
    assert found.runs.igd_plus([BUDGET])[1, 0] == pytest.approx(expected, rel=1e-9)

    device = DeviceSearches(METRIC, front, reward, {"r": found.runs}, {"r": found.rewards})
    assert device.best_reward[0] == pytest.approx(reward.score(values, {}).max(), rel=1e-12)
    assert (moocore.is_nondominated(device.pooled("r", 2) * signs)).all()


def test_non_dominated_keeps_the_first_of_equals():
    points = np.array([[1.0, 1.0], [2.0, 2.0], [2.0, 2.0], [3.0, 0.0]])
    assert non_dominated(points, np.ones(2)).tolist() == [1, 3]


def test_fig4(fourth, simple, tmp_path):
    networks, fronts, rewards = (table(fourth, name) for name in ("networks", "fronts", "rewards"))
    assert networks["network"].to_list() == ["vck190-a", "vck190-b"]
    published = {c.quantity: c.published for c in fourth.comparisons}
    assert published == {f"vck190-a: {METRIC}": 2805.14, f"vck190-b: {METRIC}": 4015.04}
    predicted = simple.predict(encoded(simple.space, NETWORKS[3:5]), METRIC, dtype="float64")
    assert [c.found for c in fourth.comparisons] == pytest.approx(predicted.tolist())
    assert networks["error [%]"].to_list() == pytest.approx((100 * (predicted / [2805.14, 4015.04] - 1)).tolist())
    assert fronts["algorithm"].to_list() == [fig4.RANDOM, fig4.NSGA2, fig4.REINFORCE]
    runs = simple.simulate("random_search", ["accuracy", METRIC], runs=3, budget=BUDGET, seed=0)
    assert fronts["hypervolume"][0] == pytest.approx(runs.hypervolume([BUDGET]).mean())
    assert fourth.remarks[0].startswith("Mean hypervolumes of 1 metrics: largest are ")
    assert 0.5 < rewards["reward of all runs / best"][0] < 1
    write_reproduction(fourth, tmp_path)
    assert len(pl.read_csv(tmp_path / "fig4-points.csv")) > 50
    assert "network b" in (tmp_path / "fig4.svg").read_text(encoding="utf-8")


def test_remarks_of_known_numbers():
    names = ["random search", "other"] * 2
    fronts = pl.DataFrame({"metric": [*"aabb"], "algorithm": names, "hypervolume": [0.5, 0.6, 0.9, 0.7]})
    expected = "largest are random search 1; other 1; larger than those of random search are other 1."
    assert standing(fronts) == [f"Mean hypervolumes of 2 metrics: {expected}"]
    top1 = {"top-1, trained by r [%]": [77.0, 76.0, 75.0], "top-1, predicted for p* [%]": [67.0, 65.0, 66.0]}
    assert order_of_top1(pl.DataFrame({"network": [*"abc"], **top1}))[0].endswith("their order has τ 0.33.")
    assert order_of_top1(pl.DataFrame({"network": [*"aab"], **top1})) == []


def test_fig5(fifth, small, values, tmp_path):
    finals, orders = table(fifth, "finals"), table(fifth, "orders")
    runs = small.simulate("regularized_evolution", "accuracy", runs=20, budget=fig5.BUDGET, seed=0)
    ends = runs.best_values[:, -1]
    assert finals["top-1 [%]"][1] == pytest.approx(ends.mean())
    assert finals[f"top-1, {fig5.SEEDS} seeds [%]"][1] == pytest.approx(ends[:5].mean())
    assert finals["regret [points]"][1] == pytest.approx(values["accuracy"].max() - ends.mean(), abs=1e-4)
    middle = ends[np.argsort(-ends, kind="stable")[10]]
    assert finals["rank, median"][1] == 1 + np.count_nonzero(values["accuracy"] > middle)
    random = small.simulate("random_search", "accuracy", runs=20, budget=fig5.BUDGET, seed=0).best_values[:, -1]
    assert orders["all runs"][0] == pytest.approx(ends.mean() - random.mean())
    text = write_reproduction(fifth, tmp_path).read_text(encoding="utf-8")
    assert "numbers are reproduced" not in text
    assert {p.suffix for p in tmp_path.iterdir()} == {".md", ".csv", ".svg"}
    assert not (tmp_path / "fig5.csv").exists()
    course = pl.read_csv(tmp_path / "fig5-course.csv")
    assert course["600"][0] == pytest.approx(random.mean())


@pytest.mark.usefixtures("any_rank")
def test_lstm_where_it_is_installed(bench):
    pytest.importorskip("accelnas_training", reason="not installed here; make training-test runs it")
    found = reproduce_fig5(bench, runs=2, budget=12, lstm=2)
    assert table(found, "finals")["algorithm"].to_list()[-1] == LSTM
    assert "torch" in found.versions


@pytest.mark.usefixtures("any_rank", "no_controller")
def test_lstm_where_it_is_not(bench):
    assert lstm_runs(None, 5) == 0
    with pytest.raises(MissingExtraError, match="2 runs of the LSTM controller need accelnas-training"):
        reproduce_fig5(bench, runs=2, budget=12, lstm=2)
    assert "torch" not in reproduce_fig5(bench, runs=2, budget=12).versions


def test_what_makes_no_sense_is_refused(bench):
    with pytest.raises(MetricError, match="metrics of fig4 are macs; choose from throughput_a100"):
        reproduce_fig4(bench, metrics=["macs"])
    with pytest.raises(SearchError, match="there are 1 runs, and None of the LSTM controller; give 2 or more"):
        reproduce_fig4(bench, runs=1)
    with pytest.raises(SearchError, match="give 2 or more for an interval"):
        reproduce_fig5(bench, runs=1)


@pytest.mark.usefixtures("any_rank")
def test_command(tmp_path):
    run("reproduce", "fig5", "-o", tmp_path / "out", "--runs", 2, "--lstm", 0)
    assert "--runs 2 --lstm 0" in (tmp_path / "out" / "fig5.md").read_text(encoding="utf-8")
    refused = failure("reproduce", "fig5", "-m", "accuracy", "-o", tmp_path, code=2)
    assert "--metrics is of the tables and fig4" in refused
    assert "--lstm is of fig4 and fig5" in failure("reproduce", "fig3", "--lstm", 1, "-o", tmp_path, code=2)
    assert "torch" not in sys.modules or importlib.util.find_spec("accelnas_training")
