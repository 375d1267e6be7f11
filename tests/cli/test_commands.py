import csv
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import accelnas
from accelnas.fitting import readers
from command_line import failure, run

EFFICIENTNET_B0 = "e1_k3_l1_se1-e6_k3_l2_se1-e6_k5_l2_se1-e6_k3_l3_se1-e6_k5_l3_se1-e6_k5_l4_se1-e6_k3_l1_se1"
ACCELNAS = Path(sys.executable).parent / "accelnas"


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch):
    """Make every table of these tests span several batches."""
    monkeypatch.setattr(readers, "ROWS_A_BATCH", 7)
    monkeypatch.setattr(readers, "ROWS_OF_A_FRAME", 7)


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def choices_frame(space, archs):
    return pl.DataFrame(space.decode(archs))


def test_version():
    assert run("--version").stdout == f"accelnas {accelnas.__version__}\n"


def test_the_package_is_a_program(tmp_path):
    for arguments, code in ((["--version"], 0), (["sample", "-n", "3"], 0), (["best"], 2), (["predict", "no.csv"], 1)):
        runs = [
            subprocess.run([*program, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
            for program in ([ACCELNAS], [sys.executable, "-m", "accelnas"])
        ]
        assert runs[0].returncode == runs[1].returncode == code
        assert (runs[0].stdout, runs[0].stderr) == (runs[1].stdout, runs[1].stderr)


@pytest.mark.parametrize("command", ["info", "sample", "predict", "data", "fit", "compile"])
def test_help(command):
    assert command in run("--help").stdout
    assert "Usage" in run(command, "--help").stdout


def test_help_imports_no_optional_library():
    code = (
        "import sys; from accelnas.cli import app; app(['--help'], standalone_mode=False); "
        "heavy = {'polars', 'xgboost', 'lightgbm', 'sklearn', 'treelite', 'ConfigSpace', 'scipy', 'joblib', "
        "'optuna', 'smac', 'matplotlib'}; "
        "sys.exit(len(heavy & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_info(bench):
    text = run("info").stdout
    for name, metric in bench.metrics.items():
        assert name in text
        assert metric.unit in text
    assert f"{bench.space.size:,}" in text


def test_info_of_an_architecture(bench):
    by_string = run("info", "--arch", EFFICIENTNET_B0).stdout
    index = int(bench.space.index([EFFICIENTNET_B0])[0])
    assert run("info", "--arch", index).stdout == by_string
    assert EFFICIENTNET_B0 in by_string
    assert f"{bench.predict(EFFICIENTNET_B0, 'accuracy'):.5g}" in by_string


def test_derived_metrics(tmp_path, bench):
    time, value = "time_a100 [ms] = 1000 / throughput_a100", "maximise value=accuracy / time_a100"
    text = " ".join(run("info", "--derive", time, "-d", value).stdout.split())
    assert "time_a100 ms minimise 10 floored" in text
    assert "value maximise 10" in text
    assert "time_a100 = 1000 / throughput_a100" in text
    assert "value = accuracy / time_a100, evaluated on predictions" in text
    assert "time_a100" in run("info", "--arch", 0, "-d", time).stdout
    options = ("-d", time, "-d", value, "-m", "value,time_a100", "-o", tmp_path / "out.csv")
    run("predict", "-", *options, stdin="index\n7\n")
    found = pl.read_csv(tmp_path / "out.csv").row(0, named=True)
    speed, accuracy = (float(bench.predict(7, name, dtype="float64")) for name in ("throughput_a100", "accuracy"))
    assert found["time_a100"] == pytest.approx(1000 / speed, rel=1e-6)
    assert found["value"] == pytest.approx(accuracy * speed / 1000, rel=1e-6)
    assert "write 'NAME = EXPRESSION'" in " ".join(run("info", "-d", "1000 / macs", code=2).stderr.split())
    assert 'unknown metric "speed"' in failure("info", "-d", "x = speed / 2")


def test_info_of_a_wrong_architecture():
    assert "e9_k3" in failure("info", "--arch", "e9_k3")


def test_sample_is_what_the_space_samples(bench):
    archs = bench.space.sample(20, seed=3)
    strings = [row["architecture"] for row in rows_of(run("sample", "-n", 20, "-s", 3).stdout)]
    assert strings == bench.space.format(archs)
    by_index = rows_of(run("sample", "-n", 20, "-s", 3, "--form", "index").stdout)
    assert [int(row["index"]) for row in by_index] == bench.space.index(archs).tolist()


def test_sample_without_repetition(bench):
    text = run("sample", "-n", 20, "-s", 3, "--unique").stdout
    expected = bench.space.sample(20, seed=3, unique=True)
    assert [row["architecture"] for row in rows_of(text)] == bench.space.format(expected)


@pytest.mark.parametrize("form", ["string", "index", "choices"])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("out", ["csv", "parquet"])
def test_predict_every_form_and_format(tmp_path, bench, form, suffix, out):
    source, target = tmp_path / f"a.{suffix}", tmp_path / f"b.{out}"
    run("sample", "-n", 20, "-s", 3, "--form", form, "-o", source)
    run("predict", source, "-o", target, "--metrics", "accuracy,params", "--std")
    read = pl.read_csv if out == "csv" else pl.read_parquet
    scored = read(target)
    given = (pl.read_csv if suffix == "csv" else pl.read_parquet)(source)
    assert scored.columns == [
        *given.columns, "accuracy", "accuracy_std", "params", "params_std",
    ]  # fmt: skip
    assert scored.select(given.columns).cast(given.schema).equals(given)
    archs = bench.space.sample(20, seed=3)
    for name in ("accuracy", "params"):
        mean, std = bench.predict(archs, name, return_std=True)
        assert np.array_equal(scored[name].to_numpy().astype(np.float32), mean)
        assert np.array_equal(scored[f"{name}_std"].to_numpy().astype(np.float32), std)


def test_predict_measurements(bench):
    archs = bench.space.sample(20, seed=3)
    options = ("-m", "accuracy", "--interval", 0.8, "--query", 7)
    scored = rows_of(run("predict", "-", *options, stdin="\n".join(bench.space.format(archs))).stdout)
    lower, upper = bench.predict_interval(archs, "accuracy", level=0.8)
    for suffix, expected in (
        ("", bench.predict(archs, "accuracy")),
        ("_lower", lower),
        ("_upper", upper),
        ("_measured", bench.query(archs, "accuracy", seed=7)),
    ):
        assert np.array_equal(np.array([row[f"accuracy{suffix}"] for row in scored], expected.dtype), expected)
    text = "index,accuracy_lower\n1,2\n"
    assert "already has a column accuracy_lower" in failure("predict", "-", *options, stdin=text)


def test_predict_from_stdin_to_stdout(bench):
    sampled = run("sample", "-n", 20).stdout
    scored = rows_of(run("predict", "-", "-m", "accuracy", stdin=sampled).stdout)
    expected = bench.predict(bench.space.sample(20), "accuracy")
    assert [np.float32(row["accuracy"]) for row in scored] == expected.tolist()


def test_predict_all_metrics_by_default(bench):
    lines = run("predict", "-", stdin=EFFICIENTNET_B0).stdout.splitlines()
    assert lines[0].split(",") == ["architecture", *bench.metrics]


def test_predict_a_plain_list(bench):
    texts = bench.space.format(bench.space.sample(20))
    scored = rows_of(run("predict", "-", "-m", "accuracy", stdin="\n".join(texts)).stdout)
    assert [row["architecture"] for row in scored] == texts


def test_predict_keeps_other_columns_and_types(tmp_path, bench):
    frame = choices_frame(bench.space, bench.space.sample(20)).with_columns(
        note=pl.lit("a, b"), measured=pl.Series(np.linspace(0, 1, 20, dtype=np.float32))
    )
    frame.write_parquet(tmp_path / "a.parquet")
    run("predict", tmp_path / "a.parquet", "-m", "accuracy", "-o", tmp_path / "b.parquet")
    scored = pl.read_parquet(tmp_path / "b.parquet")
    assert scored.drop("accuracy").equals(frame)
    assert scored.drop("accuracy").schema == frame.schema
    run("predict", tmp_path / "a.parquet", "-m", "accuracy", "-o", tmp_path / "b.csv")
    again = pl.read_csv(tmp_path / "b.csv", schema=scored.schema)
    assert again.equals(scored)
    plain = frame.with_columns(measured=pl.col("note"))  # JSON has no float32
    plain.write_json(tmp_path / "c.json")
    plain.write_ndjson(tmp_path / "c.jsonl")
    for name in ("c.json", "c.jsonl"):
        run("predict", tmp_path / name, "-m", "accuracy", "-o", tmp_path / "d.parquet")
        assert pl.read_parquet(tmp_path / "d.parquet").equals(plain.with_columns(scored["accuracy"]))
    (tmp_path / "c.json").write_text('[{"architecture": "e1"}]')
    assert "c.json, row 1: " in failure("predict", tmp_path / "c.json")


def test_csv_spellings(bench):
    names = [variable.name for variable in bench.space.variables]
    archs = bench.space.sample(2, seed=5)
    expected = bench.predict(archs, "accuracy").tolist()
    spellings = (str, lambda c: f" {c} ", lambda c: str(c).lower(), lambda c: str(int(c)))
    for spell in spellings:
        rows = [",".join(spell(arch[name]) for name in names) for arch in bench.space.decode(archs)]
        text = "\n".join([",".join(names), *rows])
        scored = rows_of(run("predict", "-", "-m", "accuracy", stdin=text).stdout)
        assert [np.float32(row["accuracy"]) for row in scored] == expected


def test_prefix():
    text = f"architecture,accuracy\n{EFFICIENTNET_B0},65\n"
    message = failure("predict", "-", "-m", "accuracy", stdin=text)
    assert message == "the input already has a column accuracy; name the new one with --prefix"
    scored = run("predict", "-", "-m", "accuracy", "--prefix", "our_", stdin=text).stdout
    assert scored.startswith("architecture,accuracy,our_accuracy\n")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_header_alone(tmp_path, suffix):
    source = tmp_path / f"a.{suffix}"
    frame = pl.DataFrame({"architecture": []}, schema={"architecture": pl.String})
    getattr(frame, f"write_{suffix}")(source)
    assert run("predict", source, "-m", "accuracy").stdout == "architecture,accuracy\n"


def broken_choices(space, **changes):
    frame = choices_frame(space, space.sample(20)).cast(pl.String)
    changed = pl.int_range(pl.len()) == 16
    return frame.with_columns(
        pl.when(changed).then(pl.lit(value)).otherwise(pl.col(name)).alias(name) for name, value in changes.items()
    )


def test_wrong_value_in_csv_names_line_and_variable(tmp_path, bench):
    path = tmp_path / "a.csv"
    broken_choices(bench.space, block5_l="5").write_csv(path)
    message = failure("predict", path, "-m", "accuracy")
    assert message == f"{path}, line 18: block5_l is 5; choose one of 1, 2, 3, 4"


def test_wrong_value_in_parquet_names_row_and_variable(tmp_path, bench):
    path = tmp_path / "a.parquet"
    broken_choices(bench.space, block5_l="5").write_parquet(path)
    message = failure("predict", path, "-m", "accuracy")
    assert message == f"{path}, row 17: block5_l is 5; choose one of 1, 2, 3, 4"


def test_missing_value(tmp_path, bench):
    path = tmp_path / "a.csv"
    broken_choices(bench.space, block5_l="").write_csv(path)
    message = failure("predict", path, "-m", "accuracy")
    assert message == f"{path}, line 18: block5_l is empty; choose one of 1, 2, 3, 4"


def test_wrong_string_names_the_line():
    text = "architecture\n" + f"{EFFICIENTNET_B0}\n" * 9 + "e6_k4\n"
    assert failure("predict", "-", stdin=text).startswith("stdin, line 11: ")


@pytest.mark.parametrize("index", ["-1", "104485552128", "x", "1.5", ""])
def test_wrong_index(index):
    message = failure("predict", "-", stdin="n,index\n" + "0,3\n" * 8 + f"0,{index}\n")
    assert message.startswith(f"stdin, line 10: index {'is ' if index != '104485552128' else ''}{index or 'empty'}")
    assert message.endswith(" 0 to 104485552127")


def test_wrong_number_of_fields():
    message = failure("predict", "-", stdin="index,a\n1,2\n3\n")
    assert message == "stdin, line 3: 1 fields where the header has 2"


def test_missing_columns(bench):
    names = [variable.name for variable in bench.space.variables]
    message = failure("predict", "-", stdin=",".join(names[1:]) + "\n")
    assert message.startswith("stdin: column block0_e is missing (1 of 28 variables are)")
    message = failure("predict", "-", stdin="x,y\n1,2\n")
    assert message.startswith("stdin: no architectures in columns x, y; give the 28 variables")


def test_repeated_column():
    assert failure("predict", "-", stdin="index,index\n") == "stdin has two columns index; rename one"


def test_empty_input():
    assert failure("predict", "-", stdin="").startswith("stdin is empty; give a header")


def test_not_text(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"index\n\xff\xfe\n")
    assert "is not UTF-8 text" in failure("predict", path)


def test_not_parquet(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1")
    assert failure("predict", path).startswith(f"{path} is not a Parquet file that can be read")


def test_missing_files(tmp_path):
    for suffix in ("csv", "parquet"):
        assert str(tmp_path / f"a.{suffix}") in failure("predict", tmp_path / f"a.{suffix}")
    message = failure("sample", "-o", tmp_path / "b" / "a.csv")
    assert message == f"folder {tmp_path / 'b'} does not exist; create it first"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_failure_leaves_the_old_output(tmp_path, suffix):
    target = tmp_path / f"b.{suffix}"
    target.write_text("old")
    failure("predict", "-", "-o", target, stdin="index\n" + "0\n" * 30 + "x\n")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_column_that_changes_its_type(tmp_path):
    text = "index,a\n" + "0,1\n" * 9 + "0,x\n"
    message = failure("predict", "-", "-o", tmp_path / "a.parquet", stdin=text)
    assert message.startswith("a column changes its type after row 7")


def test_parquet_types_from_text(tmp_path):
    text = "index,i,f,b,t,none\n" + "0,1,0.5,True,x,\n" * 7 + "0,,1.5,False,7,\n"
    run("predict", "-", "-m", "accuracy", "-o", tmp_path / "a.parquet", stdin=text)
    frame = pl.read_parquet(tmp_path / "a.parquet")
    assert frame.dtypes[:5] == [pl.Int64, pl.Int64, pl.Float64, pl.Boolean, pl.String]
    assert frame["i"].to_list()[-2:] == [1, None]


def test_unknown_metric_is_wrong_usage():
    result = run("predict", "-", "-m", "speed", stdin="index\n0\n", code=2)
    assert "speed" in result.stderr
    assert "accuracy" in result.stderr


def test_missing_extra_names_the_remedy(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "polars", None)
    message = failure("sample", "-o", tmp_path / "a.parquet")
    assert message == "polars is not installed; run: pip install 'accelnas[polars]'"


def test_missing_benchmark(tmp_path):
    assert str(tmp_path / "none") in failure("info", "-b", tmp_path / "none")


def test_output_has_usual_permissions(tmp_path):
    run("sample", "-o", tmp_path / "a.csv")
    (tmp_path / "plain").touch()
    assert (tmp_path / "a.csv").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_broken_pipe_is_quiet():
    with subprocess.Popen(
        [ACCELNAS, "sample", "-n", "300000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ on Windows")
def test_interrupt_exits_130_without_traceback():
    with subprocess.Popen(
        [ACCELNAS, "predict", "-", "-m", "accuracy"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        process.stdin.write(b"index\n" + b"1\n" * 70_000)
        process.stdin.flush()
        for _ in range(64_000):  # of the first batch: past the imports, and soon waiting for input
            assert process.stdout.readline()
        process.send_signal(2)
        assert b"Traceback" not in process.stderr.read()
        assert process.wait() == 130


def test_memory_stays_bounded(tmp_path):
    """A file of many batches is never held as a whole."""
    path = tmp_path / "many.csv"
    with path.open("w") as file:
        file.write("index,pad\n")
        file.writelines(f"{i},{'x' * 200}\n" for i in range(300_000))
    code = (
        "import resource, sys; from accelnas.cli import app; "
        f"app(['predict', {str(path)!r}, '-m', 'accuracy', '-o', {str(tmp_path / 'out.csv')!r}], "
        "standalone_mode=False); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    small = tmp_path / "few.csv"
    small.write_text("index,pad\n1,x\n")
    base = subprocess.run(
        [sys.executable, "-c", code.replace(str(path), str(small))],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert (int(done.stdout) - int(base.stdout)) * 1024 < path.stat().st_size
