"""CatBoost, EBMs and ONNX compile to what their own libraries predict, or the answer says what to do.

Their libraries are extras; what is not installed is skipped.
"""

import json
import math
import sys
from itertools import product

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor

import accelnas
from accelnas import MissingExtraError, ModelError
from accelnas.fitting.compile import MetricSpec, compile_metric
from accelnas.fitting.encoding import Encoding
from accelnas.fitting.sources import read_source
from command_line import run
from source_models import make_space

SPACE = make_space(((3, 2), (4, 2), (2, 3), (4, 4)))
ROWS, NEW = SPACE.sample(400, seed=1), SPACE.sample(4000, seed=2)
ORDINAL = Encoding.ordinal(SPACE)
TARGET = 1 + (ROWS @ np.arange(1, 9) % 7.0)
WORDS = accelnas.Space("""
[space]
name = "words"
[[space.blocks]]
name = "a"
variables = [{name = "op", choices = ["none", "conv", "pool", "skip"]}, {name = "to", choices = ["p", "q", "r"]}]
[[space.blocks]]
name = "b"
variables = [{name = "op2", choices = ["none", "conv"]}, {name = "k", choices = [1, 3, 5]}]
""")
WORD_ROWS, WORD_NEW = WORDS.sample(400, seed=3), WORDS.range(0, WORDS.size)
WORD_TARGET = np.array([5, 1, 2, 9.0])[WORD_ROWS[:, 0]] * (1 + WORD_ROWS[:, 1]) + WORD_ROWS[:, 2] * WORD_ROWS[:, 3]
OPERATIONS = ["op", "to", "op2"]


def frame(rows):
    columns = enumerate(WORDS.variables)
    return pd.DataFrame({v.name: [v.choices[c] for c in rows[:, i]] for i, v in columns})


def compiled(model, directory, rows=NEW, space=SPACE, link="identity", **given):
    metric = MetricSpec("m", link=link)
    report = compile_metric([model], space=space, metric=metric, directory=directory, random_rows=2000, **given)
    return accelnas.load(directory).predict(rows, "m", dtype="float64"), report


@pytest.fixture(scope="module")
def catboost():
    return pytest.importorskip("catboost", reason="CatBoost is an extra: pip install 'accelnas[catboost]'")


@pytest.fixture(scope="module")
def glassbox():
    return pytest.importorskip("interpret.glassbox", reason="EBMs are an extra: pip install 'accelnas[ebm]'")


@pytest.fixture(scope="module")
def runtime():
    pytest.importorskip("onnx", reason="ONNX is an extra: pip install 'accelnas[onnx]'")
    return pytest.importorskip("onnxruntime", reason="ONNX is an extra: pip install 'accelnas[onnx]'")


def fit_catboost(catboost, inputs, target, **more):
    settings = {"iterations": 30, "depth": 4, "verbose": 0, "allow_writing_files": False, "thread_count": 1} | more
    return catboost.CatBoostRegressor(**settings).fit(inputs, target)


CATBOOST = {
    "symmetric": {},
    "deep": {"depth": 8},
    "depthwise": {"grow_policy": "Depthwise"},
    "lossguide": {"grow_policy": "Lossguide"},
    "poisson": {"loss_function": "Poisson"},
    "tweedie": {"loss_function": "Tweedie:variance_power=1.5"},
    "quantile": {"loss_function": "Quantile:alpha=0.3"},
    "best iteration": {"iterations": 200, "learning_rate": 0.9, "use_best_model": True},
}


