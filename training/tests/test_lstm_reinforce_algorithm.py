import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

import accelnas
from accelnas.search.protocol import AskTell, ManyRuns, Task
from accelnas_training import ControllerError, LstmReinforce, LstmSettings
from accelnas_training.lstm_reinforce.parameters import Layout, initial_parameters
from one_controller import OneController

SMALL = LstmSettings(hidden=12, embedding=5)


def tasks(space, seeds, budget=60):
    return [Task(space, {"accuracy": "maximise"}, budget, seed) for seed in seeds]


def follow(algorithm, space, seeds, epochs, score):
    """Run; give everything asked (runs, epochs * episodes, variables) and its scores."""
    runs = algorithm.many(tasks(space, seeds))
    asked, scored = [], []
    for _ in range(epochs):
        archs = runs.ask()
        scores = np.stack([score(rows) for rows in archs])
        runs.tell(archs, scores)
        asked.append(archs)
        scored.append(scores)
    return np.concatenate(asked, axis=1), np.concatenate(scored, axis=1)


def additive(rows):
    """Score that is greatest, 1, where every choice is the last but one or the only one."""
    best = np.array([1, 0, 3, 2])
    return (rows == best).mean(axis=1)


@pytest.fixture(scope="module")
def bench():
    return accelnas.load()


@pytest.fixture(scope="module")
def accuracy(bench):
    return lambda rows: bench.predict(rows, "accuracy").astype(np.float64)


def test_forms_are_those_of_the_protocol(toy):
    algorithm = LstmReinforce(SMALL)
    one, many = algorithm(tasks(toy, [0])[0]), algorithm.many(tasks(toy, range(3)))
    assert isinstance(one, AskTell)
    assert isinstance(many, ManyRuns)
    assert (one.ask().shape, one.ask().dtype) == ((6, 4), np.uint8)
    assert (many.ask().shape, many.ask().dtype) == ((3, 6, 4), np.uint8)
    toy.check(many.ask().reshape(-1, 4))


def test_the_same_seeds_give_the_same_and_others_differ(bench, accuracy):
    algorithm = LstmReinforce()
    first, scores = follow(algorithm, bench.space, [3, 2**63 - 1], 20, accuracy)
    again, scores_again = follow(algorithm, bench.space, [3, 2**63 - 1], 20, accuracy)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(scores, scores_again)
    assert (first[0] != first[1]).any()
    assert (first[0, :6] != first[0, 6:12]).any()


@pytest.mark.parametrize("settings", [LstmSettings(), LstmSettings(hidden=13, embedding=5, episodes=5)])
def test_a_run_does_not_depend_on_what_runs_beside_it(bench, accuracy, settings):
    """Bit for bit: 19 runs are computed in three groups, the last of three."""
    algorithm, seeds = LstmReinforce(settings), list(range(19))
    runs = algorithm.many(tasks(bench.space, seeds))
    alone = {seed: algorithm.many(tasks(bench.space, [seed])) for seed in (0, 7, 18)}
    backwards = algorithm.many(tasks(bench.space, seeds[::-1][:10]))
    for every in (runs, backwards, *alone.values()):
        for _ in range(15):
            archs = every.ask()
            every.tell(archs, np.stack([accuracy(rows) for rows in archs]))
    rows = torch.cat([group._controllers.rows for group in runs._groups])
    for seed, run in alone.items():
        assert torch.equal(run._groups[0]._controllers.rows[0], rows[seed])
    reversed_rows = torch.cat([group._controllers.rows for group in backwards._groups])
    assert torch.equal(reversed_rows, rows.flip(0)[:10])


def test_threads_change_nothing_and_stay_as_they_were(bench, accuracy):
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(follow(LstmReinforce(), bench.space, range(9), 5, accuracy)[0])
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_one_run_is_many_of_one(toy):
    many, _ = follow(LstmReinforce(SMALL), toy, [5], 10, additive)
    # and the other end of opposite values is the same
    run = LstmReinforce(SMALL)(Task(toy, {"cost": "minimise"}, 60, 5))
    for epoch in range(10):
        archs = run.ask()
        np.testing.assert_array_equal(archs, many[0, epoch * 6 : epoch * 6 + 6])
        run.tell(archs, -additive(archs))


@pytest.mark.parametrize("scale", [1.0, 0.01])
def test_runs_follow_a_plain_implementation(bench, accuracy, scale):
    """PyTorch's LSTMCell, autograd and Adam, one run at a time, sample the same architectures for 15 epochs."""
    settings = LstmSettings(learning_rate=0.002, entropy_weight=0.01, reward_scale=scale)
    ours, _ = follow(LstmReinforce(settings), bench.space, [4, 8], 15, accuracy)
    choices = [len(variable.choices) for variable in bench.space.variables]
    layout = Layout(choices, settings)
    for run, seed in enumerate([4, 8]):
        stream = np.random.Generator(np.random.Philox(key=(seed, 0)))
        one = OneController(layout.views(initial_parameters(layout, [stream], 0.1)), 0, choices)
        adam = torch.optim.Adam(one.parameters(), lr=settings.learning_rate)
        draws = np.random.Generator(np.random.Philox(key=(seed, 1)))
        baseline = None
        for epoch in range(15):
            picked, _ = one(uniforms=torch.from_numpy(draws.random((28, 6), np.float32)))
            archs = picked.T.numpy().astype(np.uint8)
            np.testing.assert_array_equal(archs, ours[run, epoch * 6 : epoch * 6 + 6])
            rewards = accuracy(archs) * scale
            baseline = rewards.mean() if baseline is None else baseline
            advantages = torch.from_numpy((rewards - baseline).astype(np.float32))
            baseline = 0.95 * baseline + 0.05 * rewards.mean()
            adam.zero_grad()
            one.loss(picked, advantages, settings.entropy_weight).backward()
            adam.step()


