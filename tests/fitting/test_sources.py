"""Source models are read as their own library predicts, or the answer says what to do."""

import codecs
import json
import re

import lightgbm
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import treelite
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor, ExtraTreeRegressor

import accelnas
from accelnas import AccelnasWarning, ModelError
from accelnas.fitting.compile import MetricSpec, compile_metric
from accelnas.fitting.encoding import Encoding
from accelnas.fitting.sources import read_source
from accelnas.fitting.sources.ubjson import decode
from command_line import failure, run
from source_models import make_space

SPACE = make_space(((3, 2), (4, 2), (2, 3)))
ROWS, NEW = SPACE.sample(300, seed=1), SPACE.range(0, SPACE.size)
NAMES = [v.name for v in SPACE.variables]
TARGET = (ROWS @ np.arange(1, 7) % 7.0).astype(float)
ONE_HOT = [f"{v.name}={c}" for v in SPACE.variables for c in v.choices]


def compiled(model, directory, **given):
    arguments = {"metric": MetricSpec("m"), "random_rows": 300, "space": SPACE} | given
    report = compile_metric([model], directory=directory, **arguments)
    return accelnas.load(directory).predict(NEW, "m", dtype="float64"), report


@pytest.fixture(scope="module")
def sparse():
    encoding = Encoding.from_names(ONE_HOT, SPACE)

    def rows(choices, target=None):
        cells = scipy.sparse.csr_matrix(encoding.transform(choices))
        return xgboost.DMatrix(cells, target, feature_names=ONE_HOT)

    booster = xgboost.train({"max_depth": 4, "nthread": 1}, rows(ROWS, TARGET), 20)
    return booster, booster.predict(rows(NEW))


@pytest.mark.parametrize("says", ["columns = {}\nabsent = nan", "columns = {}\nmissing = 0"])
def test_sparse_one_hot_rows(sparse, says, tmp_path):
    booster, expected = sparse
    (tmp_path / "e.toml").write_text(says.format(json.dumps(ONE_HOT)))
    found, report = compiled(booster, tmp_path, encoding=Encoding.from_toml(tmp_path / "e.toml", SPACE))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert report.warnings == ()
    found, _ = compiled(booster, tmp_path, missing=0.0)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_what_absent_cells_were_is_asked_where_it_matters(sparse, tmp_path):
    booster, expected = sparse
    for encoding in (None, Encoding.from_names(ONE_HOT, SPACE)):
        with pytest.raises(
            ModelError, match=r"splits on b0_v0=1 separate only missing.*--absent missing or --absent zero"
        ):
            compiled(booster, tmp_path, encoding=encoding)
        found, _ = compiled(booster, tmp_path, encoding=encoding, absent="missing")
        np.testing.assert_allclose(found, expected, atol=1e-5)
    with pytest.warns(AccelnasWarning, match="the same prediction") as told:  # as is said
        _, report = compiled(booster, tmp_path, absent="zero")
    assert [str(one.message) for one in told] == [f"m: {text}" for text in report.warnings]
    assert json.loads(report.provenance["warnings"]) == list(report.warnings)
    with pytest.raises(ModelError, match="absent is nan, the encoding says 0"):
        compiled(booster, tmp_path, encoding=Encoding.from_names(ONE_HOT, SPACE, absent="zero"), absent="missing")
    dense = xgboost.DMatrix(Encoding.from_names(ONE_HOT, SPACE).transform(ROWS), TARGET, feature_names=ONE_HOT)
    model = xgboost.train({"nthread": 1}, dense, 10)  # its splits tell zeros from ones: nothing is asked
    found, _ = compiled(model, tmp_path)
    new = xgboost.DMatrix(Encoding.from_names(ONE_HOT, SPACE).transform(NEW), feature_names=ONE_HOT)
    np.testing.assert_allclose(found, model.predict(new), atol=1e-5)


