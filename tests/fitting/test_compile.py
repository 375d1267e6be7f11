import json
import re
from dataclasses import replace

import lightgbm
import numpy as np
import polars
import pytest
import treelite
import xgboost
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor

import accelnas
from accelnas import ModelError
from accelnas.fitting.anova import Tables
from accelnas.fitting.compile import CompileReport, MetricSpec, compile_metric
from accelnas.fitting.encoding import Encoding
from accelnas.fitting.sources import read_source
from accelnas.fitting.sources.xgboost_model import XGBoost
from accelnas.fitting.verify import VerificationError
from command_line import failure, run
from source_models import Sample, fit_lightgbm, fit_xgboost, fitted, make_space, oracle, samples

SPACE = make_space(((3, 2), (4, 2), (2, 3), (3, 3), (2, 2)))
SPEC = MetricSpec("quality", unit="%", direction="maximise", noise=0.5, description="a test")


def sample():
    rows = SPACE.sample(400, seed=5)
    rng = np.random.default_rng(7)
    weights = rng.normal(size=(10, 10))
    target = 65 + np.einsum("ni,ij,nj->n", rows / 2.0, weights, rows / 2.0)
    return Sample(SPACE, Encoding.ordinal(SPACE), (), rows, target)


@pytest.fixture(scope="module")
def models():
    return [fit_xgboost(sample(), 40, {"max_depth": 3, "seed": seed, "subsample": 0.7}) for seed in range(3)]


