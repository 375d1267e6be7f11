"""From a store of measurements to the data set that ``accelnas fit`` reads, without drift."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from accelnas.errors import DataError
from accelnas_training.collect.summary import check_name, write_table
from accelnas_training.measure.drift import NO_DRIFT, Drift, estimate
from accelnas_training.measure.protocol import Protocol
from accelnas_training.measure.sessions import SessionEffects, session_effects

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from accelnas_training.arrays import Rows
    from accelnas_training.collect.reader import StoreReader


_LEAST_SPREAD = 1e-3  # a measurement whose passes agree better than so is no better than others


@dataclass(frozen=True)
class Column:
    """What became of one protocol's measurements."""

    protocol: Protocol
    measurements: int
    architectures: int
    noisy: int  # architectures whose every measurement spread more than the protocol allows
    outliers: float  # share of passes that were left out
    # of a reference's latency over occasions, as measured, as a share; NaN with fewer than two of either
    spread: float
    # what the references show; where passes are paired, after their times were divided by the pace: that of the
    # reference network beside them, relative to its median
    drift: Drift
    names: tuple[str, ...] = ()  # of sessions, by their beginning: ``HOST:PROCESS``
    # of sessions on latencies as measured, divided by the pace where passes are paired, and corrected for pace and
    # drift; None where too few networks were measured in several sessions to say
    sessions: SessionEffects | None = None
    sessions_paired: SessionEffects | None = None
    sessions_corrected: SessionEffects | None = None

    @property
    def spreads(self) -> tuple[float, float, float]:
        """Spread of references: as measured, divided by the pace where passes are paired, corrected by the others."""
        return self.spread, self.drift.before if self.protocol.paired else math.nan, self.drift.after

    def to_dict(self) -> dict[str, Any]:
        """Give what a file beside the table says, of JSON's types; NaN is null."""
        spread, paired, corrected = (None if math.isnan(share) else share for share in self.spreads)
        protocol = self.protocol
        return {
            "protocol": {"name": protocol.name, "digest": protocol.digest, "content": protocol.to_dict()},
            "measurements": self.measurements,
            "architectures": self.architectures,
            "noisy": self.noisy,
            "outliers_share": self.outliers,
            "occasions_of_references": len(self.drift.times),
            "spread_of_references": spread,
            "spread_of_references_paired": paired,
            "spread_of_references_corrected_by_the_others": corrected,
            "sessions": list(self.names),
            "effects_of_sessions": None if self.sessions is None else self.sessions.to_dict(),
            "effects_of_sessions_paired": None if self.sessions_paired is None else self.sessions_paired.to_dict(),
            "effects_of_sessions_corrected": None
            if self.sessions_corrected is None
            else self.sessions_corrected.to_dict(),
        }


def _joined(
    store: StoreReader, metrics: Mapping[str, str], *, each: bool, sessions: bool
) -> tuple[pl.DataFrame, dict[str, Column]]:
    """Make one table of all protocols, whose columns `metrics` names by digest."""
    variables = [variable.name for variable in store.space.variables]
    keys = [*variables, "seed"] if each else variables
    columns: dict[str, Column] = {}
    parts = []
    for digest, metric in metrics.items():
        part, columns[metric] = measurements(store, digest, sessions=sessions)
        batch = columns[metric].protocol.batch
        parts.append(_combined(part.filter(pl.col("seed") >= 0) if each else part, keys, metric, batch))
    table = parts[0]
    for part in parts[1:]:
        if doubled := sorted({*table.columns} & {*part.columns} - {"id", *keys}):
            raise DataError(f"two protocols give {doubled[0]}; name their columns after different devices: --metric")
        table = table.join(part, on=keys, how="full", coalesce=True, suffix="_more")
        table = table.with_columns(pl.min_horizontal("id", "id_more").alias("id")).drop("id_more")
    return table.select("id", *variables, pl.exclude("id", *keys)).sort("id"), columns


def measurements(store: StoreReader, digest: str, *, sessions: bool = False) -> tuple[pl.DataFrame, Column]:
    """Give all measurements of a protocol, those of references too, and what became of them; DataError without any.

    They are as `StoreReader.results` gives them, with ``value`` (the protocol's quantity, as measured), ``corrected``
    (for pace and drift), ``spread`` (standard deviation of a pass as a share; null where unknown) and ``session`` (its
    place in `Column.names`). With `sessions`, values are corrected for effects of sessions, too.
    """
    name, content = store.schemes()[digest]
    protocol = Protocol.from_dict(content)
    frame = store.results(digest)
    if frame.height == 0:
        raise DataError(f"{store.path} has no measurements by {name} yet; measure some first")
    for figure in ("latency_std_ms", "throughput_std", "energy_mj", "reference_ms", "processors", "threads"):
        if figure not in frame.columns:  # no measurement has it
            frame = frame.with_columns(pl.lit(None, pl.Float64).alias(figure))
    variables = [variable.name for variable in store.space.variables]
    pace = (pl.col("reference_ms") / pl.col("reference_ms").median()).fill_null(1.0)
    frame = frame.with_columns(paced=pl.col("latency_ms") / pace)
    known = frame.filter(pl.col("seed") < 0)
    drift = _drift(known, "paced", variables)
    factor = pace * pl.Series(drift.factor(frame["measured_at"].to_numpy()))
    latency = protocol.quantity == "latency"
    figure, deviation = ("latency_ms", "latency_std_ms") if latency else ("throughput", "throughput_std")
    frame = frame.with_columns(
        pl.col(figure).alias("value"),
        (pl.col(figure) / factor if latency else pl.col(figure) * factor).alias("corrected"),
        (pl.col(deviation) / pl.col(figure)).alias("spread"),
    )
    best = frame.group_by(variables).agg(pl.col("spread").min())["spread"]
    noisy = int((best > protocol.timing.spread).sum())
    outliers = float(frame["outliers"].sum()) / float(frame["passes"].sum())
    spread = _drift(known, "latency_ms", variables).before
    names, numbers = _sessions(store, digest, frame)
    frame = frame.with_columns(session=pl.Series(numbers), steady=pl.col("latency_ms") / factor)
    effects, paired, left = (_effects(frame, name, variables) for name in ("latency_ms", "paced", "steady"))
    if sessions and left is not None:
        slower = pl.Series(np.exp(left.correction[numbers]))
        frame = frame.with_columns(pl.col("corrected") / slower if latency else pl.col("corrected") * slower)
    paired = paired if protocol.paired else None
    column = Column(protocol, frame.height, len(best), noisy, outliers, spread, drift, names, effects, paired, left)
    return frame.drop("paced", "steady"), column


