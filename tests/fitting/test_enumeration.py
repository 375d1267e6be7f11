"""Any function of architectures compiles: predictions are its very numbers, and whatever else it gives is refused."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
import skops.io
import xgboost
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeRegressor

import accelnas
from accelnas import ArtifactError, DataError, ModelError, ParameterError
from accelnas.fitting.encoding import Encoding
from accelnas.space.definition import defined
from command_line import failure, run

SPACE = defined(
    "toy",
    {
        "stem": [{"name": "width", "choices": [16, 32, 64]}],
        "body": [{"name": "op", "choices": ["conv", "pool"]}, {"name": "depth", "choices": [1, 2, 4]}],
        "head": [{"name": "wide", "choices": [False, True]}],
        "neck": [{"name": "kind", "choices": [3, 5]}],
    },
)
ROWS = SPACE.range(0, SPACE.size)
FRAME = pd.DataFrame(SPACE.decode(ROWS))
TRUTH = np.random.default_rng(0).normal(size=SPACE.size)


def compiled(folder, function, **options):
    return accelnas.compile(function, SPACE, folder, **({"metric": "m", "direction": "minimise"} | options))


def stored(bench):
    return bench.predict(bench.space.range(0, SPACE.size), "m", dtype="float64")


def estimators():
    """Estimators that no trees compile, each with what it sees of the whole space."""
    mixed = make_column_transformer((OneHotEncoder(), ["op", "kind"]), remainder="passthrough")
    noisy = RBF() + WhiteKernel()
    positions = ROWS.astype(float)
    yield "svr", make_pipeline(StandardScaler(), SVR()), positions, "ordinal"
    yield "gp", GaussianProcessRegressor(noisy, optimizer=None), positions, "ordinal"
    yield (
        "mlp",
        MLPRegressor(hidden_layer_sizes=(5,), max_iter=30, solver="lbfgs", random_state=0),
        positions,
        "ordinal",
    )
    yield "tree", DecisionTreeRegressor(), positions, "ordinal"
    yield "frame", make_pipeline(mixed, StandardScaler(), SVR()), FRAME, "frame"
    own = Encoding.from_names(["op=pool", "depth", "width"], SPACE, kind="values")
    yield "columns", SVR(), pd.DataFrame(own.transform(ROWS, np.float64), columns=own.names), own


@pytest.mark.parametrize(("model", "seen", "encoding"), [p[1:] for p in estimators()], ids=[p[0] for p in estimators()])
def test_predictions_of_any_estimator_are_kept(model, seen, encoding, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(seen, TRUTH)
        expected = model.predict(seen)
        bench = compiled(tmp_path / "b", model.predict, encoding=encoding, batch_size=SPACE.size)
        assert np.array_equal(stored(bench), expected)
        batched = compiled(tmp_path / "c", model.predict, encoding=encoding, batch_size=7)
        np.testing.assert_allclose(stored(batched), expected, rtol=1e-9, atol=1e-12)
    best = bench.best("m", k=3)
    assert best.values.tolist() == sorted(expected)[:3]
    assert best.certificate.verify(bench, rerun=True).passed


def test_a_function_sees_what_is_asked_for(tmp_path):
    seen, told = {}, []

    def keep(name):
        def function(archs):
            seen.setdefault(name, []).append(archs)
            archs[:] = archs  # its own copy
            return np.zeros(len(archs))

        return function

    for name in ("ordinal", "values", "dicts", "frame"):
        space = SPACE if name != "values" else defined("numbers", {"a": [{"name": "x", "choices": [16, 2.5, 4]}]})
        accelnas.compile(keep(name), space, tmp_path / name, metric="m", direction="maximise", encoding=name,
                         batch_size=5, progress=lambda *done: told.append(done))  # fmt: skip
        assert [len(batch) for batch in seen[name]] == [min(5, space.size - at) for at in range(0, space.size, 5)]
        assert told[-1] == (space.size, space.size)
    assert len(told) == sum(map(len, seen.values()))
    ordinal = np.concatenate(seen["ordinal"])
    assert ordinal.dtype == np.int64
    assert np.array_equal(ordinal, ROWS)
    assert np.concatenate(seen["values"]).tolist() == [[16.0], [2.5], [4.0]]
    assert [arch for batch in seen["dicts"] for arch in batch] == SPACE.decode(ROWS)
    assert pd.concat(seen["frame"], ignore_index=True).to_dict("records") == SPACE.decode(ROWS)


def test_numbers_are_kept_whatever_holds_them(tmp_path):
    odd = np.array([0.1, 1 / 3, 5e-324, -1e300, 1e-30, 2.0**53 - 1] * 12)
    whole = np.arange(SPACE.size) * 10**12
    forms = {
        "list": odd.tolist(),
        "column": odd[:, None],
        "series": pd.Series(odd),
        "integers": whole,
        "bytes": (ROWS.sum(axis=1) % 256).astype(np.uint8),
        "single": np.float32(TRUTH),
        "half": np.float16(TRUTH),
        "not masked": np.ma.array(odd, mask=False),
    }
    for name, values in forms.items():
        bench = compiled(tmp_path / name, lambda _, values=values: values, batch_size=SPACE.size)
        assert np.array_equal(stored(bench), np.asarray(values, np.float64).reshape(-1)), name
    ties = compiled(tmp_path / "ties", lambda archs: archs[:, 1])
    assert int(ties.count("m <= 0")) == SPACE.size // 2
    assert ties.best("m", k=SPACE.size // 2).values.tolist() == [0.0] * (SPACE.size // 2)


def test_what_is_no_number_each_is_refused_with_the_architecture(tmp_path):
    def at(index, value, dtype=np.float64):
        def function(archs):
            values = np.zeros(len(archs), dtype)
            values[SPACE.index(archs.astype(np.uint8)) == index] = value
            return values

        return function

    def raising(archs):
        for arch in archs:
            if arch.tolist() == ROWS[30].tolist():
                raise KeyError("lacking")
        return np.zeros(len(archs))

    def leaving(_):
        raise SystemExit(0)

    def moody(archs):
        if len(archs) > 40:
            raise ValueError("too many")
        return np.zeros(len(archs))

    where = rf"architecture 30 \({SPACE.format(ROWS[30:31])[0]}\)"
    many = r"architectures 0 \(\S+\) to 71 \(\S+\)"
    cases = {
        rf"gives nan for {where}, which is not finite": at(30, np.nan),
        rf"gives -inf for {where}, which is not finite": at(30, -np.inf),
        rf"gives {2**63 - 1} for {where}, which float64 does not hold": at(30, 2**63 - 1, np.int64),
        rf"fails on {where}: KeyError: 'lacking'": raising,
        r"fails on architecture 0 \(\S+\): SystemExit: 0": leaving,
        rf"fails on {many}: ValueError: too many": moody,
        r"shape \(71,\) for architectures": lambda archs: np.zeros(len(archs) - 1),
        r"shape \(72, 2\)": lambda archs: np.zeros((len(archs), 2)),
        r"shape \(\)": lambda _: 1.0,
        r"NoneType of object": lambda _: None,
        r"ndarray of bool": lambda archs: archs[:, 0] > 0,
        r"list of <U1": lambda archs: ["1"] * len(archs),
        r"ndarray of complex128": lambda archs: np.zeros(len(archs), complex),
        r"list of object": lambda archs: [None] * len(archs),
        r"masked values": lambda archs: np.ma.array(np.zeros(len(archs)), mask=archs[:, 0] == 0),
        r"fails on \S+ \d+ \(\S+\).*ValueError": lambda archs: [[0.0]] * (len(archs) - 1) + [0.0],
        r"int is no function; give one": 5,
    }
    for message, function in cases.items():
        with pytest.raises(ModelError, match=message):
            compiled(tmp_path / "b", function)
    assert not (tmp_path / "b").exists()
    with pytest.raises(ModelError, match="choices of op are not numbers"):
        compiled(tmp_path / "b", len, encoding="values")
    with pytest.raises(ModelError, match="encoding is of another space"):
        compiled(tmp_path / "b", len, encoding=Encoding.ordinal(accelnas.mnasnet_space()))
    for name, value in (("encoding", "onehot"), ("batch_size", 0), ("direction", "up"), ("noise", -1.0)):
        with pytest.raises(ParameterError, match=name):
            compiled(tmp_path / "b", len, **{name: value})


def test_refused_places_are_refused_before_anything_is_evaluated(tmp_path):
    def never(_):
        raise AssertionError("evaluated")

    compiled(tmp_path / "b", lambda archs: archs[:, 0], metric="here")
    before = {path.name: path.read_bytes() for path in (tmp_path / "b").iterdir()}
    other = defined("other", {"a": [{"name": "x", "choices": [1, 2]}]})
    with pytest.raises(ArtifactError, match=rf"{tmp_path / 'b'}.*holds the space \"toy\".*use another directory"):
        accelnas.compile(never, other, tmp_path / "b", metric="m", direction="maximise")
    with pytest.raises(ModelError, match="in case alone"):
        compiled(tmp_path / "b", never, metric="HERE")
    with pytest.raises(ModelError, match="metric"):
        compiled(tmp_path / "b", never, metric="../m")
    (tmp_path / "file").touch()
    with pytest.raises(ArtifactError, match="is a file"):
        compiled(tmp_path / "file", never)
    with pytest.raises(DataError, match="a table at most 67,108,864"):
        accelnas.compile(never, accelnas.mnasnet_space(), tmp_path / "c", metric="m", direction="maximise")
    with pytest.raises(ModelError, match="too late"):
        compiled(tmp_path / "b", lambda _: (x for x in ()).throw(ValueError("too late")), metric="here")
    assert {path.name: path.read_bytes() for path in (tmp_path / "b").iterdir()} == before


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "space.toml").write_text(SPACE.to_toml())
    return tmp_path


COMMON = ("--enumerate", "-m", "m", "--direction", "minimise", "--space", "space.toml", "-o", "b")


def test_command_reads_skops_files(files):
    svr = make_pipeline(StandardScaler(), SVR()).fit(ROWS, TRUTH)
    skops.io.dump(svr, files / "svr.skops")
    said = failure("compile", "svr.skops", *COMMON)
    assert "whether the model sees positions or choices of width is not known; say --encoding ordinal" in said
    assert "this is a skops file; compile it with --enumerate" in failure("compile", "svr.skops", *COMMON[1:])
    assert "72, all of the space" in run("compile", "svr.skops", *COMMON, "--encoding", "ordinal").stdout
    bench = accelnas.load(files / "b")
    assert np.array_equal(stored(bench), svr.predict(ROWS))
    (origin,) = json.loads(bench.provenance("m")["source_models"])
    assert (origin["model"], origin["estimator"]) == ("svr.skops", "Pipeline")
    gp = GaussianProcessRegressor(RBF() + WhiteKernel(), optimizer=None).fit(ROWS, TRUTH)
    skops.io.dump(gp, files / "gp.skops")
    run("compile", "svr.skops", "gp.skops", *COMMON, "--encoding", "ordinal", "--link", "log", "--scale", "2")
    expected = np.exp((2 * svr.predict(ROWS) + 2 * gp.predict(ROWS)) / 2)
    np.testing.assert_allclose(stored(accelnas.load(files / "b")), expected, rtol=1e-14)


def test_command_asks_before_it_loads_types_that_may_harm(files):
    forest = RandomForestRegressor(3, random_state=0).fit(FRAME[["depth", "width"]], TRUTH)
    skops.io.dump(forest, files / "forest.skops")
    trust = ("--trust", "sklearn.tree._tree.Tree")
    said = failure("compile", "forest.skops", *COMMON, "--encoding", "frame")
    assert (
        f"types that nobody has vetted as safe: sklearn.tree._tree.Tree; if the file is yours, say {' '.join(trust)}"
        in said
    )
    run("compile", "forest.skops", *COMMON, "--encoding", "frame", *trust)
    assert np.array_equal(stored(accelnas.load(files / "b")), forest.predict(FRAME[["depth", "width"]]))
    bad = RandomForestRegressor(3, random_state=0).fit(FRAME[["depth"]].rename(columns={"depth": "deep"}), TRUTH)
    skops.io.dump(bad, files / "bad.skops")
    assert "column 'deep' is none of width, op" in failure(
        "compile", "bad.skops", *COMMON, "--encoding", "frame", *trust
    )
    skops.io.dump({"a": 1}, files / "dict.skops")
    assert "holds a dict, which does not predict" in failure("compile", "dict.skops", *COMMON, *trust)
    raw = (files / "forest.skops").read_bytes()
    (files / "cut.skops").write_bytes(raw[: len(raw) // 2])
    assert "this is a skops file" in failure("compile", "cut.skops", *COMMON)
    (files / "model.skops").write_bytes(b"\x80\x04\x95\x00")
    assert "a pickle is never loaded" in failure("compile", "model.skops", *COMMON)


def test_command_reads_tree_models_as_they_are_compiled(files):
    trees = xgboost.XGBRegressor(n_estimators=5, max_depth=6).fit(ROWS, TRUTH)
    trees.save_model(files / "trees.ubj")
    run("compile", "trees.ubj", *COMMON)
    run("compile", "trees.ubj", *COMMON[1:-1], "c")
    np.testing.assert_allclose(stored(accelnas.load(files / "b")), stored(accelnas.load(files / "c")), rtol=1e-5)
    counts = xgboost.XGBRegressor(objective="count:poisson", n_estimators=3).fit(ROWS, np.abs(TRUTH))
    counts.save_model(files / "counts.ubj")
    assert "give the metric the link 'log'" in failure("compile", "counts.ubj", *COMMON)
    run("compile", "counts.ubj", *COMMON, "--link", "log")
    np.testing.assert_allclose(stored(accelnas.load(files / "b")), counts.predict(ROWS), rtol=1e-5)


def test_command_imports_functions_of_the_current_folder(files):
    module = f"costs_{files.name}"
    (files / f"{module}.py").write_text(
        "def cost(archs):\n    return [a['width'] * a['depth'] + a['wide'] for a in archs]\n"
        "def broken(archs):\n    return archs[0][99]\nnumber = 5\n"
    )
    run("compile", f"{module}:cost", *COMMON, "--encoding", "dicts", "--unit", "ms")
    expected = FRAME["width"] * FRAME["depth"] + FRAME["wide"]
    assert np.array_equal(stored(accelnas.load(files / "b")), expected)
    said = failure("compile", f"{module}:broken", *COMMON, "--encoding", "dicts")
    assert f"{module}:broken: the function fails on architecture 0" in said
    assert "KeyError: 99" in said
    assert "int is no function" in failure("compile", f"{module}:number", *COMMON)
    assert "has no 'other'; name a function" in failure("compile", f"{module}:other", *COMMON, code=2)
    assert "no module 'absent'" in failure("compile", "absent:cost", *COMMON, code=2)
    (files / f"half_{module}.py").write_text("raise OSError('no table')\n")
    assert "OSError: no table" in failure("compile", f"half_{module}:cost", *COMMON, code=2)
    assert "--missing says nothing with --enumerate" in failure("compile", f"{module}:cost", *COMMON, "--missing", "0")
    assert "--trust is for skops files" in failure("compile", f"{module}:cost", *COMMON[1:], "--trust", "a.B")
    assert "link is 'cubic'; choose one of" in failure("compile", f"{module}:cost", *COMMON, "--link", "cubic")
    said = failure("compile", f"{module}:cost", *COMMON, "--link", "reciprocal", "--scale", "0", "--encoding", "dicts")
    assert "architecture 0" in said
    assert "inf" in said
