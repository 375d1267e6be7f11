"""A proxy beside the reference: the published figures, tables of one's own, and what is left out."""

import math

import numpy as np
import polars as pl
import pytest

from accelnas_training.errors import ProxyError
from accelnas_training.proxy.trainings import Trained
from accelnas_training.proxy.validation import read_trained, validate
from accelnas_training.proxy.validation_report import write_validation
from archive import SEEDS, TRAINED, generated, published
from conftest import make_space

SPACE = make_space(4, 4, 4, 4)


def made(count=30, seeds=2, noise=0.5, seconds=1.0, seed=0, joules=math.nan):
    generator = np.random.default_rng(seed)
    choices = SPACE.sample(count, 0, unique=True)
    capacity = choices @ np.array([1.0, 1.3, 0.7, 0.9])
    accuracy = 60 + capacity[:, None] + noise * generator.normal(size=(count, seeds))
    return Trained(choices, accuracy, np.full(accuracy.shape, seconds), np.full(accuracy.shape, joules))


def validated(archive):
    return validate(*(read_trained(str(archive.seeds / f"{name}-seed*.csv")) for name in ("proxified", "fewproxy")))


def test_an_archive_of_known_truth(tmp_path):
    found = validated(generated(tmp_path))
    assert found.proxy.accuracy.shape == found.reference.accuracy.shape == (TRAINED, SEEDS)
    assert 0.8 < found.tau < 1
    assert found.speedup == pytest.approx(4.5)


def test_published_figures_are_reproduced():
    archive = published()
    if archive is None:
        pytest.skip("the Accel-NASBench archive is not here; name its folder in ACCELNAS_DATA")
    found = validated(archive)
    assert found.proxy.accuracy.shape == found.reference.accuracy.shape == (117, 3)
    assert round(found.tau, 3) == 0.926
    assert (round(min(found.singles), 3), round(max(found.singles), 3)) == (0.899, 0.915)
    assert (round(found.of_proxy.between[0], 3), round(found.of_reference.between[0], 3)) == (0.936, 0.949)
    assert (round(found.of_proxy.sigma, 3), round(found.of_reference.sigma, 3)) == (0.256, 0.141)
    assert round(found.speedup, 1) == 5.6
    assert found.interval == pytest.approx((0.904, 0.942), abs=0.003)  # SciPy's
    assert found.left_out == 0


def test_rows_are_matched_by_architecture():
    proxy, reference = made(noise=0), made(noise=0, seconds=4.0)
    shuffled = proxy.take(np.random.default_rng(0).permutation(len(proxy)))
    found = validate(shuffled, reference)
    assert found.tau == 1.0
    assert found.speedup == 4.0
    assert found.of_proxy.between == (1.0,)
    assert found.offset == pytest.approx(0)


def test_what_only_one_has_is_left_out():
    proxy, reference = made(noise=0), made(noise=0)
    reference.accuracy[0, 1] = np.nan  # failed
    found = validate(proxy.take(slice(0, 20)), reference.take(slice(0, 30)))
    assert len(found.proxy) == 19
    assert found.left_out == 11
    with pytest.raises(ProxyError, match="share 4 architectures that the reference trained; at least 5"):
        validate(proxy.take(slice(0, 5)), reference)


def test_a_failure_under_the_proxy_ranks_last():
    proxy, reference = made(noise=0), made(noise=0)
    best = int(reference.means.argmax())
    proxy.accuracy[best, 0] = np.nan
    found = validate(proxy, reference)
    assert found.tau < 1
    assert found.of_proxy.failures == 1
    assert not math.isnan(found.of_proxy.pooled)


def test_one_seed_says_nothing_of_seeds():
    found = validate(made(seeds=1), made(seeds=1, seed=1))
    assert math.isnan(found.of_proxy.sigma)
    assert math.isnan(found.interval_over_seeds.low)
    assert found.of_proxy.between == ()


def table(trained, seed, metrics=("accuracy", "train_time")):
    values = {"accuracy": trained.accuracy, "train_time": trained.seconds, "energy": trained.joules}
    rows = SPACE.decode(trained.choices)
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return pl.DataFrame(columns | {metric: values[metric][:, seed] for metric in metrics})


def test_own_tables_are_read_a_file_a_seed_or_all_in_one(tmp_path):
    trained = made(joules=5.0)
    frames = [table(trained, seed, ("accuracy", "train_time", "energy")) for seed in range(2)]
    frames[0].write_csv(tmp_path / "r-seed0.csv")
    frames[1].write_csv(tmp_path / "r-seed1.csv")
    pl.concat(frames).write_parquet(tmp_path / "r.parquet")
    for pattern in ("r-seed*.csv", "r.parquet"):
        found = read_trained(str(tmp_path / pattern), SPACE)
        assert found.choices.tolist() == trained.choices.tolist()
        assert found.accuracy.tolist() == trained.accuracy.tolist()
        assert found.joules.tolist() == trained.joules.tolist()


def test_tables_that_do_not_fit(tmp_path):
    trained = made()
    with pytest.raises(ProxyError, match="no file matches"):
        read_trained(str(tmp_path / "*.csv"), SPACE)
    table(trained, 0, ("accuracy",)).write_csv(tmp_path / "a.csv")
    with pytest.raises(ProxyError, match=r"a\.csv has no column train_time"):
        read_trained(str(tmp_path / "a.csv"), SPACE)
    table(trained, 0).write_csv(tmp_path / "b1.csv")
    table(trained, 0).head(7).write_csv(tmp_path / "b2.csv")
    with pytest.raises(ProxyError, match="1 times and others 2 times; give all architectures the same seeds"):
        read_trained(str(tmp_path / "b*.csv"), SPACE)
    (tmp_path / "c.csv").write_text("1,2,3\n")
    with pytest.raises(ProxyError, match="no header with the variables of space toy, and 3 columns"):
        read_trained(str(tmp_path / "c.csv"), SPACE)


def test_shapes_must_agree():
    with pytest.raises(ProxyError, match=r"seconds is of shape \(3, 1\) for 3 architectures"):
        Trained(np.zeros((3, 2), np.uint8), np.zeros((3, 2)), np.zeros((3, 1)), np.zeros((3, 2)))


def test_the_report_says_what_was_found(tmp_path):
    found = validate(made(joules=3600.0), made(seed=1, seconds=5.0, joules=18000.0))
    path = write_validation(found, SPACE, tmp_path / "report", "the command", intensity=400)
    text = path.read_text()
    assert f"τ = {found.tau:.3f} (95 % interval {found.interval.low:.3f} to {found.interval.high:.3f})" in text
    assert "5.0 times faster" in text
    assert "    the command" in text
    assert "| p* | 1.000 | 0.4000 |" in text
    assert "| r | 5.000 | 2.000 |" in text
    frame = pl.read_csv(tmp_path / "report/validation.csv")
    assert frame["proxy_accuracy"].to_list() == pytest.approx(found.proxy.means.tolist())
    assert SPACE.parse(frame["architecture"].to_list()).tolist() == found.proxy.choices.tolist()
    assert (tmp_path / "report/validation.svg").read_text().startswith("<?xml")
    again = write_validation(found, SPACE, tmp_path / "again", "the command", intensity=400)
    assert (again.parent / "validation.svg").read_bytes() == (tmp_path / "report/validation.svg").read_bytes()
