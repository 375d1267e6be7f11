import _thread
import json
import threading
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import accelnas
from accelnas.errors import DataError, ModelError
from accelnas.fitting.dataset import from_table, read_dataset
from accelnas.fitting.ensemble import fit_ensemble, usable_rows
from accelnas.fitting.families import FAMILIES, Recipe, Sample, Stage
from accelnas.fitting.families.base import StoppedError
from accelnas.fitting.families.trees import path_groups
from accelnas.fitting.fit import fit_benchmark
from accelnas.fitting.settings import read_settings, shipped_settings
from accelnas.fitting.splits import random_split, read_split
from reproduced import check_reproduced

REPOSITORY = Path(__file__).parents[2]
SMALL = """
name = "small"
members = 3
folds = 4
[recipes.xgb]
family = "xgboost"
[[recipes.xgb.stages]]
rounds = 60
stop = 5
max_blocks = 1
parameters = { max_depth = 4, learning_rate = 0.3 }
[[recipes.xgb.stages]]
rounds = 60
stop = 5
parameters = { max_depth = 3, learning_rate = 0.3, subsample = 0.8 }
[recipes.lgb]
family = "lightgbm"
[[recipes.lgb.stages]]
rounds = 60
stop = 5
parameters = { max_depth = 3, learning_rate = 0.3 }
[recipes.limited]
family = "lightgbm"
base = "blocks"
[[recipes.limited.stages]]
rounds = 60
stop = 5
max_blocks = 2
parameters = { max_depth = 4, learning_rate = 0.3 }
[recipes.process]
family = "anova_process"
parameters = { orders = [2, 2], steps = [[150, 15]], processes = 3 }
[recipes.block_process]
family = "anova_process"
parameters = { orders = [1, 2], over = "blocks", steps = [[150, 15]], processes = 1 }
[recipes.svr]
family = "epsilon_svr"
parameters = { C = 10.0 }
[recipes.nu]
family = "nu_svr"
[recipes.forest]
family = "random_forest"
[[recipes.forest.stages]]
rounds = 10
parameters = { max_depth = 4 }
[recipes.boosting]
family = "gradient_boosting"
[[recipes.boosting.stages]]
rounds = 60
stop = 5
parameters = { max_depth = 3, learning_rate = 0.3 }
[metrics]
params = { recipe = "exact" }
throughput_a100 = { recipe = "xgb", link = "reciprocal" }
accuracy = { recipe = "RECIPE" }
"""


@pytest.fixture(scope="module")
def split(dataset):
    return random_split(dataset, (0.8, 0.1, 0.1), seed=1)


def settings_of(tmp_path, text=SMALL, recipe="xgb"):
    path = tmp_path / "small.toml"
    path.write_text(text.replace("RECIPE", recipe))
    return read_settings(path)


@pytest.mark.parametrize("recipe", ["xgb", "lgb", "limited", "forest", "boosting", "process", "block_process"])
def test_benchmark_predicts_what_was_fitted(tmp_path, dataset, split, recipe):
    settings = settings_of(tmp_path, recipe=recipe)
    told = []
    results = fit_benchmark(
        dataset,
        split,
        settings,
        tmp_path / "bench",
        metrics=["params", "accuracy"] if recipe != "xgb" else None,
        threads=2,
        progress=lambda *state: told.append(state),
        verified_rows=500,
    )
    bench = accelnas.load(tmp_path / "bench")
    test = dataset.rows(split.test)
    assert told[0] == ("params", 0, 1)
    assert ("accuracy", 3, 3) in told
    for result in results:
        measured = dataset.values(result.name)[test]
        predicted = bench.predict(dataset.choices[test], result.name, dtype="float64")
        assert np.abs(measured - predicted).mean() == pytest.approx(result.figures.mae, rel=1e-4, abs=1e-9)
        assert result.figures.r2 > 0.5
        assert result.noise == pytest.approx(dataset.report.noise[result.name], rel=0.5)  # here at the median
    assert results[0].figures.mae == 0
    assert bench.metrics["accuracy"].members == 3
    assert bench.metrics["accuracy"].noise > 0
    if recipe == "xgb":
        assert bench.metrics["throughput_a100"].link == "reciprocal"
        assert results[1].figures.r2 > 0.98


