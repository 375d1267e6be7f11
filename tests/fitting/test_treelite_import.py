import pickle
import re
import struct
import warnings
from pathlib import Path

import joblib
import lightgbm
import numpy as np
import pytest
import treelite
import xgboost
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.svm import SVR

from accelnas import ModelError, mnasnet_space
from accelnas.fitting.checkpoint import parse_checkpoint
from accelnas.fitting.encoding import Encoding
from accelnas.fitting.sources import read_source
from guides import blocks
from source_models import (
    Sample,
    fit_lightgbm,
    fit_xgboost,
    fitted,
    make_space,
    oracle,
    samples,
)

SPACE = make_space(((3, 2), (4, 2), (2, 3)))
REPOSITORY = Path(__file__).parents[2]
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


def sample(kind="ordinal", categorical=()):
    rows = SPACE.sample(200, seed=3)
    encoding = Encoding.from_names([v.name for v in SPACE.variables], SPACE, kind=kind)
    target = rows @ np.array([3.0, 1.0, -2.0, 0.5, 1.5, -1.0]) + rows[:, 0] * rows[:, 2] / 3
    return Sample(SPACE, encoding, categorical, rows, target)


def forest_of(source, link="identity"):
    encoding = Encoding.ordinal(SPACE).rounded(source.dtype)
    return source.trees.forest(SPACE, encoding, link=link)


@given(st.data())
@settings(max_examples=60, suppress_health_check=SLOW)
def test_random_models_predict_what_their_library_dumps(data):
    case = data.draw(samples())
    model = data.draw(fitted(case))
    source = read_source(model)
    encoding = case.encoding.rounded(source.dtype)
    forest = source.trees.forest(case.space, encoding, scale=-2.0, bias=3.0)
    walked = oracle(model, encoding.transform(case.everything, np.float64))
    size = abs(source.trees.base_score) + source.trees.magnitude
    np.testing.assert_allclose(forest.predict(case.everything), 3.0 - 2.0 * walked, rtol=0, atol=1e-14 * (3 + 2 * size))


@given(st.data())
@settings(max_examples=15, suppress_health_check=SLOW)
def test_parsed_checkpoint_has_the_fields_that_treelite_gives(data):
    case = data.draw(samples())
    source = read_source(data.draw(fitted(case)))
    trees, model = source.trees, source.imported
    assert trees.tree_count == model.num_tree
    for number in range(model.num_tree):
        tree = model.get_tree_accessor(number)
        part = slice(trees.tree_offsets[number], trees.tree_offsets[number + 1])
        for ours, theirs in (
            (trees.left, "cleft"), (trees.right, "cright"), (trees.feature, "split_index"),
            (trees.threshold, "threshold"), (trees.value, "leaf_value"),
            (trees.default_left, "default_left"),
            (trees.categories_right, "category_list_right_child"),
        ):  # fmt: skip
            np.testing.assert_array_equal(ours[part], tree.get_field(theirs), theirs)
        listed = tree.get_field("category_list")
        begins, ends = tree.get_field("category_list_begin"), tree.get_field("category_list_end")
        for node, (begin, end) in enumerate(zip(begins, ends, strict=True), part.start):
            ours = trees.categories[trees.category_offsets[node] : trees.category_offsets[node + 1]]
            np.testing.assert_array_equal(ours, listed[int(begin) : int(end)])


@pytest.mark.parametrize("suffix", ["json", "ubj", "txt", "bin"])
def test_files_are_known_by_their_content(suffix, tmp_path):
    case, path = sample(), tmp_path / "model"
    if suffix in ("json", "ubj"):
        model = fit_xgboost(case, 5, {})
        path.write_bytes(model.save_raw(suffix))
    elif suffix == "txt":
        model = fit_lightgbm(case, 5, {})
        model.save_model(path)
    else:
        model = fit_xgboost(case, 5, {})
        treelite.frontend.from_xgboost(model).serialize(path)
    found = forest_of(read_source(path)).predict(case.everything)
    np.testing.assert_array_equal(found, forest_of(read_source(model)).predict(case.everything))


