"""Families of networks: a search space, the builder of its networks, and their options."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelnas import Space, spaces
from accelnas.errors import ModelError
from accelnas.networks import network_layers
from accelnas_training.checked import read_toml
from accelnas_training.errors import NetworkError
from accelnas_training.networks.builders import SHIPPED, NetworkOptions, absolute, find_builder

if TYPE_CHECKING:
    from torch import nn

    from accelnas.networks import NetworkLayers
    from accelnas_training.arrays import Archs


@dataclass(frozen=True, eq=False)
class NetworkFamily:
    """All networks of a search space.

    Attributes
    ----------
    space
        The search space.
    builder
        ``"mnasnet"``, ``"nasbench201"``, ``"nasbench-macro"``, ``"ofa-mobilenetv3"``, ``"autoformer-tiny"``,
        ``"package.module:function"`` or ``"path/to/file.py:function"``; the function is called with the
        architecture (variable names to values) and the options, and gives the network.
    options
        What the networks share.

    Examples
    --------
    >>> family = load_family("mnasnet").with_options(num_classes=10, width=0.25)
    >>> network = family.build(family.space.sample(1, seed=0)[0])
    >>> network.classifier.out_features
    10
    """

    space: Space
    builder: str = "mnasnet"
    options: NetworkOptions = field(default_factory=NetworkOptions)

    def build(self, architecture: Archs) -> nn.Module:
        """Build the network of choice indices, uint8 (variables,); its weights follow from PyTorch's seed.

        Raises
        ------
        SpaceError
            If it is not of the space.
        NetworkError
            If the builder is not found, fails, or gives something else.
        """
        (decoded,) = self.space.decode(architecture)
        return _build(self.builder, decoded, self.options)

    @property
    def resolution(self) -> int:
        """Pixels a side of the images that the networks are made for, 224 where that is not known."""
        return SHIPPED.get(self.builder, SHIPPED["mnasnet"]).resolution

    def layers(self, resolution: int | None = None) -> NetworkLayers | None:
        """Give the layers of all networks; None where no formula has them.

        Formulas are of ``"mnasnet"``, ``"nasbench201"`` and ``"nasbench-macro"``, with their own options, at their own
        resolution.

        Examples
        --------
        >>> len(load_family("nasbench201").layers().fixed)
        13
        """
        own = self.builder in SHIPPED and self.options == _options(self.builder, {})
        if not own or resolution not in {None, self.resolution}:
            return None
        try:
            return network_layers(self.space)
        except ModelError:
            return None

    def with_options(self, **changes: Any) -> NetworkFamily:
        """Give the family with some options changed.

        Raises
        ------
        NetworkError
            If there is no such option, or a value is not what it should be.
        """
        return replace(self, options=self.options.changed(**changes))

    @property
    def digest(self) -> str:
        """Name of what is built: SHA-256 of space, options and builder, of a file's content instead of its path."""
        options = asdict(self.options)
        options["classes"] = options.pop("num_classes")  # its first name, so that stores keep their digests
        parts = [self.space.sha256, find_builder(self.builder).identity, options]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Describe the family for another process: what `from_dict` reads, of JSON's types."""
        return {
            "space": self.space.to_toml(),
            "builder": absolute(self.builder, Path.cwd()),
            "options": asdict(self.options),
            "digest": self.digest,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> NetworkFamily:
        """Read what `to_dict` gave.

        Raises
        ------
        NetworkError
            If the builder's file has changed since, is not here, or fails.
        """
        family = cls(Space(content["space"]), content["builder"], NetworkOptions.from_dict(content["options"]))
        if family.digest != content["digest"]:
            raise NetworkError(
                f"builder {family.builder} is not what it was: the networks have digest {family.digest[:12]}, "
                f"not {content['digest'][:12]}; bring the file back, or begin anew with the changed one"
            )
        return family


def load_family(path: str | Path = "mnasnet") -> NetworkFamily:
    """Read a family.

    Parameters
    ----------
    path
        ``"mnasnet"``, ``"nasbench201"``, ``"nasbench-macro"``, ``"ofa-mobilenetv3"`` or ``"autoformer-tiny"``, with the
        classes of its authors' images; or a TOML file: ``space``, a table as in a benchmark's ``benchmark.toml``, or
        the path of a file with one (the builder's by default, else MnasNet's); ``builder``, by default ``"mnasnet"``;
        and a table ``options``.
        Paths are relative to the file.

    Raises
    ------
    NetworkError
        If there is no such file, it is not valid, or the builder is not found.
    SpaceError, FileError
        If the space is not valid, or its file can't be read.

    Examples
    --------
    >>> load_family().space.name
    'mnasnet'
    """
    if str(path) in SHIPPED:
        return NetworkFamily(_space(str(path)), str(path), _options(str(path), {}))
    path = Path(path)
    content = read_toml(path, NetworkError, f"use {', '.join(map(repr, SHIPPED))} or the path of a TOML file")
    for key in content:
        if key not in {"space", "builder", "options"}:
            raise NetworkError(f"{path}: unknown field {key!r}; choose from space, builder, options")
    builder, options = content.get("builder", "mnasnet"), content.get("options", {})
    if not isinstance(builder, str) or not isinstance(options, Mapping):
        raise NetworkError(f"{path}: builder is {builder!r} and options {options!r}; expected a name and a table")
    named = content.get("space")  # a file, or a table of this one
    if named is None:
        space = _space(builder)
    else:
        space = Space.from_toml(path.parent / named if isinstance(named, str) else path)
    family = NetworkFamily(space, absolute(builder, path.parent), _options(builder, options))
    find_builder(family.builder)
    return family


def _space(builder: str) -> Space:
    return spaces.load(builder if builder in SHIPPED else "mnasnet")


def _options(builder: str, given: Mapping[str, Any]) -> NetworkOptions:
    """Read options, by default with the classes of the builder's authors."""
    known = {"num_classes": SHIPPED[builder].num_classes} if builder in SHIPPED else {}
    return NetworkOptions.from_dict({**known, **given})


@lru_cache
def _variables(builder: str) -> frozenset[str]:
    return frozenset(variable.name for variable in spaces.load(builder).variables)


def build_network(architecture: Mapping[str, Any], builder: str | None = None, **options: Any) -> nn.Module:
    """Build one network.

    Parameters
    ----------
    architecture
        Variable names to values, as `accelnas.Space.decode` gives.
    builder
        As in `NetworkFamily`; by default the one in the package that has the architecture's variables.
    **options
        Those of `NetworkOptions`: ``num_classes`` (10 by default for NAS-Bench-201 and NAS-Bench-Macro),
        ``in_channels``, ``width``, ``stem``, ``head``, ``activation``, ``dropout``.

    Raises
    ------
    NetworkError
        If the builder is not found, fails, or gives something else; or an option is not what it should be.

    Examples
    --------
    >>> for name in ("mnasnet", "nasbench201"):
    ...     space = spaces.load(name)
    ...     network = build_network(space.decode(space.at([0]))[0], num_classes=1000)
    ...     print(sum(p.numel() for p in network.parameters()))
    1798072
    137656
    """
    if builder is None:
        builder = next((name for name in SHIPPED if _variables(name) <= architecture.keys()), None)
        if builder is None:
            raise NetworkError(
                f"architecture has {', '.join(list(architecture)[:4])}, …: no builder of the package has such "
                f"variables ({', '.join(SHIPPED)}); name the builder of your own space"
            )
    return _build(builder, architecture, _options(builder, options))


def _build(builder: str, architecture: Mapping[str, Any], options: NetworkOptions) -> nn.Module:
    from torch import nn

    function = find_builder(builder).function
    try:
        network = function(architecture, options)
    except NetworkError:
        raise
    except Exception as error:  # whatever a user's builder raises
        raise NetworkError(
            f"builder {builder} failed on {dict(architecture)}: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(network, nn.Module):
        raise NetworkError(f"builder {builder} gave a {type(network).__name__}; it must give a torch.nn.Module")
    return network
