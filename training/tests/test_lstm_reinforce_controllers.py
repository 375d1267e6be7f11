import numpy as np
import pytest
import torch

from accelnas_training import LstmSettings
from accelnas_training.lstm_reinforce.controllers import Controllers
from accelnas_training.lstm_reinforce.parameters import Layout, initial_parameters
from one_controller import OneController

MNASNET = [3, 2, 3, 2] * 5 + [3, 2, 4, 2] + [3, 2, 3, 2]
CASES = [MNASNET, [3], [2, 5], [4, 1, 3]]
SETTINGS = LstmSettings(entropy_weight=0.3)  # large, so that its gradient is seen


def make(choices, runs=3, settings=SETTINGS, dtype=torch.float64):
    layout = Layout(choices, settings)
    streams = [np.random.default_rng(seed) for seed in range(runs)]
    rows = initial_parameters(layout, streams, 0.4).to(dtype)
    uniforms = torch.from_numpy(np.random.default_rng(9).random((runs, len(choices), settings.episodes))).to(dtype)
    controllers = Controllers(rows, choices, settings)
    return controllers, controllers.sample(uniforms).clone(), uniforms


@pytest.mark.parametrize("choices", CASES)
def test_log_probabilities_are_those_of_a_plain_controller(choices):
    controllers, picked, uniforms = make(choices)
    for run in range(3):
        one = OneController(controllers.parameters, run, choices)
        sampled, log_probabilities = one(uniforms=uniforms[run])
        assert torch.equal(sampled, picked[run])
        for step, own in enumerate(log_probabilities):
            ours = controllers.log_probabilities[run, step, :, : choices[step]]
            torch.testing.assert_close(ours, own, rtol=1e-12, atol=1e-12)
            torch.testing.assert_close(controllers.probabilities[run, step, :, : choices[step]], own.exp())


@pytest.mark.parametrize("choices", CASES)
@pytest.mark.parametrize("settings", [SETTINGS, LstmSettings(hidden=7, embedding=3, episodes=4, entropy_weight=0.0)])
def test_gradient_is_autograd_of_the_textbook_loss(choices, settings):
    controllers, picked, _ = make(choices, settings=settings)
    advantages = torch.from_numpy(np.random.default_rng(1).normal(size=(3, settings.episodes)))
    controllers.backward(advantages)
    ours = Layout(choices, settings).views(controllers.rows.grad)
    compared = 0
    for run in range(3):
        one = OneController(controllers.parameters, run, choices)
        one.loss(picked[run], advantages[run], settings.entropy_weight).backward()
        for theirs, own in one.pairs(ours, run):
            expected = torch.zeros_like(own) if theirs.grad is None else theirs.grad
            torch.testing.assert_close(own, expected, rtol=1e-9, atol=1e-12)
            compared += int((expected != 0).any())
    assert compared > 10


def test_gradient_of_numbers_that_are_not_used_is_zero():
    controllers, _, _ = make([4, 1, 3])
    controllers.backward(torch.ones(3, 6, dtype=torch.float64))
    ours = Layout([4, 1, 3], SETTINGS).views(controllers.rows.grad)
    assert not ours.head_weight[:, 1, 1:].any()
    assert not ours.inputs[:, 1 + 4 + 1 :].any()  # beyond the only choice of the second variable
    assert ours.head_weight[:, 0].all()


def test_gradients_do_not_add_up_between_steps():
    controllers, _, uniforms = make(MNASNET)
    advantages = torch.ones(3, 6, dtype=torch.float64)
    controllers.backward(advantages)
    first = controllers.rows.grad.clone()
    controllers.sample(uniforms)
    controllers.backward(advantages)
    assert torch.equal(controllers.rows.grad, first)


def test_choices_are_as_frequent_as_they_are_probable():
    settings = LstmSettings(hidden=8, episodes=20_000)
    controllers, picked, _ = make([5], runs=1, settings=settings)
    frequencies = np.bincount(picked[0, 0], minlength=5) / settings.episodes
    np.testing.assert_allclose(frequencies, controllers.probabilities[0, 0, 0], atol=0.015)


@pytest.mark.parametrize("uniform", [0.0, 1 - 2**-24])
def test_extreme_draws_give_choices_of_the_variable(uniform):
    layout = Layout([4, 1, 3], SETTINGS)
    rows = initial_parameters(layout, [np.random.default_rng(0)], 0.1)
    picked = Controllers(rows, [4, 1, 3], SETTINGS).sample(torch.full((1, 3, 6), uniform))
    assert picked[0, :, 0].tolist() == ([0, 0, 0] if uniform == 0 else [3, 0, 2])


def test_parameters_start_uniformly_within_their_bound():
    layout = Layout(MNASNET, LstmSettings())
    rows = initial_parameters(layout, [np.random.default_rng(seed) for seed in range(2)], 0.1)
    assert layout.size % 16 == 0
    assert rows.dtype == torch.float32
    assert rows.shape == (2, layout.size)
    assert 0.0999 < rows.abs().max() <= 0.1
    assert abs(float(rows.mean())) < 1e-3
    assert not torch.equal(rows[0], rows[1])
