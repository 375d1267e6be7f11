import json

import pytest
import torch

from accelnas_training.errors import TrainingError, TrainingFailure
from accelnas_training.train import run as processes
from accelnas_training.train import train
from accelnas_training.train.places import Place, is_first_process, under_torchrun
from accelnas_training.train.run import train_in_processes
from small_trainings import SCHEME, SmallNetwork, small_images

# no dropout, whose random numbers are each process's own; no batch statistics, which are of each process's images
ALIKE = SCHEME.changed(epochs=2, dropout=0, batch_size=48)


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path):
    images, rows = small_images(validation=97), []  # one process validates an image more
    single, double = (SmallNetwork(normalise=False) for _ in range(2))
    expected = train(single, images, ALIKE)
    result = train(double, images, ALIKE, device="cpu,cpu", folder=tmp_path, report=rows.append)
    assert result.loss == pytest.approx(expected.loss, rel=1e-4)
    assert result.train_loss == pytest.approx(expected.train_loss, rel=1e-4)
    assert result.top1 == pytest.approx(expected.top1, abs=100 / 97 + 1e-9)
    assert (result.top1 * 97 / 100) % 1 == pytest.approx(0, abs=1e-9)  # every image once
    for name, value in double.state_dict().items():
        assert torch.allclose(value, single.state_dict()[name], atol=1e-4), name
    assert [row.epoch for row in rows] == [0, 1]
    (run,) = json.loads((tmp_path / "settings.json").read_text())["runs"]
    assert run["processes"] == 2
    # what two processes leave, one may go on with
    assert train(SmallNetwork(normalise=False), images, ALIKE, folder=tmp_path) == result


class Ended:
    """Processes of which one has failed."""

    processes = ()

    def __init__(self, queue, message):
        queue.put(message)

    def join(self, timeout):
        raise RuntimeError(f"a process ended within {timeout} s")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"failure": "diverged", "text": "in epoch 1"}, TrainingFailure("diverged", "in epoch 1")),
        ({"error": "no such folder"}, TrainingError("no such folder")),
    ],
)
def test_what_a_process_says_before_it_fails_is_raised(monkeypatch, message, expected):
    monkeypatch.setattr(processes, "start_processes", lambda _, arguments, *__, **___: Ended(arguments[-1], message))
    with pytest.raises(type(expected), match=f"^{expected}$") as caught:
        train_in_processes(SmallNetwork(), None, ["cpu", "cpu"], None)
    assert getattr(caught.value, "kind", None) == getattr(expected, "kind", None)


def test_batches_are_shared_evenly():
    task = processes_task(batch_size=50)
    with pytest.raises(TrainingError, match=r"^batch_size 50 is no multiple of 3 devices x accumulation 2; choose"):
        task.loader("train", Place(torch.device("cpu"), 1, 3), 0)


def processes_task(**changes):
    from accelnas_training.train.loop import TrainingPlan

    return TrainingPlan(small_images(), SCHEME.changed(**changes))


def test_torchrun_is_seen_by_its_variables(monkeypatch):
    assert (under_torchrun(), is_first_process()) == (False, True)
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", "2")
    assert (under_torchrun(), is_first_process()) == (True, False)
