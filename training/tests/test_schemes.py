import dataclasses
import json
import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from accelnas_training.cli import app
from accelnas_training.errors import ImagesError, SchemeError
from accelnas_training.images import Augmentation
from accelnas_training.schemes import SHIPPED, Optimizer, Resize, Schedule, Scheme, load_scheme, to_toml

SMALLEST = """
name = "smallest"
epochs = 4
batch_size = 32
[resize]
start = 8
end = 8
validation = 8
[optimizer]
name = "momentum"
lr = 1
[schedule]
kind = "cosine"
"""


@pytest.fixture
def smallest(tmp_path):
    path = tmp_path / "smallest.toml"
    path.write_text(SMALLEST)
    return path


def test_the_papers_proxy():
    scheme = load_scheme("p_star")
    assert (scheme.epochs, scheme.batch_size, scheme.label_smoothing) == (16, 4 * 512, 0.1)
    assert [scheme.resolution(epoch) for epoch in range(16)] == 12 * [160] + 4 * [192]
    assert scheme.resize.validation == 256
    assert scheme.optimizer == Optimizer("momentum", 0.425, 0.9, 1e-4, filter_bias_and_bn=True)
    assert scheme.schedule == Schedule("linear", warmup_epochs=2, final_lr=0)
    assert (scheme.precision, scheme.ema) == ("float16", 0)
    assert (scheme.augmentation.scale, scheme.augmentation.policy) == ((0.08, 1), "")


def test_the_papers_reference():
    scheme = load_scheme("reference")
    assert (scheme.epochs, scheme.ema, scheme.augmentation.policy) == (450, 0.9999, "rand-m9-mstd0.5")
    assert scheme.optimizer == Optimizer("rmsproptf", 0.024, 0.9, 1e-5, options={"eps": 0.001})
    assert (scheme.schedule.decay_epochs, scheme.schedule.decay_rate) == (2.4, 0.97)
    assert {scheme.resolution(epoch) for epoch in range(450)} == {224}


@pytest.mark.parametrize("name", SHIPPED)
def test_toml_and_json_give_the_same_scheme(name, tmp_path):
    scheme = load_scheme(name)
    (tmp_path / "again.toml").write_text(to_toml(scheme))
    assert load_scheme(tmp_path / "again.toml") == scheme
    assert Scheme.from_dict(json.loads(json.dumps(scheme.to_dict()))) == scheme
    assert hash(scheme) == hash(load_scheme(name))


def test_the_digest_names_everything_but_the_name(smallest):
    scheme = load_scheme(smallest)
    assert re.fullmatch("[0-9a-f]{64}", scheme.digest)
    assert scheme.changed(name="other").digest == scheme.digest
    # whole numbers are floats where those are meant
    assert scheme.changed(ema=0, **{"optimizer.lr": 1.0}).digest == scheme.digest
    changes = {
        "epochs": 5,
        "batch_size": 64,
        "label_smoothing": 0.2,
        "dropout": 0.1,
        "ema": 0.9,
        "precision": "bfloat16",
        "channels_last": True,
        "accumulation": 2,
        "clip": 1.0,
        "stop": 1,
        "resize": {"start": 9, "end": 8, "validation": 8},
        "optimizer": {"name": "sgd", "lr": 1},
        "schedule": {"kind": "linear"},
        "augmentation": {"flip": 0.1},
    }
    assert set(changes) == {each.name for each in dataclasses.fields(Scheme)} - {"name"}
    digests = {scheme.changed(**{name: value}).digest for name, value in changes.items()}
    assert len(digests | {scheme.digest}) == len(changes) + 1


def test_digests_stay_what_they_were():
    # stores of results name schemes by them
    assert load_scheme("p_star").digest == "d87d392fce14e7a3ba512c50f320a75a1292bdce2a548f7efdc4462fe36b0cc4"