@pytest.mark.parametrize("stated", [None, 900.0])
def test_a_ceiling_is_stated_or_the_largest_value_that_is_fitted(tmp_path, dataset, split, stated):
    limit = "" if stated is None else f", limit = {stated}"
    settings = settings_of(tmp_path, SMALL.replace('"reciprocal"', f'"capped"{limit}'))
    name, measured = "throughput_a100", dataset.values("throughput_a100")
    fitted = dataset.rows(np.concatenate([split.train, split.val]))
    (result,) = fit_benchmark(dataset, split, settings, tmp_path / "b", metrics=[name], verified_rows=500)
    bench = accelnas.load(tmp_path / "b")
    ceiling = stated or measured[fitted].max()
    assert (bench.metrics[name].link, bench.metrics[name].limit) == ("capped", ceiling)
    plain = fit_ensemble(dataset, dataset.ids[fitted], settings_of(tmp_path).metrics[name], settings)
    predicted = bench.predict(dataset.choices, name, dtype="float64")
    np.testing.assert_allclose(predicted, np.minimum(plain.predict(dataset.choices), ceiling), rtol=1e-6)
    assert result.figures.mae == pytest.approx(np.abs(predicted - measured)[dataset.rows(split.test)].mean())
    # intervals are around predictions, and end at the ceiling
    lower, upper = bench.predict_interval(dataset.choices[fitted], name, level=0.9)
    assert (lower <= predicted[fitted]).all()
    assert (predicted[fitted] <= upper).all()
    assert upper.max() == ceiling
    inside = (lower <= measured[fitted]) & (np.minimum(measured[fitted], ceiling) <= upper)
    assert inside.mean() > 0.85
    assert bench.query(dataset.choices, name, seed=1).max() <= ceiling


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["xgb", "process"])
def test_fit_depends_on_seed_and_data_not_on_threads(tmp_path, dataset, split, recipe):
    settings = settings_of(tmp_path, recipe=recipe)
    metric = settings.metrics["accuracy"]
    ids = np.concatenate([split.val, split.train])
    one, two = (fit_ensemble(dataset, ids, metric, settings, threads) for threads in (1, 2))
    assert np.array_equal(one.predict(dataset.choices), two.predict(dataset.choices))
    assert all(np.array_equal(a, b) for a, b in zip(one.left_out, two.left_out, strict=True))
    other = settings_of(tmp_path, SMALL.replace("folds = 4", "folds = 4\nseed = 7"), recipe)
    three = fit_ensemble(dataset, ids, metric, other)
    assert not np.array_equal(one.predict(dataset.choices), three.predict(dataset.choices))
    # the test part is never seen
    accuracy = dataset.table["accuracy"].to_numpy().copy()
    accuracy[dataset.rows(split.test)] += 1000
    changed = from_table(dataset.table.with_columns(pl.Series("accuracy", accuracy)), dataset.space)
    four = fit_ensemble(changed, ids, metric, settings)
    assert np.array_equal(one.predict(dataset.choices), four.predict(dataset.choices))