def test_the_command_takes_missing_numbers_and_tells_doubts(sparse, tmp_path):
    booster, expected = sparse
    booster.save_model(tmp_path / "m.ubj")
    (tmp_path / "space.toml").write_text(SPACE.to_toml())
    arguments = ["compile", tmp_path / "m.ubj", "-m", "m", "--direction", "maximise", "--random-rows", 300]
    arguments += ["--space", tmp_path / "space.toml", "-o", tmp_path / "b"]
    assert "say what stands for other choices, --absent missing or --absent zero" in failure(*arguments)
    assert run(*arguments, "--absent", "zero").stderr.startswith("warning: m: all 288 architectures")
    for said in (("--missing", 0), ("--absent", "missing")):
        assert run(*arguments, *said).stderr == ""
        np.testing.assert_allclose(accelnas.load(tmp_path / "b").predict(NEW, "m"), expected, atol=1e-5)


def test_a_number_for_missing_values(tmp_path):
    values = {v.name: [-1.0, *range(1, len(v.choices))] for v in SPACE.variables}
    encoding = Encoding.from_names(NAMES, SPACE, values=values)
    matrix = encoding.transform(ROWS)
    model = xgboost.XGBRegressor(n_estimators=20, missing=-1.0, n_jobs=1).fit(matrix, TARGET)
    expected = model.predict(encoding.transform(NEW))
    model.save_model(tmp_path / "m.ubj")
    # versions below 2 wrote the interface's parameters into the file
    booster = model.get_booster().copy()
    booster.set_attr(scikit_learn='{"missing": -1.0, "n_estimators": 20}')
    booster.save_model(tmp_path / "old.json")
    for source, more in ((model, {}), (tmp_path / "m.ubj", {"missing": -1.0}), (tmp_path / "old.json", {})):
        found, _ = compiled(source, tmp_path, encoding=encoding, **more)
        np.testing.assert_allclose(found, expected, atol=1e-5)
    for source in (tmp_path / "m.ubj", model.get_booster()):  # neither says what was missing
        with pytest.raises(
            ModelError, match=r"splits on b0_v0 send all of its numbers \(-1 to 2\) one way.*--missing NUMBER"
        ):
            compiled(source, tmp_path, encoding=encoding)
    found, _ = compiled(tmp_path / "m.ubj", tmp_path, encoding=encoding, missing=np.nan)
    assert np.abs(found - expected).max() > 0.1
    with pytest.raises(ModelError, match="treats -1 as missing, the encoding says 0"):
        compiled(model, tmp_path, encoding=encoding, missing=0.0)
    nan = np.where(matrix == -1, np.nan, matrix)
    histogram = HistGradientBoostingRegressor(max_iter=10, early_stopping=False).fit(nan, TARGET)
    found, _ = compiled(histogram, tmp_path, encoding=encoding, missing=-1.0)
    every = encoding.transform(NEW, np.float64)
    np.testing.assert_allclose(found, histogram.predict(np.where(every == -1, np.nan, every)), atol=1e-9)


@pytest.mark.parametrize("more", [{"zero_as_missing": True}, {"use_missing": False}, {"missing": True}])
def test_what_lightgbm_takes_as_missing(more, tmp_path):
    with_nan = more.pop("missing", False)
    matrix = Encoding.ordinal(SPACE).transform(ROWS, np.float64)
    matrix[::7, 1] = np.nan if with_nan else 0
    booster = lightgbm.train({"verbosity": -1, "num_threads": 1, "min_data_in_leaf": 3, **more},
                             lightgbm.Dataset(matrix, TARGET), 20)  # fmt: skip
    booster.save_model(tmp_path / "m.txt")
    for source in (booster, tmp_path / "m.txt"):
        for encoding in (Encoding.ordinal(SPACE), Encoding.ordinal(SPACE).with_nan(lambda number: number == 1)):
            found, _ = compiled(source, tmp_path, encoding=encoding, missing=np.nan)
            np.testing.assert_allclose(found, booster.predict(encoding.transform(NEW, np.float64)), atol=1e-9)
    if with_nan:
        with pytest.raises(ModelError, match=r"splits on Column_1|splits on b0_v1 send all of its numbers \(0 to 1\)"):
            compiled(booster, tmp_path)


