"""Complete tables become benchmarks: predictions are their numbers, and every exact answer is that of enumeration."""

import itertools
import json
import pickle

import numpy as np
import polars as pl
import pytest

import accelnas
from accelnas import DataError, MetricError, ModelError, SpaceError, _core, spaces
from accelnas.fitting.dataset import from_table
from accelnas.fitting.entry import write_metric
from accelnas.fitting.evaluate import evaluate
from accelnas.fitting.joined import tabulated_space
from accelnas.fitting.settings import MetricSpec
from accelnas.fitting.tabulate import tabulate
from accelnas.space.definition import defined
from command_line import failure, run

SPECS = [MetricSpec("accuracy", "%", "maximise"), MetricSpec("latency", "ms", "minimise")]


def table_of(space, seed, seeds=1, ties=True):
    """A complete table in random order; few distinct values, so that many tie."""
    chance = np.random.default_rng(seed)
    rows = space.range(0, space.size)[chance.permutation(space.size)]
    columns = {v.name: [v.choices[c] for c in rows[:, i]] for i, v in enumerate(space.variables)}
    names = ["accuracy"] if seeds == 1 else [f"accuracy_seed{s}" for s in range(seeds)]
    for name in [*names, "latency"]:
        values = chance.gamma(5.0, 10.0, space.size)
        columns[name] = np.round(values, 0) / 3 if ties else values
    return pl.DataFrame(columns)


def made_of(table, space, folder):
    """The benchmark of a table's accuracies."""
    tabulate(from_table(table, space), SPECS[:1], folder)
    return accelnas.load(folder)


@pytest.fixture(scope="module", params=[0, 1, 2])
def made(request, tmp_path_factory):
    chance = np.random.default_rng(request.param)
    blocks = {
        f"b{b}": [{"name": f"b{b}v{v}", "choices": list(range(int(chance.integers(1, 5))))} for v in range(2)]
        for b in range(1 + 2 * request.param)
    }
    space = tabulated_space(defined("small", blocks))
    folder = tmp_path_factory.mktemp("tabulated")
    dataset = from_table(table_of(space, request.param), space)
    tabulate(dataset, SPECS, folder)
    order = np.argsort(space.index(dataset.choices))
    return accelnas.load(folder), {spec.name: dataset.values(spec.name)[order] for spec in SPECS}


def test_predictions_are_the_tables_numbers(made):
    bench, values = made
    rows = bench.space.range(0, bench.space.size)
    for name, expected in values.items():
        assert np.array_equal(bench.predict(rows, name, dtype="float64"), expected)
        assert np.array_equal(bench.predict(rows, name), expected.astype(np.float32))
        assert bench.metrics[name].link == "identity"
    assert bench.provenance("accuracy")["family"] == "table"


