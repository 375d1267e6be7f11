"""Published results against the authors' own measurements, made-up ones of known truth, and the command line."""

import csv
import re
import shutil
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest

import accelnas
from accelnas.errors import DataError, FileError
from accelnas.fitting.evaluation import Cache
from accelnas.fitting.splits import random_split, read_split
from archive import SIGMAS, TRAINED
from command_line import run
from data_samples import archived_dataset, sample_dataset, sample_table
from studies import (
    Comparison,
    Figure,
    Reproduction,
    Table,
    Verdict,
    reproduce_fig3,
    reproduce_table,
    write_reproduction,
)
from studies.schemes import read_schemes
from studies.surrogates import bundled_surrogate, default_machine
from studies.tables import FAMILIES, TABLES, rows_of

pytestmark = pytest.mark.slow

SEEDS = 3
TOP1, TRAIN_TIME, FIRST_VARIABLE = 4, 8, 9
BOOSTED = """
name = "NAME"
members = 2
folds = 3
[recipes.trees]
family = "xgboost"
[[recipes.trees.stages]]
rounds = 20
stop = 5
parameters = { max_depth = 2, learning_rate = 0.3, subsample = 0.8 }
[metrics]
accuracy = { recipe = "trees" }
"""


@pytest.fixture
def seeds(tmp_path):
    """Twelve architectures, whose top-1 under the two schemes ranks them alike but for one pair."""
    folder = tmp_path / "proxy_validation"
    folder.mkdir()
    space = accelnas.mnasnet_space()
    architectures = space.decode(space.sample(12, seed=1, unique=True))
    for scheme, base, seconds in (("proxified", 50.0, 100.0), ("fewproxy", 60.0, 400.0)):
        for seed in range(SEEDS):
            rows = []
            for i, architecture in enumerate(architectures):
                rank = {0: 1, 1: 0}.get(i, i) if scheme == "proxified" else i
                head = [i, 7, i, seed, base + rank + 0.1 * (seed - 1), 80.0, 300.0, 4.0, seconds]
                tail = [architecture[f"block{b}_{s}"] for s in ("e", "k", "l", "se") for b in range(7)]
                rows.append(head + tail)
            order = np.random.default_rng(seed).permutation(len(rows))  # files need not be sorted alike
            write_csv(folder / f"{scheme}-seed{seed + 1}.csv", [rows[k] for k in order])
    return folder