def test_base_score_is_read_as_number_and_as_vector(tmp_path):
    case = sample()
    model = fit_xgboost(case, 3, {"base_score": 12.625})
    document = bytes(model.save_raw("json"))
    assert b'"base_score":"[1.2625E1]"' in document
    old = document.replace(b'"[1.2625E1]"', b'"1.2625E1"')
    old = old.replace(b'"version":[3', b'"version":[2')
    for content in (document, old):
        (tmp_path / "model.json").write_bytes(content)
        source = read_source(tmp_path / "model.json")
        assert source.trees.base_score == 12.625
        np.testing.assert_allclose(forest_of(source).predict(case.everything),
                                   oracle(model, case.matrix(case.everything)), rtol=1e-14)  # fmt: skip


def test_models_that_stopped_early_keep_the_trees_that_predict_uses(tmp_path):
    case = sample()
    rows, target = case.matrix(case.rows), case.target
    noise = np.random.default_rng(0).normal(size=200)
    regressor = xgboost.XGBRegressor(n_estimators=60, early_stopping_rounds=4, nthread=1)
    regressor.fit(rows, target, eval_set=[(rows, target + 3 * noise)], verbose=False)
    regressor.save_model(tmp_path / "model.ubj")
    booster = regressor.get_booster()
    assert booster.num_boosted_rounds() > regressor.best_iteration + 1
    light = lightgbm.train(
        {"objective": "regression", "verbosity": -1, "num_threads": 1}, lightgbm.Dataset(rows, target),
        60, valid_sets=[lightgbm.Dataset(rows, target + 3 * noise)],
        callbacks=[lightgbm.early_stopping(4, verbose=False)],
    )  # fmt: skip
    sklearn = GradientBoostingRegressor(n_estimators=500, n_iter_no_change=2, random_state=0)
    sklearn.fit(rows, target)
    assert len(sklearn.estimators_) < sklearn.n_estimators
    everything = case.matrix(case.everything)
    for model, expected in (
        (regressor, regressor.predict(everything)),
        (tmp_path / "model.ubj", regressor.predict(everything)),
        (booster, booster.predict(xgboost.DMatrix(everything))),
        (light, light.predict(everything)),
        (sklearn, sklearn.predict(everything)),
    ):
        found = forest_of(read_source(model)).predict(case.everything)
        np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-5)


def _multi_target():
    case = sample()
    target = np.stack([case.target, case.target], 1)
    return xgboost.train({}, xgboost.DMatrix(case.matrix(case.rows), target), 2)


def _lightgbm(**params):
    return lambda: fit_lightgbm(sample(), 3, params)


def _xgboost(**params):
    return lambda: fit_xgboost(sample(), 3, params)


def _sklearn(model, target=None):
    def fit():
        case = sample()
        y = case.target if target is None else target(case)
        return model.fit(case.matrix(case.rows), y)

    return fit


def _own_categories():
    text = fit_lightgbm(sample(), 2, {}).model_to_string()
    text = text.replace("pandas_categorical:null", 'pandas_categorical:[["no", "yes"]]')
    return lightgbm.Booster(model_str=text)