@pytest.mark.parametrize("kind", CATBOOST)
def test_catboost(kind, catboost, tmp_path):
    inputs = ORDINAL.transform(ROWS)
    more = dict(CATBOOST[kind])
    if more.pop("use_best_model", False):
        noisy = TARGET + np.random.default_rng(0).normal(0, 3, len(TARGET))
        model = catboost.CatBoostRegressor(verbose=0, allow_writing_files=False, thread_count=1, **more)
        model.fit(inputs, TARGET, eval_set=(inputs, noisy), use_best_model=True)
        assert model.tree_count_ < 200
    else:
        model = fit_catboost(catboost, inputs, TARGET, **more)
    expected = model.predict(ORDINAL.transform(NEW))
    link = "log" if kind in ("poisson", "tweedie") else "identity"
    model.save_model(tmp_path / "m.cbm")
    model.save_model(tmp_path / "m.json", format="json")
    for source in (model, tmp_path / "m.cbm", tmp_path / "m.json"):
        found, report = compiled(source, tmp_path / "b", link=link)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)
        assert report.verification.library_error <= 1e-12
        assert report.verification.leaf_pairs > 0
    assert set(json.loads(report.provenance["versions"])) == {"accelnas", "catboost", "numpy"}


@pytest.mark.parametrize("more", [{}, {"one_hot_max_size": 10}, {"max_ctr_complexity": 1}])
@pytest.mark.parametrize("kind", ["memory", "cbm", "json", "json with its pool"])
def test_catboost_with_categories(kind, more, catboost, tmp_path):
    model = fit_catboost(catboost, frame(WORD_ROWS), WORD_TARGET, cat_features=OPERATIONS, **more)
    source = model if kind == "memory" else tmp_path / f"m.{kind.split()[0]}"
    if kind != "memory":
        pool = catboost.Pool(frame(WORD_ROWS), WORD_TARGET, cat_features=OPERATIONS) if "pool" in kind else None
        model.save_model(source, format=kind.split()[0], pool=pool)
    encoding = Encoding.from_names(["op", "to", "op2", "k"], WORDS, values={"k": [1, 3, 5]})
    found, report = compiled(source, tmp_path / "b", WORD_NEW, WORDS, encoding=encoding)
    np.testing.assert_allclose(found, model.predict(frame(WORD_NEW)), rtol=1e-13)
    assert report.verification.leaf_pairs > 0


def test_catboost_with_whole_numbers_as_categories(catboost, tmp_path):
    model = fit_catboost(catboost, WORD_ROWS.astype(int), WORD_TARGET, cat_features=[0, 1, 2, 3])
    found, _ = compiled(model, tmp_path, WORD_NEW, WORDS)
    np.testing.assert_allclose(found, model.predict(WORD_NEW.astype(int)), rtol=1e-13)


def test_catboost_of_several_targets(catboost, tmp_path):
    both = np.stack([TARGET, -2 * TARGET], axis=1)
    model = fit_catboost(catboost, ORDINAL.transform(ROWS), both, loss_function="MultiRMSE")
    with pytest.raises(ModelError, match="predicts 2 targets; name one of 0 to 1"):
        compiled(model, tmp_path)
    for target in (0, 1):
        found, _ = compiled(model, tmp_path, target=target)
        np.testing.assert_allclose(found, model.predict(ORDINAL.transform(NEW))[:, target], rtol=1e-12)
    spread = fit_catboost(catboost, ORDINAL.transform(ROWS), TARGET, loss_function="RMSEWithUncertainty")
    found, _ = compiled(spread, tmp_path, target=0)
    np.testing.assert_allclose(found, spread.predict(ORDINAL.transform(NEW))[:, 0], rtol=1e-12)
    with pytest.raises(ModelError, match="applies the variance's exponential"):
        compiled(spread, tmp_path, target=1)


