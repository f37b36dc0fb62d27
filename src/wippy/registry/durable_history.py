"""A history that outlives the application, in a SQLite file."""

from __future__ import annotations

import os
import sqlite3
from typing import Any

import msgspec

from ..errors import INTERNAL, WippyError
from .entry import ID, Entry
from .order import CREATE, Operation
from .version import History, Version, advance

_TABLES = """
CREATE TABLE IF NOT EXISTS version (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, operations BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS head (one INTEGER PRIMARY KEY CHECK (one = 1), id INTEGER NOT NULL);
"""


class DurableHistory(History):
    """What earlier runs have changed is applied again over the entries from files.

    Changes of the files themselves are remembered as versions without operations: the files will tell them.

    Args:
        path: of the file; made where there is none.

    Raises:
        WippyError: INTERNAL, the file cannot be used.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        try:
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; {_TABLES}")
            for number, parent, packed in self._db.execute("SELECT id, parent, operations FROM version ORDER BY id"):
                operations = tuple(_unpacked(row) for row in msgspec.msgpack.decode(packed))
                self._versions[number] = Version(number, parent, operations, (None,) * len(operations))
                self._next = number + 1
            row = self._db.execute("SELECT id FROM head").fetchone()
        except (OSError, sqlite3.Error, msgspec.MsgspecError) as error:
            raise self._broken(error) from error
        self.head = row[0] if row and row[0] in self._versions else 0

    def append(self, operations: list[Operation], replaced: list[Entry | None], *, from_files: bool = False) -> Version:
        kept = [] if from_files else [each for each in operations if not _shipped(each)]
        packed = msgspec.msgpack.encode([_packed(each) for each in kept])
        number = self._next
        try:
            with self._db:
                self._db.execute("BEGIN")
                self._db.execute("INSERT INTO version VALUES (?, ?, ?)", (number, self.head, packed))
                self._db.execute("INSERT OR REPLACE INTO head VALUES (1, ?)", (number,))
        except sqlite3.Error as error:
            raise self._broken(error) from error
        return super().append(operations, replaced, from_files=from_files)

    def move(self, number: int) -> None:
        try:
            self._db.execute("INSERT OR REPLACE INTO head VALUES (1, ?)", (number,))
        except sqlite3.Error as error:
            raise self._broken(error) from error
        super().move(number)

    def restore(self, entries: dict[ID, Entry]) -> dict[ID, Entry]:
        states: dict[int, dict[ID, Entry]] = {0: entries}
        for number, version in sorted(self._versions.items()):
            if version.parent is None:
                continue
            state = dict(states[version.parent])
            replaced = tuple(advance(state, operation) for operation in version.operations)
            states[number] = state
            self._versions[number] = msgspec.structs.replace(version, replaced=replaced)
        return states[self.head]

    def close(self) -> None:
        self._db.close()

    def _broken(self, error: BaseException) -> WippyError:
        return WippyError(INTERNAL, f"history of the registry {self._path} cannot be used: {error}")


def _shipped(operation: Operation) -> bool:
    """Whether an operation adds an entry that comes with the package, perhaps with a newer one next time."""
    return operation.kind == CREATE and operation.entry.source is not None


def _packed(operation: Operation) -> list[Any]:
    entry = operation.entry
    return [operation.kind, entry.id.ns, entry.id.name, entry.kind, entry.meta, entry.data]


def _unpacked(row: list[Any]) -> Operation:
    operation, ns, name, kind, meta, data = row
    return Operation(operation, Entry(ID(ns, name), kind, meta, data))
