import contextlib
import io
import json
import re
import tarfile

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import accelnas
from accelnas import Frame
from accelnas.errors import DataError
from accelnas.fitting import archive
from accelnas.fitting.checks import pooled_noise
from accelnas.fitting.columns import ColumnEncoder
from accelnas.fitting.dataset import from_table, read_dataset
from accelnas.fitting.fetch import ARCHIVE_SHA256
from accelnas.space.definition import defined
from archive import LOST, REPEATS, ROWS
from data_samples import archived_dataset, sample_table, write_results


@pytest.fixture(scope="module")
def space():
    return accelnas.mnasnet_space()


def tar_of(path, files, mode="w:gz"):
    with tarfile.open(path, mode) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def one_result(**change):
    row = {k: v for k, v in sample_table(5).row(0, named=True).items() if k.startswith("block")}
    result = {"architecture": row, "metrics": {"val_top1": 60.0}, **change}
    return json.dumps(result).encode()


def test_every_format_gives_the_same_content(tmp_path, space):
    table = sample_table(200)
    folder = tmp_path / "jsons"
    write_results(table, folder)
    files = {f"./x/{file.name}": file.read_bytes() for file in folder.iterdir()}
    table.sample(fraction=1.0, shuffle=True, seed=1).write_parquet(tmp_path / "t.parquet")
    table.write_csv(tmp_path / "t.csv")
    sources = [
        folder,
        tar_of(tmp_path / "t.tar.gz", files),
        tar_of(tmp_path / "t.tar", files, "w"),
        tmp_path / "t.parquet",
        tmp_path / "t.csv",
    ]
    datasets = [read_dataset(source, space) for source in sources]
    assert len({dataset.sha256 for dataset in datasets}) == 1
    datasets[0].to_parquet(tmp_path / "again.parquet")
    assert read_dataset(tmp_path / "again.parquet").sha256 == datasets[0].sha256
    first = datasets[0]
    assert first.metrics == ("accuracy", "params", "throughput_a100")
    assert np.array_equal(first.choices, space.encode(Frame(first.table, ignore_others=True)))
    # one other number anywhere is other content
    other = table.with_columns(pl.col("accuracy") + pl.Series([0.0] * 202 + [1e-9]))
    assert from_table(other, space).sha256 != first.sha256


def test_report_finds_what_was_planted(space):
    table = sample_table()
    accuracy = table["accuracy"].to_list()
    accuracy[7] += 40.0
    accuracy[9] = None
    noted = pl.Series("note", ["x"] * table.height)
    table = table.with_columns(pl.Series("accuracy", accuracy), noted)
    report = from_table(table, space).report
    assert report.rows == 1203
    assert report.architectures == 1200
    assert report.repeats == ((0, 1200), (1, 1201), (2, 1202))
    assert report.noise["accuracy"] == pytest.approx(np.sqrt(0.2**2 / 2))
    assert report.noise["params"] == 0
    assert report.nulls == {"accuracy": 1}
    assert report.outliers["accuracy"] == (7,)
    assert report.unknown == {"column note": 1203}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("block5_l", 5, "id 3: block5_l is 5; choose one of 1, 2, 3, 4"),
        ("block0_k", 4.5, "id 3: block0_k is 4.5; choose one of 3, 5"),
        ("block0_se", 2, "id 3: block0_se is 2; choose one of False, True"),
        ("block0_e", None, "id 3: block0_e is empty; choose one of 1, 4, 6"),
        ("accuracy", float("inf"), "id 3: accuracy is infinite"),
    ],
)
def test_wrong_values_name_row_and_variable(space, name, value, message):
    table = sample_table(20)
    column = table[name].to_list()
    column = [int(v) if isinstance(v, bool) else v for v in column]
    column[3] = value
    with pytest.raises(DataError, match=message):
        from_table(table.with_columns(pl.Series(name, column, strict=False)), space)