def test_what_catboost_says_of_missing_values_and_classes(catboost, tmp_path):
    def with_nan(rows):
        inputs = ORDINAL.transform(rows)
        inputs[inputs == 0] = np.nan
        return inputs

    model = fit_catboost(catboost, with_nan(ROWS), TARGET)
    with pytest.raises(ModelError, match=r"b0_v0 had missing values when the model was trained.*--missing NUMBER"):
        compiled(model, tmp_path)
    found, _ = compiled(model, tmp_path, missing=0.0)
    np.testing.assert_allclose(found, model.predict(with_nan(NEW)), rtol=1e-13)
    settings = {"iterations": 5, "verbose": 0, "allow_writing_files": False}
    several = catboost.CatBoostClassifier(**settings).fit(ORDINAL.transform(ROWS), TARGET.astype(int) % 3)
    with pytest.raises(ModelError, match="classifier of objective MultiClass"):
        compiled(several, tmp_path)
    two = catboost.CatBoostClassifier(**settings).fit(ORDINAL.transform(ROWS), TARGET > 3)
    margin, _ = compiled(two, tmp_path, raw=True)
    expected = two.predict_proba(ORDINAL.transform(NEW))[:, 1]
    np.testing.assert_allclose(1 / (1 + np.exp(-margin)), expected, rtol=1e-12)
    with pytest.raises(ModelError, match="is not fitted"):
        compiled(catboost.CatBoostRegressor(), tmp_path)


def test_categories_that_catboost_does_not_know(catboost, tmp_path):
    other = frame(WORD_ROWS)
    other["op"] = "x" + other["op"]
    model = fit_catboost(catboost, other, WORD_TARGET, cat_features=OPERATIONS)
    with pytest.raises(ModelError, match="tells no categories of op apart"):
        compiled(model, tmp_path, WORD_NEW, WORDS)
    pool = catboost.Pool(other, WORD_TARGET, cat_features=OPERATIONS)
    model.save_model(tmp_path / "m.json", format="json", pool=pool)
    with pytest.raises(ModelError, match="category 'pool' of op was not in the model's training data, which had"):
        compiled(tmp_path / "m.json", tmp_path, WORD_NEW, WORDS)
    uneven = fit_catboost(catboost, frame(WORD_ROWS), WORD_TARGET, cat_features=OPERATIONS, grow_policy="Depthwise")
    with pytest.raises(ModelError, match="fit with grow_policy SymmetricTree"):
        compiled(uneven, tmp_path, WORD_NEW, WORDS)


@pytest.mark.usefixtures("catboost")
def test_a_fit_of_catboost_compiles(tmp_path):
    rows = SPACE.sample(150, seed=5)
    names = [v.name for v in SPACE.variables]
    table = pd.DataFrame({n: [SPACE.variables[i].choices[c] for c in rows[:, i]] for i, n in enumerate(names)})
    table.assign(y=rows.sum(axis=1)).to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "space.toml").write_text(SPACE.to_toml())
    (tmp_path / "s.toml").write_text(
        'name = "s"\nmembers = 2\nfolds = 2\n[recipes.trees]\nfamily = "catboost"\none_hot = true\n'
        "[[recipes.trees.stages]]\nrounds = 20\nparameters = { depth = 3 }\n"
        '[metrics]\ny = { recipe = "trees", direction = "maximise" }\n'
    )
    run("fit", tmp_path / "t.csv", "--space", tmp_path / "space.toml", "--settings", tmp_path / "s.toml",
        "--split", "random", "-o", tmp_path / "b")  # fmt: skip
    bench = accelnas.load(tmp_path / "b")
    assert bench.metrics["y"].members == 2
    assert np.corrcoef(bench.predict(NEW, "y"), NEW.sum(axis=1))[0, 1] > 0.9


EBMS = {
    "pairs": {},
    "gamma": {"objective": "gamma_deviance"},
    "poisson": {"objective": "poisson_deviance"},
    "triples": {"interactions": [(0, 2, 4), (1, 3)]},
    "few bins": {"max_bins": 4, "max_interaction_bins": 3},
    "categories": {"feature_types": ["nominal"] * 8},
}


