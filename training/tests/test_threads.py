import pytest
import torch

from accelnas import _core
from accelnas_training.accuracy.batches import share_right
from accelnas_training.oneshot.differentiable import Differentiable, search
from accelnas_training.threads import torch_threads, usual_threads
from accelnas_training.train import train
from accelnas_training.zero_cost import proxies
from small_trainings import SCHEME, SmallNetwork, small_images


@pytest.fixture
def quota(monkeypatch):
    """Allow three cores, as a quota does, where PyTorch would use five."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(_core, "processors", lambda: 3)
    before = torch.get_num_threads()
    torch.set_num_threads(5)
    yield
    assert torch.get_num_threads() == 5  # whatever it was while something was computed
    torch.set_num_threads(before)


def trained(see):
    train(SmallNetwork(), small_images(), SCHEME.changed(epochs=1), report=lambda _: see())


def validated(see):
    inputs, targets = torch.eye(2), torch.arange(2)
    share_right(lambda given: see() or given, [(inputs, targets)])


def searched(see):
    search(lambda drawn: see() or drawn[0].sum(-1), [2], Differentiable(steps=1), [0])


def scored(see):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(proxies.PROXIES, "seeing", lambda *_: see() or 1.0)
        proxies.score_network(None, None, ["seeing"])


@pytest.mark.usefixtures("quota")
@pytest.mark.parametrize("compute", [trained, validated, searched, scored])
def test_computing_follows_the_quota(compute):
    seen = []
    compute(lambda: seen.append(torch.get_num_threads()))
    assert set(seen) == {3}


@pytest.mark.usefixtures("quota")
def test_what_the_user_says_counts(monkeypatch):
    with torch_threads(2):
        assert usual_threads() == 2
    with torch_threads(0):
        assert torch.get_num_threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    with torch_threads():
        assert torch.get_num_threads() == 5
