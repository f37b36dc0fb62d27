"""A SQLite database with its transactions and prepared statements: the resource behind the module `sql`."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wippy.errors import INVALID, NOT_FOUND, UNAVAILABLE, UNKNOWN, WippyError
from wippy.modules.sql.engine import Engine
from wippy.modules.sql.values import rows

if TYPE_CHECKING:
    import apsw

_BINDINGS = re.compile(r"(?:uses|has) (\d+)")
_SAVEPOINT = re.compile(r"^[A-Za-z0-9_]+$")

Rows = list[dict[str, Any]]
Result = dict[str, int]


def _failed(error: Exception) -> WippyError:
    return WippyError(UNKNOWN, str(error), retryable=None)


class Database:
    """One connection, used by all who hold the database, one statement at a time.

    Methods that touch the connection are coroutines and may be awaited from any event loop.
    """

    type = "sqlite"

    def __init__(self, connection: apsw.Connection, name: str) -> None:
        import apsw

        self._apsw = apsw
        self.name = name
        self.connection = connection
        self.engine = Engine(connection, name)
        self.accepting = True
        self.claims = 0

    @classmethod
    def open(cls, path: str | Path, *, name: str = "") -> Database:
        """Opens or creates a database file (its directory must exist) or `:memory:`.

        Raises:
            WippyError: INVALID for an empty path or a file that cannot be opened, NOT_FOUND without the SQLite engine.
        """
        if not str(path):
            raise WippyError(INVALID, "file path is required")
        try:
            import apsw
        except ImportError:
            raise WippyError(
                NOT_FOUND, f"database {name or path}: no SQLite engine is installed; run: pip install 'wippy[sql]'"
            ) from None
        if str(path) != ":memory:" and not Path(path).resolve().parent.is_dir():
            raise WippyError(INVALID, f"database {name or path}: the directory of {path} does not exist; create it")
        try:
            connection = apsw.Connection(str(path))
            connection.set_busy_timeout(5000)
            connection.execute("PRAGMA journal_mode=WAL").fetchall()
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA foreign_keys=OFF")
            _load_vectors(connection)
        except apsw.Error as error:
            raise WippyError(INVALID, f"database {name or path}: cannot open {path}: {error}") from None
        return cls(connection, name or str(path))

    def claim(self) -> None:
        """Counts one more user. Raises WippyError: UNAVAILABLE when the database stops or is closed."""
        if not self.accepting:
            raise WippyError(UNAVAILABLE, "connection pool is closed")
        self.claims += 1

    def unclaim(self) -> None:
        self.claims -= 1

    async def stop(self, grace: float) -> None:
        """Refuses new users, waits at most `grace` seconds for the present ones, closes."""
        self.accepting = False
        loop = asyncio.get_running_loop()
        until = loop.time() + grace
        while self.claims > 0 and loop.time() < until:
            await asyncio.sleep(0.02)
        await loop.run_in_executor(None, self.close, max(0.0, until - loop.time()))

    def close(self, patience: float = 5.0) -> None:
        """Finishes what is queued and closes the file. An open transaction is rolled back.

        Args:
            patience: seconds after which running statements are interrupted.
        """
        self.accepting = False
        self.engine.close(patience)
        self.connection.close()

    async def query(self, text: str, params: list[Any] | None = None, gate: Transaction | None = None) -> Rows:
        """Rows of the last statement of `text`; earlier statements are only compiled.

        Raises:
            WippyError: UNKNOWN with the engine's text, UNAVAILABLE when closed.
        """
        return await self.engine.submit(lambda: self._query(gate, text, params or []), gate)

    async def execute(self, text: str, params: list[Any] | None = None, gate: Transaction | None = None) -> Result:
        """Runs all statements of `text`, which take their parameters in order; `{last_insert_id, rows_affected}`.

        Raises:
            WippyError: UNKNOWN with the engine's text, UNAVAILABLE when closed.
        """
        return await self.engine.submit(lambda: self._execute(gate, text, params or []), gate)

    async def prepare(self, text: str, gate: Transaction | None = None) -> Statement:
        """A statement that has been compiled once. Raises WippyError: UNKNOWN for bad SQL."""
        first, count = await self.engine.submit(lambda: self._compiled(gate, text), gate)
        return Statement(self, first, count, gate)

    async def begin(self) -> Transaction:
        """Waits for the connection and opens a transaction, which holds it until it ends."""
        transaction = Transaction(self)
        try:
            await self.engine.submit(transaction.open_on_connection)
        except BaseException:
            transaction.close()
            raise
        return transaction

    # On the connection's thread ---------------------------------------------------------------------------------

    def _compiled(self, gate: Transaction | None, text: str) -> tuple[str, int]:
        _check(gate)
        try:
            return self._first(text)
        except self._apsw.Error as error:
            raise _failed(error) from None

    def _query(self, gate: Transaction | None, text: str, params: list[Any]) -> Rows:
        _check(gate)
        try:
            for last, statement, values in self._statements(text, params):
                if last:
                    cursor = self._start(statement, values)
                    try:
                        description = cursor.get_description()
                    except self._apsw.ExecutionCompleteError:
                        return []
                    return rows(description, cursor.fetchall())
        except self._apsw.Error as error:
            raise _failed(error) from None
        return []

    def _execute(self, gate: Transaction | None, text: str, params: list[Any]) -> Result:
        _check(gate)
        connection = self.connection
        try:
            for _, statement, values in self._statements(text, params):
                for _row in self._start(statement, values):
                    pass
        except self._apsw.Error as error:
            raise _failed(error) from None
        return {"last_insert_id": connection.last_insert_rowid(), "rows_affected": connection.changes()}

    def run(self, statement: str) -> None:
        """One statement of ours."""
        try:
            self.connection.execute(statement)
        except self._apsw.Error as error:
            raise _failed(error) from None

    def _statements(self, text: str, params: list[Any]) -> Any:
        """Statements of a text, each compiled when the one before has run: is it the last, its text, its parameters.

        The parameters of a text with one statement are left as they are: `_start` counts them.
        """
        if ";" not in text.rstrip().rstrip(";"):
            yield True, text, params
            return
        used = 0
        statement, count = self._first(text)
        while statement:
            text = text[len(statement) :]
            following = self._peek(text)
            if len(params) - used < count:
                raise self._too_few(count, len(params) - used)
            yield not following, statement, params[used : used + count]
            used += count
            if not following:
                return
            statement, count = self._first(text)

    def _peek(self, text: str) -> bool:
        """Whether `text` holds a statement and not only white space, comments and semicolons."""
        text = re.sub(r"--[^\n]*|/\*.*?(?:\*/|$)", " ", text, flags=re.S)
        return bool(text.strip(" \t\r\n\f;"))

    def _first(self, text: str) -> tuple[str, int]:
        """Text and parameter count of the first statement, which is compiled and not run."""
        seen: list[str] = []

        def abort(_cursor: Any, statement: str, _bindings: Any) -> bool:
            seen.append(statement)
            return False

        cursor = self.connection.cursor()
        cursor.exec_trace = abort
        count = 0
        try:
            try:
                cursor.execute(text)
            except self._apsw.BindingsError as error:
                count = _wanted(error)
                cursor.execute(text, (None,) * count)
        except self._apsw.ExecTraceAbort:
            pass
        return (seen[0] if seen else ""), count

    def _start(self, statement: str, values: list[Any]) -> apsw.Cursor:
        try:
            return self.connection.execute(statement, values) if values else self.connection.execute(statement)
        except self._apsw.BindingsError as error:
            count = _wanted(error)
            if len(values) < count:
                raise self._too_few(count, len(values)) from None
            return self.connection.execute(statement, values[:count])

    def _too_few(self, want: int, got: int) -> WippyError:
        return WippyError(UNKNOWN, f"not enough args to execute query: want {want} got {got}", retryable=None)


def _wanted(error: Exception) -> int:
    """How many parameters a statement takes, from the engine's complaint about another number."""
    match = _BINDINGS.search(str(error))
    if match is None:
        raise _failed(error)
    return int(match.group(1))


