"""Pages of evaluations in a real browser: every number is that of the results."""

import math

import numpy as np
import polars as pl
import pytest

from accelnas import FileError, ParameterError
from accelnas.fitting.evaluation import RUNS, Cache, Plan, run_evaluation, write_report
from accelnas.fitting.evaluation.results import averaged, read_evaluation
from accelnas.fitting.settings import read_settings
from accelnas.fitting.splits import random_split
from accelnas.pages.evaluations import evaluations
from browser import opened_browser, opened_page
from command_line import failure, run
from data_samples import sample_dataset

SETTINGS = """
name = "NAME"
members = 2
folds = 2
[recipes.trees]
family = "FAMILY"
[[recipes.trees.stages]]
rounds = 10
stop = 5
parameters = { max_depth = 2, learning_rate = 0.3 }
[metrics]
accuracy = { recipe = "trees" }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("evaluation")
    chosen = []
    for name, family in (("first", "xgboost"), ("second_b", "lightgbm")):
        (path / "settings.toml").write_text(SETTINGS.replace("NAME", name).replace("FAMILY", family))
        chosen.append(read_settings(path / "settings.toml"))
    data = sample_dataset()
    plan = Plan(chosen, ["accuracy"], runs=RUNS, folds=3, sizes=(200, 400), seeds=2)
    write_report(run_evaluation(data, random_split(data), plan, Cache(path / "cache.sqlite"), 1), path / "report")
    return path / "report"


@pytest.fixture(scope="module")
def browser():
    with opened_browser() as browser:
        yield browser


def cells(page, part):
    """Heads, and rows of cells, of a table."""
    return page.evaluate(
        f"[...document.querySelectorAll('{part} tr')].map(row => [...row.cells].map(cell => cell.innerText.trim()))"
    )


def parsed(text):
    """A mean, and its deviation or None."""
    mean, _, spread = text.removesuffix(" ▲").partition(" ± ")
    return float(mean), float(spread) if spread else None


def test_every_number_is_that_of_the_results(browser, folder, tmp_path):
    path = tmp_path / "page.html"
    assert "MB" in run("report", folder, "-o", path).stdout
    results = pl.read_parquet(folder / "results.parquet")
    page = opened_page(browser, path)
    keys = page.evaluate("Object.entries(DATA.figures).map(([key, figure]) => [figure.label, key])")
    names = dict(map(tuple, keys))
    assert {"r2", "tau", "tau_1", "rmse", "coverage_95", "seconds", "regret"} <= set(names.values())
    compared = 0
    for shown, kept in (
        ("official", "official"),
        ("mean of 3 folds", "cross-validation"),
        ("400 rows", "learning-curve"),
    ):
        page.select_option("#run", shown)
        heads, *rows = cells(page, "#details")
        for row in rows:
            own = results.filter(metric="accuracy", settings=row[0], run=kept)
            own = own.filter(pl.col("part").str.starts_with("400")) if kept == "learning-curve" else own
            assert row[1] == own["family"][0]
            for head, text in zip(heads[2:], row[2:], strict=True):
                key = names[head.removesuffix(" ↕")]
                if key == "fits":
                    assert int(text) == len(own)
                    continue
                values = own[key].to_numpy()
                mean, spread = parsed(text)
                assert mean == float(f"{values.sum() if key == 'seconds' else values.sum() / len(values):.6g}")
                if spread is not None:
                    assert spread == pytest.approx(np.std(values, ddof=1), rel=0.05)
                compared += 1
    assert compared > 90
    page.select_option("#run", "official")
    page.select_option("#figure", "rmse")
    heads, *rows = cells(page, "#overview")
    assert rows[0][0] == "accuracy [%]"
    found = [parsed(text)[0] for text in rows[0][1:]]
    assert rows[0][1 + int(np.argmin(found))].endswith("▲")
    page.click("#coverage summary")
    heads, *rows = cells(page, "#coverage")
    for row in rows:
        level = int(row[0])
        inside = results.filter(metric="accuracy", run="official")[f"coverage_{level:02}"]
        assert [float(text) for text in row[1:]] == [float(f"{100 * share:.6g}") for share in inside]
    predictions = pl.read_parquet(folder / "predictions.parquet").filter(metric="accuracy")
    first = page.evaluate("DATA.predictions.find(one => one.metric === 'accuracy')")
    own = predictions.filter(settings="first")
    assert (first["measured"], first["predicted"]) == (own["measured"].to_list(), own["predicted"].to_list())
    r2 = 1 - ((own["measured"] - own["predicted"]) ** 2).sum() / ((own["measured"] - own["measured"].mean()) ** 2).sum()
    assert math.isclose(r2, results.filter(metric="accuracy", settings="first", run="official")["r2"][0])
    assert page.locator("#curves canvas").count() == page.locator("#pairs canvas").count() == 1
    assert page.problems == []
    assert [url.partition(":")[0] for url in page.requests] == ["file"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_works_by_keyboard_alone(browser, folder, tmp_path, scheme):
    path = tmp_path / "page.html"
    results, _ = read_evaluation(folder / "results.parquet")
    path.write_text(evaluations(averaged(results)))
    page = opened_page(browser, path, color_scheme=scheme, viewport={"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("of('predicted').hidden")
    page.locator("#settings input").first.focus()
    page.keyboard.press("Space")
    assert [row[0] for row in cells(page, "#details")[1:]] == ["second_b"]
    page.keyboard.press("Space")
    page.locator("#details thead button").nth(2).focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    found = [parsed(row[2])[0] for row in cells(page, "#details")[1:]]
    assert found == sorted(found, reverse=True)
    unnamed = page.evaluate(
        "[...document.querySelectorAll('input, select, button')].filter(e => !(e.labels && e.labels.length) && "
        "!e.ariaLabel && !e.textContent.trim()).map(e => e.outerHTML)"
    )
    assert unnamed == []
    assert page.problems == []


def test_what_is_no_evaluation_is_said(tmp_path):
    with pytest.raises(ParameterError, match="there are no rows"):
        evaluations([])
    frame = pl.DataFrame({"metric": ["a"], "r2": [1.0]})
    frame.write_parquet(tmp_path / "results.parquet")
    with pytest.raises(FileError, match=r"lacks the columns unit, settings, .*; give what accelnas evaluate -o wrote"):
        read_evaluation(tmp_path)
    (tmp_path / "results.parquet").write_text("x")
    with pytest.raises(FileError, match="make it again with accelnas evaluate"):
        read_evaluation(tmp_path)
    assert "lacks the columns" in failure("report", _table(tmp_path), "-o", tmp_path / "page.html")


def _table(folder):
    path = folder / "other.parquet"
    pl.DataFrame({"x": [1]}).write_parquet(path)
    return path
