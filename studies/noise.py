"""Noise of one training, from architectures trained with several seeds and from those trained twice.

``python -m studies.noise DATA --seeds FOLDER`` prints what settings state as ``noise``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from accelnas.fitting.checks import pooled_noise
from accelnas.fitting.dataset import read_dataset
from studies.schemes import LIMITS, read_schemes

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Run from the command line; ``--help`` lists the options."""
    parser = argparse.ArgumentParser(prog="python -m studies.noise", description=__doc__)
    parser.add_argument("data", type=Path, help="the Accel-NASBench archive, folder or table")
    parser.add_argument("--seeds", type=Path, required=True, help="folder of proxified-seed*.csv")
    options = parser.parse_args(arguments)
    dataset, scheme = read_dataset(options.data), read_schemes(options.seeds, ["proxy"])["proxy"]
    for metric in LIMITS:
        groups, own = list(getattr(scheme, metric)), dataset.repeated(metric)
        print(f"{metric}: {pooled_noise([*groups, *own]):.4g} ({len(groups)} architectures × seeds: "
              f"{pooled_noise(groups):.4g}; {len(own)} repeats: {pooled_noise(own):.4g})")  # fmt: skip


if __name__ == "__main__":
    main()
