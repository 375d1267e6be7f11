"""Write a store's results as the data set that ``accelnas fit`` reads, and beside it where they come from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from accelnas.errors import DataError
from accelnas.files import write_frame, write_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from accelnas_training.collect.reader import StoreReader


_OWN = ("id", "scheme", "seed")  # columns of results that are no metrics


def export(
    store: StoreReader,
    path: str | PathLike[str],
    scheme: str | None = None,
    seeds: Literal["all", "mean"] = "all",
) -> pl.DataFrame:
    """Write the results of one scheme.

    Parameters
    ----------
    store
        Where they are.
    path
        ``.parquet`` or ``.csv``. Beside it, ``PATH.json`` says where the results come from.
    scheme
        Name or digest; None if the store has one alone.
    seeds
        ``all``: a row a result, so that seeds are repeats of an architecture; ``mean``: a row an architecture, with
        the mean over its seeds, and ``METRIC_std``, their standard deviation (n - 1), of metrics in which they differ.

    Returns
    -------
    polars.DataFrame
        What was written: ``id``, the space's variables, and the metrics. Ids are the numbers of jobs in the store (of
        an architecture's first job for means), so they stay the same as the store grows.

    Raises
    ------
    StoreError
        If there is no such scheme, or more than one.
    accelnas.errors.DataError
        If there are no results, or the file's name ends otherwise.
    """
    check_name(path)
    digest = store.scheme(scheme)
    results = store.results(digest)
    if results.height == 0:
        raise DataError(f"{store.path} has no results of scheme {scheme or digest[:12]} yet; collect some first")
    table = _means(store, results, digest) if seeds == "mean" else results.drop("scheme", "seed")
    name, content = store.schemes()[digest]
    about = {
        "scheme": {"name": name, "digest": digest, "content": content},
        "rows": "one a result" if seeds == "all" else "means over seeds",
        "seed_of_job": dict(results.select("id", "seed").iter_rows()),
        "environments": store.environments(digest),
    }
    write_table(store, table, path, about)
    return table


def check_name(path: str | PathLike[str]) -> None:
    """Raise DataError unless a file's name ends in ``.parquet`` or ``.csv``."""
    if Path(path).suffix not in {".parquet", ".csv"}:
        raise DataError(f"{path} ends in {Path(path).suffix or 'nothing'}; choose .parquet or .csv")


def write_table(store: StoreReader, table: pl.DataFrame, path: str | PathLike[str], about: Mapping[str, Any]) -> None:
    """Write a store's table, ``.parquet`` or ``.csv``, and ``PATH.json``, which says `about` it and the store."""
    path = Path(path)
    write_frame(table, path, "csv" if path.suffix == ".csv" else "parquet")
    content = {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "space": {"name": store.space.name, "sha256": store.space.sha256},
        "about": store.about,
        **about,
    }
    write_text(path.with_name(f"{path.name}.json"), json.dumps(content, indent=2) + "\n")


def _means(store: StoreReader, results: pl.DataFrame, digest: str) -> pl.DataFrame:
    variables = [variable.name for variable in store.space.variables]
    metrics = [name for name in results.columns if name not in {*_OWN, *variables}]
    counts = results.group_by(variables).agg(pl.col(name).drop_nulls().n_unique() for name in metrics)
    spread = [name for name in metrics if counts[name].max() != 1]
    first = dict(
        store.connection.execute(
            "SELECT id, min(id) OVER (PARTITION BY architecture) FROM jobs WHERE scheme = ?", (digest,)
        ).fetchall()
    )
    return (
        results.with_columns(pl.col("id").replace_strict(first, return_dtype=pl.Int64))
        .group_by("id", *variables)
        .agg(*(pl.col(name).mean() for name in metrics), *(pl.col(name).std().alias(f"{name}_std") for name in spread))
        .sort("id")
    )
