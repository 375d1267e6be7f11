"""Pages of many searches in a real browser: every number is that of the runs, by mouse and by keyboard."""

import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

import accelnas
from accelnas import FileError, ParameterError, SearchError
from accelnas.exact import WeightedProduct
from accelnas.pages.searches import searches
from accelnas.search import RegularizedEvolution
from accelnas.search.runs import read_runs
from browser import opened_browser, opened_page
from command_line import failure, run
from search_samples import WITHIN

BENCH = accelnas.load("nasbench201")
SEVERAL, PAIR = accelnas.load(), ["accuracy", "latency_zcu102"]
NAMES = ["random_search", "local_search", "regularized_evolution"]
CALL = {"runs": 25, "budget": 60, "seed": 3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Runs for one objective and for two, on the same benchmark."""
    path = tmp_path_factory.mktemp("runs")
    BENCH.simulate(NAMES, "cifar10", **CALL, clock="macs", output=path)
    SEVERAL.simulate(["nsga2", "random_search", "moead"], PAIR, **CALL, within=WITHIN, output=path)
    return path


@pytest.fixture(scope="module")
def compared(folder):
    """Comparisons of the folder, that of one objective first."""
    return sorted(read_runs(folder, accelnas.load), key=lambda found: len(found["random_search"].plan.setting.labels))


@pytest.fixture(scope="module")
def path(folder, compared):
    page = folder / "runs.html"
    page.write_text(searches(compared))
    return page


@pytest.fixture(scope="module")
def browser():
    with opened_browser() as browser:
        yield browser


def shown(value):
    return float(f"{value:.6g}")


def cells(page, part):
    """Cells of a table by the name of their row."""
    rows = page.evaluate(
        f"[...document.querySelectorAll('{part} tbody tr')].map(r => [...r.cells].map(c => c.innerText))"
    )
    return {row[0].strip(): row[1:] for row in rows}


def check_ranking(page, runs, values, at):
    """Compare the table with summaries of values (runs, 1) at this number of evaluations."""
    found = runs.summary(values, at=[at])
    expected = [found.mean, found.lower, found.upper, *(found.quantiles[q] for q in (0.5, 0.05, 0.95))]
    own = cells(page, "#ranking")[runs.label]
    assert [float(cell) for cell in own[:6]] == [shown(each[0]) for each in expected]


def test_every_number_is_that_of_the_runs(browser, path, compared):
    page = opened_page(browser, path)
    found = compared[0]
    for runs in found.values():
        check_ranking(page, runs, runs.regret([60]), 60)
        assert float(cells(page, "#ranking")[runs.label][7]) == shown(runs.logs.time.mean())
    tests = found.differences()
    own = cells(page, "#tests")
    assert list(own) == list(tests.labels)
    for i, label in enumerate(tests.labels):
        assert own[label][0] == f"{tests.ranks[i]:.2f}" == cells(page, "#ranking")[label][6]
        pairs = [float(own[label][2 + j]) for j in range(3) if j != i]
        assert pairs == [float(f"{p:.2g}") for j, p in enumerate(tests.p_values[i]) if j != i]
    assert f"p = {float(f'{tests.p_value:.2g}'):g}".replace("e-0", "e-") in page.inner_text("#alike")
    groups = "; ".join(", ".join(group) for group in tests.alike()) or "none"
    assert page.inner_text("#alike").endswith(f"not told apart at 5 %: {groups}.")
    # curves by simulated cost, and shares of runs
    data = page.evaluate("DATA.tasks[0].measures[0]")
    for runs in found.values():
        table = runs.regret(times=data["times"]["at"])
        assert data["times"]["curves"][runs.label]["mean"] == pytest.approx(table.mean(axis=0).tolist(), rel=1e-12)
        ordered = np.sort(runs.regret([60])[:, 0])
        last = data["shares"][runs.label][-1]
        assert (last[0], last[25], last[-1]) == (ordered[0], ordered[12], ordered[-1])
    best = BENCH.best("cifar10")
    assert BENCH.space.format(best.architectures)[0] in page.inner_text("#proven")
    assert f"{best.values[0]:.10g}" in page.inner_text("#proven")
    with page.expect_download() as saved:
        page.click("#certificate")
    certificate = accelnas.Certificate.from_json(json.loads(saved.value.path().read_text()))
    assert certificate.verify(BENCH)
    assert page.problems == []
    assert {url.partition(":")[0] for url in page.requests} <= {"file", "blob"}


def test_fronts_and_hypervolumes_are_those_of_the_runs(browser, path, compared):
    page = opened_page(browser, path)
    page.select_option("#task", "1")
    for name, measure in (("hypervolume", "hypervolume"), ("IGD+", "igd_plus")):
        page.select_option("#measure", label=name)
        for runs in compared[1].values():
            check_ranking(page, runs, getattr(runs, measure)([60]), 60)
    exact = SEVERAL.pareto_front(PAIR, within=WITHIN)
    assert page.inner_text("#runs").startswith(f"The exact front has {len(exact)} points")
    for label, own in page.evaluate("DATA.tasks[1].fronts.found").items():
        runs = compared[1][label]
        rows, values = runs.front(own["run"])
        assert own["architectures"] == SEVERAL.space.format(rows)
        assert np.array(own["values"]).T.tolist() == values.tolist()
        volumes = runs.hypervolume([60])[:, 0]
        assert (volumes < volumes[own["run"]]).sum() <= 12 <= (volumes <= volumes[own["run"]]).sum()
    assert page.problems == []


def test_it_works_by_keyboard_alone(browser, path, compared):
    page = opened_page(browser, path)
    page.locator("#budget").focus()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    at = page.evaluate("evaluations()")
    assert at < 60
    assert page.inner_text("#after") == f"{at} of 60 evaluations"
    for runs in compared[0].values():
        check_ranking(page, runs, runs.regret([at]), at)
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    hidden = page.evaluate("document.activeElement.value")
    assert sorted(cells(page, "#ranking")) == sorted(set(NAMES) - {hidden})
    page.keyboard.press("Space")
    page.locator("#ranking thead button").nth(1).focus()
    for direction, sign in (("ascending", 1), ("descending", -1)):
        page.keyboard.press("Enter")
        assert page.locator("#ranking th[aria-sort]").get_attribute("aria-sort") == direction
        column = [sign * float(row[0]) for row in cells(page, "#ranking").values()]
        assert column == sorted(column)
    page.locator("#budget").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert page.locator("#ranking th[aria-sort]").get_attribute("aria-sort") == "descending"  # as chosen
    unnamed = page.evaluate(
        "[...document.querySelectorAll('input, select, button, [role=img]')].filter(e => !e.closest('[hidden]') && "
        "!(e.labels && e.labels.length) && !e.ariaLabel && !e.textContent.trim()).map(e => e.outerHTML)"
    )
    assert unnamed == []
    assert page.problems == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_narrow_pages(browser, path, scheme):
    page = opened_page(browser, path, color_scheme=scheme, viewport={"width": 360, "height": 800})
    for task in ("0", "1"):
        page.select_option("#task", task)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.click("#theme")
    assert page.problems == []


def test_what_is_copied_makes_the_runs_again(path, compared):
    data = json.loads(path.read_text().partition('id="data">')[2].partition("</script>")[0])
    code = data["tasks"][0]["copies"]["Python"] + "print([float(v.sum()) for v in found.losses().values()])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert json.loads(told.stdout) == [float(v.sum()) for v in compared[0].losses().values()], told.stderr
    words = data["tasks"][0]["copies"]["command"].split()
    assert words[:2] == ["accelnas", "simulate"]
    made = json.loads(run(*words[1:], "--json").stdout)
    for label, runs in compared[0].items():
        assert made["algorithms"][label]["regret"][-1]["mean"] == runs.regret([60]).mean()


def total(archs):
    return archs.sum(axis=1)


def test_folders_say_how_their_runs_were_made(tmp_path):
    first = BENCH.space.variables[0]
    derived = BENCH.derive("double", "2 * cifar10", direction="maximise")
    calls = [
        (BENCH, [RegularizedEvolution(10, 5), RegularizedEvolution()], "cifar10", {"noise": False}),
        (BENCH, ["nsga2"], ["cifar100", "macs"], {"subject_to": ["params <= 1"]}),
        (BENCH, ["random_search"], WeightedProduct({"cifar10": 1, "macs": -0.07}, {"macs": 50}), {}),
        (BENCH, ["random_search"], total, {"within": {first.name: first.states[:2]}}),
        (derived, ["local_search"], "double", {}),
    ]  # fmt: skip
    made = [
        bench.simulate(names, sought, runs=3, budget=20, seed=1, output=tmp_path, **more)
        for bench, names, sought, more in calls
    ]
    read = read_runs(tmp_path, accelnas.load)
    assert len(read) == len(made)
    for comparison in made:
        for label, runs in comparison.items():
            labels = runs.plan.setting.labels
            (own,) = (c[label] for c in read if label in c and c[label].plan.setting.labels == labels)
            assert np.array_equal(own.scores, runs.scores, equal_nan=True)
            assert (len(own), own.plan.budget, own.plan.seed) == (3, 20, 1)
    page = searches(read)
    assert "a function of yours" in page
    assert "bench.derive('double', '2 * cifar10', direction='maximise')" in page
    assert "WeightedProduct(exponents=" in page


def test_what_is_no_folder_of_runs_is_said(folder, tmp_path):
    with pytest.raises(ParameterError, match="there are no runs"):
        searches([])
    with pytest.raises(FileError, match="holds no runs; name a folder"):
        read_runs(tmp_path, accelnas.load)
    output = tmp_path / "page.html"
    assert "MB" in run("report", folder, "-o", output).stdout
    assert "Searches: 2 tasks" in output.read_text()
    assert "the benchmark of the runs" in failure("report", folder, "-b", "nasbench-macro", "-o", output)
    (tmp_path / "notes.txt").write_text("x")
    told = failure("report", tmp_path, "-o", output)
    assert "is a folder that holds notes.txt, page.html; give a certificate" in told
    assert "does not exist; give a certificate" in failure("report", tmp_path / "no", "-o", output)
    assert "give a certificate" in failure("report", tmp_path / "notes.txt", "-o", output)
    part = sorted(folder.glob("*.parquet"))[0]
    other = tmp_path / "other"
    other.mkdir()
    pl.read_parquet(part).write_parquet(other / part.name)
    with pytest.raises(FileError, match="does not say how it was made; delete it"):
        read_runs(other, accelnas.load)
    metadata = {name: text for name, text in pl.read_parquet_metadata(part).items() if name != "ARROW:schema"}
    made = metadata["made"].replace('"macs"', '"params"')
    pl.read_parquet(part).write_parquet(other / part.name, metadata={**metadata, "made": made})
    with pytest.raises(FileError, match=r"says it is of the plan .*, its name of .*; delete it"):
        read_runs(other, accelnas.load)


def test_algorithms_that_lost_the_same_are_not_told_apart():
    found = BENCH.simulate(NAMES, "cifar10", runs=5, budget=1, seed=0)
    with pytest.raises(SearchError, match="all 3 algorithms lost the same in every block"):
        found.differences()
    assert "random_search" in found
    assert "x" not in found