@pytest.mark.parametrize(
    "text",
    [
        "71.2 ± 0.3",
        "71.2 +/- 0.3",
        "71.2+-0.3",
        "3.2 ms",
        "3.2ms",
        "71.2%",
        "71.2 %",
        "1,234.5",
        "1 234",
        "71,2",
        "71.2(3)",
        "$3",
        "~71.2",
        ">100",
        "12 img/s",
        "1.234,5",
        "12 345,6",
        "0:03.2",
        "3.2 milli seconds",
        "−1.5",
        "OOM",
        "failed",
    ],
)
def test_numbers_with_something_around_them_name_row_and_value(space, text):
    table = sample_table(20)
    values = table["accuracy"].cast(pl.String).to_list()
    values[3] = text
    one = table.with_columns(pl.Series("accuracy", values))
    every = table.with_columns(accuracy=pl.lit(text))
    for content in (one, one.with_columns(pl.col("accuracy").cast(pl.Categorical))):
        with pytest.raises(DataError, match=rf"id 3: accuracy is {re.escape(repr(text))}; write the number alone"):
            from_table(content, space)
    if text.isalpha():  # a column of words is no metric; it is named where someone wants one
        assert from_table(every, space).report.unknown == {"column accuracy": 23}
        with pytest.raises(DataError, match="column accuracy holds no numbers and was left out"):
            from_table(every, space).values("accuracy")
        return
    with pytest.raises(DataError, match=rf"id 0: accuracy is {re.escape(repr(text))}"):
        from_table(every, space)


def test_text_that_is_all_numbers_is_read(space, tmp_path):
    table = sample_table(20)
    texts = [f" {value}" if row % 3 else "n/a" for row, value in enumerate(table["accuracy"])]
    table.with_columns(accuracy=pl.Series(texts)).write_csv(tmp_path / "t.csv")
    found = read_dataset(tmp_path / "t.csv", space).values("accuracy")
    np.testing.assert_array_equal(found, np.where(np.arange(23) % 3, table["accuracy"].to_numpy(), np.nan))
    for words in ("3x3", "2024-01-31", "1.0.2", "mobile 3"):
        assert from_table(table.with_columns(note=pl.lit(words)), space).report.unknown == {"column note": 23}
    with pytest.raises(DataError, match="column accuracy holds durations"):
        from_table(table.with_columns(pl.col("accuracy").cast(pl.Int64).cast(pl.Duration("ms"))), space)


def test_tables_of_strings_and_of_indices(space):
    table = sample_table(20)
    whole = from_table(table, space)
    values = table.drop(v.name for v in space.variables)
    for name, column in (("architecture", space.format(whole.choices)), ("index", space.index(whole.choices))):
        assert from_table(values.with_columns(pl.Series(name, column)), space).sha256 == whole.sha256
    wrong = [*space.format(whole.choices)[:22], "e1_k3"]
    with pytest.raises(DataError, match='id 22: "e1_k3" is not an architecture'):
        from_table(values.with_columns(architecture=pl.Series(wrong)), space)


def repeated(epochs, rows=40):
    """Rows trained once for each number of epochs; 12 are far too few, and 200 have a noise of 0.2."""
    random, table = np.random.default_rng(1), sample_table(rows).head(rows)
    parts = []
    for number, several in enumerate(epochs):
        short = np.array([epoch == 12 for epoch in np.resize(several, rows)])
        values = table["accuracy"].to_numpy() + random.normal(0, 0.2, rows)
        values -= short * random.normal(25, 4, rows)
        parts.append(table.with_columns(id=table["id"] + number * rows, accuracy=pl.Series(values)))
    return from_table(pl.concat(parts), accelnas.mnasnet_space()).report


@pytest.mark.parametrize("epochs", [(200, 12), (200, 200, 12), (200, 12, 12), (200, 200, [12, *[200] * 9])])
def test_repeats_of_several_scales_are_doubted(epochs):
    report = repeated(epochs)
    assert report.noise["accuracy"] > 3
    assert "check that all rows were trained and measured in the same way" in report.doubtful["accuracy"]


