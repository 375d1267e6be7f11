"""What a store holds: one SQLite file."""

from __future__ import annotations

from accelnas_training.collect.job import ENDINGS

__all__ = ["APPLICATION", "FORMAT", "SCHEMA"]

APPLICATION = 0x616E6173  # "anas", in the header of every store
FORMAT = 1

SCHEMA = f"""
-- what all results have in common: the space, and digests of what made them
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE schemes (
  digest TEXT PRIMARY KEY, name TEXT NOT NULL, content TEXT NOT NULL  -- JSON
) STRICT;

CREATE TABLE jobs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  architecture BLOB NOT NULL,                                         -- a choice index a byte
  scheme TEXT NOT NULL REFERENCES schemes,
  seed INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'quarantined')),
  failures INTEGER NOT NULL DEFAULT 0,                                -- since it was last released
  losses INTEGER NOT NULL DEFAULT 0,
  UNIQUE (architecture, scheme, seed)
) STRICT;
CREATE INDEX jobs_by_state ON jobs (state);

CREATE TABLE environments (id INTEGER PRIMARY KEY, content TEXT NOT NULL UNIQUE) STRICT;  -- JSON

CREATE TABLE attempts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  job INTEGER NOT NULL REFERENCES jobs,
  started REAL NOT NULL,                                              -- seconds since 1970
  finished REAL,
  seconds REAL,                                                       -- that the worker took
  worker TEXT,
  ending TEXT CHECK (ending IN ({", ".join(f"'{ending}'" for ending in ENDINGS)})),  -- NULL: under way
  kind TEXT,
  message TEXT,
  environment INTEGER REFERENCES environments
) STRICT;
CREATE INDEX attempts_by_job ON attempts (job);
CREATE INDEX attempts_under_way ON attempts (id) WHERE ending IS NULL;

CREATE TABLE results (
  job INTEGER PRIMARY KEY REFERENCES jobs,                            -- so a job has one result
  attempt INTEGER NOT NULL UNIQUE REFERENCES attempts
) STRICT;
CREATE TABLE result_values (
  job INTEGER NOT NULL REFERENCES results, name TEXT NOT NULL, value REAL NOT NULL,
  PRIMARY KEY (job, name)
) STRICT, WITHOUT ROWID;
"""