@pytest.mark.filterwarnings("ignore")  # of the library's own parts
@pytest.mark.parametrize("kind", EBMS)
def test_ebms(kind, glassbox, tmp_path):
    settings = {"max_rounds": 50, "outer_bags": 2, "interactions": 3, "n_jobs": 1} | EBMS[kind]
    inputs, other = (ORDINAL.transform(rows, np.float64) for rows in (ROWS, NEW))
    if kind == "categories":
        inputs, other = inputs.astype(int), other.astype(int)
    model = glassbox.ExplainableBoostingRegressor(**settings).fit(inputs, TARGET)
    expected = model.predict(other)
    model.to_json(str(tmp_path / "m.json"))
    for source in (model, tmp_path / "m.json"):
        found, report = compiled(source, tmp_path / "b", link="log" if "objective" in settings else "identity")
        np.testing.assert_allclose(found, expected, rtol=1e-13)
        assert report.verification.library_error < 1e-12
        assert report.forest_trees == 0


@pytest.mark.filterwarnings("ignore")
def test_ebms_of_words_classes_and_missing_values(glassbox, tmp_path):
    settings = {"max_rounds": 50, "outer_bags": 2, "n_jobs": 1}
    words = glassbox.ExplainableBoostingRegressor(**settings).fit(frame(WORD_ROWS), WORD_TARGET)
    encoding = Encoding.from_names(["op", "to", "op2", "k"], WORDS, values={"k": [1, 3, 5]})
    words.to_json(str(tmp_path / "m.json"))
    for source in (words, tmp_path / "m.json"):
        found, _ = compiled(source, tmp_path / "b", WORD_NEW, WORDS, encoding=encoding)
        np.testing.assert_allclose(found, words.predict(frame(WORD_NEW)), rtol=1e-13)
    inputs = ORDINAL.transform(ROWS, np.float64)
    two = glassbox.ExplainableBoostingClassifier(**settings).fit(inputs, TARGET > 3)
    found, _ = compiled(two, tmp_path / "toy", raw=True)
    np.testing.assert_allclose(found, two.decision_function(ORDINAL.transform(NEW, np.float64)), atol=1e-12)
    inputs[inputs == 1] = np.nan
    gaps = glassbox.ExplainableBoostingRegressor(**settings).fit(inputs, TARGET)
    with pytest.raises(ModelError, match="b0_v0 had missing values when the model was trained"):
        compiled(gaps, tmp_path / "toy")
    other = ORDINAL.transform(NEW, np.float64)
    found, _ = compiled(gaps, tmp_path / "toy", missing=1.0)
    np.testing.assert_allclose(found, gaps.predict(np.where(other == 1, np.nan, other)), rtol=1e-12)
    with pytest.raises(ModelError, match="is not fitted"):
        compiled(glassbox.ExplainableBoostingRegressor(), tmp_path / "b")