def contents(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@given(st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@pytest.mark.filterwarnings("ignore::accelnas.AccelnasWarning")  # some predict the same everywhere
def test_random_ensembles_compile_and_predict_as_their_libraries_dump(tmp_path_factory, data):
    case = data.draw(samples())
    models = [data.draw(fitted(case)) for _ in range(data.draw(st.integers(1, 3)))]
    scale, bias = data.draw(st.sampled_from(((1.0, 0.0), (-3.0, 100.0))))
    directory = tmp_path_factory.mktemp("bench")
    report = compile_metric(
        models, space=case.space, metric=SPEC, directory=directory, scale=scale, bias=bias,
        encoding=case.encoding, architectures=case.rows, random_rows=2000,
    )  # fmt: skip
    rows = case.everything
    sources = [read_source(model) for model in models]
    expected = np.stack([
        bias + scale * oracle(model, case.encoding.rounded(source.dtype).transform(rows, np.float64))
        for model, source in zip(models, sources, strict=True)
    ])  # fmt: skip
    bench = accelnas.load(directory)
    mean, std = bench.predict(rows, "quality", return_std=True, dtype="float64")
    size = abs(bias) + abs(scale) * max(abs(s.trees.base_score) + s.trees.magnitude for s in sources)
    np.testing.assert_allclose(mean, expected.mean(axis=0), rtol=0, atol=1e-13 * size)
    np.testing.assert_allclose(std, expected.std(axis=0), rtol=0, atol=1e-7 * size)
    assert report.members == bench.metrics["quality"].members == len(models)


def test_deep_trees_stay_trees(tmp_path):
    deep = fit_xgboost(sample(), 10, {"max_depth": 6, "min_child_weight": 0})
    report = compile_metric([deep], space=SPACE, metric=SPEC, directory=tmp_path)
    assert report.forest_trees > 0
    assert report.verification.leaf_pairs == 10 * report.verification.random_rows


@pytest.mark.parametrize("library", ["xgboost", "lightgbm", "scikit-learn"])
def test_columns_are_found_by_feature_names(library, tmp_path):
    case, names = sample(), [v.name for v in SPACE.variables[::-1]] + ["b1_v0=4"]
    by_name = replace(case, encoding=Encoding.from_names(names, SPACE))
    matrix = by_name.matrix(case.rows, np.float32)
    if library == "xgboost":
        data = xgboost.DMatrix(matrix, case.target, feature_names=names)
        model = xgboost.train({"nthread": 1}, data, 10)
    elif library == "lightgbm":
        data = lightgbm.Dataset(matrix, case.target, feature_name=names)
        model = lightgbm.train({"verbosity": -1, "num_threads": 1}, data, 10)
    else:
        table = polars.DataFrame(matrix, schema=names)
        model = RandomForestRegressor(5, max_depth=4).fit(table, case.target)
    compile_metric([model], space=SPACE, metric=SPEC, directory=tmp_path, random_rows=2000)
    predicted = accelnas.load(tmp_path).predict(case.rows, "quality", dtype="float64")
    np.testing.assert_allclose(predicted, oracle(model, matrix.astype(np.float64)), rtol=1e-13)


def test_categories_that_training_did_not_see(tmp_path):
    case = replace(sample(), categorical=(2,))
    known = case.rows[:, 2] < 3
    model = HistGradientBoostingRegressor(max_iter=5, categorical_features=[2], early_stopping=False)
    model.fit(case.matrix(case.rows[known]), case.target[known])
    arguments = {"space": SPACE, "metric": SPEC, "directory": tmp_path / "bench", "random_rows": 2000}
    with pytest.raises(ModelError, match=re.escape("category 3 of b1_v0 was not in the training data")):
        compile_metric([model], **arguments)
    names = [v.name for v in SPACE.variables]
    missing = Encoding.from_names(names, SPACE, values={"b1_v0": [0, 1, 2, np.nan]})
    assert compile_metric([model], encoding=missing, **arguments).members == 1


def test_the_same_inputs_give_the_same_bytes(models, tmp_path):
    for name in ("a", "b"):
        for metric in ("quality", "speed"):
            compile_metric(models, space=SPACE, metric=replace(SPEC, name=metric), directory=tmp_path / name)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_what_the_artifact_says_of_its_origin(models, tmp_path):
    rows = SPACE.sample(50, seed=9)
    report = compile_metric(
        models[:2], space=SPACE, metric=SPEC, directory=tmp_path, architectures=rows, random_rows=3000,
        scale=[1.0, 2.0], bias=[0.0, -65.0], provenance={"data_sha256": "abc"},
    )  # fmt: skip
    found = report.provenance
    assert accelnas.load(tmp_path).provenance("quality") == found
    assert found["data_sha256"] == "abc"
    first, second = json.loads(found["source_models"])
    assert (first["library"], first["trees"], second["scale"], second["bias"]) == ("xgboost", 40, 2.0, -65.0)
    assert first["sha256"] == read_source(models[0]).sha256 != second["sha256"]
    assert set(json.loads(found["versions"])) == {"accelnas", "numpy", "treelite", "xgboost"}
    assert json.loads(found["encoding"])["b0_v0"] == [0.0, 1.0, 2.0]
    assert found["verified_data_rows"] == "50"
    assert found["verified_random_rows"] == "3000"
    assert found["verified_leaf_pairs"] == str(2 * 40 * 3050)
    assert re.fullmatch(r"[\d.e-]+ <= [\d.e-]+", found["verified_float64_error"])
    with pytest.raises(ModelError, match="'versions' is written by accelnas itself"):
        compile_metric(models, space=SPACE, metric=SPEC, directory=tmp_path, provenance={"versions": ""})


def test_errors_are_within_the_bounds_of_the_issue(models, tmp_path):
    report = compile_metric(models, space=SPACE, metric=SPEC, directory=tmp_path)
    checked = report.verification
    assert checked.float64_error < 1e-12
    assert checked.float32_error < 2e-6
    assert 0 < checked.library_error < checked.library_bound < 1e-3


def _shifted(self, matrix, threads, original=XGBoost.predict):
    return original(self, matrix, threads) + (matrix[:, 0] == 2) * 0.01


def _flipped(self, matrix, threads, original=XGBoost.leaves):
    matrix = matrix.copy()
    rare = (matrix == 1).all(axis=1)
    matrix[rare] = 0
    return original(self, matrix, threads)


@pytest.mark.parametrize(
    ("method", "fake", "message"),
    [
        ("predict", _shifted, r"member 0 \(xgboost\) predicts [\d.]+ for v0\S+, the walk of the source trees"),
        ("leaves", _flipped, r"member 0 \(xgboost\) ends in leaf \d+ of tree \d+ for \S+, the imported tree in"),
    ],
)
def test_what_differs_from_the_library_is_not_written(method, fake, message, models, tmp_path, monkeypatch):
    monkeypatch.setattr(XGBoost, method, fake)
    with pytest.raises(VerificationError, match=message):
        compile_metric(models, space=SPACE, metric=SPEC, directory=tmp_path / "bench")
    assert not (tmp_path / "bench").exists()


def test_tables_that_spread_far_more_than_their_mean(tmp_path):
    # as draws from few measurements: rounded to float32 they differ by more than the mean's deviations would allow
    rng = np.random.default_rng(0)
    mean, draw = rng.normal(size=(2, 1, 3, 4))
    tables = Tables(np.zeros(2), [(0, 2)], [np.concatenate([mean + 1e6 * draw, mean - 1e6 * draw])])
    compile_metric([], tables=tables, space=SPACE, metric=SPEC, directory=tmp_path / "b", architectures=SPACE.sample(9))
    rows = SPACE.sample(500, seed=3)
    found = accelnas.load(tmp_path / "b").predict(rows, "quality", dtype="float64")
    np.testing.assert_allclose(found, tables.predict(rows).mean(axis=0), rtol=0, atol=5e-7 * 3e6)


def test_a_wrong_table_is_not_written(models, tmp_path, monkeypatch):
    lower = accelnas._core.Surrogate.lower
    monkeypatch.setattr("accelnas.fitting.compile._core.Surrogate", type("Wrong", (), {
        "lower": staticmethod(lambda space, forests: lower(space, forests[::-1])),
    }))  # fmt: skip
    with pytest.raises(VerificationError, match="compiled member 0 predicts"):
        compile_metric(models, space=SPACE, metric=SPEC, directory=tmp_path / "bench")
    assert not (tmp_path / "bench").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": []}, "no model is given"),
        ({"scale": [1.0, 2.0]}, "scale has 2 numbers for 3 models"),
        ({"bias": float("nan")}, "bias must be finite"),
    ],
)
def test_wrong_arguments(change, message, models, tmp_path):
    arguments = {"models": models, "space": SPACE, "metric": SPEC, "directory": tmp_path / "bench"}
    with pytest.raises(ModelError, match=re.escape(message)):
        compile_metric(**(arguments | change))
    assert not (tmp_path / "bench").exists()


