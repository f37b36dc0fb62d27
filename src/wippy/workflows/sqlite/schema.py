"""The tables of a store."""

VERSION = 1

TABLES = """
CREATE TABLE execution (
  seq INTEGER PRIMARY KEY,
  workflow_id TEXT NOT NULL,
  run_id TEXT NOT NULL UNIQUE,
  type TEXT NOT NULL,
  queue TEXT NOT NULL,
  status INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  parent_run TEXT NOT NULL,
  parent_command INTEGER NOT NULL,
  parent_close INTEGER NOT NULL,
  started_ns INTEGER NOT NULL,
  run_deadline INTEGER NOT NULL,
  chain_deadline INTEGER NOT NULL,
  task INTEGER NOT NULL,
  task_due INTEGER NOT NULL,
  task_attempt INTEGER NOT NULL,
  cancel_requested INTEGER NOT NULL,
  signals INTEGER NOT NULL,
  closed_ns INTEGER NOT NULL,
  next_run TEXT NOT NULL,
  memo BLOB NOT NULL,
  attributes BLOB NOT NULL,
  outcome BLOB
);
CREATE UNIQUE INDEX execution_open ON execution (workflow_id) WHERE status = 1;
CREATE INDEX execution_workflow ON execution (workflow_id, seq);
CREATE INDEX execution_closed ON execution (closed_ns) WHERE status <> 1;
-- One row holds the events that one transaction added to one run: `first` to `last`, as a MessagePack array.
-- `size` and `time_ns` are those of the whole history up to `last`.
CREATE TABLE history (
  run INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  size INTEGER NOT NULL,
  time_ns INTEGER NOT NULL,
  events BLOB NOT NULL
);
CREATE INDEX history_run ON history (run, first);
CREATE TABLE buffered (n INTEGER PRIMARY KEY, run INTEGER NOT NULL, event BLOB NOT NULL);
CREATE INDEX buffered_run ON buffered (run);
CREATE TABLE activity (
  run INTEGER NOT NULL,
  id INTEGER NOT NULL,
  event INTEGER NOT NULL,
  scheduled_ns INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  due INTEGER NOT NULL,
  cancel INTEGER NOT NULL,
  last_failure BLOB,
  PRIMARY KEY (run, id)
) WITHOUT ROWID;
CREATE TABLE timer (
  run INTEGER NOT NULL,
  id INTEGER NOT NULL,
  due INTEGER NOT NULL,
  PRIMARY KEY (run, id)
) WITHOUT ROWID;
"""
