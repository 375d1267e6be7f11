"""Write measurements as a table, and beside it where they come from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelnas.errors import DataError
from accelnas.files import replacing
from accelnas_training.measure.protocol import Protocol
from accelnas_training.measure.table import Column, measured_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    import polars as pl

    from accelnas_training.collect.reader import StoreReader

__all__ = ["export"]


def export(
    store: StoreReader, path: str | PathLike[str], metrics: Mapping[str, str] | None = None, *, each: bool = False
) -> tuple[pl.DataFrame, dict[str, Column]]:
    """Write the measurements of a store without drift, a row an architecture, or each time that it was measured.

    Parameters
    ----------
    store
        Where they are.
    path
        ``.parquet`` or ``.csv``. Beside it, ``PATH.json`` says where the measurements come from, and how far
        references spread before and after the correction.
    metrics
        Column by protocol (its name, or the beginning of its digest); None: all, as the protocols name them.
    each
        As `measured_table` takes it.

    Returns
    -------
    table, columns
        As `measured_table` gives them.

    Raises
    ------
    StoreError
        If there is no such protocol, or more than one.
    DataError
        If two columns have one name, a column is not named ``latency_DEVICE`` or ``throughput_DEVICE`` as its
        protocol's is, there are no measurements, or the file's name ends otherwise.
    """
    path = Path(path)
    if path.suffix not in {".parquet", ".csv"}:
        raise DataError(f"{path} ends in {path.suffix or 'nothing'}; choose .parquet or .csv")
    schemes = {digest: Protocol.from_dict(content) for digest, (_, content) in store.schemes().items()}
    if metrics is None:
        chosen = {digest: protocol.metric for digest, protocol in schemes.items()}
    else:
        chosen = {store.scheme(name): column for name, column in metrics.items()}
    for digest, column in chosen.items():
        quantity = f"{schemes[digest].quantity}_"
        if not column.startswith(quantity) or not column.isidentifier() or column == quantity:
            raise DataError(f"column {column!r} of {schemes[digest].name}: name it {quantity}DEVICE")
    doubled = [column for column in chosen.values() if list(chosen.values()).count(column) > 1]
    if doubled:
        names = " and ".join(schemes[digest].name for digest, column in chosen.items() if column == doubled[0])
        raise DataError(f"{names} are both {doubled[0]}; name their columns: --metric PROTOCOL=COLUMN")
    table, columns = measured_table(store, chosen, each=each)
    with replacing(path) as temporary:
        if path.suffix == ".csv":
            table.write_csv(temporary)
        else:
            table.write_parquet(temporary)
    content = {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "space": {"name": store.space.name, "sha256": store.space.sha256},
        "about": store.about,
        "a_row": "a measurement" if each else "an architecture",
        "columns": {name: column.to_dict() for name, column in columns.items()},
        "environments": _environments(store),
    }
    with replacing(path.with_name(f"{path.name}.json")) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return table, columns


def _environments(store: StoreReader) -> list[dict[str, Any]]:
    query = (
        "SELECT content, count(*) FROM environments JOIN attempts ON environment = environments.id"
        " JOIN results ON attempt = attempts.id GROUP BY environments.id ORDER BY environments.id"
    )
    return [{"results": count, **json.loads(text)} for text, count in store.connection.execute(query)]