def _sessions(store: StoreReader, digest: str, frame: pl.DataFrame) -> tuple[tuple[str, ...], Rows]:
    """Name the sessions in the order in which they began, and give each measurement's number, intp (n,)."""
    workers = store.workers(digest)
    began = frame["session_at"] if "session_at" in frame.columns else pl.repeat(0.0, frame.height, eager=True)
    keys = [(began or 0.0, workers[job]) for job, began in zip(frame["id"], began, strict=True)]
    first: dict[tuple[float, str], float] = {}
    for key, at in zip(keys, frame["measured_at"], strict=True):
        first[key] = min(at, first.get(key, at))
    order = sorted(first, key=first.__getitem__)
    return tuple(worker for _, worker in order), np.array([order.index(key) for key in keys])


def _effects(frame: pl.DataFrame, column: str, variables: list[str]) -> SessionEffects | None:
    """Estimate the sessions' effects on a column of latencies; None where there are too few measurements."""
    network = frame.select(pl.struct(variables).rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()
    try:
        return session_effects(network, *(frame[name].to_numpy() for name in ("session", "measured_at", column)))
    except DataError:
        return None


def _drift(frame: pl.DataFrame, column: str, variables: list[str]) -> Drift:
    """Estimate drift from a column of the references; drift is that of the latency, whatever is exported."""
    if frame.height == 0:
        return NO_DRIFT
    network = frame.select(pl.struct(variables).rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()
    occasion = -1 - frame["seed"].to_numpy()
    times, latencies = np.full((2, network.max() + 1, occasion.max() + 1), np.nan)
    times[network, occasion] = frame["measured_at"].to_numpy()
    latencies[network, occasion] = frame[column].to_numpy()
    return estimate(times, latencies)


def _combined(frame: pl.DataFrame, keys: list[str], metric: str, batch: int) -> pl.DataFrame:
    spread = pl.col("spread").fill_null(1.0).clip(lower_bound=_LEAST_SPREAD)
    weight = 1 / spread**2
    value = ((pl.col("corrected").log() * weight).sum() / weight.sum()).exp()
    known = pl.when(pl.col("spread").is_not_null().any()).then(value / weight.sum().sqrt())
    part = frame.group_by(keys).agg(
        pl.col("id").min(),
        value.alias(metric),
        known.alias(f"{metric}_std"),
        pl.col("energy_mj").mean().alias(f"energy_{metric.partition('_')[2]}_batch{batch}"),
        *(  # how all that a row is made of was measured, if in one way
            pl.when(pl.col(name).n_unique() == 1).then(pl.col(name).first().cast(pl.Int64)).alias(f"{metric}_{name}")
            for name in ("session", "processors", "threads")
        ),
    )
    return part.select(column for column in part if column.null_count() < part.height)


def export(
    store: StoreReader,
    path: str | PathLike[str],
    metrics: Mapping[str, str] | None = None,
    *,
    each: bool = False,
    sessions: bool = False,
) -> tuple[pl.DataFrame, dict[str, Column]]:
    """Write the measurements of a store without drift, a row an architecture, or each time that it was measured.

    Each latency is divided, each throughput multiplied, by the pace of the reference network that its passes were
    paired with, if they were, and by the drift at its time. Measurements of one architecture are averaged in
    logarithms, weighted by one over their squared spreads; or each has a row of its own.

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
        A row for each time that an architecture was measured, but for the occasions of references: repeats tell
        ``accelnas fit`` the noise.
    sessions
        Correct for what is then left of sessions' effects, too, as far as it is more than noise
        (`SessionEffects.correction`). Sessions without networks in common with the others stay as they are.

    Returns
    -------
    table : polars.DataFrame
        A row an architecture: ``id`` (the number of its first job in the store, which stays), the space's variables,
        and for each metric its value; ``METRIC_std``, the standard deviation of its passes if it was measured once, and
        of the weighted mean if more often; ``energy_DEVICE_batchN`` (mJ an image, in batches of N) where measured; and,
        null where measurements of a row differ, ``METRIC_session`` (its session's place, from 0, among the ``sessions``
        of the file beside), ``METRIC_processors`` (cores that the process could use) and ``METRIC_threads`` (of a
        pass).
    columns : dict of str to Column
        What became of each metric's measurements.

    Raises
    ------
    StoreError
        If there is no such protocol, or more than one.
    DataError
        If two columns have one name, a column is not named ``latency_DEVICE`` or ``throughput_DEVICE`` as its
        protocol's is, there are no measurements, or the file's name ends otherwise.
    """
    check_name(path)
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
    table, columns = _joined(store, chosen, each=each, sessions=sessions)
    about = {
        "a_row": "a measurement" if each else "an architecture",
        "corrected_for_sessions": sessions,
        "columns": {name: column.to_dict() for name, column in columns.items()},
        "environments": store.environments(),
    }
    write_table(store, table, path, about)
    return table, columns