def test_exact_answers_are_those_of_enumeration(made):
    bench, values = made
    accuracy, latency = values["accuracy"], values["latency"]
    limit = float(np.quantile(latency, 0.6))
    allowed = latency <= limit
    k = min(50, int(allowed.sum()))
    best = bench.best("accuracy", subject_to=f"latency <= {limit!r}", k=k)
    assert best.values.tolist() == sorted(accuracy[allowed], reverse=True)[:k]
    assert np.array_equal(accuracy[bench.space.index(best.architectures).astype(int)], best.values)
    assert best.certificate.verify(bench, rerun=True).passed
    assert int(bench.count(f"latency <= {limit!r}")) == allowed.sum()
    at = [0, bench.space.size // 2, bench.space.size - 1]
    ranks = np.atleast_1d(bench.rank(bench.space.at(at), "accuracy").rank)
    assert ranks.tolist() == [1 + int((accuracy > accuracy[i]).sum()) for i in at]
    front = bench.pareto_front(["accuracy", "latency"])
    points = sorted(set(zip(accuracy.tolist(), latency.tolist(), strict=True)))
    kept = [p for p in points if not any(q[0] >= p[0] and q[1] <= p[1] and q != p for q in points)]
    found = zip(front.metric_values["accuracy"].tolist(), front.metric_values["latency"].tolist(), strict=True)
    assert sorted(set(found)) == kept
    assert front.certificate.verify(bench, rerun=True).passed


def test_all_else_works(made):
    bench, values = made
    accuracy = values["accuracy"]
    shares = bench.importances("accuracy")
    assert shares.mean == pytest.approx(accuracy.mean(), rel=1e-12)
    assert shares.variance == pytest.approx(accuracy.var(), rel=1e-9)
    derived = bench.derive("twice", "2 * accuracy + 1", direction="maximise")
    rows = bench.space.range(0, bench.space.size)
    np.testing.assert_allclose(derived.predict(rows, "twice", dtype="float64"), 2 * accuracy + 1, rtol=1e-12)
    part = {bench.space.variables[-1].name: bench.space.variables[-1].choices[0]}
    inside = rows[:, -1] == 0
    assert bench.best("accuracy", within=part).values[0] == accuracy[inside].max()
    history = bench.search("local_search", "accuracy", budget=200, seed=1)
    assert history.regret()[-1] >= 0


def test_seeds_are_averaged_and_give_the_noise(tmp_path):
    space = defined("toy", {"a": [{"name": "x", "choices": [1, 2, 3]}], "b": [{"name": "y", "choices": ["p", "q"]}]})
    table = table_of(space, 3, seeds=3, ties=False).with_columns(
        pl.when(pl.col("x") == 2).then(None).otherwise(pl.col("accuracy_seed2")).alias("accuracy_seed2")
    )
    again = pl.concat([table, table[:1].with_columns(pl.col("accuracy_seed0") + 1)])  # a row that was measured again
    dataset = from_table(again, space)
    (found,) = tabulate(dataset, SPECS[:1], tmp_path / "b")
    groups = {}
    for row in again.iter_rows(named=True):
        own = groups.setdefault((row["x"], row["y"]), [])
        own += [row[f"accuracy_seed{s}"] for s in range(3) if row[f"accuracy_seed{s}"] is not None]
    bench = accelnas.load(tmp_path / "b")
    for (x, y), own in groups.items():
        assert bench.predict({"x": x, "y": y}, "accuracy", dtype="float64") == pytest.approx(np.mean(own), rel=1e-15)
    squares = sum(len(own) * np.var(own) for own in groups.values())
    pooled = np.sqrt(squares / sum(len(own) - 1 for own in groups.values()))
    assert found.noise == bench.metrics["accuracy"].noise == pytest.approx(pooled, rel=1e-12)
    lengths = [len(own) for own in groups.values()]
    assert (found.repeats, found.values) == ((min(lengths), max(lengths)), sum(lengths))
    rows = bench.space.range(0, bench.space.size)
    draws = np.stack([bench.query(rows, "accuracy", seed=seed) for seed in range(3000)])
    for arch, drawn in zip(bench.space.decode(rows), draws.T, strict=True):
        own, often = np.unique(groups[arch["x"], arch["y"]], return_counts=True)
        values, counts = np.unique(drawn, return_counts=True)
        assert values.tolist() == own.tolist()  # measured ones alone, each as likely
        expected = 3000 * often / often.sum()
        assert (np.abs(counts - expected) < 6 * np.sqrt(expected)).all()
    assert np.array_equal(draws[7], bench.query(rows, "accuracy", seed=7, threads=1))
    which = [np.argmax(np.sort(groups[1, y])[:, None] == draws[:, i], axis=0) for i, y in enumerate("pq")]
    assert abs(np.corrcoef(*which)[0, 1]) < 0.1  # architectures scatter apart


def test_simulated_measurements_of_a_search_are_measured_values(tmp_path):
    space = tabulated_space(grid())
    table = table_of(space, 6, seeds=3, ties=False)
    bench = made_of(table, space, tmp_path / "b")
    history = bench.search("random_search", "accuracy", budget=200, seed=4, noise=True)
    order = np.argsort(space.index(from_table(table, space).choices))
    seeds = np.stack([table[f"accuracy_seed{s}"].to_numpy()[order] for s in range(3)], axis=1)
    own = seeds[space.index(history.architectures).astype(int)]
    assert (own == history.values["accuracy"][:, None]).any(axis=1).all()
    each = zip(history.architectures, accelnas._core.measurement_seeds(4, 0, 200), strict=True)
    asked = [bench.query(row, "accuracy", seed=int(seed)) for row, seed in each]
    assert np.array_equal(asked, history.values["accuracy"])
    doubled = bench.derive("twice", "2 * accuracy", direction="maximise")
    rows = space.range(0, space.size)
    assert np.array_equal(doubled.query(rows, "twice", seed=3), 2 * bench.query(rows, "accuracy", seed=3))
    assert bench.best("accuracy").values[0] == pytest.approx(seeds.mean(axis=1).max(), rel=1e-14)
    assert (
        pickle.loads(pickle.dumps(bench)).query(rows, "accuracy", seed=3).tolist()
        == bench.query(rows, "accuracy", seed=3).tolist()
    )


def test_architectures_without_repeats_scatter_as_the_others_or_not_at_all(tmp_path):
    space = defined("toy", {"a": [{"name": "x", "choices": [1, 2, 3]}], "b": [{"name": "y", "choices": ["p", "q"]}]})
    table = pl.DataFrame({"index": [0, 1, 2, 3, 4], "t_seed0": [1.0, 2, 3, 4, 5], "t_seed1": [2.0, 3, None, 5, 6]})
    specs = [MetricSpec("t")]
    (found,) = tabulate(from_table(table, space), specs, tmp_path / "b", missing="worst")
    bench = accelnas.load(tmp_path / "b")
    draws = np.stack([bench.query(space.range(0, 6), "t", seed=seed) for seed in range(2000)])
    assert set(draws[:, 2]) == {3.0}  # measured once
    assert len(set(draws[:, 5])) == 2000  # filled
    assert draws[:, 5].mean() == pytest.approx(1.5, abs=0.1)
    assert draws[:, 5].std() == pytest.approx(found.noise, rel=0.1)
    once = from_table(table.select("index", t="t_seed0")[:5], space)
    tabulate(once, specs, tmp_path / "once", missing="worst")
    with pytest.raises(MetricError, match="noise"):
        accelnas.load(tmp_path / "once").query(space.range(0, 6), "t", seed=1)
    tabulate(once, [MetricSpec("t", noise=0.5)], tmp_path / "stated", missing="worst")
    stated = accelnas.load(tmp_path / "stated")
    assert len({float(stated.query(space.at([0]), "t", seed=seed)[0]) for seed in range(50)}) == 50


def test_repeats_are_checked_before_they_are_stored():
    space = defined("toy", {"a": [{"name": "x", "choices": [1, 2, 3]}]})

    def refused(offsets, values):
        repeats = np.array(offsets, np.uint32), np.array(values, np.float64)
        with pytest.raises(ModelError, match="repeats"):
            accelnas._core.Surrogate.tabulated(space._core, np.zeros(3), repeats)

    refused([0, 1, 2], [1.0, 2.0])
    refused([0, 1, 2, 3], [1.0, 2.0])
    refused([1, 1, 2, 2], [1.0, 2.0])
    refused([0, 2, 1, 2], [1.0, 2.0])
    refused([], [])
    refused([0, 1, 2, 2], [1.0, np.inf])


def test_missing_architectures_are_refused_or_the_worst(tmp_path):
    space = defined("toy", {"a": [{"name": "x", "choices": [1, 2, 3]}], "b": [{"name": "y", "choices": ["p", "q"]}]})
    table = table_of(space, 4, ties=False).filter((pl.col("x") != 3) | (pl.col("y") != "q"))
    dataset = from_table(table, space)
    with pytest.raises(DataError, match=r"accuracy: 1 of 6 architectures have no value, the first is x3-yq; complete"):
        tabulate(dataset, SPECS, tmp_path / "b")
    found = tabulate(dataset, SPECS, tmp_path / "b", missing="worst")
    assert [metric.filled for metric in found] == [1, 1]
    bench = accelnas.load(tmp_path / "b")
    assert bench.predict({"x": 3, "y": "q"}, "accuracy", dtype="float64") == table["accuracy"].min()
    assert bench.predict({"x": 3, "y": "q"}, "latency", dtype="float64") == table["latency"].max()


def test_missing_architectures_are_excluded_from_the_space(tmp_path):
    space = defined("many", {f"b{i}": [{"name": f"v{i}", "choices": [0, 1, 2]}] for i in range(5)}, excluded=[7, 9])
    table = table_of(space, 5, seeds=2).with_columns(
        pl.when(pl.col("v0") + pl.col("v3") < 3).then(pl.col("accuracy_seed1")).alias("accuracy_seed1"),
        pl.when(pl.col("v1") * pl.col("v2") < 4).then(pl.col("latency")).alias("latency"),
    )
    dataset = from_table(table.filter(pl.col("v4") + pl.col("v0") < 4), space)
    found = tabulate(dataset, SPECS, tmp_path / "b", missing="exclude")
    bench = accelnas.load(tmp_path / "b")
    rows = {
        tuple(row[:5]): (np.nanmean(np.array(row[5:7], float)), row[7])
        for row in table.select(*(f"v{i}" for i in range(5)), "accuracy_seed0", "accuracy_seed1", "latency").rows()
        if row[4] + row[0] < 4 and row[7] is not None
    }
    assert bench.space.size == len(rows)
    assert [made.excluded for made in found] == [241 - len(rows)] * 2
    every = bench.space.range(0, bench.space.size)
    assert {tuple(arch.values()) for arch in bench.space.decode(every)} == set(rows)
    for place, metric in enumerate(("accuracy", "latency")):
        expected = [rows[tuple(arch.values())][place] for arch in bench.space.decode(every)]
        assert bench.predict(every, metric, dtype="float64").tolist() == expected
    best, cheapest = max(a for a, _ in rows.values()), min(b for _, b in rows.values())
    assert bench.best("accuracy").values[0] == best
    assert bench.best("latency").values[0] == cheapest
    below = sorted((a, b) for a, b in rows.values() if b <= 14)
    assert bench.count(["latency <= 14"]).count == len(below)
    front = bench.pareto_front(["accuracy", "latency"]).values
    assert all(not any(a >= x and b <= y and (a, b) != (x, y) for a, b in rows.values()) for x, y in front)
    drawn = bench.query(every[:1], "accuracy", seed=3)
    first = table.filter(*(pl.col(f"v{i}") == c for i, c in enumerate(bench.space.decode(every[:1])[0].values())))
    assert drawn[0] in first.select("accuracy_seed0", "accuracy_seed1").row(0)
    with pytest.raises(SpaceError, match="the architecture is none of the space, which excludes it"):
        bench.predict({f"v{i}": 2 for i in range(5)}, "accuracy")
    has = {name: pl.when(pl.col("v0") == v).then(pl.col("latency")) for v, name in enumerate(("accuracy", "latency"))}
    apart = table.drop("accuracy_seed0", "accuracy_seed1").with_columns(**has)
    with pytest.raises(DataError, match="no architecture of many has a value of every metric"):
        tabulate(from_table(apart, space), SPECS, tmp_path / "c", missing="exclude")


def test_tables_of_many_architectures(tmp_path):
    space = defined("large", {f"b{i}": [{"name": f"v{i}", "choices": [0, 1, 2, 3]}] for i in range(9)})
    weights = np.array([3.0, -1.0, 2.0, 0.5, 1.5, -2.0, 1.0, 4.0, -0.25])

    def function(archs):
        return archs @ weights + 5 * np.sin(archs @ np.arange(1, 10))

    accelnas.compile(function, space, tmp_path / "b", metric="m", direction="maximise", batch_size=1 << 16)
    bench = accelnas.load(tmp_path / "b")
    assert [block.size for block in bench.space.blocks] == [64, 64, 64]
    every = space.range(0, space.size)
    values = function(every.astype(float))
    assert np.array_equal(bench.predict(every, "m", dtype="float64"), values)
    mean, std = bench.predict(every, "m", return_std=True)
    assert np.array_equal(mean, values.astype(np.float32))
    assert not std.any()
    assert bench.best("m", k=5).values.tolist() == np.sort(values)[::-1][:5].tolist()
    assert bench.best("m", subject_to=["m <= 20"]).values[0] == values[values <= 20].max()
    assert bench.count(["m >= 20"]).count == np.count_nonzero(values >= 20)
    assert bench.rank(every[777], "m").better == np.count_nonzero(values > values[777])
    accelnas.compile(lambda archs: archs.sum(axis=1), space, tmp_path / "b", metric="n", direction="minimise")
    both = accelnas.load(tmp_path / "b").derive("both", "m - 0.5 * n + 1", direction="maximise")
    np.testing.assert_allclose(both.predict(every, "both", dtype="float64"), values - 0.5 * every.sum(axis=1) + 1)
    assert both.best("both").values[0] == pytest.approx((values - 0.5 * every.sum(axis=1)).max() + 1)
    history = bench.search("local_search", "m", budget=500, seed=1)
    expected = function(history.architectures.astype(float)).astype(np.float32)
    assert np.array_equal(history.values["m"].astype(np.float32), expected)


def smooth(rows):
    """What trees can learn: a sum of effects and of pairs."""
    rows = np.asarray(rows, float)
    return 70 + rows.sum(axis=1) + np.prod(np.minimum(rows[:, :2], 1), axis=1)


def grid():
    return defined("grid", {f"b{i}": [{"name": f"v{i}", "choices": [1, 2, 3, 4]}] for i in range(4)})


def test_missing_architectures_are_filled_by_a_surrogate_that_says_so(tmp_path):
    space = defined("grid", {f"b{i}": [{"name": f"v{i}", "choices": [1, 2, 3]}] for i in range(4)})
    rows = space.range(0, space.size)
    truth = smooth(rows)
    gaps = np.sort(np.random.default_rng(0).permutation(space.size)[:15])
    table = pl.DataFrame({"index": np.arange(space.size), "top1_seed0": truth + 0.1, "top1_seed1": truth - 0.1})
    holes = table.filter(~pl.col("index").is_in(gaps.tolist()))
    dataset = from_table(holes.with_columns(ms=pl.when(pl.col("index") > 3).then(pl.col("index"))), space)
    specs = [MetricSpec("top1", "%"), MetricSpec("ms", "ms", "minimise")]
    found = {made.name: made for made in tabulate(dataset, specs, tmp_path / "b", missing="surrogate", budget=1.0)}
    bench = accelnas.load(tmp_path / "b")
    values = bench.predict(bench.space.range(0, space.size), "top1", dtype="float64")
    known = np.setdiff1d(np.arange(space.size), gaps)
    np.testing.assert_allclose(values[known], truth[known], rtol=1e-15)
    error = np.abs(values[gaps] - truth[gaps]).mean()
    assert 0 < error < 0.6
    assert error / 2 < found["top1"].error < 2 * error
    origin = bench.provenance("top1")
    assert (origin["filled"], origin["filled_by"]) == ("15", "surrogate")
    assert json.loads(origin["filled_left_out"])["mae"] == found["top1"].error
    ends = [part.split("-") for part in origin["filled_indices"].split(", ")]
    assert [i for end in ends for i in range(int(end[0]), int(end[-1]) + 1)] == gaps.tolist()
    assert bench.provenance("ms")["filled_indices"].startswith("0-3, ")
    tabulate(dataset, specs, tmp_path / "again", missing="surrogate", budget=1.0)
    assert np.array_equal(accelnas.load(tmp_path / "again").predict(rows, "top1", dtype="float64"), values)
    few = from_table(table[:3], space)
    with pytest.raises(DataError, match="top1 has 3 rows to fit on"):
        tabulate(few, specs[:1], tmp_path / "c", missing="surrogate")
    assert not (tmp_path / "c").exists()


def test_a_part_of_a_table_is_fitted_and_judged_on_the_rest(tmp_path):
    space = grid()
    truth = smooth(space.range(0, space.size))
    pl.DataFrame({"index": np.arange(space.size), "top1_seed0": truth + 0.1, "top1_seed1": truth - 0.1}).write_csv(
        tmp_path / "t.csv"
    )
    (tmp_path / "s.toml").write_text(space.to_toml())
    command = ("tabulate", tmp_path / "t.csv", "--space", tmp_path / "s.toml", "--maximise", "top1", "--budget", "1s")
    shown = run(*command, "--fit", "0.5", "-o", tmp_path / "b").stdout
    about = json.loads((tmp_path / "b" / "fit.json").read_text())
    assert about["fitted"] == round(0.5 * space.size)
    figures = about["figures"]["top1"]
    assert figures["rows"] == space.size - about["fitted"]
    assert f"{figures['r2']:.4f}" in shown
    bench = accelnas.load(tmp_path / "b")
    rows = bench.space.range(0, space.size)
    values = bench.predict(rows, "top1", dtype="float64")
    seen = np.isin(np.arange(space.size), space.index(space.at(np.flatnonzero(bench.distance(rows, "top1") == 0))))
    assert seen.sum() == about["fitted"]  # what the benchmark knows to be fitted
    expected = evaluate(truth[~seen], values[~seen])
    assert (figures["mae"], figures["r2"]) == pytest.approx((expected.mae, expected.r2), rel=1e-6)
    assert expected.r2 > 0.9
    assert bench.best("top1").certificate is not None  # compiled to tables, not to a forest
    assert bench.metrics["top1"].noise == pytest.approx(np.sqrt(0.02))
    run(*command, "--fit", "0.5", "--seed", "1", "-o", tmp_path / "c")
    assert json.loads((tmp_path / "c" / "fit.json").read_text())["figures"]["top1"] != figures
    assert "choose one" in failure(*command, "--fit", "0.5", "--missing", "worst", "-o", tmp_path / "d")
    for share in ("0", "1", "0.0001", "0.9999"):
        assert "measured architectures are" in failure(*command, "--fit", share, "-o", tmp_path / "d")
    for share in ("-1", "2", "nan"):
        assert "fraction is" in failure(*command, "--fit", share, "-o", tmp_path / "d")
    assert not (tmp_path / "d").exists()


def test_tables_are_read_from_json(tmp_path):
    space = defined("toy", {"a": [{"name": "x", "choices": [1, 2]}], "b": [{"name": "y", "choices": ["p", "q"]}]})
    (tmp_path / "s.toml").write_text(space.to_toml())
    rows = [{"x": x, "y": y, "t": [x + 0.5, x], "n": 3} for x in (1, 2) for y in "pq"]
    by_name = {f"x{row['x']}-y{row['y']}": {"t": row["t"], "n": row["n"]} for row in reversed(rows)}
    spread = [{"x": r["x"], "y": r["y"], "t_seed0": r["t"][0], "t_seed1": r["t"][1], "n": r["n"]} for r in rows]

    def made(content, *more, check=run):
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / "t.json").write_text(text)
        return check("tabulate", tmp_path / "t.json", "--space", tmp_path / "s.toml", "--maximise", "t", "--minimise",
                     "n", "-o", tmp_path / "b", *more)  # fmt: skip

    for content in (rows, by_name, spread, [{**row, "x": str(row["x"])} for row in rows]):
        made(content)
        bench = accelnas.load(tmp_path / "b")
        values = bench.predict(space.range(0, 4), dtype="float64")
        assert {name: found.tolist() for name, found in values.items()} == {
            "t": [1.25, 1.25, 2.25, 2.25],
            "n": [3.0] * 4,
        }
    made([{**row, "t": [float("nan"), row["x"], None]} for row in rows])  # as Python writes what is missing
    assert accelnas.load(tmp_path / "b").predict(space.at([3]), "t", dtype="float64").tolist() == [2.0]
    for content, message in {
        "{": "is no JSON",
        "3": "is one int; write a list of records, or records by architecture",
        "[" * 100_000: "is no JSON",
        '{"x1-yp": {"t": 1}, "x1-yp": {"t": 2}}': "'x1-yp' is given twice",
        '{"x1-yp": 3}': "record 'x1-yp' is 3; write an object",
        '[{"x": 1, "y": "p", "t": {"a": 1}}]': 't is {"a": 1}; write a number',
        '[{"x": 1, "y": "p", "t": [[1]]}]': "t is [[1]]; write a number",
        '[{"x": 1, "y": "p", "t": [1], "t_seed0": 1}]': "t_seed0 is given twice",
        '{"x1-yp": {"architecture": "x1-yq", "t": 1}}': "architecture is given twice",
        '{"x1-yz": {"t": 1}}': "row 0",
        '[{"x": 1, "y": "p", "t": 1e999}]': "t is infinite",
        '[{"x": 1, "y": "p", "t": 99999999999999999999}]': "integers beyond 64 bits",
        '[{"x": 1, "y": "p", "t": 1.5}, {"x": 1, "y": "q", "t": 1' + "0" * 400 + "}]": "t is infinite",
        '[{"x": 1, "y": "p", "t": -1}, {"x": 1, "y": "q", "t": 18446744073709551615}]': "integers beyond 64 bits",
        '[{"x": 1, "y": "\\ud800", "t": 1}]': "is no text",
        '[{"x": 1, "y": "p", "\\ud800": 1}]': "is no text",
        "[]": "no rows",
    }.items():
        assert message in made(content, check=failure), content[:40]
    assert "3 of 4 architectures have no value" in made(rows[:1], check=failure)
    assert "n" in made(dict(list(by_name.items())[1:]), "--missing", "worst").stdout


