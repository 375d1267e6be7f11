"""The explorer in a real browser: what it says against the engine, by mouse and by keyboard."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import accelnas
import accelnas.hardware
from accelnas import MetricError, SpaceError, _core
from accelnas.pages.explorer import explorer
from browser import opened_browser, opened_page
from command_line import failure, run
from small_samples import random_benchmark, space_of, write_surrogate

B0 = "e1_k3_l1_se1-e6_k3_l2_se1-e6_k5_l2_se1-e6_k3_l3_se1-e6_k5_l3_se1-e6_k5_l4_se1-e6_k3_l1_se1"
METRICS = ["accuracy", "latency_zcu102", "throughput_a100", "macs"]
PART = space_of("part", first={"a": [1, 2, 3], "b": ["x", "y<z", "&"]}, second={"c": [1, 2], "d": ["x", "y<z", "&"]})
SCALES = [
    ("up", "maximise", "identity", 3.0, 1.0),
    ("rate", "maximise", "reciprocal", 2.0, 0.1),
    ("time", "minimise", "log", 1.0, 0.5),
]


@pytest.fixture(scope="module")
def browser():
    with opened_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def bundled(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "bundled.html"
    within = accelnas.load()
    path.write_text(explorer(within, metrics=METRICS, landmarks={"EfficientNet-B0 <i>": B0}))
    return path


def benchmarks(folder):
    """One of every kind: ensembles with uncertainties, links, trees, rules, complete tables, derived metrics."""
    several = random_benchmark(folder / "several", PART, [[0, 1], [1, 2, 3], [0, 3]], SCALES)
    yield several.derive("twice", "2 * up", direction="minimise")
    space = accelnas.spaces.load("ofa-mobilenetv3")
    random = np.random.default_rng(3)
    sizes = [len(space.variables[v].states) for v in (0, 3, 7)]
    cells = [random.normal(size=(4, size)) for size in sizes]
    surrogate = _core.Surrogate.from_tables(space._core, random.normal(size=4), [[0], [3], [7]], cells)
    write_surrogate(folder / "rules", "up", surrogate)
    yield accelnas.load(folder / "rules")
    yield accelnas.load("nasbench201")
    yield accelnas.load(Path(accelnas.__file__).parent / "data" / "mnasnet-xgboost")


def asked(page, texts):
    """What the page says of architectures: texts of numbers, by metric."""
    return page.evaluate(
        "texts => texts.map(text => { const a = look({text}); return Object.fromEntries(state.loaded.map(name => "
        "[name, [a.values[name], a.deviations[name], measured(a, name), a.index]])); })",
        texts,
    )


def check_numbers(page, bench, names, rows):
    found = asked(page, bench.space.format(rows))
    values = bench.predict(rows, names, dtype="float64", return_std=True)
    indices = [str(index) for index in bench.space.index(rows)]
    differ = 0
    for name in names:
        for i, (value, std) in enumerate(zip(*values[name], strict=True)):
            own, deviation, text, index = found[i][name]
            assert index == indices[i]
            assert own == pytest.approx(value, rel=1e-12)
            shown, _, spread = text.partition(" ± ")
            assert float(shown) == float(f"{value:.6g}")
            assert bool(spread) == bench.metrics[name].calibrated
            if spread:
                assert deviation == pytest.approx(std, rel=1e-4)
                differ += float(spread) != float(f"{std:.2g}")
    # deviations have 16 bits: one in thousands lies so near the middle of two numbers that it is rounded otherwise
    assert differ <= 1 + len(rows) * len(names) // 500


def test_every_number_is_the_engines(browser, bundled, bench):
    page = opened_page(browser, bundled)
    check_numbers(page, bench, METRICS, bench.space.sample(300, seed=1))
    assert page.problems == []
    assert [url.partition(":")[0] for url in page.requests] == ["file"]


def test_benchmarks_of_every_kind_are_the_engines(browser, tmp_path):
    for i, bench in enumerate(benchmarks(tmp_path)):
        names = [name for name, metric in bench.metrics.items() if metric.exact][:4]
        path = tmp_path / f"{i}.html"
        path.write_text(explorer(bench, metrics=names))
        page = opened_page(browser, path)
        check_numbers(page, bench, names, bench.space.sample(60, seed=i))
        chosen = page.evaluate("state.current.text")
        for _ in range(3):
            page.click("#random")
            assert bench.space.encode([page.evaluate("state.current.text")]).shape == (1, len(bench.space.variables))
        assert page.evaluate("state.current.text") != chosen
        assert page.problems == []
        page.context.close()


def test_pairs_that_tie_in_one_metric_are_not_on_the_front(browser, tmp_path):
    dpu = accelnas.hardware.load_accelerator("dpu").restricted({"cores": 1, "alu": 4, "bandwidth": 4.8})
    pairs = accelnas.hardware.join(accelnas.load("nasbench-macro"), dpu, metrics=["accuracy"])
    path = tmp_path / "pairs.html"
    path.write_text(explorer(pairs, metrics=["accuracy", "latency"]))
    page = opened_page(browser, path)
    front = pairs.pareto_front(["accuracy", "latency"])
    best = pairs.space.decode(front.architectures)[0]
    slow = pairs.space.encode([best | {"clock": 150}])
    for arch, expected in (
        (front.architectures, "This architecture is on the front."),
        (slow, f"The front has {pairs.predict(slow, 'latency')[0] - front.values[0, 1]:.3g} ms less latency"),
    ):
        page.fill("#text", pairs.space.format(arch)[0])
        page.keyboard.press("Enter")
        assert page.inner_text("#place").startswith(expected)
    assert page.problems == []
    page.context.close()


def test_the_front_budgets_and_percentiles_are_those_of_the_engine(browser, bundled, bench):
    page = opened_page(browser, bundled)
    front = bench.pareto_front(["accuracy", "latency_zcu102"])
    assert page.evaluate("front().texts.length") == len(front)
    assert page.inner_text("#absent") == ""
    page.click("#random")
    page.locator("#slider-accuracy").focus()
    for _ in range(40):
        page.keyboard.press("ArrowRight")
    limit = page.evaluate("state.budgets.get('accuracy')")
    kept = sum(value >= limit for value in front.values[:, 0])
    assert 0 < kept < len(front)
    assert page.inner_text("#kept").startswith(f"{kept} of {len(front)} points")
    page.select_option("#budget", "macs")
    page.locator("#slider-macs").focus()
    page.keyboard.press("ArrowRight")
    macs = bench.predict(front.architectures, "macs", dtype="float64")
    most = page.evaluate("state.budgets.get('macs')")
    kept = int(((front.values[:, 0] >= limit) & (macs <= most)).sum())
    assert 0 < kept < len(front)
    assert page.inner_text("#kept").startswith(f"{kept} of {len(front)} points")
    page.locator("#points button").first.click()
    assert page.inner_text("#place") == "This architecture is on the front."
    for name in ("accuracy", "latency_zcu102"):
        lower, upper = page.evaluate("name => percentile(name, state.current.values[name])", name)
        rank = bench.rank(page.evaluate("state.current.text"), name)
        better, ties = int(rank.better), int(rank.ties)
        # of the whole space: every architecture was counted
        assert lower * bench.space.size <= bench.space.size - better
        assert upper * bench.space.size >= bench.space.size - better - ties
        assert upper - lower < 0.01
    page.select_option("#distributed", "macs")
    assert page.inner_text("#source") == "Counts of all architectures."


def test_it_works_by_keyboard_alone(browser, bundled, bench):
    page = opened_page(browser, bundled)
    before = page.evaluate("state.current.row")
    page.locator("#variable-0").focus()
    page.keyboard.press("ArrowUp")
    after = page.evaluate("state.current.row")
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1
    shown = page.locator("[data-metric=accuracy]").inner_text().partition(" ")[0]
    assert float(shown) == float(f"{bench.predict(np.array([after], np.uint8), 'accuracy', dtype='float64')[0]:.6g}")
    page.locator("#text").focus()
    page.locator("#text").fill(B0)
    page.keyboard.press("Enter")
    assert page.evaluate("state.current.text") == B0
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "random"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator("#pinned code").all_inner_texts() == [B0]
    page.locator("#text").fill("e9_k3")
    page.keyboard.press("Enter")
    assert "e9" in page.inner_text("#error")
    assert page.evaluate("state.current.text") == B0
    unnamed = page.evaluate(
        "[...document.querySelectorAll('input, select, button')].filter(e => !(e.labels && e.labels.length) && "
        "!e.ariaLabel && !e.textContent.trim()).map(e => e.outerHTML)"
    )
    assert unnamed == []
    assert page.problems == []


def test_neighbours_improve_and_what_is_copied_is_the_architecture(browser, bundled, bench):
    page = opened_page(browser, bundled)
    page.locator("#text").fill(B0)
    page.keyboard.press("Enter")
    own = bench.predict(B0, "accuracy", dtype="float64")
    row = bench.space.encode([B0])[0]
    better = 0
    for v, variable in enumerate(bench.space.variables):
        for choice in set(range(len(variable.choices))) - {int(row[v])}:
            other = row.copy()
            other[v] = choice
            better += bench.predict(other[None], "accuracy", dtype="float64")[0] > own
    assert page.locator("#neighbours caption").inner_text() == f"{better} of 43 neighbours improve accuracy"
    page.locator("#neighbours button").first.click()
    assert bench.predict(page.evaluate("state.current.text"), "accuracy") > own
    text = page.evaluate("state.current.text")
    assert page.evaluate("spelled('string')") == text
    assert int(page.evaluate("spelled('index')")) == bench.space.index(bench.space.encode([text]))[0]
    told = subprocess.run([sys.executable, "-c", page.evaluate("spelled('Python')")], capture_output=True, text=True)
    assert str(float(bench.predict(text, "accuracy", dtype="float64"))) in told.stdout, told.stderr
    page.locator("#text").fill(B0)
    page.keyboard.press("Enter")
    assert json.loads(page.evaluate("spelled('block strings')"))[:3] == [
        ["ds_r1_k3_s1_e1_c16_se0.25"], ["ir_r2_k3_s2_e6_c24_se0.25"], ["ir_r2_k5_s2_e6_c40_se0.25"]
    ]  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_and_has_contrast(browser, bundled, scheme, width):
    page = opened_page(browser, bundled, color_scheme=scheme, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for _ in range(2):  # as the system wants it, and switched
        luminance = page.evaluate(
            "['color', 'backgroundColor'].map(name => getComputedStyle(document.body)[name].match(/[\\d.]+/g)"
            ".slice(0, 3).map(c => c / 255).map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))"
            ".map(([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b)"
        )
        low, high = sorted(luminance)
        assert (high + 0.05) / (low + 0.05) >= 7  # WCAG's AAA
        assert (luminance[0] < luminance[1]) == (scheme == "light")
        page.click("#theme")
        scheme = {"light": "dark", "dark": "light"}[scheme]
    assert page.problems == []


def test_names_can_hold_anything_and_mistakes_are_said(bundled, bench, tmp_path):
    assert "EfficientNet-B0 <i>" not in bundled.read_text()
    with pytest.raises(MetricError, match='unknown metric "x"; the metrics are accuracy'):
        explorer(bench, metrics=["x"])
    with pytest.raises(MetricError, match="primary is 'macs'; choose one of the page's metrics: params"):
        explorer(bench, metrics=["params"], primary="macs")
    with pytest.raises(MetricError, match="q is an expression; choose metrics that a surrogate predicts"):
        explorer(bench.derive("q", "accuracy * macs", direction="maximise"), metrics=["q"])
    with pytest.raises(SpaceError):
        explorer(bench, metrics=["params"], landmarks={"b": "e9"})
    output = tmp_path / "page.html"
    assert "MB" in run("report", "-b", "nasbench-macro", "-o", output).stdout
    assert output.read_text().startswith("<!doctype html>")
    assert "write NAME=ARCHITECTURE" in failure("report", "-n", "x", "-o", output, code=2)
