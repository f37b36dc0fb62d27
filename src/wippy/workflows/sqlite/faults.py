"""What a store's file may suffer, in words that say what to do."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

_OF_ROWS = (sqlite3.DataError, sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.ProgrammingError)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_FULL = "free space on its disk"
_WRITABLE = "let this user write the file and its folder"
_REMEDIES: dict[int, str] = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR: "look at its disk: free space, limits of file sizes, faults",
    sqlite3.SQLITE_BUSY: "another program holds a lock on it: end that program",
    sqlite3.SQLITE_LOCKED: "another program holds a lock on it: end that program",
    **dict.fromkeys((sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM), _WRITABLE),
    **dict.fromkeys(
        _DAMAGED,
        "put a backup in its place, or move it away together with its -wal and -shm files to begin with an empty store",
    ),
}


_OF_SYSTEM: dict[int | None, str] = {
    errno.ENOSPC: _FULL,
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _WRITABLE),
}


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF  # what stands above is the extended code


def damaged(error: sqlite3.Error) -> bool:
    """Whether the file itself is broken: trying again does not help."""
    return _code(error) in _DAMAGED


def of_store(error: BaseException) -> bool:
    """Whether the store has failed, and not what it was asked to keep."""
    return isinstance(error, sqlite3.Error) and not isinstance(error, _OF_ROWS)


def remedy(error: sqlite3.Error | OSError) -> str:
    """What to do about it, to stand behind the error's text; "" if nobody knows."""
    found = _OF_SYSTEM.get(error.errno) if isinstance(error, OSError) else _REMEDIES.get(_code(error))
    return f"; {found}" if found else ""


def told(path: Path, what: str, error: sqlite3.Error) -> str:
    """The message for an error of SQLite; `what` says what failed, such as "cannot be read"."""
    return f"the workflow store {path} {what}: {error}{remedy(error)}"