def onnx_of(forest, version=1, kind="float", modes="BRANCH_LEQ", after=()):
    """Write a forest of scikit-learn as an ONNX model of an operator set of ai.onnx.ml."""
    from onnx import TensorProto, helper, numpy_helper

    number, dtype = (TensorProto.FLOAT, np.float32) if kind == "float" else (TensorProto.DOUBLE, np.float64)
    trees = [tree.tree_ for tree in np.ravel(forest.estimators_)]
    if version == 5:
        nodes, leaves = [], []
        for tree in trees:
            inner = {n: len(nodes) + i for i, n in enumerate(np.flatnonzero(tree.children_left >= 0))}
            outer = {n: len(leaves) + i for i, n in enumerate(np.flatnonzero(tree.children_left < 0))}
            leaves += [tree.value[n].item() for n in outer]
            nodes += [
                (tree.feature[n], tree.threshold[n], *(v for c in (tree.children_left[n], tree.children_right[n])
                                                       for v in ((inner | outer)[c], int(c in outer))))
                for n in inner
            ]  # fmt: skip
        feature, threshold, true, true_leaf, false, false_leaf = map(list, zip(*nodes, strict=True))
        sizes = np.cumsum([0] + [int((tree.children_left >= 0).sum()) for tree in trees])
        attributes = {
            "aggregate_function": 0, "n_targets": 1, "post_transform": 0, "tree_roots": sizes[:-1].tolist(),
            "nodes_featureids": list(map(int, feature)), "nodes_truenodeids": true, "nodes_falsenodeids": false,
            "nodes_trueleafs": true_leaf, "nodes_falseleafs": false_leaf, "leaf_targetids": [0] * len(leaves),
            "nodes_modes": numpy_helper.from_array(np.zeros(len(nodes), np.uint8)),
            "nodes_splits": numpy_helper.from_array(np.array(threshold, dtype)),
            "leaf_weights": numpy_helper.from_array(np.array(leaves, dtype)),
        }  # fmt: skip
        name = "TreeEnsemble"
    else:
        listed = [(t, n, tree) for t, tree in enumerate(trees) for n in range(tree.node_count)]
        leaf = [(t, n, tree.value[n].item()) for t, n, tree in listed if tree.children_left[n] < 0]
        swap = modes in ("BRANCH_GT", "BRANCH_NEQ")
        sides = [(tree.children_right[n], tree.children_left[n]) if swap else (tree.children_left[n],
                 tree.children_right[n]) for _, n, tree in listed]  # fmt: skip
        real = "_as_tensor" if kind == "double" else ""
        wrap = (lambda x: numpy_helper.from_array(np.array(x, dtype))) if real else lambda x: list(map(float, x))
        attributes = {
            "n_targets": 1, "post_transform": "NONE", "aggregate_function": "AVERAGE",
            "nodes_treeids": [t for t, *_ in listed], "nodes_nodeids": [n for _, n, _ in listed],
            "nodes_modes": ["LEAF" if tree.children_left[n] < 0 else modes for _, n, tree in listed],
            "nodes_featureids": [max(int(tree.feature[n]), 0) for _, n, tree in listed],
            f"nodes_values{real}": wrap([tree.threshold[n] for _, n, tree in listed]),
            "nodes_truenodeids": [max(int(a), 0) for a, _ in sides],
            "nodes_falsenodeids": [max(int(b), 0) for _, b in sides],
            "target_treeids": [t for t, *_ in leaf], "target_nodeids": [n for _, n, _ in leaf],
            "target_ids": [0] * len(leaf), f"target_weights{real}": wrap([v for *_, v in leaf]),
        }  # fmt: skip
        name = "TreeEnsembleRegressor"
    first = "sum" if after else "y"
    nodes = [helper.make_node(name, ["x"], [first], domain="ai.onnx.ml", **attributes)]
    constants = []
    for i, (operator, constant) in enumerate(after):
        inputs = [nodes[-1].output[0]]
        if constant is not None:
            constants.append(numpy_helper.from_array(np.array([constant], dtype), f"c{i}"))
            inputs.append(f"c{i}")
        nodes.append(helper.make_node(operator, inputs, ["y" if i == len(after) - 1 else f"s{i}"]))
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", number, [None, len(SPACE.variables)])],
        [helper.make_tensor_value_info("y", number if version == 5 else TensorProto.FLOAT, [None, 1])], constants,
    )  # fmt: skip
    sets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", version)]
    return helper.make_model(graph, opset_imports=sets, ir_version=9)


def said_by(runtime, model, rows, kind="float"):
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    inputs = ORDINAL.transform(rows, np.float32 if kind == "float" else np.float64)
    return session.run(None, {session.get_inputs()[0].name: inputs})[0].reshape(-1)


FOREST = RandomForestRegressor(20, max_depth=6, random_state=0, n_jobs=1).fit(ORDINAL.transform(ROWS), TARGET)