def write_csv(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def edit(path, row, column, value):
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    rows[row - 1][column - 1] = value
    write_csv(path, rows)


@pytest.fixture
def boosted(tmp_path, monkeypatch):
    """Quick settings in place of the published ones of two families."""
    import studies.surrogates as module
    from accelnas.fitting.settings import read_settings

    def quick(name):
        path = tmp_path / f"{name}.toml"
        path.write_text(BOOSTED.replace("NAME", name))
        return read_settings(path)

    monkeypatch.setattr(module, "read_settings", quick)


def found(reproduction):
    return {c.quantity: c.found for c in reproduction.comparisons}


def test_fig3_of_an_archive(archive):
    result = reproduce_fig3(archive.folder, resamples=100)
    assert len(result.comparisons) == 8
    assert len(result.tables[1].frame) == (117 if archive.published else TRAINED)
    beyond = dict(result.tables[0].frame.iter_rows())
    if not archive.published:
        assert beyond["pooled σ of seeds, r [points]"] == pytest.approx(SIGMAS["fewproxy"], rel=0.25)
        assert found(result)["training time of r over that of p*"] == pytest.approx(4.5)
        return
    assert {c.verdict for c in result.comparisons} == {Verdict.REPRODUCED}
    assert beyond["pooled σ of seeds, p* [points]"] == pytest.approx(0.307, abs=5e-4)
    assert beyond["pooled σ of seeds, r [points]"] == pytest.approx(0.171, abs=5e-4)
    low, high = (beyond[f"τ of means, {end} end of the 95 % interval"] for end in ("low", "high"))
    assert 0.89 < low < found(result)["τ of p* and r, means of seeds"] < high < 0.95


def test_fig3_of_known_ranks(seeds):
    result = reproduce_fig3(seeds.parent, resamples=99, seed=3)  # the folder above does, too
    values = found(result)
    assert values["τ of p* and r, means of seeds"] == pytest.approx(1 - 2 / 66)  # one of 66 pairs is swapped
    assert values["τ between seeds 1 and 2 of r"] == pytest.approx(1)
    assert values["mean σ of seeds, p*"] == pytest.approx(0.1)
    assert values["training time of r over that of p*"] == pytest.approx(4)
    again = reproduce_fig3(seeds, resamples=99, seed=3)
    assert again.tables[0].frame.equals(result.tables[0].frame)
    assert not reproduce_fig3(seeds, resamples=99, seed=4).tables[0].frame.equals(result.tables[0].frame)


def test_equal_ranks_have_an_interval_of_one_point(seeds):
    for path in seeds.glob("proxified-*"):
        shutil.copy(path.with_name(path.name.replace("proxified", "fewproxy")), path)
    beyond = dict(reproduce_fig3(seeds, resamples=9).tables[0].frame.iter_rows())
    assert beyond["τ of means, low end of the 95 % interval"] == pytest.approx(1)


def test_rows_are_matched_by_architecture(seeds):
    schemes = read_schemes(seeds)
    assert np.array_equal(schemes["proxy"].choices, schemes["reference"].choices)
    assert np.allclose(np.ptp(schemes["reference"].accuracy, axis=1), 0.2)  # seeds differ by .1, architectures by 1


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (TOP1 + 1, "high", "row 4, column 5 (accuracy) is 'high'; give a number from 0 to 100"),
        (TOP1 + 1, "nan", "row 4, column 5 (accuracy) is 'nan'"),
        (TOP1 + 1, "101", "row 4, column 5 (accuracy) is '101'"),
        (TRAIN_TIME + 1, "-1", "row 4, column 9 (train_time) is '-1'; give a number above 0"),
        (FIRST_VARIABLE + 1, "5", "row 4: block0_e is 5; choose one of 1, 4, 6"),
        (FIRST_VARIABLE + 22, "yes", "row 4: block0_se is yes; choose one of False, True"),
    ],
)
def test_malformed_cells_are_named(seeds, column, value, message):
    edit(seeds / "fewproxy-seed2.csv", 4, column, value)
    with pytest.raises(DataError, match=re.escape(f"fewproxy-seed2.csv, {message}")):
        read_schemes(seeds)


def test_malformed_files_are_named(seeds):
    path = seeds / "proxified-seed3.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], "1,2,3", *lines[3:]]))
    with pytest.raises(DataError, match=r"proxified-seed3.csv, row 3 has 3 columns; expected 37"):
        read_schemes(seeds)
    path.write_text("\n".join([*lines, lines[0]]))
    with pytest.raises(DataError, match=r"row 13 repeats the architecture e\d_"):
        read_schemes(seeds)
    path.write_text("\n".join(lines[1:]) + "\n\n")
    with pytest.raises(DataError, match=r"proxified-seed1.csv holds e\S+ and proxified-seed3.csv does not"):
        read_schemes(seeds)
    path.write_text("")
    with pytest.raises(DataError, match=r"proxified-seed3.csv has 0 rows; at least 10"):
        read_schemes(seeds)
    path.write_bytes(b'"' + b"0" * 200_000)
    with pytest.raises(DataError, match=r"proxified-seed3.csv is no table"):
        read_schemes(seeds)
    for unwanted in seeds.glob("fewproxy-seed[23].csv"):
        unwanted.unlink()
    path.write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"has 1 files fewproxy-seed\*.csv; at least 2 seeds"):
        read_schemes(seeds)
    with pytest.raises(DataError, match="1 resamples; give 2 or more"):
        reproduce_fig3(seeds, resamples=1)


def test_verdicts():
    assert Comparison("x", 0.926, 0.9264, 0.0005).verdict is Verdict.REPRODUCED
    assert Comparison("x", 0.926, 0.9266, 0.0005).verdict is Verdict.MISSED
    assert Comparison("x", 0.926, 0.9266, 0.0005, best="highest").verdict is Verdict.BETTER
    assert Comparison("x", 13.2, 14.1, 0.5, best="lowest").verdict is Verdict.MISSED
    assert Comparison("x", 13.2, 12.1, 0.5, best="lowest").verdict is Verdict.BETTER
    assert Comparison("x", 0.1, 0.1 + 0.2, 0.2).verdict is Verdict.REPRODUCED  # rounding of binary fractions
    assert Comparison("x", 1.0, float("nan"), 1.0, best="highest").verdict is Verdict.MISSED
    assert Comparison("x", 1.0, 1.0, 1.0, comparable=False).verdict is Verdict.INCOMPARABLE
    assert [Comparison("x", value, 1.0, 1.0).stated for value in (1.8, 887.587, 17000.4)] == ["1.8", "887.6", "17000"]


