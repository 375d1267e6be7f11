"""A small data set of the MnasNet space whose truth is known."""

import json
from functools import cache

import numpy as np
import polars as pl

import accelnas
from accelnas.fitting.dataset import from_table, read_dataset


def truth(space, choices):
    """Metrics as functions of the architecture: one exact, one of positive speeds, one accuracy."""
    states = space.block_states(choices).astype(np.int64)
    params = 1_000_000 + (states * (np.arange(states.shape[1]) + 1) * 1234).sum(axis=1)
    seconds = 1e-4 * (1 + states.sum(axis=1) / 20)
    accuracy = 50 + choices.sum(axis=1) / 3 + choices[:, 0] * choices[:, 5]
    return {"params": params / 1e6, "throughput_a100": 1 / seconds, "accuracy": accuracy}


def sample_table(rows=1200, seed=0):
    """Valid table: rows architectures, then the first three again with other measurements."""
    space = accelnas.mnasnet_space()
    choices = space.sample(rows, seed=seed, unique=True)
    choices = np.concatenate([choices, choices[:3]])
    columns = {"id": np.arange(len(choices))}
    for i, variable in enumerate(space.variables):
        columns[variable.name] = [variable.choices[c] for c in choices[:, i]]
    values = truth(space, choices)
    values["accuracy"][-3:] += [0.2, -0.2, 0.2]
    return pl.DataFrame(columns | values)


@cache
def sample_dataset(rows=1200):
    """Data of a sample, made once a process."""
    return from_table(sample_table(rows), accelnas.mnasnet_space())


def write_results(table, folder):
    """Write a table as result files, as the public archive holds them."""
    folder.mkdir(parents=True, exist_ok=True)
    for row in table.iter_rows(named=True):
        result = {
            "architecture": {k: v for k, v in row.items() if k.startswith("block")},
            "metrics": {"val_top1": row["accuracy"]},
            "model_info": {"params": row["params"]},
            "platform_perf": {
                "throughput_a100": {
                    "throughput_mean": row["throughput_a100"],
                    "throughput_std": None,
                }
            },
        }
        (folder / f"result_{row['id']}.json").write_text(json.dumps(result))


@cache
def archived_dataset(archive):
    """The data of an archive, read once."""
    return read_dataset(archive.path)