def test_repeats_of_one_scale_are_not_doubted():
    report = repeated((200, 200, 200))
    assert report.noise["accuracy"] == pytest.approx(0.2, rel=0.2)
    assert report.doubtful == {}


def test_wrong_tables_are_refused(space):
    table = sample_table(20)
    wrong = {
        "the table: column block2_e is missing": table.drop("block2_e"),
        "no rows": table.head(0),
        "id 4 occurs twice": table.with_columns(pl.Series("id", [4, 4, *range(5, 26)])),
        "column id is String": table.with_columns(pl.col("id").cast(pl.String)),
        "no metric": table.drop("accuracy", "params", "throughput_a100"),
        "block0_e is True": table.with_columns(pl.Series("block0_e", [True] * 23)),
        r"block0_e is \[1\]; choose": table.with_columns(pl.Series("block0_e", [[1]] * 23)),
    }
    for message, content in wrong.items():
        with pytest.raises(DataError, match=message):
            from_table(content, space)
    assert from_table(table.drop("id"), space).ids.tolist() == list(range(23))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"result_1.json": b"{"}, "result_1.json is not valid JSON"),
        ({"result_1.json": b"[" * 60_000}, "result_1.json is not valid JSON"),
        ({"result_1.json": b"[]"}, "has no architecture"),
        ({"result_1.json": b" " * 70_000}, "more than 65536 bytes"),
        ({"other.json": b"{}"}, "holds no result_N.json"),
        ({"a/result_1.json": one_result(), "b/result_1.json": one_result()}, "occurs twice"),
        ({"result_1.json": one_result(architecture={"block9_e": 1})}, "unknown variable block9_e"),
        ({"result_1.json": one_result(architecture={})}, "variable block0_e is missing"),
        ({"result_1.json": one_result(metrics={"val_top1": "high"})}, "val_top1 is 'high'"),
        ({"result_1.json": one_result(metrics={"val_top1": 10**400})}, "too many digits"),
        ({"result_1.json": one_result(metrics={"val_top1": float("inf")})}, "is infinite"),
        ({"result_1.json": one_result(metrics={"val_top1": float("nan")})}, "has no metric"),
        ({"result_1.json": one_result(metrics=[])}, r"metrics is \[\]; expected an object"),
    ],
)
def test_hostile_archives_are_refused(tmp_path, files, message):
    with pytest.raises(DataError, match=message):
        read_dataset(tar_of(tmp_path / "x.tar.gz", files))


