"""What is no model, or no table, is named with the way out."""

import bz2
import gzip
import io
import lzma
import pickle
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib

import numpy as np
import polars as pl
import pytest
import xgboost

from accelnas import DataError, ModelError
from accelnas.fitting.dataset import read_dataset
from accelnas.fitting.sources import read_source
from command_line import failure
from data_samples import sample_table

TABLE = sample_table(20)
BOOSTER = xgboost.train({"nthread": 1}, xgboost.DMatrix(np.eye(4), np.arange(4)), 1)
JSON = bytes(BOOSTER.save_raw("json"))


def zipped(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, JSON)
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        entry = tarfile.TarInfo("m.json")
        entry.size = len(JSON)
        archive.addfile(entry, io.BytesIO(JSON))
    return file.getvalue()


def parquet() -> bytes:
    file = io.BytesIO()
    TABLE.write_parquet(file)
    return file.getvalue()


OLD = struct.pack("<fIiIIII", 0.5, 4, 0, 0, 0, 1, 0) + bytes(108) + struct.pack("<Q", 16) + b"reg:squarederror"
OLD += struct.pack("<Q", 6) + b"gbtree" + bytes(400)
# content to what is said of it where a model, and where a table is expected
NEITHER = {
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 9\n", "run: git lfs pull"),
    "annex": (b"/annex/objects/SHA256E-s1048576--ab.json\n", "run: git annex get"),
    "page": (b"\n<!doctype HTML>\n<html><body>gone</body></html>", "is a web page"),
    "xhtml": (b'<?xml version="1.0"?>\n<!DOCTYPE html><html/>', "is a web page"),
    "pmml": (b'<?xml version="1.0"?><PMML version="4.4"/>', "is XML, such as PMML"),
    "zip": (zipped("m.json"), "is a zip archive"),
    "workbook": (zipped("xl/workbook.xml"), "is an Excel workbook"),
    "bzip2": (bz2.compress(JSON), "is a bzip2 archive; unpack it first"),
    "xz": (lzma.compress(JSON), "is an xz archive; unpack it first"),
    "zstd": (b"\x28\xb5\x2f\xfd\x04\x00A", "is a zstd archive; unpack it first"),
    "7z": (b"7z\xbc\xaf\x27\x1c\x00\x04", "is a 7z archive; unpack it first"),
    "pickle": (pickle.dumps({"a": 1}), "can run any code"),
    "compressed pickle": (zlib.compress(pickle.dumps(list(range(1000)))), "is a compressed pickle"),
    "array": (b"\x93NUMPY\x01\x00", "is a NumPy array"),
    "hdf5": (b"\x89HDF\r\n\x1a\n", "is an HDF5 file"),
    "feather": (b"ARROW1\x00\x00", "is an Arrow or Feather file"),
    "s3 error": (b'<?xml version="1.0"?>\n<Error><Code>NoSuchKey</Code></Error>', "is XML, such as"),
    "old xgboost": (b"binf" + OLD, "XGBoost's old binary format"),
    "older xgboost": (OLD, "XGBoost's old binary format"),
    "dump": (b"booster[0]:\n0:[f0<1] yes=1,no=2,missing=2\n", "is a text dump of XGBoost"),
    "json dump": (b'[ { "nodeid": 0, "depth": 0 } ]', "is a text dump of XGBoost"),
    "lightgbm dump": (b'{"name": "tree", "version": "v4", "tree_info": []}', "is a JSON dump of LightGBM"),
    "empty": (b"", "is an empty file"),
    "blank": (b"\n \n", "is an empty file"),
}
FOR_MODELS = NEITHER | {
    "gzip": (gzip.compress(JSON), "is a gzip archive; unpack it first"),
    "tar": (tarred(), "is a tar archive; unpack it first"),
    "parquet": (parquet(), "is a Parquet file; a table of measurements is fitted"),
    "csv": (TABLE.write_csv().encode(), "is a text table; a table of measurements is fitted"),
}
FOR_TABLES = NEITHER | {
    "xgboost json": (JSON, "is an XGBoost model; a model becomes a metric with accelnas compile"),
    "xgboost ubjson": (bytes(BOOSTER.save_raw("ubj")), "is an XGBoost model"),
    "catboost": (b"CBM1\x00\x01", "is a CatBoost model"),
    "catboost json": (b'{"ctr_data":{},"features_info":{},"oblivious_trees":[]}', "is a CatBoost model"),
    "ebm": (b'{"version": "1.0", "ebm": {"outputs": []}}', "is an EBM of InterpretML"),
    "onnx": (b"\x08\x09\x12\x07skl2onnx\x1a", "is an ONNX model"),
    "lightgbm": (b"tree\nversion=v4\nnum_class=1\n", "is a LightGBM model"),
    "utf-16": (TABLE.write_csv().encode("utf-16"), "is UTF-16 text; export the table as CSV"),
}


@pytest.mark.parametrize("name", FOR_MODELS)
@pytest.mark.parametrize("suffix", ["json", "txt"])
def test_what_is_no_model(name, suffix, tmp_path):
    content, message = FOR_MODELS[name]
    (tmp_path / f"m.{suffix}").write_bytes(content)
    with pytest.raises(ModelError, match=message):
        read_source(tmp_path / f"m.{suffix}")


@pytest.mark.parametrize("name", FOR_TABLES)
@pytest.mark.parametrize("suffix", ["csv", "parquet", "tar.gz"])
def test_what_is_no_table(name, suffix, tmp_path):
    content, message = FOR_TABLES[name]
    path = tmp_path / f"t.{suffix}"
    path.write_bytes(content)
    if (name, suffix) != ("utf-16", "tar.gz"):
        with pytest.raises(DataError, match=message):
            read_dataset(path)
    if suffix != "tar.gz":
        assert message in failure("predict", path, "-m", "accuracy")


@pytest.mark.parametrize("name", ["pointer", "page", "xgboost json"])
def test_what_is_no_table_in_a_pipe(name):
    content, message = FOR_TABLES[name]
    command = [sys.executable, "-c", "from accelnas.cli import main; main()", "predict", "-", "-m", "accuracy"]
    shown = subprocess.run(command, input=content, capture_output=True, check=False)
    assert shown.returncode == 1
    assert shown.stderr.decode().startswith("error: stdin: this ")
    assert message in shown.stderr.decode()


def test_tables_by_another_name(tmp_path):
    (tmp_path / "t.csv").write_bytes(parquet())
    (tmp_path / "t.parquet").write_bytes(TABLE.write_csv().encode())
    (tmp_path / "T.CSV").write_bytes(TABLE.write_csv().encode())
    with pytest.raises(DataError, match=r"is a Parquet file; name it \.parquet"):
        read_dataset(tmp_path / "t.csv")
    with pytest.raises(DataError, match=r"is a text table, not Parquet; name it \.csv"):
        read_dataset(tmp_path / "t.parquet")
    assert len(read_dataset(tmp_path / "T.CSV")) == TABLE.height


def test_folders_and_missing_files(tmp_path):
    with pytest.raises(ModelError, match=r"is a folder; name the model's file in it"):
        read_source(tmp_path)
    with pytest.raises(OSError, match=r"no\.json: No such file"):
        read_source(tmp_path / "no.json")


def test_tables_are_not_taken_for_something_else(tmp_path):
    # headers that begin like a magic number
    for name in ("BZh9", "ORC", "tree", "binf", "CBM1", "FEA1"):
        table = TABLE.rename({"throughput_a100": name}).select(name, pl.exclude(name))
        table.write_csv(tmp_path / "t.csv")
        assert name in read_dataset(tmp_path / "t.csv").metrics
