"""Predictions of files of any size, batch by batch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelnas.arguments import check_number, check_seed, check_threads
from accelnas.benchmark.ladders import chosen
from accelnas.benchmark.measurements import Measurements
from accelnas.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from os import PathLike

__all__ = ["Streaming"]


class Streaming(Measurements):
    """The part of `accelnas.Benchmark` that predicts files."""

    def predict_file(
        self,
        source: str | PathLike[str],
        target: str | PathLike[str],
        metrics: str | Sequence[str] | None = None,
        *,
        epochs: int | None = None,
        return_std: bool = False,
        level: float | None = None,
        seed: int | None = None,
        rename: Mapping[str, str] | None = None,
        keep: Sequence[str] | None = None,
        prefix: str = "",
        threads: int | None = None,
        progress: Callable[[int, int | None, str], object] | None = None,
    ) -> None:
        r"""Predict metrics of a table's architectures, and write a table, in the memory of a few batches.

        Reading, predicting and writing of Parquet overlap.

        Parameters
        ----------
        source : path
            A table: ``.parquet``, ``.json``, ``.jsonl``, or CSV by any other name; ``-`` is CSV of the standard input.
            Columns: one for each variable of the space, or ``architecture``, or ``index``. A plain list of
            architectures without a header is read, too.
        target : path
            Parquet if the name ends in ``.parquet``, else CSV; ``-`` is the standard output. A file is replaced only
            when it is complete.
        metrics : str or sequence of str, optional
            A metric's name, or several; all of them by default.
        epochs : int, optional
            After how many epochs, as for `Benchmark.predict`; columns are called ``NAME@EPOCHS``.
        return_std : bool
            Add standard deviations as of `Benchmark.predict`, ``NAME_std``.
        level : float, optional
            Add the ends of intervals of this level as of `Benchmark.predict_interval`, ``NAME_lower`` and
            ``NAME_upper``.
        seed : int, optional
            Add simulated measurements as of `Benchmark.query`, ``NAME_measured``.
        rename : mapping of str to str, optional
            The table's names to those of the space's variables, ``architecture`` or ``index``; columns are written
            under the table's.
        keep : sequence of str, optional
            Columns of the table to write before those of metrics; all of them by default. Writing the choices again
            takes several times as long as all the rest.
        prefix : str
            Put before the names of new columns.
        threads : int, optional
            Threads to predict with; one a core by default.
        progress : callable, optional
            Told now and then how much is done, of how much if that is known, and of what (``"rows"`` or ``"bytes"``).

        Raises
        ------
        DataError
            If the table can't be read, a cell is none of its variable's choices (the message names its place), or a
            new column is there already.
        FileError
            If the table can't be written.
        MetricError
            If the benchmark has no such metric, or it is not known after so many epochs.
        MissingExtraError
            If a file is Parquet or JSON, and Polars is not installed.

        Examples
        --------
        >>> import tempfile
        >>> import accelnas
        >>> bench = accelnas.load("nasbench-macro")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     source, target = Path(folder, "archs.csv"), Path(folder, "scored.csv")
        ...     _ = source.write_text("index,note\n0,a\n6560,b\n")
        ...     bench.predict_file(source, target, "params", keep=["note"])
        ...     print(target.read_text().strip())
        note,params
        a,0.387882
        b,2.932586
        """
        from accelnas.fitting.columns import ColumnEncoder
        from accelnas.fitting.readers import FrameReader, ahead, open_reader
        from accelnas.fitting.writers import write_table

        names = chosen(self.metrics, metrics, epochs, self.fidelities)
        check_threads(threads)
        level = None if level is None else check_number("level", level, 0.0, 1.0)
        seed = None if seed is None else check_seed(seed)
        asked = {"": True, "_std": return_std, "_lower": level, "_upper": level, "_measured": seed}
        suffixes = [suffix for suffix, value in asked.items() if value is not None and value is not False]
        with open_reader(Path(source), self.space) as reader:
            encode = ColumnEncoder(self.space, reader.names, reader.name, rename)
            kept = reader.names if keep is None else list(keep)
            _check_columns(reader.name, reader.names, kept, [prefix + name + s for name in names for s in suffixes])
            needed = {*kept, *encode.read_as, *(rename or ())}
            reader.select([name for name in reader.names if name in needed])
            read = ((batch, encode(batch.columns, batch.locate)) for batch in reader.batches())

            def scored() -> Iterator[Mapping[str, Any]]:
                for batch, archs in ahead(read) if isinstance(reader, FrameReader) else read:
                    values = self.predict(archs, names, return_std=return_std, threads=threads)
                    new: dict[str, Any] = {}
                    for name in names:
                        found = list(values[name]) if return_std else [values[name]]
                        if level is not None:
                            found += self.predict_interval(archs, name, level=level, threads=threads)
                        if seed is not None:
                            found.append(self.query(archs, name, seed=seed, threads=threads))
                        new |= zip((prefix + name + suffix for suffix in suffixes), found, strict=True)
                    yield {**{name: batch.columns[name] for name in kept}, **new}
                    if progress is not None:
                        progress(batch.position, reader.total, reader.unit)

            write_table(Path(target), scored())


def _check_columns(table: str, present: Sequence[str], kept: Sequence[str], new: Sequence[str]) -> None:
    """Refuse to keep what is not there, and to have two columns of one name."""
    for column in kept:
        if column not in present:
            raise DataError(f"{table} has no column {column}, which is to be kept; it has {', '.join(present[:10])}")
    for column in new:
        if column in kept:
            raise DataError(f"the input already has a column {column}; name the new one with --prefix")
