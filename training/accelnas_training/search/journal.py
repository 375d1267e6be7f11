"""What a search did, in the file of its store: which evaluations began and ended, and in which order."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelnas_training.collect.store import FullDiskError
from accelnas_training.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelnas_training.collect.reader import StoreReader
    from accelnas_training.collect.store import Store

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS searches (
  id INTEGER PRIMARY KEY, question TEXT NOT NULL UNIQUE                -- JSON: all that decides what is asked
) STRICT""",
    """CREATE TABLE IF NOT EXISTS evaluations (
  search INTEGER NOT NULL REFERENCES searches,
  number INTEGER NOT NULL,                                            -- in the order of beginning, from 0
  architecture BLOB NOT NULL,                                         -- a choice index a byte
  begun INTEGER NOT NULL,                                             -- after so many had ended
  ended INTEGER,                                                      -- as so manieth, from 0; NULL: under way
  outcome TEXT,
  metrics TEXT,                                                       -- JSON
  epochs INTEGER,                                                     -- NULL: of a whole training
  PRIMARY KEY (search, number)
) STRICT, WITHOUT ROWID""",
)


@dataclass
class Evaluation:
    """One evaluation of a search."""

    number: int  # in the order of beginning, from 0
    architecture: tuple[int, ...]  # choice indices
    begun: int  # how many had ended when it began
    ended: int | None = None  # place in the order of ends, from 0; None while it is under way
    # ``trained``, ``failed``, or ``left out``: constraints forbid it before it is trained
    outcome: str | None = None
    metrics: Mapping[str, float] | None = None  # all that is known of it
    epochs: int | None = None  # after how many it is wanted; None of a whole training


class Journal:
    """The journal of one search; the same question goes on with it.

    Parameters
    ----------
    store
        Where it is.
    question
        All that decides what is asked, of JSON's types.

    Raises
    ------
    StoreError
        If there is no room; the search goes on where it ended once there is.
    """

    def __init__(self, store: Store, question: Mapping[str, Any]) -> None:
        self._store = store
        text = json.dumps(question, sort_keys=True)
        for table in _SCHEMA:
            self._write(table)
        if "epochs" not in _columns(store):  # a journal from before there were fidelities
            self._write("ALTER TABLE evaluations ADD COLUMN epochs INTEGER")
        self._write("INSERT INTO searches (question) VALUES (?) ON CONFLICT DO NOTHING", text)
        (self.search,) = store.connection.execute("SELECT id FROM searches WHERE question = ?", (text,)).fetchone()

    def read(self) -> list[Evaluation]:
        """Give all evaluations, in the order of beginning."""
        return read_evaluations(self._store, self.search)

    def begin(self, evaluation: Evaluation) -> None:
        """Keep that an evaluation begins."""
        row = (self.search, evaluation.number, bytes(evaluation.architecture), evaluation.begun, evaluation.epochs)
        into = "INSERT INTO evaluations (search, number, architecture, begun, epochs)"
        self._write(f"{into} VALUES (?, ?, ?, ?, ?)", *row)

    def end(self, evaluation: Evaluation) -> None:
        """Keep that an evaluation ended."""
        row = (evaluation.ended, evaluation.outcome, json.dumps(evaluation.metrics), self.search, evaluation.number)
        self._write("UPDATE evaluations SET ended = ?, outcome = ?, metrics = ? WHERE search = ? AND number = ?", *row)

    def _write(self, statement: str, *values: object) -> None:
        try:
            with self._store.writing() as connection:
                connection.execute(statement, values)
        except FullDiskError as error:  # not to be waited for: what the algorithm was asked is in memory
            raise StoreError(f"{error} and start again") from error


def read_evaluations(store: StoreReader, search: int) -> list[Evaluation]:
    """Give the evaluations of a search by its number, in the order of beginning."""
    rows = store.connection.execute("SELECT * FROM evaluations WHERE search = ? ORDER BY number", (search,))
    names = [column[0] for column in rows.description]
    return [_evaluation(dict(zip(names, row, strict=True))) for row in rows]


def _evaluation(row: Mapping[str, Any]) -> Evaluation:
    text = row["metrics"]
    return Evaluation(
        row["number"],
        tuple(row["architecture"]),
        row["begun"],
        row["ended"],
        row["outcome"],
        None if text is None else json.loads(text),
        row.get("epochs"),  # there was none before there were fidelities
    )


def _columns(store: StoreReader) -> set[str]:
    return {row[1] for row in store.connection.execute("PRAGMA table_info(evaluations)")}
