"""Plots show the numbers of results, whatever the names; files are vector graphics, and matplotlib is enough."""

import math
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.collections import LineCollection, PathCollection
from scipy.stats import bootstrap, kendalltau, t

import accelnas
from accelnas import MetricError, ParameterError, SearchError
from accelnas.exact import CountQuestion, DistributionQuestion, RankQuestion
from accelnas.models.calibration import LEVELS, central_level
from accelnas.plots import save
from accelnas.plots.differences import draw_differences
from accelnas.plots.exact import draw_distribution, draw_points
from accelnas.plots.fronts import Front, draw_front
from accelnas.plots.runs import draw_curves

ODD = "_a$b$ <&> 5 %"
THREE = ["random_search", "local_search", "regularized_evolution"]


@pytest.fixture(autouse=True)
def figures():
    mpl.use("agg")
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def macro():
    return accelnas.load("nasbench-macro")


@pytest.fixture(scope="module")
def compared(macro):
    return macro.simulate({ODD: "random_search", "b": "local_search", "c": "regularized_evolution"}, "accuracy",
                          runs=40, budget=60, seed=0)  # fmt: skip


def offsets(axes):
    """Points that are drawn, a set of them each."""
    return [np.asarray(one.get_offsets()) for one in axes.collections if isinstance(one, PathCollection)]