def test_path_groups_limit_blocks_and_variables():
    space = accelnas.mnasnet_space()
    assert path_groups(space, Stage({}, 1)) == [list(range(28))]
    assert len(path_groups(space, Stage({}, 1, max_blocks=2))) == 21
    triples = path_groups(space, Stage({}, 1, max_blocks=2, max_variables=3))
    assert len(triples) == 7 * 4 + 42 * 6 * 4
    assert all(len(group) == 3 and len({v // 4 for v in group}) <= 2 for group in triples)


def test_paths_stay_within_their_groups():
    space = accelnas.mnasnet_space()
    rows = space.sample(1000, seed=0)
    sample = Sample(rows, (rows[:, :4].prod(axis=1) + rows @ rows.T[:, 0]) * 1.0)
    parameters = {"max_depth": 5, "learning_rate": 0.3}
    limits = [{"max_blocks": 1}, {"max_blocks": 2, "max_variables": 3}, {"max_variables": 2}, {}]
    stages = tuple(Stage(parameters, 5, **limit) for limit in limits)
    recipe = Recipe("mine", "xgboost", stages)
    model = FAMILIES["xgboost"](recipe, space).fit(sample, sample, 0).model
    paths = [leaf_paths(json.loads(tree)) for tree in model.get_dump(dump_format="json")]
    blocks = [max(len({v // 4 for v in path}) for path in tree) for tree in paths]
    variables = [max(len(path) for path in tree) for tree in paths]
    assert max(blocks[:5]) == 1
    assert max(variables[:5]) == 4
    assert max(blocks[5:10]) == 2
    assert max(variables[5:10]) == 3
    assert max(variables[10:15]) == 2
    assert max(variables[15:]) > 3  # a stage without limits does not inherit any


def test_left_out_rows_are_predicted_by_models_that_did_not_see_them(tmp_path, dataset, split):
    ids = np.concatenate([split.train, split.val])
    for recipe in ("xgb", "process", "svr", "nu"):
        settings = settings_of(tmp_path, recipe=recipe)
        ensemble = fit_ensemble(dataset, ids, settings.metrics["accuracy"], settings)
        test = dataset.rows(split.test)
        unseen = np.abs(dataset.values("accuracy")[test] - ensemble.predict(dataset.choices[test])).mean()
        left_out = np.abs(ensemble.targets - ensemble.left_out[0]).mean()
        assert 0.7 < left_out / unseen < 1.6


def test_support_vector_machines_say_that_they_do_not_compile(tmp_path, dataset, split):
    for recipe in ("svr", "nu"):
        settings = settings_of(tmp_path, recipe=recipe)
        with pytest.raises(ModelError, match=r"svr does not compile into trees or tables; compare it"):
            fit_benchmark(dataset, split, settings, tmp_path / "b", metrics=["accuracy"])


def leaf_paths(node, path=frozenset()):
    if "leaf" in node:
        return [path]
    path |= {int(node["split"][1:])}
    return [leaf for child in node["children"] for leaf in leaf_paths(child, path)]


def test_outliers_and_nulls_are_left_out(tmp_path, dataset, split):
    settings = settings_of(tmp_path, SMALL.replace('"RECIPE"', '"xgb", drop_outliers = true'))
    accuracy = dataset.table["accuracy"].to_list()
    accuracy[int(split.train[0])] = None
    accuracy[int(split.train[1])] += 50
    table = dataset.table.with_columns(pl.Series("accuracy", accuracy))
    marked = from_table(table, dataset.space)
    rows = usable_rows(marked, settings.metrics["accuracy"], split.train)
    assert set(split.train) - set(marked.ids[rows]) == {split.train[0], split.train[1]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('name = "small"', ""), "settings small: name is missing"),
        (("members = 3", "members = 0"), "members is 0; choose an integer of 1 to"),
        (("members = 3", "members = true"), "members is True, of the wrong type"),
        (("members = 3", "members = 3\nmembres = 4"), "unknown field membres"),
        (('"xgboost"', '"xgbost"'), "family is 'xgbost'; choose one of anova_process, product_process, xgboost"),
        (('"reciprocal"', '"inverse"'), "link is 'inverse'; choose one of identity"),
        (('"RECIPE"', '"nothing"'), "recipe is 'nothing'; choose one of exact, formula, xgb"),
        (('"exact"', '"formula"'), "params: no formula is known for it; those with one are peak_memory"),
        (('"exact"', '"exact", link = "log"'), "an exact metric has link identity, not log"),
        (('"reciprocal"', '"above"'), "throughput_a100: limit of link above is None; give a finite number"),
        (('"reciprocal"', '"below", limit = inf'), "throughput_a100: limit of link below is inf; give a finite number"),
        (('"reciprocal"', '"capped", limit = 0'), "throughput_a100: limit of link capped is 0; give a number above 0"),
        (
            ('"reciprocal"', '"log", limit = 2'),
            "limit is 2, link log has none; use link below, above, capped, floored",
        ),
        (("accuracy =", "beauty ="), "metrics.beauty: direction is missing"),
        (("[metrics]", "[metrics"), "not valid TOML"),
        (('base = "blocks"', 'base = "layers"'), "base is 'layers'; choose one of blocks"),
    ],
)
def test_wrong_settings_name_the_field(tmp_path, change, message):
    assert SMALL.count(change[0])
    with pytest.raises(ModelError, match=message):
        settings_of(tmp_path, SMALL.replace(*change, 1))


def test_fit_refuses_what_cannot_be_fitted(tmp_path, dataset, split):
    settings = settings_of(tmp_path)
    with pytest.raises(ModelError, match="have no metric 'beauty'; they have params"):
        fit_benchmark(dataset, split, settings, tmp_path / "b", metrics=["beauty"])
    without = from_table(dataset.table.drop("accuracy"), dataset.space)
    with pytest.raises(DataError, match="no metric 'accuracy'"):
        fit_benchmark(without, split, settings, tmp_path / "b")
    speeds = [0.0, *dataset.table["throughput_a100"].to_list()[1:]]
    stopped = from_table(dataset.table.with_columns(pl.Series("throughput_a100", speeds)), dataset.space)
    with pytest.raises(DataError, match=r"id 0: throughput_a100 is 0.0; link reciprocal needs"):
        fit_benchmark(stopped, split, settings, tmp_path / "b", metrics=["throughput_a100"])
    low = settings_of(tmp_path, SMALL.replace('"reciprocal"', '"below", limit = 3'))
    with pytest.raises(DataError, match=r"throughput_a100 is \S+; link below needs values below 3"):
        fit_benchmark(dataset, split, low, tmp_path / "b", metrics=["throughput_a100"])
    wrong = settings_of(tmp_path, SMALL.replace("max_depth = 4 }", "max_deep = 4 }"), "forest")
    with pytest.raises(ModelError, match="random_forest refuses recipe forest"):
        fit_benchmark(dataset, split, wrong, tmp_path / "b", metrics=["accuracy"])
    deep = settings_of(tmp_path, SMALL.replace("orders = [2, 2]", "orders = [5]"), "process")
    with pytest.raises(ModelError, match=r"orders are \[5\]"):
        fit_benchmark(dataset, split, deep, tmp_path / "b", metrics=["accuracy"])
    shared = settings_of(tmp_path, SMALL.replace("processes = 3", "processes = 2"), "process")
    with pytest.raises(ModelError, match="3 members from 2 processes; use a divisor"):
        fit_benchmark(dataset, split, shared, tmp_path / "b", metrics=["accuracy"])
    with pytest.raises(ModelError, match="no settings 'nothing'; use the path of a TOML file or"):
        read_settings("nothing")
    assert not (tmp_path / "b").exists()


def test_shipped_settings_are_valid():
    for name in shipped_settings():
        assert read_settings(name).name == name


def published(archive):
    measured = read_dataset(archive.path)
    return measured, read_split(archive.split, measured)


def measured_here():
    measured = read_dataset(REPOSITORY / "training" / "measurements" / "epyc.parquet", accelnas.mnasnet_space())
    return measured, random_split(measured)


@pytest.mark.slow
@pytest.mark.parametrize(("settings", "name"), [("bundled", "throughput_3090"), ("epyc", "latency_epyc_ort")])
def test_the_bundled_benchmark_is_reproduced(tmp_path, request, settings, name):
    data = measured_here() if settings == "epyc" else published(request.getfixturevalue("published_archive"))
    fit_benchmark(*data, read_settings(settings), tmp_path / "b", metrics=[name])
    check_reproduced(accelnas.load(), accelnas.load(tmp_path / "b"), name)


STOPPABLE = {
    "xgboost": {"tree_method": "exact", "max_depth": 6},
    "lightgbm": {"num_leaves": 31},
    "gradient_boosting": {"max_depth": 6},
    "random_forest": {},
}


@pytest.mark.parametrize("family", STOPPABLE)
def test_an_interrupted_ensemble_ends_its_members(dataset, family):
    """Members of a million rounds: without an end of theirs, this test would have none."""
    data = Sample(dataset.choices, dataset.values("accuracy"))
    folds = np.array_split(np.arange(len(data.targets)), 2)

    def fit(rounds):
        recipe = Recipe("rounds", family, (Stage(STOPPABLE[family], rounds),))
        FAMILIES[family](recipe, dataset.space).fit_ensemble(data, folds, 2, 0, 2, lambda _: None)

    def interrupted():
        threading.Timer(0.5, _thread.interrupt_main).start()
        fit(1_000_000)

    fit(1)  # imports are over
    with pytest.raises(KeyboardInterrupt):
        interrupted()


def test_forests_are_those_of_one_call(dataset):
    from sklearn.ensemble import RandomForestRegressor

    sample = Sample(dataset.choices, dataset.values("accuracy"))
    parameters = {"max_features": 0.4, "min_samples_leaf": 2}
    recipe = Recipe("forest", "random_forest", (Stage(parameters, 12),))
    found = FAMILIES["random_forest"](recipe, dataset.space).fit(sample, sample, 7).model
    inputs = sample.choices.astype(np.float32)
    expected = RandomForestRegressor(12, **parameters, random_state=7, n_jobs=1).fit(inputs, sample.targets)
    assert found.get_params() == expected.get_params()
    for one, other in zip(found.estimators_, expected.estimators_, strict=True):
        assert one.tree_.__getstate__()["nodes"].tobytes() == other.tree_.__getstate__()["nodes"].tobytes()
        assert (one.tree_.value == other.tree_.value).all()


@pytest.mark.slow
@pytest.mark.parametrize("family", ["epsilon_svr", "nu_svr"])
def test_machines_of_a_child_process_are_those_of_this_one(dataset, family, monkeypatch):
    sample = Sample(dataset.choices, dataset.values("accuracy"))
    fitted = FAMILIES[family](Recipe("svr", family, ()), dataset.space)
    here = fitted.fit(sample, sample, 0)
    monkeypatch.setattr(FAMILIES[family], "short", 10)
    child = fitted.fit(sample, sample, 0)
    assert here[-1].dual_coef_.tobytes() == child[-1].dual_coef_.tobytes()
    assert here[-1].support_vectors_.tobytes() == child[-1].support_vectors_.tobytes()
    fitted._stopped.set()
    with pytest.raises(StoppedError):
        fitted.fit(sample, sample, 0)