@pytest.mark.parametrize(
    ("version", "kind", "modes"),
    [(1, "float", "BRANCH_LEQ"), (1, "float", "BRANCH_GT"), (3, "double", "BRANCH_LEQ"), (5, "float", "BRANCH_LEQ"),
     (5, "double", "BRANCH_LEQ")],
)  # fmt: skip
def test_onnx_of_each_operator_set(version, kind, modes, runtime, tmp_path):
    model = onnx_of(FOREST, version, kind, modes)
    expected = said_by(runtime, model, NEW, kind)
    np.testing.assert_allclose(expected, FOREST.predict(ORDINAL.transform(NEW)), rtol=1e-5)  # the test's own writing
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    for source in (model, tmp_path / "m.onnx"):
        found, report = compiled(source, tmp_path / "b")
        exact = (version, kind) == (5, "double")  # the older operator gives float32 alone
        np.testing.assert_allclose(found, expected, rtol=1e-13 if exact else 2e-6)
        assert report.verification.library_error < (1e-12 if exact else 1e-5)


def test_what_follows_the_trees_of_onnx(runtime, tmp_path):
    from onnx import helper

    affine = onnx_of(FOREST, after=[("Mul", 3.0), ("Add", -2.0), ("Identity", None)])
    found, _ = compiled(affine, tmp_path)
    np.testing.assert_allclose(found, said_by(runtime, affine, NEW), rtol=3e-6)
    exponential = onnx_of(FOREST, after=[("Div", 2.0), ("Exp", None), ("Mul", 5.0)])
    with pytest.raises(ModelError, match="give the metric the link 'log'"):
        compiled(exponential, tmp_path)
    found, _ = compiled(exponential, tmp_path, link="log")
    np.testing.assert_allclose(found, said_by(runtime, exponential, NEW), rtol=1e-5)
    sigmoid = onnx_of(FOREST, after=[("Sigmoid", None)])
    margin, _ = compiled(sigmoid, tmp_path, raw=True)
    np.testing.assert_allclose(1 / (1 + np.exp(-margin)), said_by(runtime, sigmoid, NEW), rtol=1e-5)
    with pytest.raises(ModelError, match="applies Tanh to the sum of its trees"):
        read_source(onnx_of(FOREST, after=[("Tanh", None)]))
    scaled = onnx_of(FOREST)
    scaled.graph.node[0].input[0] = "scaled"
    scaled.graph.node.insert(0, helper.make_node("Sqrt", ["x"], ["scaled"]))
    with pytest.raises(ModelError, match=r"has Sqrt besides its trees.*as an encoding"):
        read_source(scaled)
    none = onnx_of(FOREST)
    none.graph.node[0].op_type = "Identity"
    with pytest.raises(ModelError, match="graph has Identity, and not one TreeEnsembleRegressor"):
        read_source(none)


@pytest.mark.parametrize(("mode", "tracks"), list(product(range(7), (0, 1))))
def test_every_mode_of_onnx_nodes(mode, tracks, runtime, tmp_path):
    from onnx import TensorProto, helper, numpy_helper

    members = [0.0, 2.0, math.nan] if mode == 6 else []
    node = helper.make_node(
        "TreeEnsemble", ["x"], ["y"], domain="ai.onnx.ml", n_targets=1, tree_roots=[0], nodes_featureids=[2, 0],
        nodes_modes=numpy_helper.from_array(np.array([mode, 0], np.uint8)),
        nodes_splits=numpy_helper.from_array(np.array([1.0, 0.5], np.float32)),
        nodes_truenodeids=[1, 0], nodes_trueleafs=[0, 1], nodes_falsenodeids=[2, 1], nodes_falseleafs=[1, 1],
        nodes_missing_value_tracks_true=[tracks, 0], leaf_targetids=[0, 0, 0],
        leaf_weights=numpy_helper.from_array(np.array([1.0, 2.0, 4.0], np.float32)),
        **({"membership_values": numpy_helper.from_array(np.array(members, np.float32))} if members else {}),
    )  # fmt: skip
    value = helper.make_tensor_value_info
    graph = helper.make_graph([node], "g", [value("x", TensorProto.FLOAT, [None, 8])],
                              [value("y", TensorProto.FLOAT, [None, 1])])  # fmt: skip
    sets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 5)]
    model = helper.make_model(graph, opset_imports=sets, ir_version=9)
    rows = ORDINAL.transform(NEW)
    rows[rows[:, 2] == 3, 2] = np.nan
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    encoding = ORDINAL.with_nan(lambda number: number == 3, 2)
    found, _ = compiled(model, tmp_path, encoding=encoding)
    np.testing.assert_allclose(found, session.run(None, {"x": rows})[0][:, 0], rtol=1e-14)