def test_changes_by_dotted_names():
    scheme = load_scheme("p_star")
    changed = scheme.changed(batch_size=256, name="mine", **{"resize.end": 224, "optimizer.options.nesterov": True})
    assert (changed.batch_size, changed.name, changed.resize.end) == (256, "mine", 224)
    assert changed.optimizer.options == {"nesterov": True}
    assert scheme == load_scheme("p_star")
    with pytest.raises(SchemeError, match=r"^unknown key resize\.ende; is end meant\?$"):
        scheme.changed(**{"resize.ende": 3})
    with pytest.raises(SchemeError, match=r"^unknown key epochs\.end; epochs holds no others$"):
        scheme.changed(**{"epochs.end": 3})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("epochs = 4", "epoch = 4", r"unknown key epoch; is epochs meant\?"),
        ("epochs = 4", "epochs = 4\ncolour = 1", "unknown key colour; choose among name, epochs, batch_size, .*"),
        ("epochs = 4", "", "epochs is missing; give it a value"),
        ("[resize]\nstart = 8", "[resize]", r"resize\.start is missing; give it a value"),
        ("epochs = 4", "epochs = 0", "epochs is 0; expected at least 1"),
        ("epochs = 4", "epochs = 4.0", r"epochs is 4\.0; expected a whole number"),
        ("epochs = 4", "epochs = true", "epochs is True; expected a whole number"),
        ('"smallest"', "3", "name is 3; expected a string"),
        ("epochs = 4", "epochs = 4\nchannels_last = 1", "channels_last is 1; expected true or false"),
        ("epochs = 4", 'epochs = 4\nema = "a"', "ema is 'a'; expected a finite number"),
        ("epochs = 4", "epochs = 4\nema = 1", r"ema is 1\.0; expected less than 1"),
        ("epochs = 4", "epochs = 4\nclip = nan", "clip is nan; expected a finite number"),
        ("lr = 1", "lr = 0", r"optimizer\.lr is 0\.0; expected more than 0"),
        (
            "validation = 8",
            "validation = 8\nvalidation_crop = 2",
            r"resize\.validation_crop is 2\.0; expected at most 1",
        ),
        ('"cosine"', '"sine"', r"schedule\.kind is 'sine'; expected one of cosine, linear, step"),
        ('"cosine"', '"cosine"\nwarmup_epochs = 4', r"schedule\.warmup_epochs 4 leaves nothing of 4 epochs; lower .*"),
        ("epochs = 4", "epochs = 4\naccumulation = 3", "batch_size 32 is no multiple of accumulation 3; choose one"),
        ("start = 8", "start = 8\nstart_epoch = 3", r"resize\.end_epoch is 0, before resize\.start_epoch 3; swap them"),
        ("[schedule]", "[augmentation]\nscale = [1]\n[schedule]", r"augmentation\.scale is \[1\]; expected 2 values"),
        ("[schedule]", "[augmentation]\nflip = 2\n[schedule]", r"augmentation\.flip is 2\.0; expected at most 1"),
        ("[schedule]", "[optimizer.option]\n[schedule]", r"unknown key optimizer\.option; is options meant\?"),
        ("lr = 1", "lr = 1\noptions = 3", r"optimizer\.options is 3; expected a table \[optimizer\.options\]"),
        ("[schedule]\n", "schedule = 1\n#", r"unknown key optimizer\.schedule; choose among name, lr, .*"),
        ("epochs = 4", "epochs =", "is not valid TOML: .*"),
        ("epochs = 4", "epochs = " + "[" * 5000, "is not valid TOML: .*"),
    ],
)
def test_errors_name_the_key_and_the_value(smallest, old, new, message):
    assert old in SMALLEST
    smallest.write_text(SMALLEST.replace(old, new, 1))
    with pytest.raises(SchemeError, match=rf"^{re.escape(str(smallest))}:? {message}$"):
        load_scheme(smallest)


def test_tables_must_be_tables(smallest):
    table = load_scheme(smallest).to_dict() | {"schedule": "cosine"}
    with pytest.raises(SchemeError, match=r"^schedule is 'cosine'; expected a table \[schedule\]$"):
        Scheme.from_dict(table)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(SchemeError, match=r"^no scheme p-star; choose one of reference, p_star, or name a TOML file$"):
        load_scheme("p-star")
    with pytest.raises(SchemeError, match=r"is a folder, no regular file; .* TOML file of a scheme$"):
        load_scheme(tmp_path)
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(SchemeError, match=r"is a pipe, no regular file; .* TOML file of a scheme$"):
        load_scheme(tmp_path / "pipe.toml")


def test_python_is_checked_as_toml_is():
    with pytest.raises(SchemeError, match=r"^resize\.end is 0; expected at least 1$"):
        Resize(8, 0, 8)
    with pytest.raises(ImagesError, match=r"^augmentation\.flip is True; expected a finite number$"):
        Augmentation(flip=True)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 20), st.integers(0, 20), st.integers(1, 64))
def test_resolutions_go_one_way_from_start_to_end(start, end, begin, length, multiple):
    resize = Resize(start, end, 8, begin, begin + length, multiple)
    scheme = dataclasses.replace(load_scheme("p_star"), resize=resize)
    path = [scheme.resolution(epoch) for epoch in range(begin + length + 3)]
    assert path == sorted(path, reverse=start > end)
    assert set(path[:begin]) <= {start}
    assert set(path[begin + length :]) == {end}
    assert all(each in (start, end) or each % multiple == 0 for each in path)


def invoke(*arguments):
    return CliRunner().invoke(app, ["scheme", *map(str, arguments)])


def test_list():
    result = invoke("list")
    assert result.exit_code == 0
    assert "p_star: 16 epochs of 160, 192 pixels, batches of 2048\n" in result.output


def test_show_writes_a_file(tmp_path):
    result = invoke("show", "p_star")
    (tmp_path / "shown.toml").write_text(result.output)
    assert load_scheme(tmp_path / "shown.toml") == load_scheme("p_star")
    assert load_scheme("p_star").digest in result.output


def test_check_shows_each_epoch(smallest):
    result = invoke("check", smallest)
    assert result.exit_code == 0
    assert load_scheme(smallest).digest in result.output
    assert len(re.findall(r"^ +\d+ +\d+ ", result.output, re.MULTILINE)) == 4


@pytest.mark.parametrize(
    ("old", "new", "message"), [("epochs", "epoch", "is epochs meant?"), ("momentum", "none", "optimizer 'none': ")]
)
def test_check_finds_what_is_wrong(smallest, old, new, message):
    smallest.write_text(SMALLEST.replace(old, new))
    result = invoke("check", smallest)
    assert result.exit_code == 1
    assert message in result.output
