"""Search spaces give recipes, and recipes give settings files."""

from dataclasses import replace

import pytest

import accelnas
from accelnas.errors import ModelError
from accelnas.fitting.families import FAMILIES
from accelnas.fitting.settings import read_settings
from accelnas.fitting.tuning import read_search_space, shipped_search_spaces
from accelnas.fitting.tuning.settings_text import settings_text

SETTINGS = read_settings("bundled")


def corners(space):
    """Suggestions at the ends of every range, and every choice."""
    most = max(len(p.choices or ()) for p in space.parameters)
    for i in range(max(2, most)):
        yield {
            p.place: list(p.choices)[i % len(p.choices)] if p.choices else (p.low, p.high)[i % 2]
            for p in space.parameters
        }


@pytest.mark.parametrize("name", shipped_search_spaces())
def test_spaces_give_recipes_that_families_take(tmp_path, name):
    space, metric = read_search_space(name), SETTINGS.metrics["throughput_a100"]
    for suggested in corners(space):
        tried = space.candidate(suggested).recipe
        assert FAMILIES[tried.family](tried, accelnas.mnasnet_space()).recipe is tried
        content = space.content(suggested, trial=False)
        link = content.pop("link", metric.link)
        text = settings_text("mine", ["found"], SETTINGS, metric, content, link)
        path = tmp_path / "mine.toml"
        path.write_text(text)
        found = read_settings(path).metrics["throughput_a100"]
        expected = replace(space.candidate(suggested, trial=False).recipe, name="tuned")
        assert found == replace(metric, recipe=expected, link=link)
        if not space.trial_only:
            assert replace(tried, name="tuned") == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[search]", "[serach]"), "unknown field serach; it has recipe, search and trials"),
        (('"parameters.C"', '"parameter.C"'), "no place 'parameter.C' in a recipe; use stage1.NAME"),
        (('"parameters.C"', '"stage1.C"'), "place 'stage1.C' is in no stage; the recipe has 0"),
        (("low = 0.1", "low = 50"), "parameters.C reaches from 50 to 30.0; use low < high"),
        (("low = 0.1", "low = 0"), "reaches from 0 to 30.0; use low < high, and low > 0 for a logarithm"),
        (("low = 0.1, ", ""), "float has low, high and perhaps log"),
        (('"float"', '"real"'), "kind is 'real'; choose one of float, int, categorical"),
        (("{ kind", "{ steps = 3, kind"), "float has low, high and perhaps log"),
        (('{ kind = "float", low = 0.1, high = 30.0, log = true }', "3"), "is 3; give kind and low and high"),
        (('"float", low = 0.1, high = 30.0, log = true', '"categorical", choices = [1]'), "at least two of them"),
        (('"epsilon_svr"', '"svr"'), "family is 'svr'; choose one of anova_process"),
        (("[search]", "[search"), "is not valid TOML"),
    ],
)
def test_wrong_search_spaces_name_the_place(tmp_path, change, message):
    text = """
[recipe]
family = "epsilon_svr"
[search]
"parameters.C" = { kind = "float", low = 0.1, high = 30.0, log = true }
"""
    assert text.count(change[0])
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(*change, 1))
    with pytest.raises(ModelError, match=message):
        read_search_space(path)
