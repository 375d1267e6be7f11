"""What a training gives, and what it leaves in its folder: settings, a row an epoch, checkpoints, its result."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelnas.errors import FileError
from accelnas.files import read_text, write_text
from accelnas_training.errors import TrainingError, TrainingFailure
from accelnas_training.train.checkpoint import read_checkpoint, write_checkpoint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class EpochRow:
    """One epoch.

    Attributes
    ----------
    epoch
        Its number, from 0.
    resolution
        Pixels a side of the training images.
    lr
        Learning rate of its last update.
    train_loss, train_top1
        Means over its images, %, as they were trained on: augmented, with label smoothing.
    loss, top1, top5
        Of the validation images, %, by the averaged weights if the scheme has any; NaN where the epoch was not
        validated. top5 is NaN for fewer than six classes.
    seconds
        Training alone, without validation and writing.
    data_seconds
        Seconds of those in which the loop waited for images.
    images_per_second
        Training images by `seconds`, of all devices.
    peak_memory
        Most bytes that were used at once: by tensors on a CUDA device, else by the process.
    joules
        Energy of the training alone; None where it is not counted.
    """

    epoch: int
    resolution: int
    lr: float
    train_loss: float
    train_top1: float
    loss: float
    top1: float
    top5: float
    seconds: float
    data_seconds: float
    images_per_second: float
    peak_memory: int
    joules: float | None


@dataclass(frozen=True)
class Validation:
    """What the validation images said after some epochs.

    Attributes
    ----------
    epochs
        Epochs that were trained until then.
    top1, top5, loss
        As those of `TrainingResult`.
    seconds, energy_joules
        Of the training alone until then, over all restarts.
    """

    epochs: int
    top1: float
    top5: float
    loss: float
    seconds: float
    energy_joules: float | None


@dataclass(frozen=True)
class TrainingResult:
    """What a finished training gives.

    Attributes
    ----------
    top1, top5, loss
        Of the validation images after the last epoch: %, %, mean cross entropy; top5 is NaN for fewer than six
        classes. By the averaged weights if the scheme has any.
    train_loss, train_top1
        Of the last epoch's training images.
    seconds
        Training alone, over all restarts, without validation and writing: t_p of the paper.
    total_seconds
        With validation and writing; not what an interruption lost.
    data_seconds
        Seconds of `seconds` in which the loop waited for images.
    images_per_second
        Training images by `seconds`, of all devices.
    energy_joules
        Energy of the training alone, over all restarts; None where it is not counted.
    peak_memory
        Most bytes that were used at once: by tensors on a CUDA device, else by the process.
    epochs
        Epochs that were trained.
    validations
        Every validation, the last one among them, by epochs.
    """

    top1: float
    top5: float
    loss: float
    train_loss: float
    train_top1: float
    seconds: float
    total_seconds: float
    data_seconds: float
    images_per_second: float
    energy_joules: float | None
    peak_memory: int
    epochs: int
    validations: tuple[Validation, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Give all values for JSON, null in place of NaN."""
        rows = [_without_nan(asdict(each)) for each in self.validations]
        return {**_without_nan(asdict(self)), "validations": rows}

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> TrainingResult:
        """Make a result of what `to_dict` gave."""
        rows = table.get("validations", ())  # results of before had none
        validations = tuple(Validation(**_with_nan(row)) for row in rows)
        values = {each.name: table[each.name] for each in fields(cls) if each.name != "validations"}
        return cls(**_with_nan(values), validations=validations)


def _without_nan(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: None if value != value else value for name, value in values.items()}


def _with_nan(values: Mapping[str, Any]) -> dict[str, Any]:
    return {**values, "top5": math.nan if values["top5"] is None else values["top5"]}


_FORGET = "choose another folder, or begin again without resuming"


class Evidence:
    """A training's folder, made if needed; `identity`, JSON values, makes it this training and no other."""

    def __init__(self, folder: str | Path, identity: Mapping[str, Any]) -> None:
        self.path = Path(folder)
        self._identity = dict(identity)
        try:
            self.path.mkdir(exist_ok=True, parents=True)
        except OSError as error:
            raise FileError(f"{self.path}: {error.strerror}; choose another folder") from error

    def check(self) -> None:
        """Check that the folder holds this training or none; TrainingError says in what they differ."""
        found = self._read("settings.json")
        if found is None:
            return
        own = found.get("identity", {})
        for key in {**self._identity, **own}:
            there, wanted = own.get(key), self._identity.get(key)
            if there != wanted:
                raise TrainingError(f"{self.path} holds a training whose {key} is {there!r}, not {wanted!r}; {_FORGET}")

    def forget(self) -> None:
        """Delete what an earlier training left."""
        for name in ("result.json", "epochs.csv", "checkpoint.safetensors", "weights.safetensors", "settings.json"):
            (self.path / name).unlink(missing_ok=True)

    def begin(self, settings: Mapping[str, Any], run: Mapping[str, Any]) -> None:
        """Write the settings; add a run, which is a start or a restart, to those before."""
        earlier = self._read("settings.json") or {"runs": []}
        content = {"identity": self._identity, **settings, "runs": [*earlier["runs"], run]}
        self._write("settings.json", json.dumps(content, indent=1))
        (self.path / "result.json").unlink(missing_ok=True)  # of a failure that is tried again

    def result(self) -> TrainingResult | None:
        """Give the result of a finished training.

        Raises TrainingFailure if it diverged, as it would again. What ran out of memory may be tried again.
        """
        found = self._read("result.json")
        if found is None:
            return None
        try:
            error = found["error"]
            if error is None:
                return TrainingResult.from_dict(found)
            if error["kind"] == "diverged":
                raise TrainingFailure(error["kind"], error["message"])
        except (KeyError, TypeError) as damage:
            path = self.path / "result.json"
            raise TrainingError(f"{path} is damaged: {damage!r}; delete it to finish again") from damage
        return None

    def finish(self, result: TrainingResult) -> None:
        """Write the result."""
        self._write("result.json", json.dumps({"error": None, **result.to_dict()}, indent=1))

    def fail(self, failure: TrainingFailure) -> None:
        """Write a failure in place of a result."""
        self._write("result.json", json.dumps({"error": {"kind": failure.kind, "message": str(failure)}}, indent=1))

    def checkpoint(self) -> dict[str, Any] | None:
        """Give the last checkpoint's state; None without one, TrainingError if it is damaged."""
        path = self.path / "checkpoint.safetensors"
        return read_checkpoint(path) if path.exists() else None

    def save(self, state: dict[str, Any], rows: Sequence[EpochRow]) -> None:
        """Keep the state after an epoch, and the rows of all epochs so far."""
        write_checkpoint(self.path / "checkpoint.safetensors", state)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([each.name for each in fields(EpochRow)])
        writer.writerows([_cell(value) for value in asdict(row).values()] for row in rows)
        self._write("epochs.csv", text.getvalue())

    def _read(self, name: str) -> dict[str, Any] | None:
        path = self.path / name
        if not path.exists():
            return None
        try:
            content = json.loads(read_text(path))
        except (OSError, ValueError, RecursionError) as error:
            raise TrainingError(f"{path} is damaged: {error}; {_FORGET}") from error
        if not isinstance(content, dict):
            raise TrainingError(f"{path} is damaged: it holds {type(content).__name__}, not a table; {_FORGET}")
        return content

    def _write(self, name: str, text: str) -> None:
        write_text(self.path / name, text + "\n" * (not text.endswith("\n")))


def _cell(value: float | None) -> str:
    """Write a number in short; nothing for what was not measured."""
    if value is None or value != value:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
