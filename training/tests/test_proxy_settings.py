"""Settings say what is wrong with them."""

import pytest

from accelnas_training.errors import ProxyError, SchemeError
from accelnas_training.proxy.settings import Enough, load_settings
from accelnas_training.schemes import load_scheme, to_toml

GOOD = """
reference = "reference"
base = "mine.toml"
images = "digits"
longest = 3
enough = { tau = 0.9, seconds = 2 }
seeds = [0, 1]
[choices]
epochs = [4, 8]
resize.start = [8, 16]
"resize.end" = [16]
"""


def load(folder, text):
    (folder / "mine.toml").write_text(to_toml(load_scheme("p_star")))
    path = folder / "search.toml"
    path.write_text(text)
    return load_settings(path)


def test_settings_are_read(tmp_path):
    settings = load(tmp_path, GOOD)
    assert settings.reference == load_scheme("reference")
    assert settings.base == load_scheme("p_star")
    assert settings.choices == {"epochs": (4, 8), "resize.start": (8, 16), "resize.end": (16,)}
    assert (settings.longest, settings.enough, settings.seeds) == (3, Enough(0.9, 2), (0, 1))
    assert (settings.family, settings.models, settings.search, settings.prune) == ("mnasnet", 20, "grid", True)


def test_a_family_is_relative_to_the_file(tmp_path):
    assert load(tmp_path, 'family = "mine/family.toml"' + GOOD).family == str(tmp_path / "mine/family.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("longest = 3", "longest = 0", "longest is 0.0; expected more than 0"),
        ("longest = 3", "", "longest is missing; give it a value"),
        ("longest = 3", "longest = '3'", "longest is '3'; expected a finite number"),
        ("longest = 3", "longest = true", "longest is True; expected a finite number"),
        ("longest = 3", "longest = 3\nlongst = 4", "unknown key longst; is longest meant"),
        ("longest = 3", "longest = 3\nmodels = 4", "models is 4; expected at least 5"),
        ("longest = 3", "longest = 3\ntrials = 0", "trials is 0; expected at least 1"),
        ("longest = 3", "longest = 3\ntogether = 0", "together is 0; expected at least 1"),
        ("longest = 3", "longest = 3\nprune = 1", "prune is 1; expected true or false"),
        ("longest = 3", "longest = 3\nsearch = 'random'", "search is 'random'; expected one of grid, tpe"),
        ("longest = 3", "longest = 3\nsearch = 'tpe'", "search tpe has no trials"),
        ("seeds = [0, 1]", "seeds = []", "seeds is .*; give a list of one or more distinct values"),
        ("seeds = [0, 1]", "seeds = [1, 1]", "seeds is .*; give a list"),
        ("seeds = [0, 1]", "seeds = [0.5]", "seeds is 0.5; expected a whole number"),
        ("seconds = 2", "second = 2", "unknown key enough.second; is seconds meant"),
        ("epochs = [4, 8]", "epochs = 4", "epochs is 4; give a list of one or more distinct values"),
        ("epochs = [4, 8]", "epochs = [4, 4]", "epochs is [4, 4]; give a list of one or more distinct values"),
        ("epochs = [4, 8]", "epochs = [", "is not valid TOML"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, old, new, message):
    assert old in GOOD
    pattern = message.replace("[", r"\[").replace("]", r"\]")
    with pytest.raises(ProxyError, match=pattern):
        load(tmp_path, GOOD.replace(old, new))


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(ProxyError, match="name a TOML file of a search"):
        load_settings(tmp_path / "none.toml")
    with pytest.raises(SchemeError, match=r"no scheme .*none\.toml"):
        load(tmp_path, GOOD.replace("mine.toml", "none.toml"))