def test_fronts_are_drawn_as_they_are_with_networks_and_limits(macro):
    front = macro.pareto_front(["accuracy", "params"], subject_to=["params <= 1.5", "accuracy >= 60"])
    own = pyplot.figure().subplots()
    networks = {"first": 0, "other": macro.space.sample(1, seed=3)}
    axes = macro.plot.front(front, networks=networks, ax=own)
    assert axes is own
    points, *marked = offsets(axes)
    np.testing.assert_array_equal(points, front.values[:, ::-1])
    for drawn, arch in zip(marked, networks.values(), strict=True):
        values = macro.predict(macro.space.encode(arch), ["params", "accuracy"], dtype="float64")
        np.testing.assert_array_equal(drawn, np.stack([*values.values()], axis=1))
    lines = [line.get_xydata() for line in axes.get_lines()]
    np.testing.assert_array_equal(lines[0], front.values[:, ::-1])
    assert lines[1][:, 1].tolist() == [60, 60]
    assert lines[2][:, 0].tolist() == [1.5, 1.5]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["front", "first", "other", "limit"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("params [M]", "accuracy [%]")
    np.testing.assert_array_equal(offsets(front.plot())[0], points)
    with pytest.raises(ParameterError, match="'both' is 2 architectures; give one a name"):
        macro.plot.front(front, networks={"both": [0, 1]})


def test_fronts_of_more_objectives_are_colours_and_lines(macro):
    three = macro.pareto_front(["accuracy", "params", "macs"])
    axes = macro.plot.front(three, networks={"first": 0})
    np.testing.assert_array_equal(offsets(axes)[0], three.values[:, 1::-1])
    np.testing.assert_array_equal(axes.collections[0].get_array(), three.values[:, 2])
    values = np.array([[3.0, 1, 5, 2], [2, 0, 4, 9], [1, 1, 8, 0]])
    front = Front(list("abcd"), ["maximise", "minimise", "maximise", "minimise"], values)
    axes = pyplot.figure().subplots()
    draw_front(axes, front, {"x": np.array([4.0, 1, 4, 9])})
    (lines,) = (one for one in axes.collections if isinstance(one, LineCollection))
    heights = [[2 / 3, 0, 1 / 4, 7 / 9], [1 / 3, 1, 0, 0], [0, 0, 1, 1]]
    np.testing.assert_allclose([segment[:, 1] for segment in lines.get_segments()], heights)
    np.testing.assert_allclose(axes.get_lines()[0].get_ydata(), [1, 0, 0, 0])


@pytest.mark.parametrize("first", ["maximise", "minimise"])
@pytest.mark.parametrize("second", ["maximise", "minimise"])
def test_what_no_point_dominates_is_open(first, second):
    draw = np.random.default_rng(0)
    signs = np.array([1.0 if end == "maximise" else -1.0 for end in (first, second)])
    points = draw.uniform(0, 10, (40, 2))
    kept = [p for p in points if not any((signs * q >= signs * p).all() and (p != q).any() for q in points)]
    values = np.array(sorted(kept, key=lambda p: -signs[0] * p[0]))
    axes = pyplot.figure().subplots()
    draw_front(axes, Front(["a", "b"], [first, second], values, open_share=0.25), {})
    assert axes.get_title(loc="left") + axes.get_title() == f"{len(values)} points, 25 % open"
    (zone,) = (one for one in axes.collections if one.get_hatch())
    within = draw.uniform([axes.get_ylim()[0], axes.get_xlim()[0]], [axes.get_ylim()[1], axes.get_xlim()[1]], (500, 2))
    inside = [path.contains_points(within[:, ::-1]) for path in zone.get_paths()]
    dominated = [any((signs * v >= signs * p).all() for v in values) for p in within]
    np.testing.assert_array_equal(np.any(inside, axis=0), np.logical_not(dominated))


def test_curves_are_means_with_the_intervals_of_scipy(macro, compared):
    axes = compared.plot(level=0.9)
    at = compared["b"].checkpoints()
    for line, band, runs in zip(axes.get_lines(), axes.collections, compared.values(), strict=True):
        regret = runs.regret(at)
        np.testing.assert_array_equal(line.get_xdata(), at)
        np.testing.assert_allclose(line.get_ydata(), regret.mean(axis=0))
        varied = np.ptp(regret, axis=0) > 0
        expected = bootstrap((regret[:, varied],), np.mean, n_resamples=1000, confidence_level=0.9,
                             method="percentile", rng=np.random.default_rng(0)).confidence_interval  # fmt: skip
        summary = runs.summary(regret, at=at, level=0.9)
        np.testing.assert_allclose([summary.lower[varied], summary.upper[varied]], expected, rtol=1e-12)
        ends = band.get_paths()[0].vertices[:, 1]
        assert (ends.min(), ends.max()) == pytest.approx((summary.lower.min(), summary.upper.max()))
    best = compared.plot(exact=False)
    np.testing.assert_allclose(best.get_lines()[1].get_ydata(), compared["b"].curve(at).mean(axis=0))
    both = macro.simulate("nsga2", ["accuracy", "macs"], runs=3, budget=50, seed=0)
    with pytest.raises(SearchError, match="no exact front is known of"):
        both.plot(exact=False)
    history = macro.search("local_search", "accuracy", budget=60, seed=1)
    np.testing.assert_array_equal(history.plot().get_lines()[0].get_ydata(), history.regret())
    history = macro.search("nsga2", ["accuracy", ("macs", "minimise")], budget=60, seed=1)
    np.testing.assert_array_equal(offsets(history.plot())[-1], history.scores[history.front][:, ::-1])


def test_differences_are_ranks_and_bars_beside_what_is_alike(compared):
    found = compared.differences()
    axes = found.plot()
    np.testing.assert_array_equal(offsets(axes)[0][:, 0], found.ranks)
    rows = {name: i for i, name in enumerate(found.labels)}
    bars = [line.get_ydata().tolist() for line in axes.get_lines()]
    assert bars == [[rows[group[0]], rows[group[-1]]] for group in found.alike()]
    axes = pyplot.figure().subplots()
    draw_differences(axes, list("abcd"), np.array([1.5, 1.7, 2.9, 3.9]), [("a", "b"), ("b", "c", "d")], "")
    assert [line.get_ydata().tolist() for line in axes.get_lines()] == [[0, 1], [1, 3]]


def test_distributions_lists_and_ranks_are_drawn_as_they_are(macro):
    found = macro.distribution("accuracy", bins=50)
    axes = found.plot()
    values, edges, _ = axes.patches[0].get_data()
    np.testing.assert_array_equal(edges, found.edges)
    np.testing.assert_allclose(values * np.diff(edges), found.counts / 6561)
    assert [line.get_xdata()[0] for line in axes.get_lines()] == [
        np.mean(found.quantile(q)) for q in (0.05, 0.25, 0.5, 0.75, 0.95)
    ]
    best = macro.best("accuracy", subject_to="params <= 1", k=7)
    values = best.metric_values
    np.testing.assert_array_equal(offsets(best.plot())[0], np.stack([values["params"], values["accuracy"]], axis=1))
    rank = macro.rank(macro.space.sample(9), "accuracy")
    np.testing.assert_array_equal(offsets(rank.plot())[0], np.stack([rank.values, rank.percentile], axis=1))


def test_importances_and_autocorrelations_are_drawn_as_they_are(macro):
    found = macro.importances("accuracy")
    axes = found.plot()
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == sorted(found.total, key=lambda name: -found.total[name].value)
    widths = [bar.get_width() for bar in axes.patches]
    assert widths[: len(names)] == [found.total[name].value for name in names]
    assert widths[len(names) :] == [found.first_order[name].value for name in names]
    landscape = macro.neighbourhood("accuracy", starts=50, samples=100)
    axes = landscape.plot()
    np.testing.assert_array_equal(axes.get_lines()[0].get_ydata(), landscape.autocorrelation)
    decay = np.exp(-np.arange(1, 21) / landscape.correlation_length)
    np.testing.assert_allclose(axes.get_lines()[1].get_ydata(), decay)


def test_coverage_is_that_of_left_out_errors(bench):
    axes = bench.plot.calibration(["accuracy", "latency_zcu102"])
    for line, metric in zip(axes.get_lines()[1:], ("accuracy", "latency_zcu102"), strict=True):
        held_out = bench._core.uncertainty(bench._core.position(metric))
        freedom = held_out["degrees_of_freedom"]
        sizes = [t.ppf((1 + level) / 2, freedom) * math.sqrt((freedom - 2) / freedom) for level in LEVELS]
        expected = [(held_out["scores"] <= size).mean() for size in sizes]
        np.testing.assert_allclose(line.get_ydata(), 100 * np.array(expected), atol=0.05)
    for size, freedom in ((0.0, 5.0), (0.3, 2.5), (2.0, 3.0), (9.0, 40.0)):
        expected = 2 * t.cdf(size / math.sqrt((freedom - 2) / freedom), freedom) - 1
        assert central_level(size, freedom) == pytest.approx(expected, abs=1e-12)
    with pytest.raises(MetricError, match="metric macs has no held-out errors; choose a calibrated one"):
        bench.plot.calibration("macs")
    with pytest.raises(MetricError, match="no metric of nasbench201 has held-out errors"):
        accelnas.load("nasbench201").plot.calibration()


def test_correlations_are_those_of_scipy(macro):
    axes = macro.plot.correlations(samples=300, seed=4)
    values = macro.predict(macro.space.sample(300, 4), dtype="float64")  # with repeats, so with ties
    expected = [[kendalltau(a, b).statistic for b in values.values()] for a in values.values()]
    np.testing.assert_allclose(axes.collections[0].get_array(), expected, atol=1e-12)
    same = macro.derive("same", "0 * params + 1", direction="minimise")
    texts = [text.get_text() for text in same.plot.correlations(["same", "params"], samples=100).texts]
    assert texts == ["–", "–", "–", "1.00"]
    for wrong, message in (({"samples": 1}, "samples is 1"), ({"metrics": []}, "metrics are none; name one")):
        with pytest.raises(ParameterError, match=message):
            macro.plot.correlations(**wrong)


def plots(macro, compared):
    """One of every kind, with a unit that is hard to show."""
    odd = macro.derive("cost", "3 * params", unit=ODD, direction="minimise")
    front = odd.pareto_front(["accuracy", "cost"], subject_to="cost <= 4")
    yield odd.plot.front(front, networks={ODD: 0}), {ODD, f"cost [{ODD}]"}
    yield odd.plot.front(["accuracy", "cost", "macs"], networks={ODD: 0}), {ODD, f"cost [{ODD}]"}
    yield compared.plot(), {ODD}
    yield compared[ODD].plot(), {ODD}
    yield compared.differences().plot(), {ODD}
    yield odd.best("cost", k=3).plot(), {f"cost [{ODD}]"}
    yield odd.distribution("cost", bins=9).plot(), {f"cost [{ODD}]"}
    yield odd.estimate(DistributionQuestion("cost", bins=9), samples=500).plot(), {f"cost [{ODD}]"}
    yield odd.estimate(RankQuestion(odd.space.sample(3), "cost"), samples=500).plot(), {"cost"}
    yield odd.importances("cost").plot(), {"cost"}
    yield odd.neighbourhood("accuracy", starts=10, samples=50).plot(), set()
    yield odd.plot.correlations(samples=50), {"cost"}
    four = Front([ODD, "b", "c", "d"], ["maximise"] * 4, np.eye(4))
    axes = pyplot.figure().subplots()
    draw_front(axes, four, {ODD: np.zeros(4)})
    yield axes, {ODD}


def test_files_are_vectors_and_names_are_shown_as_they_are(macro, compared, tmp_path):
    for axes, names in plots(macro, compared):
        save(axes, tmp_path / "a.svg")
        tree = ElementTree.parse(tmp_path / "a.svg")  # noqa: S314 our own
        assert not tree.findall(".//{*}image")
        shown = {"".join(text.itertext()) for text in tree.iterfind(".//{*}text")}
        assert names <= shown, (names, shown)
        save(axes.figure, tmp_path / "a.pdf")
        written = (tmp_path / "a.pdf").read_bytes()
        assert written.startswith(b"%PDF")
        assert b"/Subtype /Image" not in written
    for name in ("a", "b"):
        save(compared.plot(), tmp_path / name, form="png")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes().startswith(b"\x89PNG")


def test_nothing_and_single_points_are_drawn(macro):
    ends = ["maximise", "minimise", "maximise", "maximise", "minimise"]
    for count in (0, 1):
        for m in (2, 3, 4, 5):
            for share in (0.0, 0.5):
                values = np.ones((count, m))
                draw_front(pyplot.figure().subplots(), Front(list("abcde")[:m], ends[:m], values, open_share=share), {})
        draw_points(pyplot.figure().subplots(), {"a": np.ones(count)})
        draw_differences(pyplot.figure().subplots(), ["a"][:count], np.ones(count), [], "")
        for figure in map(pyplot.figure, pyplot.get_fignums()):
            figure.draw_without_rendering()
        pyplot.close("all")
    draw_curves(pyplot.figure().subplots(), {}, ylabel="regret")
    draw_distribution(pyplot.figure().subplots(), "a", np.array([0.0, 1]), np.zeros(1, np.uint64), {})
    for nothing in (
        macro.best("accuracy", subject_to="accuracy >= 99"),
        macro.pareto_front(["accuracy", "params"], subject_to="accuracy >= 99"),
        macro.distribution("accuracy", bins=3, subject_to="accuracy >= 99"),
        macro.simulate("random_search", "accuracy", runs=1, budget=1, seed=0),
        macro.search("random_search", "accuracy", budget=1, seed=0),
    ):
        assert nothing.plot().figure is not None
        assert getattr(nothing, "_repr_html_", str)().count("<tr>") <= 6


def test_bad_arguments_are_refused(macro, tmp_path):
    found = macro.best("params")
    with pytest.raises(ParameterError, match=r"ax is 'front.svg'; give axes of matplotlib, or none and write the file"):
        found.plot("front.svg")
    with pytest.raises(ParameterError, match="plot is 'front'; give axes or a figure"):
        save("front", tmp_path / "a.svg")
    axes = found.plot()
    with pytest.raises(ParameterError, match=r"a\.jpg ends in 'jpg'; choose svg, pdf or png"):
        save(axes, "a.jpg")
    with pytest.raises(ParameterError, match="form is 'eps'; choose svg, pdf or png"):
        save(axes, tmp_path / "a.svg", form="eps")
    with pytest.raises(accelnas.FileError, match="does not exist"):
        save(axes, tmp_path / "none" / "a.svg")
    assert macro.count("params <= 1")._repr_html_()
    assert CountQuestion("params <= 1")


def test_own_axes_keep_their_style_and_new_ones_have_ours(macro):
    found = macro.best("params", k=3)
    with mpl.rc_context({"font.size": 20}):
        figure, own = pyplot.subplots()
        assert found.plot(own) is own
        assert own.xaxis.label.get_size() == 20
        new = found.plot()
        new.figure.draw_without_rendering()
        assert {label.get_size() for label in (*new.get_xticklabels(), *new.get_yticklabels())} == {8}
    assert tuple(new.figure.get_size_inches()) == (3.4, 2.4)
    assert figure.axes == [own]


def test_matplotlib_and_numpy_are_enough(tmp_path):
    code = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"polars", "scipy", "pandas", "scikit_posthocs", "sklearn", "pyarrow"}:
            raise ModuleNotFoundError(f"{name} is blocked", name=name)
sys.meta_path.insert(0, Blocked())
import accelnas
from accelnas.plots import save
bench = accelnas.load("nasbench-macro")
assert "matplotlib" not in sys.modules
runs = bench.simulate(["random_search", "local_search"], "accuracy", runs=9, budget=30, seed=0)
for axes in (
    bench.pareto_front(["accuracy", "params"]).plot(), bench.distribution("accuracy", bins=9).plot(), runs.plot(),
    bench.importances("accuracy").plot(), bench.neighbourhood("accuracy", starts=9, samples=50).plot(),
    bench.plot.correlations(samples=50), accelnas.load().plot.calibration("accuracy"),
):
    save(axes, "a.pdf")
"""
    environment = {"MPLBACKEND": "agg", "PATH": "/usr/bin", "MPLCONFIGDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
