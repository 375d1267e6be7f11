"""REINFORCE with LSTM controllers, as an algorithm that benchmarks can run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from accelnas.search.protocol import begin
from accelnas_training.errors import ControllerError
from accelnas_training.lstm_reinforce.controllers import Controllers
from accelnas_training.lstm_reinforce.parameters import Layout, LstmSettings, initial_parameters
from accelnas_training.threads import torch_threads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from accelnas.search.protocol import AskTell, Task
    from accelnas_training.arrays import Archs, Floats


# runs whose parameters stay in a processor's cache, and runs that fill a GPU; no result depends on the former
_TOGETHER = {"cpu": 8, "cuda": 1024}
_LARGEST = 1e30  # rewards are float32; those of what is not feasible, without a penalty, are beyond


class LstmReinforce:
    """REINFORCE with an autoregressive LSTM controller, the algorithm of the Accel-NASBench paper.

    The controller decides on one variable after another, in the order of the space (for MnasNet expansion, kernel,
    layers and squeeze-and-excitation, block by block), and reads its previous choice. After each batch of `episodes`
    architectures one step of Adam follows the gradient of the expected reward, estimated by REINFORCE [1]_ with a
    moving average as baseline. Such controllers were introduced by [2]_; one of this form and size is in [3]_; the
    settings are those of [4]_.

    Parameters
    ----------
    settings : LstmSettings, optional
        Of the controller and its training.
    device : str
        ``"cpu"``, ``"cuda"`` or another name of a device that PyTorch knows.

    Raises
    ------
    ControllerError
        If PyTorch has no such device.

    Notes
    -----
    Called with a task it makes one run; `many` makes any number, trained together: their parameters are stacked, and
    every product is one over many runs. Each run draws from its own Philox stream, keyed by the task's seed. On
    a processor a run's result is the same, bit for bit, whichever runs are computed beside it: PyTorch is used with
    one thread, whatever `torch.set_num_threads` says, and each run's numbers begin at an aligned address. PyTorch does
    not promise that its products treat each matrix alone then; tests hold it to that. On a GPU, and between machines or
    releases of PyTorch, rounding may differ, and now and then another choice is then sampled. More threads gain
    little here: to use all cores, divide the tasks among processes.

    Beyond those settings these were chosen: the baseline starts at the first batch's mean and is updated after it was
    subtracted; the entropy bonus is the sum over decisions of their own entropies; all parameters start uniformly
    within ±0.1.

    References
    ----------
    .. [1] Williams, Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning,
       Machine Learning 8, 1992.
    .. [2] Zoph and Le, Neural Architecture Search with Reinforcement Learning, ICLR 2017.
    .. [3] Pham et al., Efficient Neural Architecture Search via Parameter Sharing, ICML 2018.
    .. [4] Ahmad et al., Accel-NASBench: Sustainable Benchmarking for Accelerator-Aware NAS, DAC 2024, arXiv:2404.08005.

    Examples
    --------
    >>> import accelnas
    >>> from accelnas.search.protocol import Task
    >>> bench = accelnas.load()
    >>> run = LstmReinforce()(Task(bench.space, {"accuracy": "maximise"}, budget=600, seed=0))
    >>> archs = run.ask()
    >>> archs.shape, archs.dtype
    ((6, 28), dtype('uint8'))
    >>> run.tell(archs, bench.predict(archs, "accuracy").astype(float))
    """

    def __init__(self, settings: LstmSettings | None = None, device: str = "cpu") -> None:
        try:
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0].rstrip(".")
            raise ControllerError(f"device {device!r} can't be used ({reason}); choose cpu") from error
        self.settings = LstmSettings() if settings is None else settings
        self.device = device

    def __repr__(self) -> str:
        return f"LstmReinforce({self.settings!r}, device={self.device!r})"

    def __call__(self, task: Task) -> AskTell:
        """Begin one run."""
        return begin(self, task)

    def many(self, tasks: Sequence[Task]) -> LstmRuns:
        """Begin many runs, trained together.

        Parameters
        ----------
        tasks : sequence of Task
            Of one space, with one objective each. A run of MnasNet needs about 2 MB with the default settings.

        Raises
        ------
        ControllerError
            If there are no tasks, they differ in their space, or have several objectives.
        """
        return LstmRuns(tasks, self.settings, self.device)


lstm_reinforce = LstmReinforce()
"""With its defaults, as commands take it: ``accelnas_training.lstm_reinforce.algorithm:lstm_reinforce``."""


class LstmRuns:
    """Many runs of `LstmReinforce`: the form `ManyRuns` of an algorithm."""

    def __init__(self, tasks: Sequence[Task], settings: LstmSettings, device: str) -> None:
        _check(tasks)
        choices = [len(variable.choices) for variable in tasks[0].space.variables]
        together = _TOGETHER.get(torch.device(device).type, _TOGETHER["cuda"])
        seeds = [task.seed for task in tasks]
        self._signs = np.stack([task.signs for task in tasks])
        self._shape = (len(tasks), settings.episodes, len(choices))
        self._settings = settings
        self._asked: Archs | None = None
        self._baselines: Floats | None = None
        with torch_threads(1):
            self._groups = [
                _Group(seeds[start : start + together], choices, settings, device)
                for start in range(0, len(tasks), together)
            ]

    def ask(self) -> Archs:
        """Sample architectures from each run's controller.

        Returns
        -------
        uint8 (runs, episodes, variables)
            Choice indices.
        """
        with torch_threads(1):
            self._asked = np.concatenate([group.sample() for group in self._groups])
        return self._asked.copy()

    def tell(self, archs: Archs, values: Floats) -> None:
        """Improve the controllers.

        Parameters
        ----------
        archs : uint8 (runs, n, variables)
            What `ask` gave last. Fewer than `episodes` end a search: nothing is learned from them.
        values : float64 (runs, n)
            Their values, in the direction of each task's objective.

        Raises
        ------
        ControllerError
            If these are other architectures than were asked for, or a value is not a finite number.
        """
        if self._asked is None:
            raise ControllerError("tell was called before ask; call ask first")
        runs, episodes, variables = self._shape
        archs, values = np.asarray(archs), np.asarray(values, np.float64)
        n = archs.shape[1] if archs.ndim == 3 else 0
        if archs.shape != (runs, n, variables) or not np.array_equal(archs, self._asked[:, :n]):
            raise ControllerError(
                f"told architectures of shape {archs.shape} that are not the {self._asked.shape} which were asked for; "
                "a controller learns from its own samples alone: pass what ask gave last, in its order"
            )
        if values.shape != (runs, n):
            raise ControllerError(
                f"values have shape {values.shape}, expected {(runs, n)}: one an architecture; combine several "
                "objectives into one, such as accuracy * (latency / target) ** -0.07"
            )
        bad = ~(np.abs(values) < _LARGEST)
        if bad.any():
            run, episode = np.argwhere(bad)[0]
            raise ControllerError(
                f"run {run}: value {episode} is {values[run, episode]}; give finite values, and where not feasible "
                "those of a penalty"
            )
        self._asked = None
        if n == episodes:
            self._learn(values * self._signs * self._settings.reward_scale)

    def _learn(self, rewards: Floats) -> None:
        means = rewards.mean(axis=1)
        if self._baselines is None:
            self._baselines = means
        advantages = (rewards - self._baselines[:, None]).astype(np.float32)
        self._baselines = self._baselines + (1 - self._settings.baseline_decay) * (means - self._baselines)
        start = 0
        with torch_threads(1):
            for group in self._groups:
                group.learn(advantages[start : start + group.runs])
                start += group.runs


class _Group:
    """Runs that are computed together."""

    def __init__(self, seeds: Sequence[int], choices: Sequence[int], settings: LstmSettings, device: str) -> None:
        self.runs = len(seeds)
        self._draws = [np.random.Generator(np.random.Philox(key=(seed, 1))) for seed in seeds]
        first = [np.random.Generator(np.random.Philox(key=(seed, 0))) for seed in seeds]
        rows = initial_parameters(Layout(choices, settings), first, settings.initial_range).to(device)
        self._controllers = Controllers(rows, choices, settings)
        self._optimiser = torch.optim.Adam([rows], lr=settings.learning_rate, fused=True)
        self._uniforms = np.empty((self.runs, len(choices), settings.episodes), np.float32)
        self._device = device

    def sample(self) -> Archs:
        """Give architectures, uint8 (runs, episodes, variables)."""
        for row, stream in zip(self._uniforms, self._draws, strict=True):
            stream.random(dtype=np.float32, out=row)
        picked = self._controllers.sample(torch.from_numpy(self._uniforms).to(self._device))
        archs: Archs = picked.mT.to(torch.uint8).cpu().numpy()
        return archs

    def learn(self, advantages: NDArray[np.float32]) -> None:
        """Take one step of the optimiser with advantages, float32 (runs, episodes)."""
        self._controllers.backward(torch.from_numpy(advantages).to(self._device))
        self._optimiser.step()


def _check(tasks: Sequence[Task]) -> None:
    """Refuse tasks that can't be run together."""
    if not tasks:
        raise ControllerError("got no tasks; pass at least one")
    space = tasks[0].space
    for run, task in enumerate(tasks):
        if task.space != space:
            raise ControllerError(f"run {run} is on {task.space!r}, run 0 on {space!r}; make runs for each space")
        if len(task.objectives) != 1:
            raise ControllerError(
                f"run {run} has {len(task.objectives)} objectives ({', '.join(task.objectives)}), REINFORCE needs one "
                "reward; combine them into one, such as accuracy * (latency / target) ** -0.07"
            )
        if not 0 <= task.seed < 2**63:
            raise ControllerError(f"run {run}: seed is {task.seed}; choose an integer from 0 to {2**63 - 1}")
