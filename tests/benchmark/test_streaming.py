"""Files of architectures are predicted as arrays are, whatever the batches; what fails leaves no file."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from accelnas import DataError, MetricError
from accelnas.fitting import readers

ACCELNAS = Path(sys.executable).parent / "accelnas"
MANY = 600_000


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch):
    monkeypatch.setattr(readers, "ROWS_OF_A_FRAME", 70)


@pytest.fixture(scope="module")
def rows(bench):
    return bench.space.sample(500, seed=2)


@pytest.fixture(scope="module")
def frame(bench, rows):
    return pl.DataFrame(bench.space.decode(rows))


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A file that takes seconds."""
    path = tmp_path_factory.mktemp("many") / "many.parquet"
    pl.DataFrame({"index": np.arange(MANY, dtype=np.uint64)}).write_parquet(path)
    return path


def test_every_form_gives_the_predictions_of_the_array(tmp_path, bench, rows, frame) -> None:
    source, target = tmp_path / "a.parquet", tmp_path / "b.parquet"
    want, std = bench.predict(rows, "accuracy", return_std=True)
    encoded = frame.with_columns(pl.all().cast(pl.String).cast(pl.Categorical))
    indices = pl.DataFrame({"index": bench.space.index(rows)})
    forms = [frame, frame.cast(pl.Int8), frame.cast(pl.String), encoded, indices]
    for form in forms:
        noted = form.with_columns(code=pl.Series(range(500)).cast(pl.String), left_out=1.5)
        noted.write_parquet(source, row_group_size=130)
        bench.predict_file(source, target, "accuracy", return_std=True, keep=["code"])
        found = pl.read_parquet(target)
        assert found.schema == {"code": pl.String, "accuracy": pl.Float32, "accuracy_std": pl.Float32}
        np.testing.assert_array_equal(found["code"], noted["code"])
        np.testing.assert_array_equal(found["accuracy"], want)
        np.testing.assert_array_equal(found["accuracy_std"], std)
    theirs = frame.rename(lambda name: f"x_{name}")
    theirs.write_parquet(source)
    told = []
    rename = {f"x_{name}": name for name in frame.columns}
    bench.predict_file(source, target, ["accuracy"], rename=rename, progress=lambda *done: told.append(done))
    assert pl.read_parquet(target).equals(theirs.with_columns(accuracy=want))
    assert told == [(min(done, 500), 500, "rows") for done in range(70, 570, 70)]


def test_what_can_not_be_done_leaves_what_was_there(tmp_path, bench, frame) -> None:
    source, target = tmp_path / "a.parquet", tmp_path / "b.parquet"
    target.write_text("old")
    wrong = frame.with_columns(block5_l=pl.when(pl.int_range(500) == 300).then(7).otherwise(pl.col("block5_l")))
    wrong.write_parquet(source)
    damaged = bytearray(source.read_bytes())
    damaged[100:200] = bytes(100)
    for content, options, error, message in [
        (None, {}, DataError, "a.parquet, row 301: block5_l is 7; choose one of 1, 2, 3, 4"),
        (None, {"keep": ["id"]}, DataError, "a.parquet has no column id, which is to be kept"),
        (None, {"metrics": "speed"}, MetricError, 'unknown metric "speed"; the metrics are accuracy'),
        (None, {"rename": {"y": "block0_k"}}, DataError, "no column y, which is to be renamed"),
        (None, {"rename": {"block0_k": "y"}}, DataError, r"a.parquet: column block0_k is missing \(1 of 28"),
        (damaged, {}, DataError, "a.parquet, from row 1: .*; the file is damaged, make it again"),
        (damaged[: len(damaged) // 2], {}, DataError, "a.parquet is not a Parquet file that can be read"),
    ]:
        source.write_bytes(content or source.read_bytes())
        with pytest.raises(error, match=message):
            bench.predict_file(source, target, **{"metrics": "accuracy", **options})
        assert target.read_text() == "old"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.parquet", "b.parquet"]


@pytest.mark.skipif(sys.platform == "win32", reason="limits and signals differ on Windows")
def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path, many) -> None:
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000,) * 2); "
        "from accelnas.cli import main; sys.argv[0] = 'accelnas'; main()"
    )
    command = [sys.executable, "-c", code, "predict", many, "-m", "macs", "-o", tmp_path / "out.parquet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="limits and signals differ on Windows")
def test_an_interrupt_leaves_nothing(tmp_path, many) -> None:
    command = [ACCELNAS, "predict", many, "-o", tmp_path / "out.parquet"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        while not list(tmp_path.iterdir()):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == b""
        assert process.wait() == 130
    assert not list(tmp_path.iterdir())