def sample_reproduction(draw=lambda path: path.write_text("<svg/>")):
    return Reproduction(
        name="fig9",
        title="Fig. 9: a title",
        source="somewhere",
        rule="A rule.",
        comparisons=[
            Comparison("near", 1.0, 1.001, 0.01, "ms"),
            Comparison("over", 1.0, 2.0, 0.01, best="highest"),
            Comparison("under", 1.0, 0.5, 0.01, best="highest"),
        ],
        command="accelnas reproduce fig9",
        machine="a machine",
        versions={"numpy": "2.0"},
        tables=[
            Table(
                "shown",
                "Shown",
                pl.DataFrame({"who": ["a", None], "what": [0.123456, 1e9], "n": [1, 20_000]}),
                "It is.",
            ),
            Table("kept", "Kept", pl.DataFrame({"x": [1, 2, 3]}), shown=False),
        ],
        figures=[Figure("fig9", "A caption.", draw)],
        remarks=["First.", "Second."],
    )


def test_writer(tmp_path):
    path = write_reproduction(sample_reproduction(), tmp_path / "new" / "folder")
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "fig9-kept.csv", "fig9-shown.csv", "fig9.csv", "fig9.md", "fig9.svg",
    ]  # fmt: skip
    text = path.read_text(encoding="utf-8")
    assert "**1 of 3 numbers are reproduced, 1 better than published, 1 not reproduced.** A rule." in text
    assert "| near [ms] | reproduced | 1 | 1.001 | +0.001 |" in text
    assert "| under | **not reproduced** | 1 | 0.5000 | −0.500 |" in text
    assert "| a | 0.1235 | 1 |\n|  | 1000000000 | 20,000 |" in text
    assert "3 rows, in `fig9-kept.csv`." in text
    assert "![A caption.](fig9.svg)" in text
    assert "- First.\n- Second." in text
    assert "with numpy 2.0 on a machine." in text
    table = pl.read_csv(path.with_suffix(".csv"))
    assert table["difference"].to_list() == pytest.approx([0.001, 1.0, -0.5])
    before = path.read_bytes()
    assert write_reproduction(sample_reproduction(), path.parent).read_bytes() == before


def test_nothing_half_written_is_left(tmp_path):
    def fail(path):
        path.write_text("half")
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        write_reproduction(sample_reproduction(fail), tmp_path)
    assert not [p for p in tmp_path.iterdir() if "fig9.svg" in p.name or p.suffix == ".md"]
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="name a folder to write to"):
        write_reproduction(sample_reproduction(), tmp_path / "file")


def test_rows_of_tables():
    assert [row.family for row in rows_of("table1")] == ["XGBoost", "LightGBM", "random forest", "ε-SVR", "ν-SVR"]
    assert len(rows_of("table2")) == 8
    assert len(rows_of("table2", ["latency_zcu102"], ["xgboost"])) == 1
    for arguments, message in [
        (("table3",), "no table 'table3'; choose one of table1, table2"),
        (("table2", ["accuracy"]), "table2 has no row of 'accuracy'; choose among throughput_zcu102"),
        (("table2", None, ["nu_svr"]), "table2 has no row of 'nu_svr'; choose among xgboost"),
        (("table1", []), "no row of table1 is chosen"),
    ]:
        with pytest.raises(DataError, match=re.escape(message)):
            rows_of(*arguments)
    assert len(FAMILIES) == 5
    assert len(TABLES) == 2