def test_archive_paths_links_and_bombs(tmp_path, monkeypatch):
    # a path out of the archive is only a name: nothing is written
    path = tar_of(tmp_path / "up.tar.gz", {"../../result_1.json": one_result(), "../evil": b"x"})
    dataset = read_dataset(path)
    assert dataset.report.unknown == {"file evil": 1}
    assert sorted(tmp_path.parent.glob("**/evil")) == []
    with tarfile.open(tmp_path / "link.tar", "w") as tar:
        link = tarfile.TarInfo("result_1.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    with pytest.raises(DataError, match="link or device"):
        read_dataset(tmp_path / "link.tar")
    monkeypatch.setattr(archive, "ARCHIVE_LIMIT", 100_000)
    bomb = tar_of(tmp_path / "bomb.tar.gz", {"big": bytes(1_000_000)})
    with pytest.raises(DataError, match="more than 100000 bytes"):
        read_dataset(bomb)
    monkeypatch.undo()
    content = bomb.read_bytes()
    for name, broken in {"cut": content[: len(content) // 2], "junk": b"junk" * 999}.items():
        (tmp_path / name).write_bytes(broken)
        with pytest.raises(DataError, match="not a readable tar archive"):
            read_dataset(tmp_path / name)


@given(seed=st.integers(0, 2**32 - 1), mode=st.sampled_from(["w", "w:gz"]))
def test_damaged_archives_never_crash(tmp_path_factory, seed, mode):
    path = tmp_path_factory.mktemp("damaged") / "x.tar"
    tar_of(path, {f"result_{i}.json": one_result() for i in range(5)}, mode)
    random = np.random.default_rng(seed)
    content = bytearray(path.read_bytes())
    for at in random.integers(len(content), size=5):
        content[at] = random.integers(256)
    path.write_bytes(content[: random.integers(1, len(content) + 1)])
    with contextlib.suppress(DataError):
        read_dataset(path)


def test_new_devices_and_unknown_fields(tmp_path):
    perf = {"latency_phone": {"latency_mean": 3.5, "latency_std": 0.1, "battery": 1}}
    content = one_result(platform_perf=perf, extra=1, metrics={"val_top1": 60.0, "loss": 2.0})
    dataset = read_dataset(tar_of(tmp_path / "x.tar", {"result_1.json": content}, "w"))
    assert dataset.metrics == ("accuracy", "latency_phone")
    assert dataset.table["latency_phone_std"].to_list() == [0.1]
    unknown = {"extra", "metrics.loss", "platform_perf.latency_phone.battery"}
    assert set(dataset.report.unknown) == unknown


def test_archive(archive):
    dataset = archived_dataset(archive)
    assert (dataset.file_sha256 == ARCHIVE_SHA256) == dataset.is_public == archive.published
    report, counts = dataset.report, (ROWS + REPEATS, ROWS, REPEATS)
    assert (report.rows, report.architectures, len(report.repeats)) == (
        (5138, 5125, 13) if archive.published else counts
    )
    assert report.nulls["throughput_tpuv3"] == (44 if archive.published else LOST)
    assert len(dataset.metrics) == 13
    assert all("_std (null in every row)" in name for name in report.unknown)
    if archive.published:
        assert report.nulls["throughput_tpuv2"] == 37
        assert report.noise["accuracy"] == pytest.approx(0.27, abs=0.01)


def test_architectures_by_string_or_index_are_those_of_the_variables(space, tmp_path):
    table = sample_table(50)
    expected = from_table(table, space)
    names = [v.name for v in space.variables]
    choices = space.encode(Frame(table, ignore_others=True))
    rest, last = table.drop(names), table.select(names[-3:])
    strings, indices = pl.Series("architecture", space.format(choices)), pl.Series("index", space.index(choices))
    numbered = pl.Series("index", range(table.height))
    for columns in (
        rest.with_columns(strings),
        rest.with_columns(indices),
        rest.with_columns(indices.cast(pl.String)),
        rest.with_columns(strings, numbered),  # the index is a row's number, not read and no metric
        pl.concat([rest.with_columns(strings), last], how="horizontal"),  # variables that agree are no metrics
        table.with_columns(strings, numbered),
    ):
        for form in ("csv", "json"):
            path = tmp_path / f"t.{form}"
            columns.write_csv(path) if form == "csv" else columns.write_json(path)
            assert read_dataset(path, space).sha256 == expected.sha256
    assert "index (not read: no metric)" in from_table(table.with_columns(numbered), space).report.unknown


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("architecture", "e9", 'row 3: "e9" is not an architecture'),
        ("architecture", None, "row 3: architecture is empty; give a string such as"),
        ("index", "104485552128", "row 3: index 104485552128 is outside the space; choose one of 0 to 104485552127"),
        ("index", "-1", "row 3: index is -1"),
        ("index", "2.5", "row 3: index is 2.5"),
        ("index", "1_0", "row 3: index is 1_0"),
        ("index", None, "row 3: index is empty"),
        ("block3_k", "other", "row 3: block3_k is {0}, but in index it is {1}; give all variables a column, or none"),
    ],
)
def test_wrong_architectures_name_the_row(space, column, value, message):
    table = sample_table(20).drop("id")
    choices = space.encode(Frame(table, ignore_others=True))
    row = {"architecture": space.format(choices), "index": [str(i) for i in space.index(choices)]}
    values = list(row.get(column, table["block3_k"].cast(pl.String)))
    if value == "other":
        value, own = ("3", "5") if values[3] == "5" else ("5", "3")
        message = message.format(value, own)
    values[3] = value
    form = column if column in row else "index"
    kept = table.drop([v.name for v in space.variables]).with_columns(pl.Series(form, row[form]))
    with pytest.raises(DataError, match=re.escape(message)):
        from_table(kept.with_columns(pl.Series(column, values)), space)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2.5, True, 2**70])
