"""The search finds what a synthetic landscape has, asks no more than needed, and goes on where it ended."""

import math

import pytest

from accelnas_training.errors import ProxyError
from accelnas_training.proxy.candidates import NOT_A_SCHEME, TWICE, Grid, best, cost
from accelnas_training.proxy.search import search_proxy
from accelnas_training.proxy.settings import Enough
from conftest import make_space
from proxy_landscape import BASE, CHOICES, REFERENCE, Landscape, settings

SPACE = make_space(4, 4, 4, 4, 4, 4)
MODELS = SPACE.sample(20, 0, unique=True)


def found(landscape=None, **changes):
    return search_proxy(settings(**changes), MODELS, landscape or Landscape())


def values(result):
    return [dict(verdict.candidate.values) for verdict in result.verdicts]


def test_the_grid_finds_the_best_that_is_fast_enough():
    result = found(prune=False)
    fast = [verdict for verdict in result.verdicts if verdict.seconds <= 0.5]
    slow = [verdict for verdict in result.verdicts if verdict.seconds > 0.5]
    assert slow
    assert {verdict.outcome for verdict in slow} == {"too slow"}
    assert result.best.tau == max(verdict.tau for verdict in fast)
    assert result.best.seconds <= 0.5
    assert result.best.candidate.values["epochs"] == 20
    assert result.best.interval.low < result.best.tau < result.best.interval.high
    assert all(len(verdict.trained) == len(MODELS) for verdict in result.verdicts)


def test_the_constraint_bends_the_choice():
    assert found(prune=False, longest=1e9).best.candidate.values["epochs"] == 40
    assert found(prune=False, longest=0.05).best.candidate.values["epochs"] < 20
    assert found(longest=1e-9).best is None


def test_the_grid_tries_the_cheapest_first():
    costs = [cost(candidate.scheme) for candidate in Grid(settings()).ask(100)]
    assert costs == sorted(costs)
    assert len(costs) == 8  # of 16: where a training starts is no matter, since the ramp ends at epoch 0


def test_combinations_that_are_no_schemes_are_dropped_and_counted():
    choices = {"epochs": (5, 20), "resize.end": (64, 128), "resize.start_epoch": (0, 8), "resize.end_epoch": (4, 12)}
    grid = Grid(settings(choices=choices, base=BASE.changed(**{"resize.start": 64})))
    candidates = grid.ask(100)
    # a start after the end; an end after the training, unless the resolution stays
    assert grid.dropped[NOT_A_SCHEME] == 6
    assert grid.dropped[TWICE] == 4
    assert len(candidates) == 16 - 6 - 4
    for candidate in candidates:
        resize = candidate.scheme.resize
        assert resize.start == resize.end or resize.start_epoch <= resize.end_epoch <= candidate.scheme.epochs


@pytest.mark.parametrize("search", ["grid", "tpe"])
def test_no_combination_is_a_scheme(search):
    with pytest.raises(ProxyError, match="no combination of the choices is a scheme: unknown key epoch"):
        found(choices={"epoch": (1, 2)}, search=search, trials=3)


@pytest.mark.parametrize("search", ["grid", "tpe"])
def test_a_good_enough_scheme_ends_the_search(search):
    every, early = found(search=search, trials=12), found(search=search, trials=12, enough=Enough(0.7, 0.3))
    assert early.enough
    assert not every.enough
    assert len(early.verdicts) < len(every.verdicts)
    last = early.verdicts[-1]
    assert (last.tau >= 0.7, last.seconds <= 0.3, last.outcome) == (True, True, "complete")
    assert not any(v.tau >= 0.7 and v.seconds <= 0.3 for v in early.verdicts[:-1] if v.outcome == "complete")


@pytest.mark.parametrize("search", ["grid", "tpe"])
def test_pruning_saves_trainings_and_keeps_the_best(search):
    thrifty, thorough = Landscape(), Landscape()
    pruned = found(thrifty, search=search, trials=8, longest=0.15)
    whole = found(thorough, search=search, trials=8, longest=0.15, prune=False)
    assert len(thrifty.known) < 0.8 * len(thorough.known)
    assert {verdict.outcome for verdict in pruned.verdicts} >= {"complete", "too slow"}
    assert pruned.best.candidate == whole.best.candidate
    for verdict in pruned.verdicts:
        if verdict.outcome == "too slow":
            assert len(verdict.trained) == 5  # seen at once
            assert verdict.seconds > 0.15