def test_wrong_metrics():
    with pytest.raises(ModelError, match="direction is 'up'; choose maximise or minimise"):
        replace(SPEC, direction="up")
    with pytest.raises(ModelError, match="link is 'square'"):
        replace(SPEC, link="square")


def test_command(tmp_path):
    case = sample()
    named = fit_lightgbm(case, 20, {})
    named.save_model(tmp_path / "a.txt")
    treelite.frontend.from_lightgbm(named).serialize(tmp_path / "b.bin")
    (tmp_path / "space.toml").write_text(SPACE.to_toml())
    bench = tmp_path / "bench"
    command = ["compile", tmp_path / "a.txt", tmp_path / "b.bin", "--metric", "speed", "-o", bench]
    space = ["--space", tmp_path / "space.toml"]
    assert "speed is new; say --direction maximise" in failure(*command, *space)
    details = ["--direction", "maximise", "--unit", "1/s", "--noise", 0.5]
    assert "500, 0 of them measured" in run(*command, *details, *space, "--random-rows", 500).output
    metric = accelnas.load(bench).metrics["speed"]
    assert (metric.members, metric.unit, metric.noise) == (2, "1/s", 0.5)
    predicted = accelnas.load(bench).predict(case.rows, "speed", dtype="float64")
    np.testing.assert_allclose(predicted, oracle(named, case.matrix(case.rows)), rtol=1e-13)
    run(*command)  # space and details of the output
    assert accelnas.load(bench).metrics["speed"].unit == "1/s"
    assert "check that the encoding gives what the model was trained on" in failure(*command, "--encoding", "values")
    bad = failure(*command[:-2], "-o", tmp_path / "other", "--direction", "minimise")
    assert "has 10 features, the encoding 28 columns" in bad


def test_models_of_the_measured_data(archive, tmp_path):
    from accelnas.fitting.dataset import read_dataset

    dataset = read_dataset(archive.path)
    target = 1e3 / dataset.values("throughput_a100")
    case = Sample(dataset.space, Encoding.ordinal(dataset.space), (), dataset.choices, target)
    for seed in range(2):
        model = fit_xgboost(case, 60, {"max_depth": 4, "seed": seed, "subsample": 0.8})
        model.save_model(tmp_path / f"{seed}.ubj")
    run(
        "compile", tmp_path / "0.ubj", tmp_path / "1.ubj", "--metric", "throughput_a100",
        "--link", "reciprocal", "--scale", "1e-3", "--data", archive.path, "-o", tmp_path / "bench",
        "--random-rows", 20000,
    )  # fmt: skip
    bench = accelnas.load(tmp_path / "bench")
    assert bench.metrics["throughput_a100"].unit == "images/s"
    predicted = bench.predict(dataset.choices, "throughput_a100")
    assert np.corrcoef(predicted, dataset.values("throughput_a100"))[0, 1] > 0.98
    assert bench.provenance("throughput_a100")["data_sha256"] == dataset.sha256


def test_report_is_complete(models, tmp_path):
    report = compile_metric(models, space=SPACE, metric=SPEC, directory=tmp_path)
    assert isinstance(report, CompileReport)
    assert list(report.seconds) == ["read", "import", "lower", "verify", "write"]
    assert (report.granularity, report.order, report.forest_trees) == ("variables", 3, 0)
    assert 0 < report.table_count < report.cell_count