@pytest.mark.usefixtures("boosted")
def test_table_of_other_data(tmp_path):
    dataset = sample_dataset(300)
    split = random_split(dataset)
    cache = Cache(tmp_path / "cache.sqlite")
    options = {"families": ["xgboost", "epsilon_svr"], "threads": 1}
    seen = []
    result = reproduce_table("table1", dataset, split, cache, runs=2, progress=seen.append, **options)
    assert len(result.comparisons) == 9  # XGBoost single and ensemble, the SVR's defaults
    frame = result.tables[0].frame
    assert frame["fit"].to_list() == [
        "paper", "single", "ensemble", "paper", "single", "single, tuned here", "ensemble, tuned here",
    ]  # fmt: skip
    assert frame["runs"].to_list() == [None, 2, 1, None, 1, 1, 1]
    assert frame["sd of MAE"][1] > 0
    assert seen[-1] == 5  # two and one of XGBoost, one and one of the SVR
    text = " ".join(result.remarks)
    assert "not the public archive" in text
    assert "may have seen this test part" in text
    assert "R², τ or MAE of XGBoost, ε-SVR are reproduced neither by single model nor ensemble." in text
    assert "Not fitted in this run: LightGBM, random forest, ν-SVR." in text
    assert result.command.startswith("accelnas reproduce table1 DATA --families xgboost,epsilon_svr --seed 0 --runs 2")
    again = reproduce_table("table1", dataset, split, cache, runs=2, **options)
    assert again.tables[0].frame.drop("seconds").equals(frame.drop("seconds"))
    single = reproduce_table("table1", dataset, split, cache, ensembles=[], **options)
    assert "ensemble" not in "".join(single.tables[0].frame["fit"])
    assert "--ensembles none" in single.command
    assert "Ensembles not fitted: XGBoost." in single.remarks[0]


def test_bundled_and_default_machines_on_the_official_split(archive):
    dataset = archived_dataset(archive)
    split = read_split(archive.split, dataset)
    bundled = bundled_surrogate(dataset, split, "accuracy")
    row = rows_of("table1", families=["epsilon_svr"])[0]
    machine = default_machine(dataset, split, row)
    if not archive.published:  # data that the bundled model has not seen
        assert bundled is None
        assert machine.tau > 0.6
        return
    assert (round(bundled.r2, 4), round(bundled.tau, 4), round(bundled.mae, 4)) == (0.9886, 0.9340, 0.2546)
    assert bundled_surrogate(dataset, random_split(dataset), "accuracy") is None
    assert machine.tau == pytest.approx(row.tau, abs=0.005)
    assert machine.mae == pytest.approx(row.mae, rel=0.01)


def test_command_writes_fig3(seeds, tmp_path):
    output = tmp_path / "out"
    result = run("reproduce", "fig3", seeds, "-o", output, "--runs", 20)
    assert "τ of p* and r, means of seeds" in result.stdout
    assert ElementTree.fromstring((output / "fig3.svg").read_text()).tag.endswith("svg")  # noqa: S314 our own file
    assert "--seed 0 --runs 20" in (output / "fig3.md").read_text(encoding="utf-8")
    assert len(pl.read_csv(output / "fig3-architectures.csv")) == 12


@pytest.mark.usefixtures("boosted")
def test_command_writes_tables(tmp_path):
    sample_table(300).write_parquet(tmp_path / "data.parquet")
    split = random_split(sample_dataset(300))
    (tmp_path / "official_split.json").write_text(
        pl.Series([{name: ids.tolist() for name, ids in split.parts().items()}]).struct.json_encode()[0]
    )
    options = ["--families", "xgboost", "--cache", tmp_path / "c.sqlite", "--ensembles", "none", "-t", 1]
    result = run("reproduce", "table1", tmp_path / "data.parquet", "-o", tmp_path / "out", *options)
    assert "XGBoost, single: MAE [points]" in result.stdout
    assert (tmp_path / "out" / "table1-models.csv").is_file()


def test_command_errors(seeds, tmp_path, monkeypatch):
    monkeypatch.setenv("ACCELNAS_CACHE", str(tmp_path / "cache"))
    output = ["-o", tmp_path / "out"]
    assert "'fig9' is not one of" in run("reproduce", "fig9", seeds, *output, code=2).stderr
    missing = run("reproduce", "fig3", tmp_path / "nowhere", *output, code=1).stderr
    assert missing.startswith("error: no folder ")
    assert "name the one that holds proxified-seed*.csv and fewproxy-seed*.csv" in missing
    assert "no folder" in run("reproduce", "fig3", *output, code=1).stderr
    assert "--metrics is of the tables" in run("reproduce", "fig3", seeds, "-m", "accuracy", *output, code=2).stderr
    assert "no row of 'speed'" in run("reproduce", "table2", tmp_path, "-m", "speed", *output, code=1).stderr
    assert "run: accelnas data fetch" in run("reproduce", "table1", *output, code=1).stderr
    (tmp_path / "out").write_text("")
    assert "name a folder" in run("reproduce", "fig3", seeds, "--runs", 9, *output, code=1).stderr