def test_rounds_are_those_of_the_librarys_own_predict(tmp_path):
    matrix, other = Encoding.ordinal(SPACE).transform(ROWS), Encoding.ordinal(SPACE).transform(NEW)
    noisy = TARGET + np.random.default_rng(0).normal(0, 3, len(TARGET))
    booster = xgboost.train({"max_depth": 6, "eta": 0.8, "nthread": 1}, xgboost.DMatrix(matrix, TARGET), 60,
                            evals=[(xgboost.DMatrix(matrix, noisy), "v")], early_stopping_rounds=8,
                            verbose_eval=False)  # fmt: skip
    total, best = booster.num_boosted_rounds(), booster.best_iteration
    assert best + 1 < total
    booster.save_model(tmp_path / "m.json")
    with pytest.warns(AccelnasWarning, match=rf"best iteration {best} of {total} rounds.*save booster\[:{best + 1}\]"):
        found, report = compiled(tmp_path / "m.json", tmp_path)
    np.testing.assert_allclose(found, booster.predict(xgboost.DMatrix(other)), atol=1e-5)
    model = json.loads(report.provenance["source_models"])[0]
    assert (model["rounds"], model["rounds_total"]) == (total, total)
    booster.set_attr(scikit_learn='{"_estimator_type": "regressor"}')  # as the wrapper marks its files
    booster.save_model(tmp_path / "m.json")
    wrapper = xgboost.XGBRegressor()
    wrapper.load_model(tmp_path / "m.json")
    light = lightgbm.train({"verbosity": -1, "num_threads": 1, "learning_rate": 0.8}, lightgbm.Dataset(matrix, TARGET),
                           60, valid_sets=[lightgbm.Dataset(matrix, noisy)],
                           callbacks=[lightgbm.early_stopping(4, verbose=False)],
                           keep_training_booster=True)  # fmt: skip
    light.save_model(tmp_path / "light.txt")
    for source, own, rounds in (
        (wrapper, wrapper, (best + 1, total)),
        (tmp_path / "m.json", wrapper, (best + 1, total)),
        (light, light, (light.best_iteration, light.current_iteration())),
        (tmp_path / "light.txt", lightgbm.Booster(model_file=tmp_path / "light.txt"), (light.best_iteration,) * 2),
    ):
        found, report = compiled(source, tmp_path)
        np.testing.assert_allclose(found, own.predict(other), atol=1e-5)
        model = json.loads(report.provenance["source_models"])[0]
        assert (model["rounds"], model["rounds_total"]) == rounds
    assert light.best_iteration < light.current_iteration()
    booster.set_attr(best_iteration="many")  # damaged: as if it were not there
    assert read_source(booster).rounds == (total, total)


def lightgbm_text(names=None):
    data = lightgbm.Dataset(Encoding.ordinal(SPACE).transform(ROWS), TARGET, feature_name=names or "auto")
    booster = lightgbm.train({"verbosity": -1, "num_threads": 1}, data, 6)
    return booster.model_to_string(), booster.predict(Encoding.ordinal(SPACE).transform(NEW))