@pytest.mark.usefixtures("runtime")
def test_onnx_that_other_libraries_write(catboost, tmp_path):
    convert = pytest.importorskip("skl2onnx", reason="not installed; pip install skl2onnx").to_onnx
    both = np.stack([TARGET, -TARGET], axis=1)
    inputs = ORDINAL.transform(ROWS)
    boosted = GradientBoostingRegressor(n_estimators=20, random_state=0).fit(inputs, TARGET)
    found, _ = compiled(convert(boosted, inputs[:1]), tmp_path)
    np.testing.assert_allclose(found, boosted.predict(ORDINAL.transform(NEW)), rtol=1e-5)
    two = RandomForestRegressor(10, max_depth=5, random_state=0, n_jobs=1).fit(inputs, both)
    for target in (0, 1):
        found, _ = compiled(convert(two, inputs[:1]), tmp_path, target=target)
        np.testing.assert_allclose(found, two.predict(ORDINAL.transform(NEW))[:, target], rtol=1e-5)
    model = fit_catboost(catboost, inputs, TARGET)
    model.save_model(tmp_path / "m.onnx", format="onnx")
    found, _ = compiled(tmp_path / "m.onnx", tmp_path / "b")
    np.testing.assert_allclose(found, model.predict(ORDINAL.transform(NEW)), rtol=1e-5)


@pytest.mark.parametrize("kind", ["catboost json", "catboost", "ebm", "onnx"])
@pytest.mark.filterwarnings("ignore")
def test_damaged_files_are_refused(kind, request, tmp_path):
    path = tmp_path / "m"
    if kind.startswith("catboost"):
        model = fit_catboost(request.getfixturevalue("catboost"), ORDINAL.transform(ROWS), TARGET, iterations=3)
        model.save_model(path, format="json" if "json" in kind else "cbm")
    elif kind == "ebm":
        glassbox = request.getfixturevalue("glassbox")
        model = glassbox.ExplainableBoostingRegressor(max_rounds=5, outer_bags=2, n_jobs=1)
        model.fit(ORDINAL.transform(ROWS, np.float64), TARGET).to_json(str(path))
    else:
        request.getfixturevalue("runtime")
        path.write_bytes(onnx_of(FOREST).SerializeToString())
    whole = path.read_bytes()
    compiled(path, tmp_path / "b")
    rng = np.random.default_rng(0)
    for _ in range(8 if kind.startswith("catboost") else 25):
        raw = bytearray(whole[: int(len(whole) * rng.uniform(0.2, 1.0))] if rng.random() < 0.4 else whole)
        for place in rng.integers(0, len(raw), 3 if kind == "catboost json" else 1):
            raw[place] = int(rng.integers(32, 127))
        path.write_bytes(bytes(raw))
        try:
            found, _ = compiled(path, tmp_path / "b")  # a changed number is another sound model
        except (ModelError, accelnas.AccelnasError):
            continue
        assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("library", "content", "extra"),
    [
        ("catboost", b'{"oblivious_trees": []}', "catboost"),
        ("interpret", b'{"ebm": {"terms": [{"term_features": []}]}}', "ebm"),
        ("onnx", b"\x08\x09 TreeEnsembleRegressor", "onnx"),
    ],
)
def test_libraries_that_are_not_installed_are_named(library, content, extra, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(MissingExtraError, match=rf"{library} is not installed.*pip install 'accelnas\[{extra}\]'"):
        read_source(tmp_path / "m")
