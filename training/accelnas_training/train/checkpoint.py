"""Checkpoints: nested states as one safetensors file, replaced whole, with a checksum; never a pickle."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from accelnas.errors import FileError
from accelnas.files import replacing
from accelnas_training.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import nn


_FORMAT = "accelnas checkpoint 1"


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a nested state of tensors, dicts, lists, tuples, numbers, strings and None.

    Raises TrainingError if it holds anything else, FileError if it can't be written; what was there before is still
    there.
    """
    tensors: dict[str, torch.Tensor] = {}
    structure = json.dumps(_flatten(state, "", tensors))
    metadata = {"format": _FORMAT, "state": structure, "checksum": _checksum(structure, tensors)}
    try:
        with replacing(path) as temporary:
            save_file(tensors, temporary, metadata)
    except SafetensorError as error:
        raise FileError(f"{path}: {error}; make room or choose another") from error


def write_weights(path: Path, network: nn.Module, labels: Mapping[str, str]) -> None:
    """Write a network's parameters and buffers as safetensors, with labels; FileError if that can't be done."""
    tensors = {
        name: each.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, each in network.state_dict().items()
    }
    try:
        with replacing(path) as temporary:
            save_file(tensors, temporary, {"format": "pt", **labels})
    except SafetensorError as error:
        raise FileError(f"{path}: {error}; make room or choose another") from error


def read_weights(path: Path, network: nn.Module) -> str:
    """Put what `write_weights` wrote into a network; give a checksum of the weights.

    Raises TrainingError if the file can't be read, or is of another network.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (OSError, SafetensorError) as error:
        raise TrainingError(
            f"{path} has no weights: {error}; give a file that `train` or `oneshot extract` wrote"
        ) from error
    expected = network.state_dict()
    for name in [*expected, *tensors]:
        found, own = (tuple(state[name].shape) if name in state else None for state in (tensors, expected))
        if found != own:
            raise TrainingError(
                f"{path} has {name} of shape {found}, the network has {own}; give weights of the same architecture, "
                "family and number of classes"
            )
    network.load_state_dict(tensors)
    return _checksum("weights", tensors)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `write_checkpoint` wrote, all of it; TrainingError if the file is damaged or not a checkpoint."""
    remedy = "delete it to train from the start"
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        if metadata.get("format") != _FORMAT:
            found = metadata.get("format", "something else")
            raise TrainingError(f"{path} is {found!r}, not {_FORMAT!r}; {remedy}")
        if metadata["checksum"] != _checksum(metadata["state"], tensors):
            raise TrainingError(f"{path} is damaged: its checksum is not {metadata['checksum']}; {remedy}")
        state: dict[str, Any] = _unflatten(json.loads(metadata["state"]), tensors)
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, TrainingError):
            raise
        raise TrainingError(f"{path} is damaged: {error}; {remedy}") from error
    return state


def _flatten(value: Any, name: str, tensors: dict[str, torch.Tensor]) -> Any:
    """Give the structure as JSON has it, and put the tensors aside under their paths."""
    if isinstance(value, torch.Tensor):
        tensors[name] = value.detach().to("cpu", copy=True).contiguous()  # a copy: some share memory
        return {"tensor": name}
    if isinstance(value, dict):
        # pairs, since keys may be numbers
        return {"dict": [[key, _flatten(each, f"{name}.{key}".lstrip("."), tensors)] for key, each in value.items()]}
    if isinstance(value, (list, tuple)):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_flatten(each, f"{name}.{index}", tensors) for index, each in enumerate(value)]}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TrainingError(f"{name} is {type(value).__name__}; checkpoints hold tensors and plain values")


def _unflatten(structure: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if not isinstance(structure, dict):
        return structure
    ((kind, content),) = structure.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: _unflatten(each, tensors) for key, each in content}
    items = [_unflatten(each, tensors) for each in content]
    return tuple(items) if kind == "tuple" else items


def _checksum(structure: str, tensors: dict[str, torch.Tensor]) -> str:
    total = zlib.crc32(structure.encode())
    for name, tensor in sorted(tensors.items()):
        total = zlib.crc32(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode(), total)
        total = zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy().data, total)
    return f"{total:08x}"