def test_many_blocks_are_joined_and_nothing_is_written_by_halves(tmp_path):
    space = defined("many", {f"b{i}": [{"name": f"v{i}", "choices": [0, 1]}] for i in range(9)})
    table = table_of(space, 5)
    dataset = from_table(table, space)
    tabulate(dataset, SPECS, tmp_path / "b")
    bench = accelnas.load(tmp_path / "b")
    assert [block.size for block in bench.space.blocks] == [16, 32]
    assert np.array_equal(bench.predict(dataset.choices, "accuracy", dtype="float64"), dataset.values("accuracy"))
    holed = from_table(table.with_columns(pl.when(pl.col("v0") == 0).then(pl.col("latency")).alias("latency")), space)
    with pytest.raises(DataError, match="latency: 256 of 512"):
        tabulate(holed, SPECS, tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_spaces_too_large_for_a_table_are_refused():
    wide = defined("wide", {f"b{i}": [{"name": f"v{i}", "choices": [0, 1]}] for i in range(27)})
    with pytest.raises(DataError, match="134,217,728 architectures, a table at most 67,108,864; fit a surrogate"):
        tabulated_space(wide)
    whole = defined("whole", {f"b{i}": [{"name": f"v{i}", "choices": [0, 1]}] for i in range(16)})
    joined = tabulated_space(whole)
    assert [block.size for block in joined.blocks] == [256, 256]
    assert joined.variables == tuple(
        type(v)(**{**vars(v), "block": j.block}) for v, j in zip(whole.variables, joined.variables, strict=True)
    )
    uneven = defined("uneven", {f"b{i}": [{"name": f"v{i}", "choices": list(range(17))}] for i in range(3)})
    assert tabulated_space(uneven) is uneven


def test_command(tmp_path):
    choices = {"x": [1, 2, 3], "y": ["p", "q"]}
    rows = list(itertools.product(*choices.values()))
    columns = {"x": [x for x, _ in rows], "y": [y for _, y in rows]}
    columns |= {"top1_seed0": [70.0 + i for i in range(6)], "top1_seed1": [71.0 + i for i in range(6)], "ms": [1.5] * 6}
    pl.DataFrame(columns).write_csv(tmp_path / "t.csv")
    space = defined("toy", {name: [{"name": name, "choices": own}] for name, own in choices.items()})
    (tmp_path / "space.toml").write_text(space.to_toml())
    command = ["tabulate", str(tmp_path / "t.csv"), "--space", str(tmp_path / "space.toml"), "-o", str(tmp_path / "b")]
    shown = run(*command, "--maximise", "top1", "--minimise", "ms", "--unit", "ms=ms").stdout
    assert "12" in shown
    named = pl.DataFrame({f"layer{i}": ["identity"] for i in range(8)} | {"t": [1.0]})
    named.write_csv(tmp_path / "macro.csv")
    options = ("--space", "nasbench-macro", "--maximise", "t", "-o", tmp_path / "macro")
    assert "6,560 of 6,561 architectures" in failure("tabulate", tmp_path / "macro.csv", *options)
    assert "6 architectures of toy" in shown
    bench = accelnas.load(tmp_path / "b")
    assert bench.best("top1").values[0] == 75.5
    assert bench.metrics["ms"].unit == "ms"
    assert "no metrics are named" in failure(*command)
    assert "'ms' is named by --maximise and by --minimise" in failure(*command, "--maximise", "ms", "--minimise", "ms")
    assert "--unit is 'ms'; write NAME=UNIT" in failure(*command, "--minimise", "ms", "--unit", "ms")
    assert "--unit names 'q'" in failure(*command, "--maximise", "top1", "--unit", "q=s")
    assert "no metric 'top5'" in failure(*command, "--maximise", "top5")


@pytest.mark.parametrize("name", ["transnas-macro", "nasbench201-distinct"])
def test_tables_of_spaces_with_rules_keep_the_rules(tmp_path, name):
    space = spaces.load(name)
    rows = space.range(0, space.size)
    values = np.random.default_rng(1).normal(size=space.size).round(1)  # many ties
    columns = {v.name: [row[v.name] for row in space.decode(rows)] for v in space.variables}
    dataset = from_table(pl.DataFrame({**columns, "acc": values}), space)
    tabulate(dataset, [MetricSpec("acc")], tmp_path / "table")
    compiled = accelnas.compile(
        lambda archs: values[space.index(archs.astype(np.uint8)).astype(int)],
        space, tmp_path / "function", metric="acc", direction="maximise",
    )  # fmt: skip
    for bench in (accelnas.load(tmp_path / "table"), compiled):
        assert (bench.space.size, bench.space.has_rules) == (space.size, True)
        np.testing.assert_array_equal(bench.predict(rows, "acc", dtype="float64"), values)
        best = bench.best("acc", k=20)
        np.testing.assert_array_equal(best.architectures, rows[np.argsort(-values, kind="stable")[:20]])
        assert bench.verify(best.certificate).passed
        assert int(bench.count("acc >= 0.5").count) == np.count_nonzero(values >= 0.5)
        found = bench.rank(rows[:5], "acc")
        assert found.ties.tolist() == [np.count_nonzero(values == v) for v in values[:5]]


def test_sums_over_blocks_are_exact_where_rules_leave_states_out(tmp_path):
    space = spaces.load("ofa-mobilenetv3")
    random = np.random.default_rng(2)
    costs = [random.integers(1, 100, block.size).astype(float) for block in space.blocks]
    surrogate = _core.Surrogate.additive(space._core, 5.0, [own.tolist() for own in costs])
    rows = space.sample(500, seed=1)
    states = space.block_states(rows)
    expected = 5.0 + sum(own[states[:, b]] for b, own in enumerate(costs))
    write_metric(tmp_path / "b", MetricSpec("cost", direction="minimise"), surrogate, {})
    np.testing.assert_allclose(
        accelnas.load(tmp_path / "b").predict(rows, "cost", dtype="float64"), expected, rtol=1e-12
    )