def _check(gate: Transaction | None) -> None:
    if gate is not None and not gate.open:
        raise WippyError(UNKNOWN, "transaction has already been committed or rolled back", retryable=None)


def _load_vectors(connection: apsw.Connection) -> None:
    """Makes `vec0` tables and `vec_*` functions available where sqlite-vec is installed."""
    try:
        import sqlite_vec
    except ImportError:
        return
    connection.enable_load_extension(True)
    try:
        connection.load_extension(sqlite_vec.loadable_path())
    finally:
        connection.enable_load_extension(False)


class Statement:
    """A compiled statement of a database or transaction."""

    def __init__(self, database: Database, text: str, count: int, gate: Transaction | None) -> None:
        self._database = database
        self._text = text
        self._count = count
        self._gate = gate
        self.closed = False

    async def query(self, params: list[Any] | None = None) -> Rows:
        return await self._database.query(self._text, self._checked(params or []), self._gate)

    async def execute(self, params: list[Any] | None = None) -> Result:
        return await self._database.execute(self._text, self._checked(params or []), self._gate)

    def close(self) -> None:
        self.closed = True

    def _checked(self, params: list[Any]) -> list[Any]:
        if len(params) != self._count:
            raise WippyError(UNKNOWN, f"expected {self._count} arguments, got {len(params)}", retryable=None)
        return params


class Transaction:
    """An open transaction. It holds the connection until it ends; `close` rolls it back."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.open = False
        """Open on the connection; read and written on the connection's thread."""
        self.active = True
        """Usable by its owner."""

    def open_on_connection(self) -> None:
        if self.active:
            self.database.run("BEGIN")
            self.open = True
            self.database.engine.open_gate = self

    async def commit(self) -> None:
        self.active = False
        await self.database.engine.submit(lambda: self._end("COMMIT"), self)

    async def rollback(self) -> None:
        self.active = False
        await self.database.engine.submit(lambda: self._end("ROLLBACK"), self)

    async def savepoint(self, command: str, name: str) -> None:
        """`command` is SAVEPOINT, ROLLBACK TO SAVEPOINT or RELEASE SAVEPOINT.

        Raises:
            WippyError: INVALID for a bad name, UNKNOWN with the engine's text.
        """
        if not name:
            raise WippyError(INVALID, "savepoint name is required")
        if not _SAVEPOINT.match(name):
            raise WippyError(INVALID, "savepoint name can only contain alphanumeric characters and underscores")
        await self.database.engine.submit(lambda: self._savepoint(f'{command} "{name}"'), self)

    def close(self) -> None:
        """Rolls back what is not committed; does not wait."""
        self.active = False
        engine = self.database.engine
        engine.post(lambda: self._end("ROLLBACK") if self.open else None, self)

    def _savepoint(self, statement: str) -> None:
        _check(self)
        self.database.run(statement)

    def _end(self, statement: str) -> None:
        _check(self)
        connection = self.database.connection
        try:
            self.database.run(statement)
        finally:
            if not connection.get_autocommit():
                self.database.run("ROLLBACK")
            self.open = False
            self.database.engine.open_gate = None