CHANGES = {
    "windows": lambda text: text.replace("\n", "\r\n").encode(),
    "old mac": lambda text: text.replace("\n", "\r").encode(),
    "mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "utf-16": lambda text: text.replace("\n", "\r\n").encode("utf-16"),
    "blank lines": lambda text: f"\n\n{text}\n\n".encode(),
    "no sizes": lambda text: re.sub("tree_sizes=.*\n", "", text).encode(),
    "version 2": lambda text: re.sub("tree_sizes=.*\n", "", text).replace("version=v4", "version=v2").encode(),
    "trees alone": lambda text: text.partition("end of trees")[0].encode() + b"end of trees\n",
    "old end": lambda text: re.sub("tree_sizes=.*\n|end of trees\n", "", text).replace("re_im", "re im").encode(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_lightgbm_text_that_was_changed_on_the_way(change, tmp_path):
    text, expected = lightgbm_text()
    (tmp_path / "m.txt").write_bytes(CHANGES[change](text))
    found, _ = compiled(tmp_path / "m.txt", tmp_path)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_features_named_like_fields_of_a_tree(tmp_path):
    text, expected = lightgbm_text(["Tree", "left_child", "right_child", "threshold", "decision_type", "leaf_value"])
    (tmp_path / "m.txt").write_text(text)
    found, _ = compiled(tmp_path / "m.txt", tmp_path, encoding=Encoding.ordinal(SPACE))
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("cut", [r"end of trees", r"Tree=5(?s:.*)end of trees", r"leaf_value=.*\n\Z"])
def test_lightgbm_text_without_sizes_that_is_cut_short(cut, tmp_path):
    text = re.sub("tree_sizes=.*\n", "", lightgbm_text()[0])
    where = re.search(cut, text.partition("end of trees")[0] + "end of trees\n") or re.search("leaf_value", text)
    (tmp_path / "m.txt").write_text(text[: where.start() + 9])
    with pytest.raises(ModelError, match="cut short or damaged"):
        read_source(tmp_path / "m.txt")


@pytest.mark.parametrize("kind", ["json", "ubj", "memory"])
def test_xgboost_with_categories_of_strings(kind, tmp_path):
    words, order = ["none", "a", "b"], ["b", "a", "none"]

    def frame(rows):
        column = pd.Categorical([words[i] for i in rows[:, 0]], categories=order)
        return pd.DataFrame({NAMES[0]: column} | {n: rows[:, i] for i, n in enumerate(NAMES) if i})

    model = xgboost.XGBRegressor(n_estimators=10, n_jobs=1, enable_categorical=True).fit(frame(ROWS), TARGET)
    source = model if kind == "memory" else tmp_path / f"m.{kind}"
    if kind != "memory":
        model.save_model(source)
    with pytest.raises(ModelError, match="category names to codes of its own; state the code"):
        compiled(source, tmp_path)
    encoding = Encoding.from_names(NAMES, SPACE, values={NAMES[0]: [order.index(word) for word in words]})
    found, _ = compiled(source, tmp_path, encoding=encoding)
    np.testing.assert_allclose(found, model.predict(frame(NEW)), atol=1e-5)


def test_objectives_that_nobody_knows_are_named(tmp_path):
    booster = xgboost.train({"nthread": 1}, xgboost.DMatrix(Encoding.ordinal(SPACE).transform(ROWS), TARGET), 2)
    for kind in ("json", "ubj"):
        raw = bytes(booster.save_raw(kind)).replace(b"reg:squarederror", b"reg:neverheardof")
        (tmp_path / "m").write_bytes(raw)
        with pytest.raises(ModelError, match="objective reg:neverheardof, written by version 3"):
            read_source(tmp_path / "m")
    text = lightgbm_text()[0].replace("objective=regression", "objective=neverheardof")
    (tmp_path / "m").write_text(text)
    with pytest.raises(ModelError, match="objective neverheardof"):
        read_source(tmp_path / "m")


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_files_newer_than_treelite_name_both_versions(library, monkeypatch):
    def refuse(*_):
        raise treelite.TreeliteError('Key "weight_drop" not found')

    matrix = Encoding.ordinal(SPACE).transform(ROWS)
    if library == "xgboost":
        model = xgboost.train({"nthread": 1, "booster": "dart"}, xgboost.DMatrix(matrix, TARGET), 2)
    else:
        model = lightgbm.train({"verbosity": -1, "num_threads": 1}, lightgbm.Dataset(matrix, TARGET), 2)
    for name in ("from_xgboost_ubjson", "load_lightgbm_model"):
        monkeypatch.setattr(treelite.frontend, name, refuse)
    for version, way_out in (("4.6.1", "install treelite>=4.7.2"), ("4.10.0", "try a newer treelite")):
        monkeypatch.setattr(treelite, "__version__", version)
        versions = rf"treelite {version} with {library} \d+\.\d+\.\d+: {way_out}"
        with pytest.raises(ModelError, match=rf'Key "weight_drop" not found; this is {versions}'):
            read_source(model)


def test_settings_and_damaged_models_of_xgboost(tmp_path):
    booster = xgboost.train({"nthread": 1}, xgboost.DMatrix(Encoding.ordinal(SPACE).transform(ROWS), TARGET), 2)
    (tmp_path / "m.json").write_text(booster.save_config())
    with pytest.raises(ModelError, match=r"settings of an xgboost model .* but no trees; write it with save_model"):
        read_source(tmp_path / "m.json")
    raw = bytes(booster.save_raw("json"))
    (tmp_path / "m.json").write_bytes(codecs.BOM_UTF8 + raw.replace(b",", b",\r\n"))
    assert read_source(tmp_path / "m.json").trees.tree_count == 2
    assert decode(bytes(booster.save_raw("ubj")))["learner"]["objective"] == json.loads(raw)["learner"]["objective"]


@given(st.binary(max_size=60) | st.lists(st.sampled_from([b"[", b"#", b"$", b"{", b"i", b"U", b"L", b"\x02", b"S",
                                                          b"T", b"}", b"]"]), max_size=400).map(b"".join))  # fmt: skip
@settings(max_examples=300)
def test_damaged_ubjson_is_an_error(data):
    try:
        decode(data)
    except ValueError:
        return


def test_a_number_that_may_stand_for_missing_values_is_asked_about(tmp_path):
    values = {v.name: [-1.0, *range(len(v.choices) - 1)] for v in SPACE.variables}
    encoding = Encoding.from_names(NAMES, SPACE, values=values)
    data = xgboost.DMatrix(encoding.transform(ROWS), TARGET)  # -1 is a number here, which the file can't say
    booster = xgboost.train({"nthread": 1, "max_depth": 4}, data, 20)
    with pytest.raises(ModelError, match=r"b0_v0 has -1, which may stand for a missing value.*--missing -1, or --mis"):
        compiled(booster, tmp_path, encoding=encoding)
    found, _ = compiled(booster, tmp_path, encoding=encoding, missing=np.nan)
    np.testing.assert_allclose(found, booster.predict(xgboost.DMatrix(encoding.transform(NEW))), atol=1e-5)
    wrapper = xgboost.XGBRegressor(n_estimators=5, n_jobs=1).fit(encoding.transform(ROWS), TARGET)  # says: nan alone
    found, _ = compiled(wrapper, tmp_path, encoding=encoding)
    np.testing.assert_allclose(found, wrapper.predict(encoding.transform(NEW)), atol=1e-5)


@pytest.mark.parametrize("kind", ["trees apart", "vector leaves", "quantiles", "parallel trees", "forest"])
def test_models_of_several_targets(kind, tmp_path):
    matrix, other = Encoding.ordinal(SPACE).transform(ROWS), Encoding.ordinal(SPACE).transform(NEW)
    both = np.stack([TARGET, 5 - TARGET * ROWS[:, 0]], axis=1)
    if kind == "forest":
        model = RandomForestRegressor(5, max_depth=4, n_jobs=1, random_state=0).fit(matrix, both)
        expected = model.predict(other)
    else:
        more = {
            "vector leaves": {"multi_strategy": "multi_output_tree"},
            "quantiles": {"objective": "reg:quantileerror", "quantile_alpha": [0.2, 0.7]},
            "parallel trees": {"num_parallel_tree": 3, "subsample": 0.7},
        }.get(kind, {})
        data = xgboost.DMatrix(matrix, TARGET if kind == "quantiles" else both)
        model = xgboost.train({"nthread": 1, "max_depth": 3, **more}, data, 8)
        expected = model.predict(xgboost.DMatrix(other))
    with pytest.raises(ModelError, match=r"predicts 2 targets; name one of 0 to 1 with --target"):
        compiled(model, tmp_path)
    with pytest.raises(ModelError, match="no target 2; it predicts 2"):
        compiled(model, tmp_path, target=2)
    for target in (0, 1):
        found, report = compiled(model, tmp_path, target=target)
        np.testing.assert_allclose(found, expected[:, target], atol=1e-5)
        assert report.verification.leaf_pairs > 0


OBJECTIVES = {
    "reg:logistic": lambda margin: 1 / (1 + np.exp(-margin)),
    "binary": lambda margin: 1 / (1 + np.exp(-1.7 * margin)),
    "cross_entropy_lambda": lambda margin: np.log1p(np.exp(margin)),
    "regression": np.square,
}


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_what_no_link_undoes_is_compiled_raw_or_enumerated(objective, tmp_path):
    matrix, other = Encoding.ordinal(SPACE).transform(ROWS), Encoding.ordinal(SPACE).transform(NEW)
    target = (TARGET > 3).astype(float)
    if objective == "reg:logistic":
        model = xgboost.train({"nthread": 1, "objective": objective}, xgboost.DMatrix(matrix, target), 8)
        expected = model.predict(xgboost.DMatrix(other))
    else:
        more = {"binary": {"sigmoid": 1.7}, "regression": {"reg_sqrt": True}}.get(objective, {})
        settings = {"objective": objective, "verbosity": -1, "num_threads": 1, **more}
        model = lightgbm.train(settings, lightgbm.Dataset(matrix, target), 8)
        expected = model.predict(other)
    with pytest.raises(ModelError, match=r"applies \w+ to the sum.*--raw.*--enumerate"):
        compiled(model, tmp_path)
    margin, _ = compiled(model, tmp_path, raw=True)
    np.testing.assert_allclose(OBJECTIVES[objective](margin), expected, atol=1e-6)
    model.save_model(tmp_path / "m.ubj")
    (tmp_path / "space.toml").write_text(SPACE.to_toml())
    run("compile", "--enumerate", tmp_path / "m.ubj", "-m", "p", "--direction", "maximise", "--space",
        tmp_path / "space.toml", "-o", tmp_path / "whole")  # fmt: skip
    np.testing.assert_allclose(accelnas.load(tmp_path / "whole").predict(NEW, "p"), expected, atol=1e-6)


FORMULAS = '["layers", "product(v0)", "b0_v0 == 4", "index(b1_v0)", "log2(b2_v1 + b0_v1)", "b2_v0"]'


@pytest.mark.parametrize("library", ["xgboost", "lightgbm", "scikit-learn"])
def test_columns_of_several_variables(library, tmp_path):
    (tmp_path / "e.toml").write_text(
        f'columns = {FORMULAS}\nkind = "values"\n[formulas]\nlayers = "sum(v0 * v1) + b0_v0"\n'
    )
    encoding = Encoding.from_toml(tmp_path / "e.toml", SPACE)

    def matrix(rows):  # as a user would write it
        v = np.array([[SPACE.variables[i].choices[c] for i, c in enumerate(row)] for row in rows], np.float64)
        layers = v[:, 0] * v[:, 1] + v[:, 2] * v[:, 3] + v[:, 4] * v[:, 5] + v[:, 0]
        columns = [layers, v[:, 0] * v[:, 2] * v[:, 4], v[:, 0] == 4, rows[:, 2], np.log2(v[:, 5] + v[:, 1]), v[:, 4]]
        return np.stack(columns, axis=1).astype(np.float32)

    np.testing.assert_array_equal(encoding.transform(NEW), matrix(NEW))
    if library == "xgboost":
        model = xgboost.train({"nthread": 1, "max_depth": 4}, xgboost.DMatrix(matrix(ROWS), TARGET), 10)
        expected = model.predict(xgboost.DMatrix(matrix(NEW)))
    elif library == "lightgbm":
        data = lightgbm.Dataset(matrix(ROWS), TARGET)
        model = lightgbm.train({"verbosity": -1, "num_threads": 1, "min_data_in_leaf": 3}, data, 10)
        expected = model.predict(matrix(NEW))
    else:
        model = RandomForestRegressor(5, random_state=0, n_jobs=1).fit(matrix(ROWS), TARGET)
        expected = model.predict(matrix(NEW))
    found, report = compiled(model, tmp_path, encoding=encoding)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert report.verification.leaf_pairs == json.loads(report.provenance["source_models"])[0]["trees"] * 288
    assert json.loads(report.provenance["encoding"])["layers"].startswith("288 numbers of joint states, sha256 ")


def test_splits_on_too_many_variables_are_refused_with_their_number(tmp_path, monkeypatch):
    wide = make_space(((4, 2), (4, 2), (4, 2), (4, 2), (4, 2), (4, 2)))
    encoding = Encoding.from_names(["sum(v0)"], wide)
    monkeypatch.setattr("accelnas.models.formulas.MOST_STATES", 10_000)
    with pytest.raises(ModelError, match=r"depends on 12 variables with 262,144 joint states, at most 10,000"):
        Encoding.from_names(["sum(v0 * v1)"], wide)
    rows = wide.sample(2000, seed=0)
    model = xgboost.train({"nthread": 1}, xgboost.DMatrix(encoding.transform(rows), rows.sum(axis=1) * 1.0), 5)
    monkeypatch.setattr("accelnas.fitting.expansion.MOST_NODES", 500)
    with pytest.raises(ModelError, match=r"[1-5] of 5 need more than 500 nodes"):
        compiled(model, tmp_path, encoding=encoding, space=wide)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sum(v9)", "names no symbol that blocks share (v0, v1); give several variables, or a symbol"),
        ("v0 + 1", "'v0' is no variable of the space toy outside of sum, count and product"),
        ("b0_v0 == 3", "3 is no choice of b0_v0; choose one of 1, 4, 7"),
        ("log2(b0_v0 - 1)", "log2 of 0 is undefined"),
        ("1 / (b0_v0 - 1)", "division of 1 by 0"),
        ("open(b0_v0)", "'open(b0_v0)' is not allowed"),
        ("b0_v0 if b0_v1 else 1", "is not allowed"),
        ("(2)", "names no variable of the space toy"),
        ("b0_v0 +", "is no formula"),
        ("b0_v0 ** 999999 * 1e300", "is undefined or too large"),
    ],
)
def test_formulas_that_mean_nothing_are_refused(text, message):
    with pytest.raises(ModelError, match=re.escape(message)):
        Encoding.from_names(["x"], SPACE, formulas={"x": text})


def test_single_trees_searches_and_what_is_no_forest(tmp_path):
    matrix, other = Encoding.ordinal(SPACE).transform(ROWS), Encoding.ordinal(SPACE).transform(NEW)
    search = GridSearchCV(xgboost.XGBRegressor(n_estimators=5, n_jobs=1), {"max_depth": [2, 3]}, cv=2)
    for model in (DecisionTreeRegressor(random_state=0), ExtraTreeRegressor(max_depth=4, random_state=0), search):
        model.fit(matrix, TARGET)
        found, report = compiled(model, tmp_path)
        np.testing.assert_allclose(found, model.predict(other), rtol=1e-6, atol=1e-12)
        assert report.verification.leaf_pairs > 0
    pipeline = make_pipeline(StandardScaler(), RandomForestRegressor(2)).fit(matrix, TARGET)
    with pytest.raises(ModelError, match=r"this Pipeline.*give the forest or the boosted trees inside it, or compile"):
        compiled(pipeline, tmp_path)
