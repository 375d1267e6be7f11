"""What a search for a proxy is asked, read from TOML."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 (types of fields are looked up)
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from accelnas_training.checked import Checked, Range
from accelnas_training.errors import ProxyError
from accelnas_training.networks.builders import SHIPPED as BUILDERS
from accelnas_training.ranks import LEAST_MODELS
from accelnas_training.schemes import SHIPPED, Scheme, load_scheme

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Enough(Checked):
    """When a search may end early.

    Attributes
    ----------
    tau, seconds
        Least tau, and longest mean training time of a scheme that has it.
    """

    error = ProxyError
    where = "enough"
    tau: float
    seconds: float


@dataclass(frozen=True)
class ProxySettings(Checked):
    """A search for the scheme p that ranks models most like the reference r and is not too slow (the paper's Eq. 1).

    Attributes
    ----------
    reference, base
        The scheme r, and the one that the candidates are variants of.
    choices
        Values to try, by the scheme's keys: ``epochs``, ``batch_size``, ``resize.end``, …
    longest
        Longest mean time of a training in seconds, t_spec.
    images
        What is trained on, as `accelnas_training.images.open_images` takes it.
    family
        What `load_family` takes: ``"mnasnet"``, ``"nasbench201"``, …, or the TOML file of another `NetworkFamily`.
    models
        Number of architectures, on an even grid of MACs × parameters.
    reference_seeds, seeds
        Seeds with which each model is trained under r, and under each candidate.
    search
        ``"grid"``: all combinations, cheapest first; ``"tpe"``: Optuna's, learning from those before.
    trials
        Most candidates that are tried; all of the grid by default.
    together
        Candidates trained at the same time; more keep more workers busy, but learn less from each other.
    prune
        Whether a candidate is given up after part of the models, when it is too slow or its tau is likely behind.
    enough
        When the search may end early.
    seed
        Of the choice of models, of Optuna and of bootstraps.

    Raises
    ------
    ProxyError
        If a value is not what it should be.
    """

    error = ProxyError
    reference: Scheme
    base: Scheme
    choices: Mapping[str, tuple[Any, ...]]
    longest: Annotated[float, Range(more_than=0)]
    images: str
    family: str = "mnasnet"
    models: Annotated[int, Range(least=LEAST_MODELS)] = 20
    reference_seeds: tuple[Annotated[int, Range(least=0)], ...] = (0,)
    seeds: tuple[Annotated[int, Range(least=0)], ...] = (0,)
    search: Annotated[str, Range(choices=("grid", "tpe"))] = "grid"
    trials: Annotated[int | None, Range(least=1)] = None
    together: Annotated[int, Range(least=1)] = 1
    prune: bool = True
    enough: Enough | None = None
    seed: Annotated[int, Range(least=0)] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.search == "tpe" and self.trials is None:
            raise ProxyError("search tpe has no trials; say how many candidates it may try, such as trials = 50")
        lists = {**self.choices, "reference_seeds": self.reference_seeds, "seeds": self.seeds}
        for key, values in lists.items():
            if not isinstance(values, (list, tuple)) or not values or len(set(values)) < len(values):
                raise ProxyError(f"{key} is {values!r}; give a list of one or more distinct values")
        object.__setattr__(self, "choices", {key: tuple(values) for key, values in self.choices.items()})

    @classmethod
    def _of_file(cls, content: dict[str, Any], folder: Path) -> dict[str, Any]:
        for key in ("reference", "base"):
            if isinstance(name := content.get(key), str):
                content[key] = load_scheme(name if name in SHIPPED else folder / name)
        if content.get("family", "mnasnet") not in BUILDERS:
            content["family"] = str(folder / str(content["family"]))
        if isinstance(content.get("choices"), dict):
            content["choices"] = flat(content["choices"])
        return content


def load_settings(path: str | Path) -> ProxySettings:
    """Read settings from a TOML file, whose keys are the attributes of `ProxySettings`.

    ``reference`` and ``base`` are names of shipped schemes or files, ``choices`` and ``enough`` are tables; paths are
    relative to the file. Raises ProxyError if there is no such file, or a key is unknown, missing or of the wrong type;
    SchemeError if a scheme is not what it should be.
    """
    return ProxySettings.read(path, "search")


def flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Give nested tables as one with dotted keys, as ``resize.end`` may be written in TOML with and without quotes."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found
