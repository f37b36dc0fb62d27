"""The SQLite file: histories and the little state that recovery needs, written one transaction at a time."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from wippy import errors
from wippy.workflows import events as ev
from wippy.workflows.sqlite import faults
from wippy.workflows.sqlite.ownership import Ownership
from wippy.workflows.sqlite.schema import TABLES, VERSION

BUSY_MS = 10_000
"""How long a lock of another program is waited for before it is told."""
_COLUMNS = (
    "seq, workflow_id, run_id, type, queue, status, attempt, parent_run, parent_command, parent_close, started_ns, "
    "run_deadline, chain_deadline, task, task_due, task_attempt, cancel_requested, signals, closed_ns, next_run, "
    "memo, attributes, outcome"
)


class Batch:
    """The rows of one transaction, written in the order of `_STATEMENTS`; deletes come last."""

    __slots__ = (
        "activities",
        "activity_updates",
        "buffered",
        "changed",
        "closed",
        "executions",
        "gone_activities",
        "gone_timers",
        "histories",
        "stopped",
        "timers",
        "unbuffered",
    )

    def __init__(self) -> None:
        self.executions: list[tuple[Any, ...]] = []
        self.changed: list[tuple[Any, ...]] = []
        self.histories: list[tuple[int, int, int, int, int, bytes]] = []
        self.buffered: list[tuple[int, bytes]] = []
        self.unbuffered: list[tuple[int]] = []
        self.activities: list[tuple[int, int, int, int, int, int, int, bytes | None]] = []
        self.activity_updates: list[tuple[int, int, int, bytes | None, int, int]] = []
        self.gone_activities: list[tuple[int, int]] = []
        self.timers: list[tuple[int, int, int]] = []
        self.gone_timers: list[tuple[int, int]] = []
        self.closed: list[tuple[int]] = []
        self.stopped: list[tuple[tuple[int, int, int], int]] = []  # no rows: attempts that ran when the round began


# Runs close before the next ones open: at most one open run may have a workflow ID.
_STATEMENTS = (
    (
        "changed",
        "UPDATE execution SET status=?, task=?, task_due=?, task_attempt=?, cancel_requested=?, signals=?, "
        "closed_ns=?, next_run=?, memo=?, attributes=?, outcome=? WHERE seq=?",
    ),
    ("executions", f"INSERT INTO execution ({_COLUMNS}) VALUES ({','.join('?' * 23)})"),
    ("histories", "INSERT INTO history (run, first, last, size, time_ns, events) VALUES (?,?,?,?,?,?)"),
    ("buffered", "INSERT INTO buffered (run, event) VALUES (?,?)"),
    ("activities", "INSERT INTO activity VALUES (?,?,?,?,?,?,?,?)"),
    ("timers", "INSERT INTO timer VALUES (?,?,?)"),
    ("activity_updates", "UPDATE activity SET attempt=?, due=?, cancel=?, last_failure=? WHERE run=? AND id=?"),
    ("unbuffered", "DELETE FROM buffered WHERE run=?"),
    ("gone_activities", "DELETE FROM activity WHERE run=? AND id=?"),
    ("gone_timers", "DELETE FROM timer WHERE run=? AND id=?"),
    ("closed", "DELETE FROM activity WHERE run=?"),
    ("closed", "DELETE FROM timer WHERE run=?"),
)

# A run whose events do not follow one another, or that has none.
_TORN = (
    "SELECT seq FROM execution LEFT JOIN history ON run = seq GROUP BY seq "
    "HAVING coalesce(sum(last - first + 1), 0) <> coalesce(max(last), -1) LIMIT 1"
)


class Store:
    """Opens and owns the file at `path` (made if missing).

    Used by one thread at a time. Raises WippyError: CONFLICT if the store is owned by another engine, INVALID if the
    file is no workflow store, is damaged or was written by a newer version, UNAVAILABLE (retryable) if it cannot be
    written now.
    """

    def __init__(self, path: str | Path, synchronous: str = "FULL") -> None:
        self.path = Path(path)
        if synchronous.upper() not in ("FULL", "EXTRA", "NORMAL", "OFF"):
            raise errors.WippyError(
                errors.INVALID, f"synchronous must be FULL, EXTRA, NORMAL or OFF, not {synchronous!r}"
            )
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._ownership = Ownership(self.path)
        except OSError as error:
            raise errors.WippyError(
                errors.UNAVAILABLE,
                f"the workflow store {self.path} cannot be opened: {error.strerror or error}{faults.remedy(error)}",
                retryable=True,
            ) from error
        try:
            self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, cached_statements=64)
        except sqlite3.Error as error:
            self._ownership.release()
            raise self.refused(error) from error
        try:
            self._open(synchronous.upper())
        except BaseException as error:
            self.close()
            if isinstance(error, sqlite3.Error):
                raise self.refused(error) from error
            raise

    def refused(self, error: sqlite3.Error) -> errors.WippyError:
        """What to raise where the store cannot be taken over."""
        text = faults.told(self.path, "cannot be opened", error)
        if faults.damaged(error):
            return errors.WippyError(errors.INVALID, text)
        return errors.WippyError(errors.UNAVAILABLE, text, retryable=True)

    def _open(self, synchronous: str) -> None:
        db = self._db
        db.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(f"PRAGMA synchronous={synchronous}")
        db.execute("PRAGMA wal_autocheckpoint=4000")
        db.execute("PRAGMA cache_size=-65536")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if tables:
                raise errors.WippyError(
                    errors.INVALID, f"{self.path} is a database of something else, not a workflow store"
                )
            db.executescript(f"BEGIN; {TABLES} PRAGMA user_version={VERSION}; COMMIT;")
        elif version != VERSION:
            raise errors.WippyError(
                errors.INVALID, f"the workflow store {self.path} has format {version}; this version reads {VERSION}"
            )
        else:
            db.execute("BEGIN IMMEDIATE")  # a store that cannot be written is told now, not at the first step of a run
            db.execute(f"PRAGMA user_version={VERSION}")
            db.execute("ROLLBACK")
            if not self._ownership.same_file():
                self._check_copy()
        self._ownership.note()

    def _check_copy(self) -> None:
        """A copy of files in use may be torn: that must not show in the middle of a run."""
        (fault,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if fault == "ok":
            row = self._db.execute(_TORN).fetchone()
            if row is None:
                return
            fault = f"events of run {row[0]} are missing"
        raise errors.WippyError(
            errors.INVALID,
            f"the workflow store {self.path} is a damaged copy: {fault}. It was copied while it was in use: put one in "
            "its place that `wippy workflow backup` has made",
        )

    def write(self, batch: Batch) -> None:
        """Make a batch durable. Raises sqlite3.Error; then nothing of it is stored and it may be written again."""
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            for name, sql in _STATEMENTS:
                rows = getattr(batch, name)
                if rows:
                    if len(rows) == 1:
                        db.execute(sql, rows[0])
                    else:
                        db.executemany(sql, rows)
            db.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):  # what has failed is told, not what followed from it
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def next_seq(self) -> int:
        (last,) = self._db.execute("SELECT coalesce(max(seq), 0) FROM execution").fetchone()
        return last + 1

    # of one run, or of all

    def open_executions(self, seq: int | None = None) -> Iterator[tuple[Any, ...]]:
        where, args = ("", ()) if seq is None else (" AND seq=?", (seq,))
        return self._db.execute(f"SELECT {_COLUMNS} FROM execution WHERE status = 1{where} ORDER BY seq", args)

    def activities(self, seq: int | None = None) -> Iterator[tuple[Any, ...]]:
        where, args = _of(seq)
        return self._db.execute(f"SELECT * FROM activity{where} ORDER BY due, scheduled_ns, run, id", args)

    def timers(self, seq: int | None = None) -> Iterator[tuple[int, int, int]]:
        where, args = _of(seq)
        return self._db.execute(f"SELECT run, id, due FROM timer{where}", args)

    def buffered(self, seq: int | None = None) -> list[tuple[int, bytes]]:
        where, args = _of(seq)
        return self._db.execute(f"SELECT run, event FROM buffered{where} ORDER BY n", args).fetchall()

    # one run

    def tail(self, run: int) -> tuple[int, int, int]:
        """Number of the last event, size of the history, time of the last event."""
        row = self._db.execute(
            "SELECT last, size, time_ns FROM history WHERE run=? ORDER BY first DESC LIMIT 1", (run,)
        ).fetchone()
        return row or (0, 0, 0)

    def history(self, run: int) -> list[Any]:
        """All events of a run."""
        out: list[Any] = []
        for (data,) in self._db.execute("SELECT events FROM history WHERE run=? ORDER BY first", (run,)):
            out.extend(ev.decode_batch(data))
        return out

    def event(self, run: int, n: int) -> Any:
        """One event of a run, or None."""
        row = self._db.execute(
            "SELECT events FROM history WHERE run=? AND first<=? ORDER BY first DESC LIMIT 1", (run, n)
        ).fetchone()
        if row is None:
            return None
        return next((event for event in ev.decode_batch(row[0]) if event.n == n), None)

    def execution(self, workflow_id: str, run_id: str | None = None) -> tuple[Any, ...] | None:
        """The row of a run, or of the newest run of a workflow ID."""
        if run_id:
            sql, args = f"SELECT {_COLUMNS} FROM execution WHERE run_id=? AND workflow_id=?", (run_id, workflow_id)
        else:
            sql = f"SELECT {_COLUMNS} FROM execution WHERE workflow_id=? ORDER BY seq DESC LIMIT 1"
            args = (workflow_id,)
        return self._db.execute(sql, args).fetchone()

    def has_run(self, run_id: str) -> bool:
        """Whether a run of this ID is stored, of whatever workflow."""
        return self._db.execute("SELECT 1 FROM execution WHERE run_id=?", (run_id,)).fetchone() is not None

    def executions(self, status: int | None, type: str | None, limit: int, before: int) -> list[tuple[Any, ...]]:
        """Rows of runs, the newest first; `before` is a seq, 0 = from the newest."""
        where, args = ["1"], []
        if status is not None:
            where.append("status=?")
            args.append(status)
        if type is not None:
            where.append("type=?")
            args.append(type)
        if before:
            where.append("seq<?")
            args.append(before)
        sql = f"SELECT {_COLUMNS} FROM execution WHERE {' AND '.join(where)} ORDER BY seq DESC LIMIT ?"
        return self._db.execute(sql, (*args, limit)).fetchall()

    def forget(self, closed_before_ns: int, limit: int = 500) -> int:
        """Delete up to `limit` runs that closed before a time; returns how many. Raises sqlite3.Error."""
        rows = self._db.execute(
            "SELECT seq FROM execution WHERE status <> 1 AND closed_ns < ? LIMIT ?", (closed_before_ns, limit)
        ).fetchall()
        if rows:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany("DELETE FROM history WHERE run=?", rows)
                self._db.executemany("DELETE FROM execution WHERE seq=?", rows)
                self._db.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise
        return len(rows)

    def close(self) -> None:
        self._db.close()
        self._ownership.release()


def _of(seq: int | None) -> tuple[str, tuple[int, ...]]:
    return ("", ()) if seq is None else (" WHERE run=?", (seq,))


pack = msgspec.msgpack.encode
unpack = msgspec.msgpack.decode