def test_learns_the_optimum_of_an_additive_score(toy):
    settings = replace(SMALL, hidden=32, learning_rate=0.01)
    _, scores = follow(LstmReinforce(settings), toy, range(10), 250, additive)
    assert scores[:, :60].mean() < 0.5
    assert scores[:, -60:].mean() > 0.95


def test_a_last_tell_of_fewer_rows_ends_the_run(toy):
    runs = LstmReinforce(SMALL).many(tasks(toy, range(2)))
    first = runs._groups[0]._controllers.rows.clone()
    archs = runs.ask()[:, :2]
    runs.tell(archs, np.ones((2, 2)))
    assert torch.equal(runs._groups[0]._controllers.rows, first)


def test_a_copy_of_the_algorithm_does_the_same(toy):
    algorithm = LstmReinforce(SMALL)
    again = copy.deepcopy(algorithm)
    assert repr(again) == repr(algorithm)
    np.testing.assert_array_equal(follow(again, toy, [1], 3, additive)[0], follow(algorithm, toy, [1], 3, additive)[0])


def test_refuses_tasks_that_do_not_fit(toy, other_toy):
    algorithm = LstmReinforce(SMALL)
    with pytest.raises(ControllerError, match=r"got no tasks; pass at least one"):
        algorithm.many([])
    with pytest.raises(ControllerError, match=r"run 1 is on <Space other.*, run 0 on <Space toy"):
        algorithm.many([*tasks(toy, [0]), *tasks(other_toy, [0])])
    with pytest.raises(ControllerError, match=r"run 0 has 2 objectives \(accuracy, params\), REINFORCE needs one"):
        algorithm(Task(toy, {"accuracy": "maximise", "params": "minimise"}, 6, 0))
    for seed in (-1, 2**63):
        with pytest.raises(ControllerError, match=rf"run 0: seed is {seed}; choose an integer from 0 to"):
            algorithm(Task(toy, {"accuracy": "maximise"}, 6, seed))
    with pytest.raises(ControllerError, match=r"device 'abacus' can't be used \(.*\); choose cpu"):
        LstmReinforce(device="abacus")


def test_refuses_what_was_not_asked(toy):
    runs = LstmReinforce(SMALL).many(tasks(toy, range(2)))
    scores = np.ones((2, 6))
    with pytest.raises(ControllerError, match="tell was called before ask; call ask first"):
        runs.tell(np.zeros((2, 6, 4), np.uint8), scores)
    archs = runs.ask()
    for wrong in (archs[:, ::-1], archs[:1], archs[0], np.repeat(archs, 2, axis=1)):
        with pytest.raises(ControllerError, match=r"told architectures of shape \(.*\) that are not the \(2, 6, 4\)"):
            runs.tell(wrong, scores)
    with pytest.raises(ControllerError, match=r"values have shape \(2, 6, 2\), expected \(2, 6\): one an"):
        runs.tell(archs, np.ones((2, 6, 2)))
    for value in (np.nan, -np.inf):
        scores[1, 4] = value
        with pytest.raises(ControllerError, match=rf"run 1: value 4 is {value}; give finite values"):
            runs.tell(archs, scores)
    runs.tell(archs, np.ones((2, 6)))  # a refused call changed nothing


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("hidden", 0, "hidden is 0; expected at least 1"),
        ("episodes", 2.0, "episodes is 2.0; expected a whole number"),
        ("embedding", True, "embedding is True; expected a whole number"),
        ("learning_rate", 0, "learning_rate is 0.0; expected more than 0"),
        ("reward_scale", float("nan"), "reward_scale is nan; expected a finite number"),
        ("initial_range", -1.0, "initial_range is -1.0; expected more than 0"),
        ("entropy_weight", -1e-5, "entropy_weight is -1e-05; expected at least 0"),
        ("baseline_decay", 1.0, "baseline_decay is 1.0; expected less than 1"),
    ],
)
def test_refuses_settings_out_of_range(setting, value, message):
    with pytest.raises(ControllerError, match=message):
        LstmSettings(**{setting: value})


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_gives_the_same_at_first(bench, accuracy):
    cpu, _ = follow(LstmReinforce(), bench.space, range(5), 3, accuracy)
    gpu, _ = follow(LstmReinforce(device="cuda"), bench.space, range(5), 3, accuracy)
    assert (cpu == gpu).mean() > 0.99
