"""``accelnas search`` and ``accelnas simulate``, and the code of their guide."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import accelnas
from accelnas.cli import searching
from accelnas.plots import runs as plots
from accelnas.plots.style import drawn
from accelnas.search.proven import known_optimum
from command_line import failure, run

ACCELNAS = Path(sys.executable).parent / "accelnas"
# a part of the space whose fronts are found at once
PART = {f"block{b}_{kind}": choice for b in range(1, 7) for kind, choice in (("e", 6), ("k", 5))}
WITHIN = [word for name, choice in PART.items() for word in ("-w", f"{name}={choice}")]
OWN = """
import numpy as np

class Uniform:
    def __init__(self, task):
        self.space, self.rng = task.space, np.random.default_rng(task.seed)

    def ask(self):
        return self.space.sample(20, seed=int(self.rng.integers(2**32)))

    def tell(self, archs, scores):
        pass
"""


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    """A folder with an algorithm of a user, as the current one."""
    (tmp_path / "uniform_search.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield "uniform_search:Uniform"
    sys.modules.pop("uniform_search", None)


def test_search_says_what_it_found(bench, tmp_path):
    options = ("-n", 200, "--seed", 3, "--clock", "train_time")
    text = run("search", "local_search", "accuracy", *options, "-o", tmp_path / "h.csv").stdout
    history = bench.search("local_search", "accuracy", budget=200, seed=3, clock="train_time")
    assert bench.space.format(history.best[0][None])[0] in text
    assert f"{history.best[1]:#.6g}" in text
    assert f"{history.regret()[-1]:#.6g}" in text
    assert f"simulated train_time of all: {history.times[-1]:,.0f} s" in text
    assert "200 evaluations of" in text
    written = pl.read_csv(tmp_path / "h.csv")
    assert written["accuracy"].to_numpy() == pytest.approx(history.values["accuracy"], rel=1e-6)
    assert written.columns == ["evaluation", "architecture", "accuracy", "time"]


def test_fidelities_are_those_of_the_options():
    small = accelnas.load("nasbench201")
    options = ("-b", "nasbench201", "--fidelities", "10=cifar10, 200=cifar100", "--clock", "epochs", "-n", 150)
    task = {"fidelities": {10: "cifar10", 200: "cifar100"}, "clock": "epochs", "budget": 150, "seed": 0}
    for more, taken in (((), {}), (("--workers", 4, "--from-scratch"), {"workers": 4, "from_scratch": True})):
        found = json.loads(run("search", "asha", "cifar100", *options, *more, "--json").stdout)
        history = small.search("asha", "cifar100", **task, **taken)
        assert found["clock"] == {"metric": "epochs", "time": history.times[-1], "unit": ""}
        assert found["by_epochs"] == {str(n): int((history.epochs == n).sum()) for n in (10, 200)}
        assert found["regret"] == history.regret()[-1]
    text = run("search", "asha", "cifar100", *options).stdout
    assert f"{(small.search('asha', 'cifar100', **task).epochs == 10).sum()} after 10 epochs" in text
    many = run("simulate", "asha,random_search", "cifar100", *options, "-r", 5, "--at-time", 2000).stdout
    assert "2,000" in many
    assert "simulated epochs" in many


def test_search_as_json(bench):
    limits, within = ("-s", "latency_zcu102 <= 5"), ("-w", "block0_e=1")
    found = json.loads(run("search", "random_search", "accuracy", *limits, *within, "--json").stdout)
    history = bench.search(
        "random_search", "accuracy", budget=600, seed=0, subject_to=limits[1], within={"block0_e": 1}
    )
    assert found["best"]["architecture"] == bench.space.format(history.best[0][None])[0]
    assert found["best"]["values"]["latency_zcu102"] <= 5
    assert found["regret"] == history.regret()[-1]
    best = bench.best("accuracy", subject_to=limits[1], within={"block0_e": 1})
    assert found["optimum"] == best.values[0]
    assert "regret" not in run("search", "random_search", "accuracy", "--no-exact", "-n", 20).stdout


def test_settings_reach_the_algorithm(bench):
    options = ("--set", "population=50", "--set", "regularized_evolution.removal=worst", "--json", "--no-exact")
    found = json.loads(run("search", "regularized_evolution", "accuracy", *options).stdout)
    assert found["algorithm"]["settings"] == {"population": 50, "sample": 10, "removal": "worst"}
    evolution = accelnas.search.RegularizedEvolution(50, 10, "worst")
    assert found["best"]["score"] == bench.search(evolution, "accuracy", budget=600, seed=0).best[1]


def test_search_for_a_front(bench, tmp_path):
    plot = tmp_path / "front.svg"
    arguments = ("search", "nsga2", "accuracy,latency_zcu102", "-n", 300, *WITHIN, "--plot", plot)
    found = json.loads(run(*arguments, "--json").stdout)
    runs = bench.simulate("nsga2", ["accuracy", "latency_zcu102"], runs=1, budget=300, seed=0, within=PART)
    assert found["normalised_hypervolume"] == pytest.approx(runs.hypervolume([300])[0, 0])
    assert len(found["front"]["architectures"]) == len(runs.front(0)[0])
    assert "of the exact front's hypervolume" in run(*arguments).stdout
    assert plot.read_text().startswith("<?xml")
    three = run("search", "nsga2", "accuracy,macs", "params:maximise", "-n", 100).stdout
    assert "points" in three
    assert "exact" not in three


def test_search_for_a_formulation(bench):
    weights = ("accuracy=1", "latency_zcu102=-0.07", "--form", "product", "--target", "latency_zcu102=5", *WITHIN)
    found = json.loads(run("search", "reinforce", *weights, "--json").stdout)
    reward = accelnas.exact.WeightedProduct({"accuracy": 1, "latency_zcu102": -0.07}, {"latency_zcu102": 5})
    assert found["best"]["score"] == bench.search("reinforce", reward, budget=600, seed=0, within=PART).best[1]
    assert found["regret"] >= 0
    assert "score" in run("search", "reinforce", *weights, "--noise", "-n", 100).stdout


def test_search_for_a_reference_point(bench):
    weights = ("accuracy=1", "macs=0.02", "params=1", "--form", "reference", *WITHIN)
    aims = [word for aim in ("accuracy=64", "macs=250", "params=4") for word in ("--reference", aim)]
    found = json.loads(run("search", "local_search", *weights, *aims, "--rho", 0.001, "--json").stdout)
    aspired = {"accuracy": 64, "macs": 250, "params": 4}
    point = accelnas.exact.ReferencePoint({"accuracy": 1, "macs": 0.02, "params": 1}, aspired, 0.001)
    assert found["optimum"] == bench.scalarised(point, within=PART).values[0]
    assert 0 <= found["regret"] < 0.5
    assert "give a number for each of accuracy, macs, params" in failure("search", "local_search", *weights)


def test_simulate_compares(bench, tmp_path):
    names = ["random_search", "regularized_evolution", "local_search"]
    plot, ranks, output = tmp_path / "regret.svg", tmp_path / "ranks.svg", tmp_path / "improvements.parquet"
    arguments = ["simulate", ",".join(names), "accuracy", "-r", 40, "--at", "100,600", "--clock", "train_time"]
    found = json.loads(run(*arguments, "--plot", plot, "--plot-ranks", ranks, "-o", output, "--json").stdout)
    comparison = bench.simulate(names, "accuracy", runs=40, budget=600, seed=0, clock="train_time")
    for label, one in found["algorithms"].items():
        regret = comparison[label].regret([100, 600])
        assert [row["mean"] for row in one["regret"]] == pytest.approx(regret.mean(axis=0))
        assert [row["median"] for row in one["regret"]] == pytest.approx(np.median(regret, axis=0))
        assert one["time"] == pytest.approx(comparison[label].logs.time.mean())
    differences = comparison.differences()
    assert list(found["differences"]["ranks"]) == list(differences.labels)
    assert found["differences"]["friedman_p"] == pytest.approx(differences.p_value)
    assert pl.read_parquet(output).equals(comparison.to_polars())
    assert "regularized_evolution" in plot.read_text()
    assert "average rank over 40 runs" in ranks.read_text()
    text = run(*arguments).stdout
    for words in ("mean regret", "average rank", "simulated train_time [s]", "evaluations/s", "Friedman p ="):
        assert words in text


def test_simulate_fronts(tmp_path):
    plot = tmp_path / "volume.svg"
    arguments = (
        "simulate",
        "nsga2,random_search",
        "accuracy,latency_zcu102",
        "-r",
        5,
        "-n",
        120,
        *WITHIN,
        "--plot",
        plot,
    )
    text = run(*arguments).stdout
    assert "mean hypervolume" in text
    assert "mean igd_plus" in text
    assert "hypervolume" in plot.read_text()
    unknown = ("simulate", "nsga2", "accuracy,macs:maximise", "-r", 2, "-n", 100)
    assert "hypervolume" not in run(*unknown).stdout
    assert "no exact front is known" in failure(*unknown, "--plot", plot)


def test_simulate_goes_on_from_a_folder(tmp_path):
    arguments = ("simulate", "local_search", "accuracy", "-r", 1100, "-n", 50, "--folder", tmp_path, "--json")
    first = json.loads(run(*arguments).stdout)
    parts = sorted(tmp_path.glob("*.parquet"))
    assert len(parts) == 2
    parts[1].unlink()
    kept = parts[0].stat().st_mtime_ns
    again = json.loads(run(*arguments).stdout)
    assert again["algorithms"]["local_search"]["regret"] == first["algorithms"]["local_search"]["regret"]
    assert parts[0].stat().st_mtime_ns == kept
    assert parts[1].exists()


def test_runs_without_anything_feasible_are_left_out():
    arguments = ("simulate", "random_search", "accuracy", "-s", "latency_zcu102 <= 2", "-r", 20, "-n", 60)
    text = run(*arguments).stdout
    assert "found nothing feasible" in text
    assert "nan" not in text


def test_ranks_in_the_space():
    found = json.loads(
        run("simulate", "random_search", "accuracy", "-r", 5, "-n", 20, *WITHIN, "--ranks", "--json").stdout
    )
    ranks = list(found["algorithms"]["random_search"]["ranks"].values())
    assert ranks == sorted(ranks)
    assert ranks[0] >= 1


def test_algorithms_of_users(bench, own_module):
    found = json.loads(run("simulate", f"{own_module},random_search", "accuracy", "-r", 3, "-n", 60, "--json").stdout)
    assert list(found["algorithms"]) == ["Uniform", "random_search"]
    from uniform_search import Uniform

    runs = bench.simulate(Uniform, "accuracy", runs=3, budget=60, seed=0)
    assert found["algorithms"]["Uniform"]["regret"][-1]["mean"] == pytest.approx(runs.regret([60]).mean())
    assert "60 evaluations of 60 architectures" in run("search", own_module, "accuracy", "-n", 60).stdout
    assert "has no 'Other'" in failure("search", "uniform_search:Other", "accuracy", code=2)
    assert "no module 'absent'" in failure("search", "absent:Other", "accuracy", code=2)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("search", "evolution", "accuracy"), 1, "unknown algorithm 'evolution'; choose one of random_search"),
        (("search", "moead", "accuracy"), 1, "moead needs several objectives"),
        (("search", "local_search", "speed"), 1, 'unknown metric "speed"'),
        (("search", "local_search", "accuracy", "--clock", "speed"), 1, 'unknown metric "speed" for the clock'),
        (("search", "local_search", "accuracy", "--set", "size=3"), 2, "local_search has initial, first_improvement"),
        (("search", "local_search", "accuracy", "--set", "initial=many"), 1, "initial is 'many'"),
        (("search", "hyperband", "accuracy"), 1, "hyperband needs fidelities of its objective"),
        (("search", "asha", "accuracy", "--fidelities", "accuracy@4"), 2, "write EPOCHS=METRIC, such as 4=accuracy@4"),
        (("search", "asha", "accuracy", "--fidelities", "4=accuracy,4=macs"), 2, "4 epochs are given twice"),
        (("search", "local_search", "accuracy=1", "macs=1"), 2, "'accuracy=1' needs --form"),
        (("search", "local_search,nsga2", "accuracy"), 2, "there are 2 algorithms"),
        (("search", "nsga2", "accuracy,macs,params", "--plot", "a.svg"), 2, "there are 3"),
        (("search", "random_search", "accuracy", "-s", "accuracy >= 67.9", "-n", 5), 1, "met the constraints"),
        (("search", "nsga2", "accuracy,macs", "-s", "accuracy >= 67.9", "-n", 5), 1, "met the constraints"),
        (("simulate", "local_search", "accuracy", "--at", "700"), 2, "write numbers of 1 to the budget of 600"),
        (("simulate", "local_search", "accuracy", "--plot-ranks", "a.svg"), 2, "there are 1"),
    ],
)
def test_errors(arguments, code, message):
    assert message in failure(*arguments, code=code)


def test_missing_libraries_are_named_before_the_runs(monkeypatch):
    monkeypatch.setattr("accelnas.cli.simulate.find_spec", lambda _library: None)
    three = "local_search,random_search,nsga2"
    assert "pip install 'accelnas[simulate]'" in failure("simulate", three, "accuracy")
    assert "pip install 'accelnas[plots]'" in failure("simulate", "local_search", "accuracy", "--plot", "a.svg")
    assert "a.jpg ends in 'jpg'; choose svg, pdf or png" in failure("best", "accuracy", "--plot", "a.jpg")


def test_progress_says_how_good_the_best_is(bench):
    task = {"subject_to": (), "within": {}, "penalty": None, "noise": False, "clock": None}
    task |= {"fidelities": None, "from_scratch": False}
    setting = searching.setting_of(bench, "latency_zcu102", task)
    optimum = known_optimum(setting)
    assert searching.standing(setting, optimum, -optimum - 1.5).endswith("regret 1.5")
    assert searching.standing(setting, None, -4.25) == "best latency_zcu102 4.25000"
    assert searching.standing(setting, optimum, -float("inf")) == "nothing feasible yet"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_interrupted(tmp_path):
    arguments = (
        "simulate",
        "local_search",
        "accuracy",
        "-r",
        "4000000",
        "-n",
        "50",
        "--no-exact",
        "--folder",
        tmp_path,
    )
    process = subprocess.Popen([ACCELNAS, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not list(tmp_path.glob("*.parquet")) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=600)
    assert (process.returncode, out) == (130, b"")
    assert b"Traceback" not in errors
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".parquet"]


def test_published_and_marked_are_drawn(bench, tmp_path):
    runs = bench.simulate("random_search", "accuracy", runs=5, budget=50, seed=0)
    curves = {"ours": runs.summary()}
    published = {"ours": np.array([[1, 60.0], [50, 65.0]]), "theirs": np.array([[50, 66.0]])}
    with drawn(tmp_path / "a.svg") as axes:
        plots.draw_curves(axes, curves, ylabel="accuracy [%]", published=published)
    assert "theirs, published" in (tmp_path / "a.svg").read_text()
    panel = plots.Panel("A100", "speed", "accuracy", np.empty((0, 2)), {"ours": np.ones((3, 2))}, {"B0": (1.0, 2.0)})
    plots.plot_fronts(tmp_path / "b.svg", [panel, panel])
    text = (tmp_path / "b.svg").read_text()
    assert text.count("<!-- A100 -->") + text.count(">A100</text>") >= 2
    assert ">B0</text>" in text
