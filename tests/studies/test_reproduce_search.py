"""Figs. 4 and 5 against independent counts, and the authors' networks."""

import dataclasses
import importlib.util
import sys

import moocore
import numpy as np
import polars as pl
import pytest

from accelnas.errors import DataError, MetricError, MissingExtraError, SearchError
from accelnas.search import Reinforce
from accelnas.search.runs import Runs
from command_line import failure, run
from studies import fig4, fig5, reproduce_fig4, reproduce_fig5, write_reproduction
from studies.device_searches import DeviceSearches, non_dominated, paper_reward, rewarded_runs
from studies.fig4_tables import order_of_top1, standing
from studies.lstm import LSTM, lstm_runs
from studies.networks import NETWORKS, encoded, locate

METRIC, BUDGET = "throughput_vck190", 60
EFFICIENTNET_B0 = {"e": "1666666", "k": "3353553", "l": "1223341", "se": "1111111"}
REFERENCE = {"accuracy": 30.0, METRIC: 0.0}


@pytest.fixture(scope="module")
def front(bench):
    return bench.pareto_front(["accuracy", METRIC])


@pytest.fixture(scope="module")
def fourth(bench):
    return reproduce_fig4(bench, metrics=[METRIC], runs=3, budget=BUDGET, lstm=0)


@pytest.fixture(scope="module")
def fifth(bench):
    return reproduce_fig5(bench, runs=20, lstm=0)


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


def test_location_agrees_with_a_list_of_the_best(bench, front):
    network = next(n for n in NETWORKS if n.name == "vck190-a")
    location = locate(bench, encoded(bench.space, [network])[0], front)
    accuracy, speed = location.values
    faster = bench.best("accuracy", subject_to={METRIC: (speed, None)}, k=location.dominating + 2)
    # itself and one that is less accurate end the list
    assert faster.values[-3] >= faster.values[-2] == accuracy > faster.values[-1]
    assert location.shortfalls[0] == pytest.approx(faster.values[0] - accuracy, abs=1e-9)
    quickest = bench.best(METRIC, subject_to={"accuracy": (accuracy, None)})
    assert location.shortfalls[1] == pytest.approx(quickest.values[0] - speed, abs=1e-9)
    scale = -np.ptp(front.values, axis=0)  # moocore minimises
    points = front.values / scale
    own = np.array([location.values]) / scale
    assert location.distance == pytest.approx(min(moocore.igd_plus(own, p[None]) for p in points), rel=1e-9)