def test_an_index_is_a_whole_number(space, value):
    with pytest.raises(DataError, match="row 0: index "):
        ColumnEncoder(space, ["index"], "t")({"index": [value]}, lambda row: f"row {row}")


def test_columns_of_seeds_are_one_metric(space):
    table = sample_table(100)
    chance = np.random.default_rng(0)
    seeds = [pl.Series(f"top1_seed{s}", table["accuracy"] + chance.normal(0, 0.5, table.height)) for s in range(3)]
    dataset = from_table(table.drop("accuracy").with_columns(*seeds), space)
    assert "top1" in dataset.measurable
    assert "top1_seed0" not in dataset.measurable
    values = np.stack([seed.to_numpy() for seed in seeds])
    assert dataset.values("top1") == pytest.approx(values.mean(axis=0), rel=1e-14)
    assert sum(group.size for group in dataset.repeated("top1")) == values.size
    first = next(group for group in dataset.repeated("top1") if group.size == 6)  # an architecture of two rows
    assert set(first) <= set(values.ravel())
    assert pooled_noise(dataset.repeated("top1")) == pytest.approx(0.5, rel=0.15)
    with pytest.raises(DataError, match="no metric 'top2'; choose one of params, throughput_a100, top1"):
        dataset.values("top2")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "a,b,a\n1,2,3\n", "two columns a; rename or drop one"),
        ("t.csv", "a;b\n1;2\n", "columns are separated by ';'; write CSV with commas"),
        ("t.tsv", "a\tb\n1\t2\n", "the name of a table ends in .csv, .parquet, .json, .jsonl, .ndjson"),
        ("t.json", '[{"a": 1}, 3]', "record 1 is 3; write an object"),
        ("t.json", '[{"a": 1, "a": 2}]', "'a' is given twice"),
        ("t.json", "{", "is no JSON"),
        ("t.jsonl", '{"a": 1}\n{"a": \n', "line 2 is no JSON"),
        ("t.json", "7", "is one int; write a list of records"),
        ("t.jsonl", "[" * 100_000, "is no JSON"),
        ("t.json", b"[\xff]", "is no text"),
        ("t.json", "[]", "no rows"),
    ],
)
def test_files_that_are_no_table_say_why(name, content, message, space, tmp_path):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=re.escape(message)):
        read_dataset(path, space)


def test_rows_of_one_network_are_repeats_of_it():
    kernels = [{"name": name, "choices": [3, 5]} for name in ("k1", "k2")]
    space = defined(
        "toy",
        {"stage": [{"name": "depth", "choices": [1, 2]}, *kernels]},
        conditions=[{"variables": ["k2"], "when": {"depth": 2}}],
        forbidden=[{"when": {"k1": 5, "k2": 5}}],
    )  # fmt: skip
    table = pl.DataFrame(
        {"depth": [1, 1, 1, 2, 2], "k1": [3, 3, 3, 3, 5], "k2": [None, 3, 5, 3, 3], "acc": [1.0, 2.0, 3.0, 4.0, 5.0]}
    )
    dataset = from_table(table, space)
    first, *others = dataset.groups.tolist()
    assert others[:2] == [first, first]
    assert len({first, *others}) == 3
    assert dataset.table["k2"].to_list() == [None, None, None, 3, 3]
    for k2, message in (
        (5, "row 4: k1 has a forbidden combination"),
        (None, "row 4: k2 is inactive where it is active"),
    ):
        wrong = table.with_columns(pl.Series("k2", [None, 3, 5, 3, k2]))
        with pytest.raises(DataError, match=message):
            from_table(wrong, space)