def test_a_candidate_that_is_behind_is_given_up():
    noisy_first = {"epochs": (10, 1), "augmentation.flip": (0.5, 0.4, 0.3)}
    result = found(choices=noisy_first, search="tpe", trials=6)
    behind = [verdict for verdict in result.verdicts if verdict.outcome == "behind"]
    for verdict in behind:
        before = best(result.verdicts[: result.verdicts.index(verdict)])
        assert verdict.interval.high < before.tau
        assert len(verdict.trained) < len(MODELS)
    assert behind


@pytest.mark.parametrize("search", ["grid", "tpe"])
def test_an_interrupted_search_goes_on_where_it_ended(search):
    whole, again = Landscape(), Landscape(limit=60)
    expected = found(whole, search=search, trials=8)
    with pytest.raises(KeyboardInterrupt):
        found(again, search=search, trials=8)
    assert len(again.known) == 60
    again.limit = None
    result = found(again, search=search, trials=8)
    assert again.known == whole.known
    assert values(result) == values(expected)
    assert [verdict.tau for verdict in result.verdicts] == [verdict.tau for verdict in expected.verdicts]


def test_the_seed_decides():
    first, same, other = (values(found(search="tpe", trials=6, seed=seed)) for seed in (1, 1, 2))
    assert first == same
    assert first != other


def test_tpe_ends_when_there_is_hardly_a_candidate_left():
    result = found(search="tpe", trials=1000)
    assert 6 <= len(result.verdicts) <= 8
    assert result.dropped[TWICE] >= 200


@pytest.mark.parametrize("search", ["grid", "tpe"])
def test_candidates_are_trained_together(search):
    one, many = Landscape(), Landscape()
    found(one, search=search, trials=6, prune=False)
    found(many, search=search, trials=6, prune=False, together=4)
    assert one.calls == 1 + 6
    assert many.calls == 1 + 2


def test_a_model_that_diverges_ranks_last():
    strongest = tuple(map(int, MODELS[MODELS.sum(axis=1).argmax()]))
    sound, failing = found(prune=False), found(Landscape(fails={(strongest, 20)}), prune=False)
    for before, after in zip(sound.verdicts, failing.verdicts, strict=True):
        if before.candidate.values["epochs"] == 20:
            assert after.tau < before.tau
            assert after.trained.failures == 1
            assert math.isclose(after.seconds, before.seconds, rel_tol=1e-9)
        else:
            assert after.tau == before.tau


def test_models_that_the_reference_fails_on_rank_nowhere():
    failing = {(tuple(map(int, row)), REFERENCE.epochs) for row in MODELS[:3]}
    result = found(Landscape(fails=failing))
    assert result.left_out == 3
    assert len(result.reference) == len(MODELS) - 3
    with pytest.raises(ProxyError, match=f"an order to 4 of {len(MODELS)} models"):
        found(Landscape(fails={(tuple(map(int, row)), REFERENCE.epochs) for row in MODELS[4:]}))


def test_several_seeds_are_averaged():
    result = found(seeds=(0, 1, 2), reference_seeds=(0, 1), prune=False, choices={"epochs": (5,)})
    single = found(prune=False, choices={"epochs": (5,)})
    assert result.reference.accuracy.shape == (len(MODELS), 2)
    assert result.verdicts[0].trained.accuracy.shape == (len(MODELS), 3)
    assert result.best.tau > single.best.tau
    assert result.speedup == pytest.approx(result.reference.seconds.mean() / result.best.seconds)


def test_candidates_that_all_fail_are_no_proxies():
    fails = {(tuple(map(int, row)), epochs) for row in MODELS for epochs in CHOICES["epochs"]}
    for search in ("grid", "tpe"):
        result = found(Landscape(fails=fails), search=search, trials=5)
        assert result.best is None
        assert math.isnan(result.speedup)