def test_points_of_a_front_are_at_no_distance(bench):
    latency = bench.pareto_front(["accuracy", "latency_zcu102"])
    location = locate(bench, latency.architectures[len(latency.values) // 2], latency)
    assert location.dominating == 0
    assert location.shortfalls == (0.0, 0.0)
    assert location.distance == 0.0


def test_rewarded_runs_are_judged_as_moocore_does(bench, front):
    reward = paper_reward(bench, METRIC)
    assert reward.exponents == {"accuracy": 1, METRIC: 0.07}
    assert paper_reward(bench, "latency_zcu102").exponents["latency_zcu102"] == -0.07
    middle = bench.predict(bench.space.sample(100_000, seed=9), METRIC)
    assert reward.targets[METRIC] == pytest.approx(np.median(middle), rel=0.01)
    found = rewarded_runs(bench, "r", Reinforce(), reward, runs=2, budget=BUDGET, seed=5)
    history = bench.search(Reinforce(), reward, budget=BUDGET, seed=6)
    values = bench.predict(history.architectures, ["accuracy", METRIC], dtype="float64")
    points = np.stack([values["accuracy"], values[METRIC]], axis=1)
    assert found.rewards[1] == history.scores.max()

    signs = np.array([-1.0, -1.0])  # moocore minimises
    corner = np.array([REFERENCE["accuracy"], REFERENCE[METRIC]]) * signs
    volumes = [moocore.hypervolume(own * signs, ref=corner) for own in (points, front.values)]
    assert found.runs.hypervolume([BUDGET])[1, 0] == pytest.approx(volumes[0] / volumes[1], rel=1e-9)
    extent = np.ptp(front.values, axis=0)
    expected = moocore.igd_plus(points * signs / extent, front.values * signs / extent)
    assert found.runs.igd_plus([BUDGET])[1, 0] == pytest.approx(expected, rel=1e-9)

    device = DeviceSearches(METRIC, front, reward, {"r": found.runs}, {"r": found.rewards})
    assert device.best_reward[0] == pytest.approx(bench.scalarised(reward).values[0], rel=1e-12)
    assert (moocore.is_nondominated(device.pooled("r", 2) * signs)).all()


def test_non_dominated_keeps_the_first_of_equals():
    points = np.array([[1.0, 1.0], [2.0, 2.0], [2.0, 2.0], [3.0, 0.0]])
    assert non_dominated(points, np.ones(2)).tolist() == [1, 3]


def test_fig4(fourth, bench, tmp_path):
    networks, fronts, rewards = (table(fourth, name) for name in ("networks", "fronts", "rewards"))
    assert networks["network"].to_list() == ["vck190-a", "vck190-b"]
    published = {c.quantity: c.published for c in fourth.comparisons}
    assert published == {f"vck190-a: {METRIC}": 2805.14, f"vck190-b: {METRIC}": 4015.04}
    predicted = bench.predict(encoded(bench.space, NETWORKS[3:5]), METRIC, dtype="float64")
    assert [c.found for c in fourth.comparisons] == pytest.approx(predicted.tolist())
    assert networks["error [%]"].to_list() == pytest.approx((100 * (predicted / [2805.14, 4015.04] - 1)).tolist())
    assert fronts["algorithm"].to_list() == [fig4.RANDOM, fig4.NSGA2, fig4.REINFORCE]
    runs = bench.simulate("random_search", ["accuracy", METRIC], runs=3, budget=BUDGET, seed=0)
    assert fronts["hypervolume"][0] == pytest.approx(runs.hypervolume([BUDGET]).mean())
    assert fourth.remarks[0].startswith("Mean hypervolumes of 1 metrics: largest are ")
    assert 0.5 < rewards["reward of all runs / best"][0] < 1
    write_reproduction(fourth, tmp_path)
    assert len(pl.read_csv(tmp_path / "fig4-points.csv")) > 100
    assert "network b" in (tmp_path / "fig4.svg").read_text(encoding="utf-8")


def test_remarks_of_known_numbers():
    names = ["random search", "other"] * 2
    fronts = pl.DataFrame({"metric": [*"aabb"], "algorithm": names, "hypervolume": [0.5, 0.6, 0.9, 0.7]})
    expected = "largest are random search 1; other 1; larger than those of random search are other 1."
    assert standing(fronts) == [f"Mean hypervolumes of 2 metrics: {expected}"]
    top1 = {"top-1, trained by r [%]": [77.0, 76.0, 75.0], "top-1, predicted for p* [%]": [67.0, 65.0, 66.0]}
    assert order_of_top1(pl.DataFrame({"network": [*"abc"], **top1}))[0].endswith("their order has τ 0.33.")
    assert order_of_top1(pl.DataFrame({"network": [*"aab"], **top1})) == []


def test_fig5(fifth, bench, tmp_path):
    finals, orders = table(fifth, "finals"), table(fifth, "orders")
    runs = bench.simulate("regularized_evolution", "accuracy", runs=20, budget=fig5.BUDGET, seed=0)
    ends = runs.best_values[:, -1]
    assert finals["top-1 [%]"][1] == pytest.approx(ends.mean())
    assert finals[f"top-1, {fig5.SEEDS} seeds [%]"][1] == pytest.approx(ends[:5].mean())
    best = bench.best("accuracy").values[0]
    assert finals["regret [points]"][1] == pytest.approx(best - ends.mean(), abs=1e-4)
    middle = np.argsort(-ends, kind="stable")[10]
    rank = bench.rank(runs.final[middle], "accuracy").rank
    assert finals["rank, median"][1] == np.asarray(rank).item()
    random = bench.simulate("random_search", "accuracy", runs=20, budget=fig5.BUDGET, seed=0).best_values[:, -1]
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