REFUSED = {
    "multi-target": (_multi_target, "2 targets"),
    "vector leaves": (lambda: xgboost.train(
        {"multi_strategy": "multi_output_tree", "tree_method": "hist"},
        xgboost.DMatrix(sample().matrix(sample().rows), np.stack([sample().target] * 2, 1)), 2,
    ), "2 targets"),
    "xgboost classes": (lambda: xgboost.train(
        {"objective": "multi:softprob", "num_class": 3},
        xgboost.DMatrix(sample().matrix(sample().rows), sample().rows[:, 0]), 2,
    ), "classifier of 3 classes"),
    "logistic": (_sklearn(xgboost.XGBClassifier(n_estimators=2), lambda c: c.rows[:, 1]),
                 "applies sigmoid to the sum"),
    "linear booster": (_xgboost(booster="gblinear", tree_method="auto", updater="coord_descent"),
                       "is linear and has no trees"),
    "not fitted": (xgboost.XGBRegressor, "XGBRegressor can't be compiled"),
    "linear leaves": (_lightgbm(linear_tree=True), "linear leaves"),
    "square root": (_lightgbm(reg_sqrt=True), "applies signed_square"),
    "poisson": (_sklearn(HistGradientBoostingRegressor(loss="poisson", max_iter=2),
                         lambda c: np.exp(c.target / 9)), "give the metric the link 'log', not"),
    "own categories": (_own_categories, "codes of its own; state the code"),
    "forest classes": (_sklearn(RandomForestClassifier(2), lambda c: c.rows[:, 0]),
                       "classifier of 3 classes"),
    "isolation": (_sklearn(IsolationForest(n_estimators=2)), "applies exponential_standard_ratio"),
    "two outputs": (_sklearn(RandomForestRegressor(2), lambda c: np.stack([c.target] * 2, 1)),
                    "2 targets"),
    "custom init": (_sklearn(GradientBoostingRegressor(n_estimators=2, init=SVR())),
                    "Custom init estimator"),
    "no trees": (_sklearn(SVR()), "treelite can't read this SVR"),
    "no model": (lambda: {"trees": []}, "dict is no model; give one of XGBoost"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_models_say_why(name, tmp_path):
    from accelnas.fitting.compile import MetricSpec, compile_metric

    make, message = REFUSED[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the libraries think of these settings
        model = make()
    with pytest.raises(ModelError, match=re.escape(message)):
        compile_metric([model], space=SPACE, metric=MetricSpec("m"), directory=tmp_path / "bench")
    assert not (tmp_path / "bench").exists()


def test_pickles_are_never_loaded(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (exec, ("raise SystemExit('loaded')",))

    path = tmp_path / "model.ubj"
    for protocol in range(6):
        path.write_bytes(pickle.dumps(Bomb(), protocol))
        with pytest.raises(ModelError, match="can run any code; save the model with its own"):
            read_source(path)
    for compress in (0, ("zlib", 3), ("gzip", 3), ("bz2", 3), ("xz", 3)):
        joblib.dump({"a": np.zeros(10)}, path, compress=compress)
        with pytest.raises(ModelError, match="can run any code"):
            read_source(path)


@pytest.mark.parametrize("content", [b"[1, 2]", b"{}", b'{"model": 1}', b"tea", b"\x00" * 64])
def test_unknown_files_are_refused(content, tmp_path):
    (tmp_path / "model").write_bytes(content)
    with pytest.raises(ModelError, match="no model of a known kind"):
        read_source(tmp_path / "model")


def test_other_checkpoint_versions_are_named():
    with pytest.raises(ModelError, match=re.escape("version 3.9.0, accelnas reads version 4")):
        parse_checkpoint(struct.pack("<iii", 3, 9, 0) + bytes(100))


def _contents():
    case = sample()
    model = fit_xgboost(case, 2, {"max_depth": 3})
    return {
        "json": bytes(model.save_raw("json")),
        "ubj": bytes(model.save_raw("ubj")),
        "lightgbm": fit_lightgbm(case, 2, {"num_leaves": 5}).model_to_string().encode(),
        "checkpoint": treelite.frontend.from_xgboost(model).serialize_bytes(),
    }


CONTENTS = _contents()


@given(st.sampled_from(sorted(CONTENTS)), st.floats(0, 1, exclude_max=True))
@settings(max_examples=40)
def test_cut_files_give_errors(tmp_path_factory, kind, part):
    content = CONTENTS[kind]
    if kind == "lightgbm":  # what follows may be missing
        content = content[: content.index(b"end of trees")]
    path = tmp_path_factory.mktemp("cut") / "model"
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(ModelError):
        read_source(path)


@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1,
                max_size=3))  # fmt: skip
@settings(max_examples=200)
def test_changed_checkpoints_give_a_forest_or_an_error(changes):
    content = bytearray(CONTENTS["checkpoint"])
    for place, change in changes:
        content[int(place * len(content))] ^= change
    try:
        (trees,) = parse_checkpoint(bytes(content))
        forest = trees.forest(SPACE, Encoding.ordinal(SPACE))
    except ModelError:
        return
    # a changed leaf or threshold is another sound forest; what it predicts is a number for each row
    assert forest.predict(SPACE.sample(10)).shape == (10,)


def test_checkpoints_of_another_version_are_named():
    older = b"\x03" + CONTENTS["checkpoint"][1:]
    with pytest.raises(ModelError, match=r"^the Treelite checkpoint has version 3.*; save it again with Treelite 4$"):
        parse_checkpoint(older)


def test_features_that_do_not_fit_are_refused():
    source = read_source(fit_xgboost(sample(), 2, {}))
    with pytest.raises(ModelError, match="has 6 features, the encoding 28 columns"):
        source.trees.forest(mnasnet_space(), Encoding.ordinal(mnasnet_space()))
    categorical = read_source(fit_xgboost(sample(categorical=(0, 1)), 2, {}))
    odd = Encoding.from_names([v.name for v in SPACE.variables], SPACE, values={"b0_v0": [0.5, 1, 2]})
    with pytest.raises(ModelError, match="whole numbers from 0, not"):
        categorical.trees.forest(SPACE, odd)


def test_encoding_by_names():
    encoding = Encoding.from_names(["b1_v0", "b0_v0=4", "b0_v1"], SPACE, kind="values")
    assert encoding.columns == ((2, (1.0, 4.0, 7.0, 10.0)), (0, (0.0, 1.0, 0.0)), (1, (1.0, 4.0)))
    rows = np.array([[1, 0, 3, 0, 0, 0]], np.uint8)
    assert encoding.transform(rows).tolist() == [[10.0, 1.0, 1.0]]
    booleans = Encoding.from_names(["block0_se=1", "block0_se=False"], mnasnet_space())
    assert [numbers for _, numbers in booleans.columns] == [(0.0, 1.0), (1.0, 0.0)]


def test_encoding_from_toml(tmp_path):
    path = tmp_path / "encoding.toml"
    path.write_text('columns = ["block1_se", "block0_e", "block0_k=3"]\n[values]\nse = [1, nan]\n')
    encoding = Encoding.from_toml(path, mnasnet_space())
    assert encoding.names == ("block1_se", "block0_e", "block0_k=3")
    assert repr(encoding.columns) == "((7, (1.0, nan)), (0, (0.0, 1.0, 2.0)), (1, (1.0, 0.0)))"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("columns = [", "is not valid TOML"),
        ("columns = " + "[" * 5000, "is not valid TOML"),
        ("order = 1", "unknown key 'order'; use kind, columns, absent, missing, values and formulas"),
        ("absent = 1", "absent of the encoding is 1, as the choice itself"),
        ("absent = true", "absent of the encoding is True; give 'missing' or 'zero', a finite number or nan"),
        ("missing = inf", "missing of the encoding is inf; give a finite number or nan"),
        ('missing = "no"', "missing of the encoding is 'no'"),
        ("columns = 3", "must be a list of strings"),
        ("values = 3", "must be a table"),
        ('kind = "binary"', "'binary' is unknown; choose one of ordinal, values"),
        ('columns = ["block9_e"]', "column 'block9_e' is no variable of the space mnasnet"),
        ('columns = ["block0_e=5"]', "names no choice of block0_e; choose one of 1, 4, 6"),
        ("[values]\nx = [1]", "'x', which is no variable"),
        ("[values]\nse = [1, 2, 3]", "block0_se has 2 choices, the encoding gives 3 values"),
        ("[values]\nse = [1, inf]", "must be finite"),
        ('[values]\nse = ["a", 1]', "must be a list of numbers"),
    ],
)
def test_encoding_errors(text, message, tmp_path):
    path = tmp_path / "encoding.toml"
    path.write_text(text)
    with pytest.raises(ModelError, match=re.escape(message)):
        Encoding.from_toml(path, mnasnet_space())


def test_the_encoding_of_the_guide(tmp_path):
    guide = REPOSITORY / "docs" / "guides" / "models.md"
    (example,) = (block.text for block in blocks(guide) if block.language == "toml")
    (tmp_path / "e.toml").write_text(example)
    space = mnasnet_space()
    encoding = Encoding.from_toml(tmp_path / "e.toml", space)
    rows = space.sample(50, seed=0)
    values = np.array([[float(space.variables[i].choices[c]) for i, c in enumerate(row)] for row in rows])
    layers = values[:, [v.symbol == "l" for v in space.variables]].sum(axis=1)
    expected = [rows[:, 1], values[:, 3], layers, np.log2(values[:, 0]), values[:, 0] * values[:, 1]]
    np.testing.assert_array_equal(encoding.transform(rows, np.float64), np.stack(expected, axis=1))
    assert (encoding.absent, np.isnan(encoding.missing)) == (0.0, True)
